#!/usr/bin/python3
"""The export page and the target's warnings in the explorer, by scripts; the files it writes against
those of `bitdial export`."""
import copy
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "conformance"))
from tap import PROGRAM, SAMPLE, folder, main, run  # noqa: E402


def explore(d, *lines, options=()):
    """(exit code, standard error) of a script on a copy of the sample in d."""
    model, script = os.path.join(d, "m.onnx"), os.path.join(d, "s.txt")
    if not os.path.exists(model):
        shutil.copy(SAMPLE, model)
    with open(script, "w") as f:
        f.write("".join(line + "\n" for line in lines))
    done = subprocess.run([PROGRAM, model, "--script", script, *options], cwd=d, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return done.returncode, done.stderr.decode()


def screen(d, *lines, options=()):
    code, err = explore(d, *lines, ":save-screen screen.txt", options=options)
    assert code == 0, err
    return open(os.path.join(d, "screen.txt"), encoding="utf-8").read().split("roles\n")[0]


def wanted(d, format, *options):
    out = os.path.join(d, "wanted")
    assert run("export", SAMPLE, "--format", format, "-o", out, *options)[0] == 0
    return open(out, "rb").read()


def test_the_page_shows_what_is_lost_before_it_writes():
    with folder() as d:
        lines = (":bits 5", ":target qdq", ":wait", "e", ":wait")
        text = screen(d, *lines)
        assert "1 layer cannot be held" in text and "5 bits: int8, 139 B" in text and "m.qdq.onnx" in text
        assert os.listdir(d) and not os.path.exists(os.path.join(d, "m.qdq.onnx"))
        text = screen(d, *lines, "<enter>", ":wait")
        assert "read back, 1 layer held otherwise" in text
        assert open(os.path.join(d, "m.qdq.onnx"), "rb").read() == wanted(d, "qdq", "--layer", "stem.weight:bits=5")


def test_a_repaired_network_is_exported_repaired():
    data = os.path.join(os.path.dirname(SAMPLE), "fashion_x.npy")
    options = ("--data", data, "--limit", "80")
    with folder() as d:
        text = screen(d, ":bits 3", ":recover match", ":wait", "e", ":wait", "<enter>", ":wait", options=options)
        assert "read back" in text, text
        repaired = wanted(d, "fake", *options, "--recover", "match", "--layer", "stem.weight:bits=3")
        assert open(os.path.join(d, "m.fake.onnx"), "rb").read() == repaired
        assert repaired != wanted(d, "fake", "--layer", "stem.weight:bits=3")


def test_a_repair_that_failed_is_told_by_the_export():
    data = os.path.join(os.path.dirname(SAMPLE), "fashion_x.npy")
    options = ("--data", data, "--limit", "80")
    with folder() as d:
        code, err = explore(d, ":recover match", ":wait", "w", options=options)
        assert code == 0, err
        path = os.path.join(d, "m.onnx.bitdial.json")
        config = json.load(open(path))
        config["recover"]["calibration"]["sha256"] = "0" * 64
        json.dump(config, open(path, "w"))
        code, err = explore(d, ":wait", ":export fake out.onnx", options=(*options, "--config", path))
        assert code and "not repaired" in err and "holds other samples" in err and "in a moment" not in err, err
        assert not os.path.exists(os.path.join(d, "out.onnx"))


def test_the_samples_of_a_loaded_config_are_looked_at_again():
    data = os.path.join(os.path.dirname(SAMPLE), "fashion_x.npy")
    options = ("--data", data, "--limit", "80")
    with folder() as d:
        assert explore(d, ":recover match", ":wait", ":w c.json", options=options)[0] == 0
        there = json.load(open(os.path.join(d, "c.json")))
        options, export = (*options, "--config", "c.json"), (":export fake out.onnx", ":wait")
        for key, value in (("sha256", "0" * 64), ("scale_input", 5)):
            other = copy.deepcopy(there)
            other["recover"]["calibration"][key] = value
            json.dump(other, open(os.path.join(d, "other.json"), "w"))
            code, err = explore(d, ":wait", ":load other.json", ":wait", *export, options=options)
            assert code and "holds other samples" in err, (key, err)
        # Beside the config that was loaded, not beside the one of the start.
        os.mkdir(os.path.join(d, "sub"))
        shutil.copy(data, os.path.join(d, "sub", "x.npy"))
        there["recover"]["calibration"]["file"] = "x.npy"
        json.dump(there, open(os.path.join(d, "sub", "c.json"), "w"))
        code, err = explore(d, ":wait", ":load sub/c.json", ":wait", *export, options=options)
        assert code == 0, err


def test_versions_and_paths_of_its_own():
    with folder() as d:
        keys = ["e", "<right>", "<right>", "<down>", "<right>", "<down>", "<c-u>", *"int4.onnx", "<enter>", ":wait"]
        text = screen(d, ":bits 4", *keys)
        assert "read back, " not in text and "read back: int4.onnx" in text
        assert open(os.path.join(d, "int4.onnx"), "rb").read() == \
            wanted(d, "qdq", "--format-version", "int4", "--layer", "stem.weight:bits=4")


def test_a_file_that_is_there_is_asked_about():
    with folder() as d:
        there = os.path.join(d, "m.fake.onnx")
        open(there, "w").write("old")
        assert "once more replaces it" in screen(d, "e", "<enter>")
        assert open(there).read() == "old"
        screen(d, "e", "<enter>", "<enter>", ":wait")
        assert os.path.getsize(there) > 100000


def test_the_dials_warn_of_the_target():
    with folder() as d:
        text = screen(d, ":target qdq", ":bits 5")
        assert "5 bits do not fit qdq: int8" in text and "5▄!" in text
        assert "!" not in screen(d, ":target qdq", ":target none", ":bits 5").split("\n")[5]
        assert "a codebook does not fit aimet: 8 bits" in screen(d, ":target aimet/1.0.0", ":method kmeans")


def test_the_command_and_its_failures():
    with folder() as d:
        screen(d, ":export c/packed w.h", ":wait")
        assert open(os.path.join(d, "w.h"), "rb").read() == wanted(d, "c", "--format-version", "packed")
        os.makedirs(os.path.join(d, "way"))
        code, err = explore(d, ":export qdq way", ":wait")
        assert code and "is a directory" in err, err
        for line, says in ((":export nothing x", "no such format"), (":export qdq", "a path"), (":target q", "no such format")):
            code, err = explore(d, line)
            assert code == 2 and says in err, (line, err)
        for line in ("e", ":export qdq x.onnx"):
            before = sorted(os.listdir(d))
            code, err = explore(d, line, options=["--read-only"])
            text = err if code else screen(d, line, options=["--read-only"])
            assert "--read-only" in text or code == 2
            assert not os.path.exists(os.path.join(d, "x.onnx")) and sorted(os.listdir(d)) == before


main(__name__)
