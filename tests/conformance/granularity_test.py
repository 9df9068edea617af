#!/usr/bin/python3
"""Granularity `channel` and `group:N`: written weights and JSON against a numpy twin that cuts the
tensor along ONNX's own output axis. Layers of every kind, sizes that groups do not divide, 16 bits,
data files."""
import math
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap import folder, main, refused, run, run_json

random = np.random.default_rng(11)

# op, attributes, shape of the weight, its output axis
LAYERS = [
    ("Conv", {}, (24, 5, 3, 3), 0),
    ("ConvTranspose", {}, (6, 10, 3, 3), 1),
    ("ConvTranspose", {}, (90, 14, 4, 4), 1),
    ("MatMul", {}, (37, 50), 1),
    ("MatMul", {}, (400, 190), 1),
    ("MatMul", {}, (3, 40, 20), 2),
    ("Gemm", {"transB": 1}, (31, 44), 0),
    ("Gemm", {}, (31, 44), 1),
    ("Gather", {}, (50, 17), 0),
    ("Conv", {}, (1, 7, 3, 3), 0),
    ("Gemm", {"transB": 1}, (2, 70001), 0),
]


def write(path, dtype, external):
    nodes, tensors, inputs, outputs = [], [], [], []
    for i, (op, attributes, shape, _) in enumerate(LAYERS):
        values = random.standard_t(4, shape) * np.exp(random.normal(size=shape[:1] + (1,) * (len(shape) - 1)))
        values[np.abs(values) < .2] = .25  # ties, atoms
        tensors.append(numpy_helper.from_array(values.astype(dtype), f"w{i}"))
        ports = [f"x{i}", f"w{i}"] if op != "Gather" else [f"w{i}", f"x{i}"]
        nodes.append(helper.make_node(op, ports, [f"y{i}"], **attributes))
        real = TensorProto.FLOAT16 if dtype == np.float16 else TensorProto.FLOAT
        kind = TensorProto.INT64 if op == "Gather" else real
        inputs.append(helper.make_tensor_value_info(f"x{i}", kind, None))
        outputs.append(helper.make_tensor_value_info(f"y{i}", kind, None))
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(model, path, save_as_external_data=external, size_threshold=0)
    return {t.name: numpy_helper.to_array(t) for t in tensors}


def parts_of(places, axis, granularity):
    """Index arrays of the parts, in order of channels."""
    channels = np.moveaxis(places, axis, 0).reshape(places.shape[axis], -1)
    size = channels.shape[1] if granularity == "channel" else int(granularity.split(":")[1])
    return [row[at:at + size] for row in channels for at in range(0, len(row), size)]


def pruned_mask(w, ratio):
    order = np.lexsort((np.arange(w.size), w < 0, np.abs(w)))
    mask = np.zeros(w.size, bool)
    mask[order[:int(math.floor(ratio * w.size + 0.5))]] = True
    return mask


def check_layer(setting, said, w, q, axis):
    flat, got = w.ravel().astype(np.float64), q.ravel().astype(np.float64)
    mask = pruned_mask(flat, setting["prune"]) | (flat == 0)
    parts = parts_of(np.arange(w.size).reshape(w.shape), axis, setting["granularity"])
    top, bits = 2 ** (setting["bits"] - 1) - 1, 0
    for places in parts:
        values = np.where(mask[places], 0, flat[places])
        step = np.abs(values).max() / top
        want = np.round(values / step) * step if step else values
        assert (got[places][mask[places]] == 0).all()
        ulp = np.abs(want) * (1e-3 if w.dtype == np.float16 else 1e-6) + 1e-12
        tie = np.abs(np.abs(values / step - np.trunc(values / step)) - .5) < 2e-3 if step else False
        assert ((np.abs(got[places] - want) <= ulp) | tie).all(), (setting, said["tensor"])
        bits += 32
    assert said["levels"] == max(len(np.unique(got[places])) for places in parts)
    assert abs(said["sse"] - ((flat - got) ** 2).sum()) <= 1e-6 * said["sse"]
    assert abs(said["sse_prune"] - (flat[mask] ** 2).sum()) <= 1e-9 * said["sse_prune"]
    assert said["bytes"] == math.ceil((w.size * setting["bits"] + bits) / 8)
    assert said["granularity"] == setting["granularity"]


def test_parts_are_those_of_the_output_axis():
    for dtype, external in ((np.float32, False), (np.float16, True)):
        with folder() as d:
            path, out = os.path.join(d, "m.onnx"), os.path.join(d, "q.onnx")
            weights = write(path, dtype, external)
            for granularity, prune in (("channel", 0), ("channel", .4), ("group:77", .3), ("group:1000", .5)):
                setting = {"bits": 4, "prune": prune, "granularity": granularity}
                result = run_json("quantize", path, "--method", "linear", "--bits", 4, "--prune", prune,
                                  "--granularity", granularity, "-o", out, "--json")
                written = {t.name: numpy_helper.to_array(t) for t in onnx.load(out).graph.initializer}
                for said, (_, _, _, axis) in zip(result["layers"], LAYERS):
                    check_layer(setting, said, weights[said["tensor"]], written[said["tensor"]], axis)


def test_a_layer_has_its_own():
    with folder() as d:
        path = os.path.join(d, "m.onnx")
        write(path, np.float32, False)
        result = run_json("quantize", path, "--bits", 3, "--granularity", "channel", "--layer",
                          "w1:granularity=group:9", "--layer", "w3:granularity=tensor", "--json")
        said = [layer["granularity"] for layer in result["layers"]]
        assert said[:4] == ["channel", "group:9", "channel", "tensor"], said


def test_wrong_ones_are_told():
    with folder() as d:
        path = os.path.join(d, "m.onnx")
        write(path, np.float32, False)
        for text in ("group", "group:0", "group:-3", "group:x", "row", "channel:2", "group:99999999999999"):
            refused(2, "quantize", path, "--granularity", text, says=("granularity", "group:N"))


if __name__ == "__main__":
    main(__name__)
