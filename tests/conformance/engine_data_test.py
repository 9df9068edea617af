#!/usr/bin/python3
"""Data, `run` and `eval`: figures against numpy, every kind of data, one line for what does not fit."""
import os
import resource
import shutil
import subprocess

import numpy as np
import onnx
import onnx.numpy_helper
from onnx import TensorProto, helper

from tap import PROGRAM, SAMPLE, SHARED, TOP, folder, main, need, refused, run, run_json, without_progress

X = os.path.join(TOP, "samples", "fashion_x.npy")
Y = os.path.join(TOP, "samples", "fashion_y.npy")
SANITIZED = b"__asan_init" in open(PROGRAM, "rb").read()


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
        refused(2, "eval", SAMPLE, "--data", X, "--labels", save(np.zeros(2000, np.int64), "y.npy"), "--limit", 10,
                says=("2000 labels", "1000"))
        few = run_json("eval", SAMPLE, "--data", X, "--labels", save(np.load(Y)[:10], "y.npy"), "--limit", 10, "--json")
        assert few == dict(run_json("eval", SAMPLE, "--data", X, "--labels", Y, "--limit", 10, "--json"),
                           seconds=few["seconds"])
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


def test_bad_data_is_found_before_the_time_is_spent():
    """Quantizing warns of a layer that is NaN: what comes before it does not."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["y"])]
    weights = [helper.make_tensor(name, TensorProto.FLOAT, [4, 4], values.ravel())
               for name, values in (("w", np.eye(4)), ("v", np.full((4, 4), np.nan)))]
    with folder() as d:
        path, good, bad = (os.path.join(d, n) for n in ("m.onnx", "x.npy", "bad.npy"))
        onnx.save(model_of(nodes, [value("x", [1, 4])], [value("y", [1, 4])], weights), path)
        np.save(good, np.ones((2, 4), np.float32))
        np.save(bad, np.ones((2, 5), np.float32))
        for command, more in (("eval", ()), ("run", ("-o", os.path.join(d, "o.npz"), "--bits", "3"))):
            assert "NaN" in run(command, path, "--data", good, *more)[2]
            err = refused(2, command, path, "--data", bad, *more, says=("bad.npy", "2,5"))
            assert "NaN" not in err, err
        err = refused(2, "eval", path, "--data", good, "--labels", bad[:-7] + "none.npy", says="none.npy")
        assert "NaN" not in err, err


def test_what_is_not_a_number_is_traced():
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], name="product"),
             helper.make_node("Log", ["h"], ["l"], name="logarithm"), helper.make_node("Relu", ["l"], ["m"]),
             helper.make_node("Add", ["m", "l"], ["y"], name="last")]
    w = helper.make_tensor("w", TensorProto.FLOAT, [4, 4], np.eye(4).ravel())
    with folder() as d:
        path, data, labels, out = (os.path.join(d, n) for n in ("m.onnx", "x.npy", "y.npy", "o.npz"))
        onnx.save(model_of(nodes, [value("x", [1, 4])], [value("y", [1, 4])], [w]), path)
        x = np.full((3, 4), 2, np.float32)
        np.save(labels, np.zeros(3, np.int64))
        np.save(data, x)
        assert run("eval", path, "--data", data, "--labels", labels)[0] == 0
        x[1, 2] = -1
        np.save(data, x)
        refused(2, "eval", path, "--data", data, "--labels", labels, says=("logarithm", "Log", " l "))
        code, _, err = run("run", path, "--data", data, "-o", out)
        assert code == 0 and "warning: node logarithm" in err, err
        with np.load(out) as archive:
            assert np.isnan(archive["y"]).sum() == 1
        x[1, 2] = np.nan
        np.save(data, x)
        refused(2, "eval", path, "--data", data, "--labels", labels, says=("input x", "NaN"))


def test_types_that_cannot_be_run_are_named():
    x, y = value("x", [1, 4]), value("y", None)
    stored = (helper.make_tensor("s", TensorProto.STRING, [1], [b"a"]),
              helper.make_tensor("s", TensorProto.COMPLEX64, [1], [1 + 0j]))
    with folder() as d:
        path, data, out = (os.path.join(d, n) for n in ("m.onnx", "x.npy", "o.npz"))
        np.save(data, np.ones((1, 4), np.float32))
        for tensor, says in zip(stored, ("string", "complex64")):
            onnx.save(model_of([helper.make_node("Identity", ["s"], ["y"])], [x], [y], [tensor]), path)
            refused(2, "run", path, "--data", data, "-o", out, says=("tensor s", says))
        onnx.save(model_of([helper.make_node("Identity", ["x"], ["y"])], [value("x", [1, 4], TensorProto.STRING)],
                           [y]), path)
        refused(2, "run", path, "--data", data, "-o", out, says=("input x", "string"))
        onnx.save(model_of([helper.make_node("Sqrt", ["x"], ["y"], name="n1")],
                           [value("x", [1, 4], TensorProto.INT32)], [y]), path)
        np.save(data, np.ones((1, 4), np.int32))
        refused(2, "run", path, "--data", data, "-o", out, says=("n1", "Sqrt", "int32"))


def test_zero_dimensions():
    w = helper.make_tensor("w", TensorProto.FLOAT, [2, 3, 3, 3], np.zeros(54))
    pad = dict(pads=[1, 1, 1, 1], name="n1")
    cases = (([2, 3, 0, 5], helper.make_node("Conv", ["x", "w"], ["y"], **pad), (2, 2, 0, 5)),
             ([2, 3, 0, 5], helper.make_node("Conv", ["x", "w"], ["y"], name="n1", pads=[2, 2, 2, 2]), None),
             ([0, 3, 4, 5], helper.make_node("Conv", ["x", "w"], ["y"], **pad), (0, 2, 4, 5)),
             ([0, 3, 4, 5], helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2]), (0, 3, 3, 4)),
             ([2, 3, 0, 5], helper.make_node("GlobalAveragePool", ["x"], ["y"], name="n1"), None),
             ([2, 0], helper.make_node("Softmax", ["x"], ["y"], axis=-1), (2, 0)),
             ([2, 0], helper.make_node("Concat", ["x", "x"], ["y"], axis=0), (4, 0)),
             ([0, 3], helper.make_node("ReduceMean", ["x"], ["y"], axes=[1]), (0, 1)))
    with folder() as d:
        path, data, out = (os.path.join(d, n) for n in ("m.onnx", "x.npy", "o.npz"))
        for shape, node, made in cases:
            onnx.save(model_of([node], [value("x", shape)], [value("y", None)], [w]), path)
            np.save(data, np.ones(shape, np.float32))
            if made is None:
                refused(2, "run", path, "--input", "x=" + data, "-o", out, says="n1")
                continue
            code, _, err = run("run", path, "--input", "x=" + data, "-o", out)
            assert code == 0, (node.op_type, err)
            with np.load(out) as archive:
                assert archive["y"].shape == made, (node.op_type, archive["y"].shape)


def two_by_two(d):
    """A network of two inputs, one of integers, and two outputs."""
    path = os.path.join(d, "two.onnx")
    nodes = [helper.make_node("Cast", ["n"], ["f"], to=TensorProto.FLOAT),
             helper.make_node("Add", ["x", "f"], ["sum"], name="add"),
             helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0)]
    onnx.save(model_of(nodes, [value("x", ["rows", 4]), value("n", ["rows", 1], TensorProto.INT64)],
                       [value("sum", None), value("most", None)]), path)
    return path


def test_several_inputs_and_outputs():
    x, n = np.arange(8, dtype=np.float32).reshape(2, 4), np.array([[10], [20]])
    with folder() as d:
        path, out = two_by_two(d), os.path.join(d, "o.npz")
        fx, fn, both = (os.path.join(d, name) for name in ("x.npy", "n.npy", "both.npz"))
        np.save(fx, x), np.save(fn, n), np.savez(both, n=n, x=x)
        tests = os.path.join(d, "test_data_set_0")
        os.mkdir(tests)
        for number, array in enumerate((x, n)):
            with open(os.path.join(tests, f"input_{number}.pb"), "wb") as f:
                f.write(onnx.numpy_helper.from_array(array).SerializeToString())
        for how in (("--input", "x=" + fx, "--input", "n=" + fn), ("--input", "n=" + fn, "--input", "x=" + fx),
                    ("--data", tests)):
            code, _, err = run("run", path, *how, "-o", out)
            assert code == 0, err
            with np.load(out) as archive:
                assert archive.files == ["sum", "most"], archive.files
                assert np.array_equal(archive["sum"], x + n) and archive["most"] == 7, how
        code, _, err = run("run", path, "--data", both, "-o", out)  # two samples of one row each
        assert code == 0, err
        with np.load(out) as archive:
            assert np.array_equal(archive["sum"], x + n) and list(archive["most"]) == [3, 7]
        refused(2, "run", path, "--input", "x=" + fx, "-o", out, says=("input n", "--input n=FILE"))
        refused(2, "run", path, "--data", fx, "-o", out, says="input n")
        refused(2, "run", path, "--input", "x=" + fx, "--input", "x=" + fx, "-o", out, says="twice")
        refused(2, "run", path, "--input", "x=" + fx, "--input", "q=" + fn, "-o", out, says=("--input q", "x"))
        refused(2, "run", path, "--input", "x=" + fx, "--input", "n", "-o", out, says="NAME=FILE")
        refused(2, "run", path, "--input", "x=" + fx, "--data", both, "-o", out, says="one of them")
        np.save(fn, n.astype(np.float32))
        refused(2, "run", path, "--input", "x=" + fx, "--input", "n=" + fn, "-o", out,
                says=("input n", "int64", "float32[2,1]"))
        np.save(fn, np.array([10, 20]))
        refused(2, "run", path, "--input", "x=" + fx, "--input", "n=" + fn, "-o", out,
                says=("input n", "int64[rows,1]", "int64[2]"))
        os.remove(os.path.join(tests, "input_1.pb"))
        refused(2, "run", path, "--data", tests, "-o", out, says=("test_data_set_0", "input_1.pb"))
        with open(os.path.join(tests, "input_1.pb"), "wb") as f:
            f.write(b"nonsense")
        refused(2, "run", path, "--data", tests, "-o", out, says="input_1.pb")


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


def test_archives_that_claim_more_than_they_hold():
    """Nobody's memory is taken for a size that a directory only says."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    with folder() as d:
        for save in (np.savez, np.savez_compressed):
            path = os.path.join(d, "a.npz")
            save(path, image=np.zeros((2, 1, 28, 28), np.float32))
            data = bytearray(open(path, "rb").read())
            entry = data.index(b"PK\x01\x02")
            for at, value in ((24, 0xFFFFFF00), (20, 0xFFFFFF00), (24, 0), (10, 12)):  # sizes, method
                changed = bytearray(data)
                changed[entry + at:entry + at + (2 if at == 10 else 4)] = value.to_bytes(2 if at == 10 else 4, "little")
                with open(path, "wb") as f:
                    f.write(changed)
                done = subprocess.run([PROGRAM, "run", SAMPLE, "--data", path, "-o", os.path.join(d, "o.npz")],
                                      capture_output=True, preexec_fn=None if SANITIZED else limit)
                assert done.returncode == 2 and without_progress(done.stderr.decode()).count("\n") == 1 and b"a.npz" in done.stderr, (at, done)


if __name__ == "__main__":
    main(__name__)
