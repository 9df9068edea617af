#!/usr/bin/python3
"""--importance: scikit-learn's weighted K-means never beats the proved clusters; the JSON's errors
against numpy; 16-bit weights by a table of counts; wrong files are told."""
import os

os.environ["OMP_NUM_THREADS"] = "1"  # as in sklearn_test.py; before numpy is loaded
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap import folder, main, refused, run, run_json

random = np.random.default_rng(5)


def write(path, arrays, external=False):
    nodes, tensors, inputs, outputs = [], [], [], []
    for name, values in arrays.items():
        tensors.append(numpy_helper.from_array(values, name))
        real = TensorProto.FLOAT16 if values.dtype == np.float16 else TensorProto.FLOAT
        nodes.append(helper.make_node("MatMul", ["x" + name, name], ["y" + name]))
        inputs.append(helper.make_tensor_value_info("x" + name, real, None))
        outputs.append(helper.make_tensor_value_info("y" + name, real, None))
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(model, path, save_as_external_data=external, size_threshold=0)
    return path


def quantized(path, *arguments):
    out = path + ".out.onnx"
    said = run_json("quantize", path, *arguments, "-o", out, "--json")
    written = {t.name: numpy_helper.to_array(t) for t in onnx.load(out).graph.initializer}
    return {layer["tensor"]: layer for layer in said["layers"]}, written


def errors(w, q, importance):
    away = (w.astype(np.float64) - q.astype(np.float64)) ** 2
    return away.sum(), (away * importance).sum()


def test_clusters_follow_importance():
    from sklearn.cluster import KMeans
    with folder() as d:
        a, b = (random.standard_normal((30, 40)).astype(np.float32) for _ in range(2))
        path = write(os.path.join(d, "m.onnx"), {"a": a, "b": b})
        importance = np.exp(2 * random.standard_normal(a.shape))
        npz = os.path.join(d, "i.npz")
        np.savez(npz, a=importance)
        base = ("--method", "kmeans", "--init", "optimal", "--bits", 3)
        plain, _ = quantized(path, *base)
        said, written = quantized(path, *base, "--importance", npz)
        assert said["b"] == plain["b"]
        sse, weighted = errors(a, written["a"], importance)
        assert abs(said["a"]["sse"] - sse) < 1e-6 * sse
        assert abs(said["a"]["weighted_sse"] - weighted) < 1e-6 * weighted
        assert plain["a"]["weighted_sse"] == plain["a"]["sse"] < sse
        assert said["a"]["proved"] and said["a"]["optimum_ratio"] == 1
        for seed in range(5):
            other = KMeans(8, n_init=1, random_state=seed).fit(a.reshape(-1, 1), sample_weight=importance.ravel())
            assert other.inertia_ >= weighted * (1 - 1e-6)
        for granularity in ("channel", "group:7"):
            part, cut = quantized(path, *base, "--importance", npz, "--granularity", granularity)
            assert abs(part["a"]["weighted_sse"] - errors(a, cut["a"], importance)[1]) < 1e-6 * weighted
            assert part["a"]["weighted_sse"] < weighted and part["a"]["proved"]


def test_a_channel_without_importance_weighs_nothing():
    with folder() as d:
        a = random.standard_normal((64, 16)).astype(np.float32)
        path, npz = write(os.path.join(d, "m.onnx"), {"a": a}), os.path.join(d, "i.npz")
        importance = 1e-6 * np.exp(random.standard_normal(a.shape))
        importance[:, 3] = 0
        np.savez(npz, a=importance)
        for granularity in ("channel", "group:16"):
            said, written = quantized(path, "--method", "kmeans", "--bits", 2, "--importance", npz,
                                      "--granularity", granularity)
            weighted = errors(a, written["a"], importance)[1]
            assert abs(said["a"]["weighted_sse"] - weighted) < 1e-5 * weighted, (granularity, said, weighted)
            assert said["a"]["optimum_ratio"] < 1.01, said


def test_one_layer_takes_a_plain_array():
    with folder() as d:
        a = random.standard_normal((30, 40)).astype(np.float32)
        path, npy = write(os.path.join(d, "m.onnx"), {"a": a}), os.path.join(d, "i.npy")
        np.save(npy, random.random(a.shape).astype(np.float32))
        said, _ = quantized(path, "--bits", 2, "--importance", npy)
        assert said["a"]["weighted_sse"] < said["a"]["sse"]


def test_config_and_sweep_remember_it():
    with folder() as d:
        a = random.standard_normal((30, 40)).astype(np.float32)
        path = write(os.path.join(d, "m.onnx"), {"a": a})
        one, two, x = (os.path.join(d, name) for name in ("i.npy", "j.npy", "x.npy"))
        np.save(one, random.random(a.shape).astype(np.float32))
        np.save(two, random.random(a.shape).astype(np.float32))
        np.save(x, random.standard_normal((4, 30)).astype(np.float32))
        config, sweep = os.path.join(d, "c.json"), os.path.join(d, "s.json")
        run_json("tune", path, "--importance", one, "--target-bits", 3, "-o", config, "--json")
        taken = run_json("quantize", path, "--config", config, "--importance", one, "--json")
        assert "weighted_sse" in taken["layers"][0]
        refused(2, "quantize", path, "--config", config, says=("c.json", "--importance"))
        refused(2, "quantize", path, "--config", config, "--importance", two, says="another file")
        run_json("quantize", path, "--config", config, "--force-match", "--json")
        swept = ("sweep", path, "--data", x, "--widths", "2", "-o", sweep)
        run(*swept, "--importance", one)
        for wrong in (("--importance", two), ()):
            refused(2, *swept, "--resume", *wrong, says=("s.json", "--importance"))
        refused(2, "tune", path, "--sensitivity", sweep, "--objective", "kl", "--target-bits", 3, "-o", config,
                says=("s.json", "--importance"))


def test_wrong_files_are_told():
    with folder() as d:
        a = random.standard_normal((6, 4)).astype(np.float32)
        path = write(os.path.join(d, "m.onnx"), {"a": a, "b": a})
        file = os.path.join(d, "i.npz")
        good = np.ones(a.shape)

        def tell(says, **arrays):
            np.savez(file, **arrays)
            refused(2, "quantize", path, "--importance", file, says=says)

        tell(("c", "nearest"), c=good)
        tell("24 weights", a=good[:3])
        tell("importance 5", a=np.where(np.arange(24).reshape(a.shape) == 5, -1, 1))
        tell("importance 0", a=good * np.nan)
        tell("0", a=good * 0)
        np.save(os.path.join(d, "i.npy"), good)
        refused(2, "quantize", path, "--importance", os.path.join(d, "i.npy"), says=".npz")
        refused(2, "layers", path, "--importance", os.path.join(d, "none.npz"), says="none.npz")


def test_sixteen_bits_by_counts():
    values = (random.standard_t(4, (300, 400)) * .05).astype(np.float16)
    values[0, :5] = [0, -0., 6e-8, -65504, 1]
    with folder() as d:
        for external in (False, True):
            short = write(os.path.join(d, "half.onnx"), {"a": values}, external)
            full = write(os.path.join(d, "full.onnx"), {"a": values.astype(np.float32)})
            ours, theirs = (run_json("layers", p, "--json")["layers"][0] for p in (short, full))
            for key in ("weights", "min", "max", "mean", "std", "zeros"):
                assert abs(ours[key] - theirs[key]) <= 1e-12 * abs(theirs[key]), (key, ours[key], theirs[key])
            for prune, method in ((0, "kmeans"), (.5, "kmeans"), (.3, "linear"), (0, "two-stage-refined")):
                flags = ("--bits", 4, "--prune", prune, "--method", method, "--init", "optimal")
                half, q = quantized(short, *flags)
                other, _ = quantized(full, *flags)
                half, other = half["a"], other["a"]
                assert abs(half["sse"] - other["sse"]) <= 2e-3 * other["sse"]  # levels are 16 bits
                assert abs(half["sse_prune"] - other["sse_prune"]) <= 1e-9 * other["sse_prune"]
                sse, _ = errors(values, q["a"], 1)
                assert abs(half["sse"] - sse) <= 1e-6 * sse and half["proved"] == other["proved"]


def test_what_is_not_finite_is_named():
    values = random.standard_normal((300, 400)).astype(np.float16)
    for place, bad in ((0, np.nan), (70001, np.inf), (119999, -np.inf)):
        wrong = values.copy()
        wrong.ravel()[place] = bad
        with folder() as d:
            said = run_json("layers", write(os.path.join(d, "m.onnx"), {"a": wrong}), "--json")["layers"][0]
            assert f"weight {place} of 120000" in said["refused"], said


if __name__ == "__main__":
    main(__name__)
