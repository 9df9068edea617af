#!/usr/bin/python3
"""K-means against scikit-learn's: nothing it finds is below the proved optimum, and started from our
levels it finds no better ones."""
import os

# Its threads call OpenBLAS at once, and Debian's build without threads does not lock its memory.
os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is loaded
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap import Skip, folder, main, run_json


def sklearn():
    try:
        from sklearn import cluster
    except ImportError as missing:
        raise Skip("scikit-learn is not there: apt-get install python3-sklearn") from missing
    return cluster


def write_model(path, w):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, w.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, w.shape[1]])],
        [numpy_helper.from_array(w, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)


def tensors():
    rng = np.random.default_rng(5)
    yield "normal", rng.normal(0, 0.05, (64, 300))
    yield "Laplace", rng.laplace(0, 0.05, (64, 300))
    yield "Student-t", rng.standard_t(3, (64, 300)) * 0.05
    yield "two modes", rng.choice([-1, 1], (64, 300)) + rng.normal(0, 0.1, (64, 300))
    yield "integers", np.round(rng.normal(0, 9, (64, 300)))


def quantize(d, w, bits, *flags):
    """The layer's JSON and its levels, as written into the model."""
    model, out = os.path.join(d, "m.onnx"), os.path.join(d, "q.onnx")
    write_model(model, w)
    result = run_json("quantize", model, "--bits", str(bits), "--method", "kmeans", "--zero", "mask",
                      *flags, "-o", out, "--json")
    after = numpy_helper.to_array(onnx.load(out).graph.initializer[0])
    return result["layers"][0], np.unique(after[w != 0]).astype(np.float64)


def test_scikit_learn_finds_nothing_better():
    cluster = sklearn()
    for name, values in tensors():
        w = values.astype(np.float32)
        points = w[w != 0].astype(np.float64).reshape(-1, 1)  # exact zeros are the mask's
        for bits in (1, 2, 4):
            with folder() as d:
                layer, levels = quantize(d, w, bits, "--init", "optimal")
            assert layer["proved"] and layer["optimum_ratio"] == 1, (name, bits, layer)
            start = levels.reshape(-1, 1)
            again = cluster.KMeans(len(levels), init=start, n_init=1, tol=0).fit(points)
            free = cluster.KMeans(len(levels), n_init=5, random_state=1).fit(points)
            best = layer["sse_cluster"] * (1 - 1e-9)
            assert again.inertia_ >= best and free.inertia_ >= best, (name, bits)
            assert again.inertia_ <= layer["sse_cluster"] * (1 + 1e-6) + 1e-12, (name, bits)


def test_the_swarm_stands_beside_the_optimum():
    sklearn()
    for name, values in tensors():
        with folder() as d:
            layer, _ = quantize(d, values.astype(np.float32), 4)
        assert layer["optimum_ratio"] <= 1 + 1e-5, (name, layer["optimum_ratio"])


if __name__ == "__main__":
    main(__name__)
