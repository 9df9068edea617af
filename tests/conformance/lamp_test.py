#!/usr/bin/python3
"""--prune-overall against LAMP in numpy: scores of all weights, one threshold, at most 97 % of a layer."""
import json
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap import SAMPLE, folder, main, refused, run_json


def weights_of(path):
    names = [l["tensor"] for l in run_json("layers", path, "--json")["layers"] if not l["refused"]]
    stored = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in onnx.load(path).graph.initializer}
    return {name: stored[name].ravel() for name in names}


def scores(weights):
    """w² over the sum of the squares of those that are no smaller."""
    order = np.argsort(np.abs(weights), kind="stable")
    squares = weights[order] ** 2
    rest = np.cumsum(squares[::-1])[::-1]
    first = np.searchsorted(np.abs(weights)[order], np.abs(weights)[order], side="left")
    return np.divide(squares, rest[first], out=np.zeros_like(squares), where=rest[first] > 0)


def lamp(layers, overall, held=()):
    """{name: ratio}, by trying every score as the threshold."""
    kept = {name: ratio for name, ratio in dict(held).items()}
    free = {name: np.sort(scores(w)) for name, w in layers.items() if name not in kept}
    wanted = np.floor(overall * sum(map(len, layers.values())) + 0.5)
    wanted -= sum(np.floor(ratio * len(layers[name]) + 0.5) for name, ratio in kept.items())
    thresholds = np.concatenate([[-1], np.unique(np.concatenate(list(free.values())))])
    totals = sum(np.minimum(np.searchsorted(s, thresholds, side="right"), np.floor(0.97 * len(s)))
                 for s in free.values())
    best = thresholds[np.argmin(np.abs(totals - wanted))]
    found = {n: min(np.searchsorted(s, best, side="right"), np.floor(0.97 * len(s))) / len(s) for n, s in free.items()}
    return {**found, **kept}


def ratios(path, *arguments):
    return {l["tensor"]: l["prune"] for l in run_json("quantize", path, *arguments, "--json")["layers"]}


def check(path, overall, held=(), *arguments):
    layers = weights_of(path)
    got, wanted = ratios(path, "--prune-overall", overall, *arguments), lamp(layers, overall, held)
    assert set(got) == set(wanted)
    for name, ratio in wanted.items():
        assert abs(got[name] - ratio) * len(layers[name]) < 2.5, (overall, name, got[name], ratio)
    total = sum(round(got[n] * len(w)) for n, w in layers.items()) / sum(map(len, layers.values()))
    assert abs(total - overall) < 2e-5, (total, overall)
    return got


def test_the_sample_at_every_ratio():
    for overall in (0.1, 0.5, 0.8, 0.95):
        got = check(SAMPLE, overall)
        assert max(got.values()) <= 0.97 and max(got.values()) > min(got.values()) + 0.05


def odd_model(d):
    """Zeros, ties, one constant layer, one outlier, a layer of a single weight."""
    rng = np.random.default_rng(4)
    ties = np.round(rng.normal(size=(16, 16)), 1).astype(np.float32)
    heavy = rng.standard_t(1.5, size=(16, 16)).astype(np.float32)
    heavy[3, 3] = 1e5
    zeros = rng.normal(size=(16, 16)).astype(np.float32) * (rng.random((16, 16)) < 0.3)
    layers = [ties, heavy, zeros.astype(np.float32), np.full((16, 16), 0.5, np.float32),
              rng.normal(5, 1, (16, 1)).astype(np.float32), np.ones((1, 1), np.float32)]
    nodes = [helper.make_node("MatMul", [f"v{i}", f"w{i}"], [f"v{i + 1}"]) for i in range(len(layers))]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
             for n, s in (("v0", [1, 16]), (f"v{len(layers)}", [1, 1]))]
    stored = [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(layers)]
    path = os.path.join(d, "odd.onnx")
    graph = helper.make_graph(nodes, "odd", ports[:1], ports[1:], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_zeros_ties_outliers():
    with folder() as d:
        path = odd_model(d)
        layers = weights_of(path)
        for overall in (0.3, 0.6, 0.9):
            got, wanted = ratios(path, "--prune-overall", overall), lamp(layers, overall)
            for name in layers:
                assert abs(got[name] - wanted[name]) * len(layers[name]) < 0.5, (overall, name, got, wanted)


def test_what_is_held_keeps_its_ratio():
    names = list(weights_of(SAMPLE))
    check(SAMPLE, 0.7, {names[-1]: 0.2, names[2]: 0.0}, "--layer", names[-1] + ":prune=0.2",
          "--layer", names[2] + ":bits=6,prune=0")
    with folder() as d:
        config = os.path.join(d, "c.json")
        with open(config, "w") as f:
            json.dump({"format": "bitdial-config", "version": 1,
                       "layers": [{"tensor": names[1], "prune": 0.4, "locked": True}]}, f)
        check(SAMPLE, 0.6, {names[1]: 0.4}, "--config", config)


def test_what_cannot_be_is_refused():
    for bad in ("1.5", "-0.1", "most", ""):
        refused(2, "quantize", SAMPLE, "--prune-overall", bad, says=("--prune-overall",))
    refused(2, "quantize", SAMPLE, "--prune-overall", "0.99", says=("--prune-overall", "overall"))
    refused(2, "quantize", SAMPLE, "--prune-overall", "0.1", "--layer", "*:prune=0.5", says=("--prune-overall",))
    refused(2, "quantize", SAMPLE, "--prune-overall", "0.5", "--prune", "0.5", says=("one of them",))


def test_threads_change_nothing():
    one, three = (run_json("quantize", SAMPLE, "--prune-overall", "80%", "--threads", n, "--json") for n in (1, 3))
    assert one == three


main(__name__)
