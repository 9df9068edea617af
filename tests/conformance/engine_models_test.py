#!/usr/bin/python3
"""Real networks, against ONNX Runtime on the same inputs."""
import os

import numpy as np
import onnx
import onnx.numpy_helper

import ort
from tap import SAMPLE, SHARED, TOP, Skip, folder, main, need, run

MODELS = os.path.join(SHARED, "models")
TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64, 2: np.uint8}


def random_inputs(path, seed=1, free=1):
    """Random values for every input; open dimensions are `free`."""
    model = onnx.load(path)
    stored = {t.name for t in model.graph.initializer}
    rng = np.random.default_rng(seed)
    inputs = {}
    for port in model.graph.input:
        if port.name in stored:
            continue
        tensor = port.type.tensor_type
        dims = [d.dim_value or free for d in tensor.shape.dim]
        inputs[port.name] = rng.normal(size=dims).astype(TYPES[tensor.elem_type])
    return inputs


def outputs_of(path, inputs, *options):
    """What `bitdial run` makes of the inputs, by name."""
    with folder() as d:
        arguments = []
        for number, (name, array) in enumerate(inputs.items()):
            file = os.path.join(d, f"{number}.npy")
            np.save(file, array)
            arguments += ["--input", f"{name}={file}"]
        out = os.path.join(d, "out.npz")
        code, _, err = run("run", path, *arguments, "-o", out, *options)
        assert code == 0, err
        with np.load(out) as archive:
            return {name: archive[name] for name in archive.files}


def compare(path, inputs, limit):
    need(path)
    theirs = ort.run_all([(path, inputs)])[0]
    if isinstance(theirs, str):
        raise Skip("ONNX Runtime: " + theirs[:80])
    difference = ort.worst(outputs_of(path, inputs), theirs)
    print(f"# {os.path.basename(path)}: {difference:.2e}")
    assert difference < limit, difference


def model(name):
    return os.path.join(MODELS, name)


def test_sample():
    x = np.load(os.path.join(TOP, "samples", "fashion_x.npy"))[:1].astype(np.float32)
    compare(SAMPLE, {"image": x}, 1e-5)


def test_mnist():
    path = model("mnist-8.onnx")
    need(path)
    compare(path, random_inputs(path), 1e-5)


def test_resnet20_folded():
    path = model("resnet20_cifar10_folded.onnx")
    need(path)
    compare(path, random_inputs(path), 1e-5)


def test_resnet20_with_normalization():
    path = model("resnet20_cifar10_bn.onnx")
    need(path)
    compare(path, random_inputs(path), 1e-5)


def test_squeezenet():
    path = model("squeezenet1.1_imagenet.onnx")
    need(path)
    compare(path, random_inputs(path), 1e-5)


def test_mobilenetv2():
    path = model("mobilenetv2_backbone_imagenet.onnx")
    need(path)
    compare(path, random_inputs(path), 2e-5)


def test_ultraface():
    path = model("ultraface-RFB-320.onnx")
    need(path)
    compare(path, random_inputs(path), 1e-4)


def test_yolox_nano():
    path = model("yolox_nano.onnx")
    need(path)
    x = np.random.default_rng(0).uniform(0, 255, (1, 3, 416, 416)).astype(np.float32)
    compare(path, {"images": x}, 1e-4)  # noise around 0 would be amplified: 2e-4 between any two engines


def test_dtln():
    path = model("dtln_1.onnx")
    need(path)
    compare(path, random_inputs(path), 1e-4)


def silero(rate, length):
    path = model("silero_vad.onnx")
    need(path)
    rng = np.random.default_rng(3)
    compare(path, {"input": rng.normal(size=(1, length)).astype(np.float32) * 0.1,
                   "state": rng.normal(size=(2, 1, 128)).astype(np.float32) * 0.1,
                   "sr": np.array(rate, np.int64)}, 1e-4)


def test_silero_16_khz():
    silero(16000, 512)


def test_silero_8_khz():
    silero(8000, 256)


def filled(path, folder_path):
    """A light model with random weights in place of its ConstantOfShape ones, scaled to keep the signal."""
    graph = onnx.load(path)
    rng = np.random.default_rng(5)
    shapes = {t.name: onnx.numpy_helper.to_array(t) for t in graph.graph.initializer}
    nodes, made = [], []
    users = {}
    for node in graph.graph.node:
        for place, name in enumerate(node.input):
            users.setdefault(name, (node.op_type, place))
    for node in graph.graph.node:
        if node.op_type != "ConstantOfShape":
            nodes.append(node)
            continue
        shape = [int(v) for v in shapes[node.input[0]]]
        op, place = users.get(node.output[0], ("", 0))
        if op == "BatchNormalization" and place in (1, 4):
            value = rng.uniform(0.5, 1.5, shape)
        elif op == "BatchNormalization" or len(shape) < 2:
            value = rng.normal(size=shape) * 0.1
        else:
            value = rng.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:])))
        made.append(onnx.numpy_helper.from_array(value.astype(np.float32), node.output[0]))
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    graph.graph.initializer.extend(made)
    out = os.path.join(folder_path, os.path.basename(path))
    onnx.save(graph, out)
    return out


def light(name):
    path = model(os.path.join("light", name))
    need(path)
    with folder() as d:
        full = filled(path, d)
        compare(full, random_inputs(full), 1e-4)


def test_light_resnet50():
    light("light_resnet50.onnx")


def test_light_densenet121():
    light("light_densenet121.onnx")


def test_light_inception_v2():
    light("light_inception_v2.onnx")


def test_light_shufflenet():
    light("light_shufflenet.onnx")


if __name__ == "__main__":
    main(__name__)
