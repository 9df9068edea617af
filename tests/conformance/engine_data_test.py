#!/usr/bin/python3
"""Data, `run` and `eval`: figures against numpy, every kind of data, one line for what does not fit."""
import os
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper

from tap import SAMPLE, SHARED, TOP, folder, main, need, refused, run, run_json

X = os.path.join(TOP, "samples", "fashion_x.npy")
Y = os.path.join(TOP, "samples", "fashion_y.npy")


def logits(*options):
    with folder() as d:
        out = os.path.join(d, "o.npz")
        code, _, err = run("run", SAMPLE, "--data", X, "-o", out, *options)
        assert code == 0, err
        with np.load(out) as archive:
            assert archive.files == ["logits"], archive.files
            return archive["logits"]


def log_softmax(x):
    x = x.astype(np.float64)
    return x - np.log(np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)) - x.max(1, keepdims=True)


def test_eval_says_what_numpy_makes_of_the_outputs():
    said = run_json("eval", SAMPLE, "--data", X, "--labels", Y, "--bits", 3, "--method", "kmeans", "--json")
    real, other, labels = logits(), logits("--bits", "3", "--method", "kmeans"), np.load(Y)
    assert said["samples"] == 1000
    for key, values in (("float", real), ("quantized", other)):
        order = np.argsort(-values, axis=1, kind="stable")
        assert said[key]["top1"] == np.mean(order[:, 0] == labels), key
        assert said[key]["top5"] == np.mean((order[:, :5] == labels[:, None]).any(1)), key
        losses = -log_softmax(values)[np.arange(1000), labels]
        assert abs(said[key]["loss"] - losses.mean()) < 1e-6, key
        assert abs(said[key]["loss_error"] - losses.std(ddof=1) / np.sqrt(1000)) < 1e-6, key
    p, q = log_softmax(real), log_softmax(other)
    assert abs(said["kl"] - (np.exp(p) * (p - q)).sum(1).mean()) < 1e-6
    assert said["agreement"] == np.mean(real.argmax(1) == other.argmax(1))
    noise = ((real.astype(np.float64) - other) ** 2).sum()
    assert abs(said["output_sqnr_db"] - 10 * np.log10((real.astype(np.float64) ** 2).sum() / noise)) < 1e-6


def test_float_weights_change_nothing():
    said = run_json("eval", SAMPLE, "--data", X, "--limit", 50, "--bits", "32", "--json")
    assert said["samples"] == 50 and said["kl"] == 0 and said["agreement"] == 1
    assert said["output_sqnr_db"] is None and said["float"] == {} and said["quantized"] == {}


def test_threads_do_not_change_the_figures():
    one, two = (run_json("eval", SAMPLE, "--data", X, "--labels", Y, "--limit", 200, "--bits", 4, "--threads", n,
                         "--json") for n in (1, 3))
    one.pop("seconds"), two.pop("seconds")
    assert one == two


def test_kinds_of_arrays_agree():
    x = np.load(X)[:20]
    with folder() as d:
        results = []
        for name, array in (("u8.npy", x), ("f4.npy", x.astype(np.float32)), ("f8.npy", x.astype(np.float64)),
                            ("i8.npy", x.astype(np.int64)), ("f2.npy", x.astype(np.float16))):
            np.save(os.path.join(d, name), array)
            results.append(name)
        np.savez(os.path.join(d, "a.npz"), image=x)
        np.savez_compressed(os.path.join(d, "b.npz"), image=x)
        expected = logits("--limit", "20")
        for name in results + ["a.npz", "b.npz"]:
            out = os.path.join(d, "o.npz")
            code, _, err = run("run", SAMPLE, "--data", os.path.join(d, name), "-o", out)
            assert code == 0, err
            with np.load(out) as archive:
                assert np.array_equal(archive["logits"], expected), name


def test_transform_is_that_of_the_contract():
    x = np.load(X)[:10].astype(np.float32)
    with folder() as d:
        np.save(os.path.join(d, "x.npy"), ((x * 0.5) - 3) / 2)
        out = os.path.join(d, "o.npz")
        assert run("run", SAMPLE, "--data", os.path.join(d, "x.npy"), "-o", out)[0] == 0
        with np.load(out) as archive:
            expected = archive["logits"]
        ours = logits("--limit", "10", "--scale-input", "0.5", "--mean", "3", "--std", "2")
        assert np.allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_pictures_as_a_folder():
    source = os.path.join(SHARED, "data", "imagenet_100")
    model = os.path.join(SHARED, "models", "squeezenet1.1_imagenet.onnx")
    array = os.path.join(SHARED, "data", "imagenet_100_x.npy")
    need(source, model, array)
    from_files = run_json("eval", model, "--data", source, "--normalize", "imagenet", "--bits", 8, "--json")
    from_array = run_json("eval", model, "--data", array, "--labels", array.replace("_x", "_y"), "--normalize",
                          "imagenet", "--bits", 8, "--json")
    assert from_files["samples"] == from_array["samples"] == 100
    print(f"# top-1 of files {from_files['float']['top1']}, of the array {from_array['float']['top1']}")
    assert abs(from_files["float"]["top1"] - from_array["float"]["top1"]) <= 0.03
    assert abs(from_files["float"]["loss"] - from_array["float"]["loss"]) < 0.05


def test_a_corrupt_picture_is_named():
    source = os.path.join(SHARED, "data", "imagenet_100")
    model = os.path.join(SHARED, "models", "squeezenet1.1_imagenet.onnx")
    need(source, model)
    with folder() as d:
        names = sorted(n for n in os.listdir(source) if n.endswith("JPEG"))[:2]
        shutil.copy(os.path.join(source, names[0]), d)
        with open(os.path.join(d, "bad.jpg"), "wb") as f:
            f.write(open(os.path.join(source, names[1]), "rb").read()[:300])
        refused(2, "run", model, "--data", d, "-o", os.path.join(d, "o.npz"), says="bad.jpg")
        os.remove(os.path.join(d, "bad.jpg"))
        with open(os.path.join(d, "labels.csv"), "w") as f:
            f.write(f"file,class\n{names[0]},5000\n")
        refused(2, "eval", model, "--data", d, "--bits", "32", says=("5000", "1000 classes"))


def test_what_does_not_fit_says_both():
    with folder() as d:
        def save(array, name="x.npy"):
            np.save(os.path.join(d, name), array)
            return os.path.join(d, name)
        out = os.path.join(d, "o.npz")
        refused(2, "run", SAMPLE, "--data", save(np.zeros((5, 3, 28, 28), np.float32)), "-o", out,
                says=("image", "float32[N,1,28,28]", "float32[5,3,28,28]"))
        refused(2, "run", SAMPLE, "--data", save(np.zeros((28, 28), np.uint8)), "-o", out,
                says=("uint8[28,28]", "axes"))
        refused(2, "run", SAMPLE, "--data", save(np.zeros((0, 1, 28, 28), np.uint8)), "-o", out, says="no samples")
        refused(2, "run", SAMPLE, "--data", save(np.asfortranarray(np.zeros((2, 1, 28, 28)))), "-o", out,
                says="Fortran")
        refused(2, "run", SAMPLE, "--data", save(np.zeros((2, 1, 28, 28), ">f4")), "-o", out, says="big-endian")
        refused(2, "run", SAMPLE, "--data", save(np.zeros((2, 1, 28, 28), complex)), "-o", out, says="c16")
        whole = open(save(np.zeros((2, 1, 28, 28), np.float32)), "rb").read()
        for size in (0, 5, 60, 200, len(whole) - 1):
            with open(os.path.join(d, "cut.npy"), "wb") as f:
                f.write(whole[:size])
            refused(2, "run", SAMPLE, "--data", os.path.join(d, "cut.npy"), "-o", out, says="cut.npy")
        np.savez(os.path.join(d, "other.npz"), a=np.zeros(3), b=np.zeros(3))
        refused(2, "run", SAMPLE, "--data", os.path.join(d, "other.npz"), "-o", out, says=("image",))
        refused(2, "run", SAMPLE, "--data", d + "/none.npy", "-o", out, says="none.npy")
        refused(2, "run", SAMPLE, "-o", out, says="--data")
        refused(2, "run", SAMPLE, "--data", X, says="-o")
        refused(2, "run", SAMPLE, "--data", X, "--mean", "1,2,x", "-o", out, says="--mean")
        refused(2, "run", SAMPLE, "--data", X, "--mean", "1,2,3", "-o", out, says="channels")
        refused(2, "run", SAMPLE, "--data", X, "--std", "0", "-o", out, says="--std")
        refused(2, "run", SAMPLE, "--data", X, "--normalize", "much", "-o", out, says="imagenet")
        refused(2, "run", SAMPLE, "--input", "other=" + X, "-o", out, says="image")
        refused(2, "run", SAMPLE, "--limit", "0", "--data", X, "-o", out, says="--limit")
        refused(2, "run", SAMPLE, "--memory", "much", "--data", X, "-o", out, says="--memory")
        refused(1, "run", SAMPLE, "--data", X, "--limit", "2", "-o", d + "/none/o.npz", says="folder")
        refused(2, "eval", SAMPLE, "--data", X, "--labels", save(np.zeros(10, np.int64), "y.npy"),
                says=("10 labels", "1000"))
        refused(2, "eval", SAMPLE, "--data", X, "--labels", save(np.full(1000, 10), "y.npy"), says="10 classes")
        refused(2, "eval", SAMPLE, "--data", X, "--labels", save(np.full(1000, -1), "y.npy"), says="from 0")
        assert not os.path.exists(out)


def model_of(nodes, inputs, outputs, stored=(), opset=13):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(stored))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def test_bad_graphs_are_named():
    x, y = value("x", [1, 4]), value("y", None)
    cases = (
        ([helper.make_node("Wonder", ["x"], ["y"], name="n1")], (), ("Wonder", "n1")),
        ([helper.make_node("Relu", ["z"], ["y"], name="n1")], (), ("n1", "z")),
        ([helper.make_node("Relu", ["a"], ["b"], name="n1"), helper.make_node("Relu", ["b"], ["a"], name="n2"),
          helper.make_node("Relu", ["x"], ["y"])], (), ("n1", "a")),
        ([helper.make_node("Relu", ["x"], ["q"])], (), ("y",)),
        ([helper.make_node("MatMul", ["x", "x"], ["y"], name="n1")], (), ("n1", "float32[1,4]")),
        ([helper.make_node("ConstantOfShape", ["s"], ["y"], name="n1")],
         (helper.make_tensor("s", TensorProto.INT64, [2], [1 << 20, 1 << 20]),), ("n1", "--memory")),
        ([helper.make_node("ConstantOfShape", ["s"], ["y"], name="n1")],
         (helper.make_tensor("s", TensorProto.INT64, [3], [1 << 40, 1 << 40, 0]),), ("n1", "y")),
        ([helper.make_node("Reshape", ["x", "s"], ["y"], name="n1")],
         (helper.make_tensor("s", TensorProto.INT64, [1], [3]),), ("n1", "float32[1,4]")),
        ([helper.make_node("Conv", ["x", "s"], ["y"], name="n1")],
         (helper.make_tensor("s", TensorProto.FLOAT, [1, 1, 1, 1], [1]),), ("n1", "rank")),
        ([helper.make_node("Add", ["x", "s"], ["y"], name="n1")],
         (helper.make_tensor("s", TensorProto.DOUBLE, [1], [1]),), ("n1", "float64")),
    )
    with folder() as d:
        path, data, out = (os.path.join(d, n) for n in ("m.onnx", "x.npy", "o.npz"))
        np.save(data, np.ones((1, 4), np.float32))
        for nodes, stored, says in cases:
            onnx.save(model_of(nodes, [x], [y], stored), path)
            refused(2, "run", path, "--data", data, "-o", out, says=says)


def test_empty_and_scalar_tensors():
    nodes = [helper.make_node("NonZero", ["x"], ["i"]), helper.make_node("Shape", ["i"], ["s"]),
             helper.make_node("ReduceSum", ["x"], ["t"], keepdims=0)]
    with folder() as d:
        path, data, out = (os.path.join(d, n) for n in ("m.onnx", "x.npy", "o.npz"))
        onnx.save(model_of(nodes, [value("x", [1, 4])],
                           [value("i", None, TensorProto.INT64), value("s", None, TensorProto.INT64),
                            value("t", None)]), path)
        np.save(data, np.zeros((1, 4), np.float32))
        code, _, err = run("run", path, "--input", "x=" + data, "-o", out)
        assert code == 0, err
        with np.load(out) as archive:
            assert archive["i"].shape == (2, 0) and list(archive["s"]) == [2, 0] and archive["t"].shape == ()


if __name__ == "__main__":
    main(__name__)
