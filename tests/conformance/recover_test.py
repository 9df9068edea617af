#!/usr/bin/python3
"""--recover: what it wins back, on which samples, the same for any number of threads; and
calibration data that are odd or hostile."""
import json
import os
import re

import numpy as np
import onnx
import ort
from onnx import TensorProto, helper, numpy_helper

from tap import SAMPLE, TOP, folder, main, refused, run, run_json

DATA = os.path.join(TOP, "samples", "fashion_x.npy")
LABELS = os.path.join(TOP, "samples", "fashion_y.npy")
HARD = ["--method", "kmeans", "--bits", "3", "--prune", "0.5"]


def judge(*arguments, labels=LABELS):
    more = ["--labels", labels] if labels else []
    return run_json("eval", SAMPLE, "--data", DATA, *more, "--limit", 240, *HARD, *arguments, "--json")


def test_match_wins_back_and_reconstruct_more():
    none, match, reconstruct = (judge("--recover", how) for how in ("none", "match", "reconstruct"))
    assert (none["recover"], match["recover"], reconstruct["recover"]) == ("none", "match", "reconstruct")
    assert match["kl"] < none["kl"] / 3, (none["kl"], match["kl"])
    assert reconstruct["kl"] < match["kl"] / 2, (match["kl"], reconstruct["kl"])
    assert reconstruct["quantized"]["top1"] > none["quantized"]["top1"] + 0.2


def test_calibration_samples_are_not_scored_and_that_is_said():
    none, match = judge(), judge("--recover", "match")
    assert (none["samples"], match["samples"]) == (240, 120)
    code, _, err = run("eval", SAMPLE, "--data", DATA, "--limit", 600, *HARD, "--recover", "match")
    assert code == 0 and "the last 256 samples" in err and "not scored" in err, err
    other = judge("--recover", "match", "--calibration", DATA)
    assert other["samples"] == 240


def test_any_number_of_threads_gives_the_same():
    for how in ("match", "reconstruct"):
        one, three = (judge("--recover", how, "--threads", n) for n in (1, 3))
        one.pop("seconds"), three.pop("seconds")
        assert one == three, how


def test_any_number_of_threads_writes_the_same_bytes():
    with folder() as d:
        for how in ("match", "reconstruct"):
            written = []
            for threads in (1, 2, 8):
                out = os.path.join(d, f"{how}{threads}.onnx")
                code, _, err = run("quantize", SAMPLE, "--data", DATA, "--limit", 120, *HARD, "--recover", how,
                                   "--threads", threads, "-o", out)
                assert code == 0, err
                with open(out, "rb") as f:
                    written.append(f.read())
            assert written[0] == written[1] == written[2], how


def test_every_method_and_granularity_is_repaired():
    for setting in (["--method", "linear"], ["--method", "linear-mse"], ["--method", "two-stage"],
                    ["--method", "two-stage-refined", "--grid", "affine"],
                    ["--method", "linear-mse", "--scale", "pow2"], ["--zero", "mask"],
                    ["--granularity", "channel"], ["--granularity", "group:16"]):
        base = ["eval", SAMPLE, "--data", DATA, "--limit", 100, "--bits", 4, "--prune", 0.5, *setting, "--json"]
        none = run_json(*base)
        for how in ("match", "reconstruct"):
            mended = run_json(*base, "--recover", how)
            assert mended["kl"] < none["kl"], (setting, how, none["kl"], mended["kl"])


def odd_model(d):
    """Every way of a bias: none, its own, shared by two, a MatMul, a ConvTranspose, weights shared by
    two nodes, BatchNormalization kept, a depthwise convolution."""
    rng = np.random.default_rng(3)

    def stored(name, *shape):
        return numpy_helper.from_array((rng.standard_normal(shape) * 0.4).astype(np.float32), name)

    weights = [stored("w1", 8, 3, 3, 3), stored("w2", 8, 8, 1, 1), stored("b2", 8), stored("w3", 8, 8, 1, 1),
               stored("b34", 8), stored("w4", 8, 1, 3, 3), stored("w5", 8, 6, 2, 2), stored("w6", 6, 5),
               stored("w7", 5, 7), stored("b7", 7), stored("mean", 8), stored("scale", 8), stored("shift", 8),
               numpy_helper.from_array(rng.uniform(0.5, 2, 8).astype(np.float32), "variance"),
               stored("w8", 7, 7)]
    conv = dict(pads=[1, 1, 1, 1])
    nodes = [helper.make_node("Conv", ["x", "w1"], ["c1"], **conv),
             helper.make_node("BatchNormalization", ["c1", "scale", "shift", "mean", "variance"], ["n1"]),
             helper.make_node("Relu", ["n1"], ["r1"]),
             helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"]),
             helper.make_node("Conv", ["c2", "w3", "b34"], ["c3"]),
             helper.make_node("Relu", ["c3"], ["r3"]),
             helper.make_node("Conv", ["r3", "w4", "b34"], ["c4"], group=8, **conv),
             helper.make_node("ConvTranspose", ["c4", "w5"], ["t5"], strides=[2, 2]),
             helper.make_node("GlobalAveragePool", ["t5"], ["p5"]),
             helper.make_node("Flatten", ["p5"], ["f5"]),
             helper.make_node("MatMul", ["f5", "w6"], ["m6"]),
             helper.make_node("Gemm", ["m6", "w7", "b7"], ["g7"]),
             helper.make_node("MatMul", ["g7", "w8"], ["m8"]),
             helper.make_node("Tanh", ["m8"], ["t8"]),
             helper.make_node("MatMul", ["t8", "w8"], ["y"])]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in
             (("x", ["N", 3, 8, 8]), ("y", ["N", 7]))]
    graph = helper.make_graph(nodes, "odd", ports[:1], ports[1:], weights)
    path = os.path.join(d, "odd.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path, save(d, "odd.npy", rng.standard_normal((60, 3, 8, 8)).astype(np.float32))


def agrees(d, model, data, samples, *arguments):
    """The written file, run by ONNX Runtime and by bitdial, gives what bitdial gives with the settings."""
    out, ours = os.path.join(d, "out.onnx"), os.path.join(d, "y.npz")
    code, _, err = run("quantize", model, "--data", data, *arguments, "-o", out)
    assert code == 0, err
    onnx.checker.check_model(out)
    code, _, err = run("run", model, "--data", data, *arguments, "-o", ours)
    assert code == 0, err
    name = onnx.load(model).graph.input[0].name
    x = np.load(data)[:samples].astype(np.float32)
    found = next(iter(np.load(ours).values()))[:samples]
    theirs = ort.run_all([(out, {name: x[i:i + 1]}) for i in range(samples)])
    for i, answer in enumerate(theirs):
        assert isinstance(answer, dict), answer
        other = next(iter(answer.values())).reshape(found[i].shape)
        assert np.allclose(other, found[i], rtol=1e-3, atol=1e-3 * np.abs(found).max()), (i, other, found[i])
    return out


def test_the_written_file_agrees_with_onnx_runtime():
    with folder() as d:
        model, data = odd_model(d)
        for how in ("match", "reconstruct"):
            out = agrees(d, model, data, 8, "--bits", 3, "--prune", 0.3, "--recover", how)
            graph = onnx.load(out).graph
            assert len(graph.node) > len(onnx.load(model).graph.node), "no bias was added"
        agrees(d, SAMPLE, DATA, 8, *HARD, "--recover", "reconstruct")


def stored(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def mean_kl(model, other, x):
    """KL of the other's classes from the model's, in nats, by ONNX Runtime."""
    def log_softmax(answer):
        y = next(iter(answer.values())).astype(np.float64).ravel()
        return y - y.max() - np.log(np.exp(y - y.max()).sum())

    name = onnx.load(model).graph.input[0].name
    answers = ort.run_all([(path, {name: x[i:i + 1]}) for path in (model, other) for i in range(len(x))])
    logs = [log_softmax(answer) for answer in answers]
    return np.mean([(np.exp(p) * (p - q)).sum() for p, q in zip(logs[:len(x)], logs[len(x):])])


def test_what_makes_it_worse_is_left_alone_and_the_rest_is_not():
    with folder() as d:
        model, data = odd_model(d)
        x = np.load(data)
        calibration, out, plain = save(d, "last.npy", x[30:]), os.path.join(d, "out.onnx"), os.path.join(d, "p.onnx")
        partly = 0
        for bits, how in ((6, "match"), (4, "reconstruct"), (2, "match")):
            setting = ["--method", "linear", "--bits", bits, "--prune", 0.1]
            code, _, err = run("quantize", model, *setting, "--recover", how, "--calibration", calibration, "-o", out)
            assert code == 0, err
            assert run("quantize", model, *setting, "-o", plain)[0] == 0
            before, after = map(float, re.search(r"divergence (\S+) -> (\S+)", err).groups())
            left = re.search(r"bitdial: (.*): left alone", err)
            left = left.group(1).split(", ") if left else []
            layers = [name for name in stored(model) if name.startswith("w")]
            same = [n for n in layers if np.array_equal(stored(out)[n], stored(plain)[n])]
            assert after <= before and same == left, (before, after, same, left)
            assert np.isclose(mean_kl(model, plain, x[30:]), before, rtol=0.02)
            assert np.isclose(mean_kl(model, out, x[30:]), after, rtol=0.02)
            partly += 0 < len(left) < len(layers)
        assert partly > 0


def test_the_written_file_scores_as_eval_says():
    with folder() as d:
        out = os.path.join(d, "out.onnx")
        arguments = ["--data", DATA, "--limit", 240, *HARD, "--recover", "reconstruct"]
        report = run_json("quantize", SAMPLE, *arguments, "-o", out, "--json")
        assert report["recover"] == "reconstruct" and report["layers"][0]["sse_map"] is None
        written = run_json("eval", out, "--data", DATA, "--labels", LABELS, "--limit", 120, "--bits", 32, "--json")
        asked = judge("--recover", "reconstruct")
        assert abs(written["float"]["top1"] - asked["quantized"]["top1"]) < 0.01
        assert written["float"]["top1"] != asked["float"]["top1"]


def first_line(d, *lines, setting=()):
    """What the explorer says first, wide enough for all of it."""
    script = os.path.join(d, "script.txt")
    with open(script, "w") as f:
        f.write("\n".join([*lines, ":wait", f":save-screen {d}/screen.txt"]) + "\n")
    env = {"COLUMNS": "220", "LINES": "40", "LC_ALL": "C.UTF-8"}
    code, _, err = run(SAMPLE, "--script", script, "--data", DATA, "--limit", 80, *setting, env=env)
    assert code == 0, err
    return open(f"{d}/screen.txt", encoding="utf-8").read().splitlines()[1]


def test_figures_of_the_unrepaired_weights_are_not_told_as_the_repaired():
    base = ["--data", DATA, "--limit", 80]
    with folder() as d:
        path = os.path.join(d, "c.json")
        tune = ["tune", SAMPLE, *base, "--target-bits", 3, "--recover", "match", "-o", path]
        tuned = run_json(*tune, "--json")
        repaired = run_json("quantize", SAMPLE, *base, "--config", path, "--json")["total"]
        assert tuned["total"] != repaired and tuned["unrepaired"] is True
        assert json.load(open(path)).get("results", repaired) == repaired
        assert "before the repair" in run(*tune)[1]
        plain = [*tune[:-4], "-o", path]
        assert "unrepaired" not in run_json(*plain, "--json") and "before the repair" not in run(*plain)[1]
        assert json.load(open(path))["results"]
        hard = [*HARD, "--recover", "match"]
        repaired = run_json("quantize", SAMPLE, *base, *hard, "--json")["total"]
        line = first_line(d, f":w {path}", setting=hard)
        assert f"SQNR {repaired['sqnr_db']:.1f}" not in line and re.search(r"SQNR ~?[\d.]+ ?(dB)? unrepaired", line), line
        assert "unrepaired" not in first_line(d, ":recover none", setting=hard)
        assert json.load(open(path)).get("results", repaired) == repaired


def save(d, name, array):
    path = os.path.join(d, name)
    np.save(path, array)
    return path


def test_odd_calibration_is_taken():
    x = np.load(DATA)
    with folder() as d:
        for name, array in (("one", x[:1]), ("zeros", np.zeros_like(x[:8])), ("same", np.repeat(x[:1], 9, 0))):
            mended = judge("--recover", "reconstruct", "--calibration", save(d, name + ".npy", array))
            assert np.isfinite(mended["kl"]) and mended["samples"] == 240, name
        many = np.repeat(x[:100], 1000, 0)
        code, _, err = run("eval", SAMPLE, "--data", DATA, "--limit", 20, *HARD, "--recover", "match",
                           "--calibration", save(d, "many.npy", many))
        assert code == 0 and "1024 samples" in err, err


def test_hostile_calibration_is_refused_in_one_line():
    x = np.load(DATA)
    with folder() as d:
        hostile = x[:8].astype(np.float32)
        hostile[3, 0, 5, 5] = np.nan
        infinite = x[:8].astype(np.float32)
        infinite[3, 0, 5, 5] = np.inf
        cases = {"nan": hostile, "inf": infinite, "shape": x[:8, :, :20], "rank": x[0], "none": x[:0],
                 "type": x[:8].astype(np.int64).astype(str)}
        for name, array in cases.items():
            path = save(d, name + ".npy", array)
            refused(2, "eval", SAMPLE, "--data", DATA, *HARD, "--recover", "reconstruct", "--calibration", path)
        refused(2, "eval", SAMPLE, "--data", DATA, *HARD, "--recover", "match", "--calibration",
                os.path.join(d, "missing.npy"))
        lone = save(d, "lone.npy", x[:1])
        refused(2, "eval", SAMPLE, "--data", lone, *HARD, "--recover", "match")
        refused(2, "eval", SAMPLE, "--data", DATA, "--recover", "most")
        refused(2, "eval", SAMPLE, "--data", DATA, "--calibration", DATA)


def test_labels_are_not_needed():
    assert judge("--recover", "match", labels=None)["kl"] == judge("--recover", "match")["kl"]


main(__name__)
