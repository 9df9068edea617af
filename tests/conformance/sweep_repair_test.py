#!/usr/bin/python3
"""Sweeps of repaired points: against `eval --recover` of each layer alone; what they may be put
together with, gone on with and used for."""
import json
import os

import numpy as np

from tap import SAMPLE, TOP, folder, main, refused, run, run_json

DATA = os.path.join(TOP, "samples", "fashion_x.npy")


def test_repaired_points_are_those_of_one_layer_repaired_alone():
    """Each point is what `eval --recover` says with all other layers float, on the same samples."""
    with folder() as d:
        out, calibration = os.path.join(d, "s.json"), os.path.join(d, "c.npy")
        np.save(calibration, np.load(DATA)[-60:])
        common = ["--data", DATA, "--limit", "40", "--method", "kmeans", "--calibration", calibration]
        for how in ("match", "reconstruct"):
            base = [*common, "--recover", how]
            code, _, err = run("sweep", SAMPLE, *base, "--widths", "2,3", "-o", out, timeout=600)
            assert code == 0, err
            said = json.load(open(out))
            assert said["recover"]["how"] == how and len(said["recover"]["calibration"]["sha256"]) == 64
            for layer in (said["layers"][0], said["layers"][3], said["layers"][-1]):
                for point in layer["points"]:
                    alone = run_json("eval", SAMPLE, *base, "--bits", "32", "--layer",
                                     f"{layer['tensor']}:bits={point['bits']}", "--json")
                    assert abs(alone["kl"] - point["kl"]) <= 1e-4 * alone["kl"] + 1e-7, (how, layer["tensor"], point, alone)
        refused(2, "sweep", SAMPLE, *common, "--recover", "match", "--widths", "2,3", "--resume", "-o", out,
                says=("--recover",))
        refused(2, "tune", SAMPLE, "--method", "kmeans", "--sensitivity", out, "--objective", "kl", "--widths", "2,3",
                "--target-bits", "3", says=("--recover reconstruct",))
        code, _, err = run("tune", SAMPLE, *base, "--sensitivity", out, "--objective", "kl", "--widths", "2,3",
                           "--target-bits", "3")
        assert code == 0, err
        code, _, err = run("sweep", SAMPLE, *base, "--widths", "3", "--shard", "1/2", "--threads", "1", "-o", out + "1")
        assert code == 0, err
        code, _, err = run("sweep", SAMPLE, *base, "--widths", "3", "--shard", "2/2", "--threads", "3", "-o", out + "2")
        assert code == 0, err
        assert run("merge", out + "1", out + "2", "-o", out + "m")[0] == 0
        points = {l["tensor"]: l["points"][0]["kl"] for l in json.load(open(out + "m"))["layers"]}
        assert points == {l["tensor"]: l["points"][1]["kl"] for l in said["layers"]}


main(__name__)
