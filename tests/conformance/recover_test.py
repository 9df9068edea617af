#!/usr/bin/python3
"""--recover: what it wins back, on which samples, the same for any number of threads; and
calibration data that are odd or hostile."""
import os

import numpy as np
import onnx
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
