#!/usr/bin/python3
"""`s` in the explorer: the sweep that `bitdial sweep` makes, saved beside the model, gone on with, shown in the map."""
import json
import os
import re
import shutil

from tap import SAMPLE, TOP, folder, main, refused, run

X = os.path.join(TOP, "samples", "fashion_x.npy")
Y = os.path.join(TOP, "samples", "fashion_y.npy")
DATA = ("--data", X, "--labels", Y, "--limit", 24, "--method", "kmeans")
SIZE = {"COLUMNS": "120", "LINES": "40", "LC_ALL": "C.UTF-8"}


def explore(d, lines, *arguments, code=0):
    script = os.path.join(d, "script.txt")
    with open(script, "w") as f:
        f.write("\n".join(lines) + "\n")
    got, _, err = run("m.onnx", "--script", script, *DATA, *arguments, env=SIZE, cwd=d)
    assert got == code, err
    return err


def read(path):
    with open(path, "rb") as f:
        return f.read()


def cells(screen, tensor):
    """The seven cells (2 to 8 bits) of a layer's row in the map."""
    row = next(line for line in open(screen, encoding="utf-8") if re.search(rf"│.*{tensor} ", line))
    return re.findall(r"[ ▸](\.\d| \d|\d\d|==|··)", row.split(tensor, 1)[1])[1:]


def in_hundredths(value):
    value *= 100
    return f"{min(value, 99):2.0f}" if value >= 0.95 else f".{10 * value:1.0f}" if value >= 0.05 else " 0"


def test_is_the_sweep_of_the_command_line():
    with folder() as d:
        shutil.copy(SAMPLE, os.path.join(d, "m.onnx"))
        saved = os.path.join(d, "m.onnx.sensitivity.json")
        explore(d, [":wait", "s", ":wait", ":panel sensitivity", "v", "v", "v", f":save-screen {d}/kl.txt", "v",
                    f":save-screen {d}/top1.txt", "v", "v", f":save-screen {d}/local.txt"])
        code, _, err = run("sweep", "m.onnx", *DATA, "-o", "whole.json", cwd=d)
        assert code == 0, err
        assert read(saved) == read(os.path.join(d, "whole.json"))
        whole = json.load(open(saved))
        for layer in whole["layers"]:
            points = layer["points"]
            assert cells(f"{d}/kl.txt", layer["tensor"]) == [in_hundredths(p["kl"]) for p in points]
            lost = [in_hundredths(whole["float"]["top1"] - p["top1"]) for p in points]
            assert cells(f"{d}/top1.txt", layer["tensor"]) == lost, (layer["tensor"], lost)
            local = ["==" if p["local_sqnr_db"] is None else f"{min(p['local_sqnr_db'], 99):2.0f}" for p in points]
            assert cells(f"{d}/local.txt", layer["tensor"]) == local


def test_another_sweeps_file_is_not_touched():
    with folder() as d:
        shutil.copy(SAMPLE, os.path.join(d, "m.onnx"))
        saved = os.path.join(d, "m.onnx.sensitivity.json")
        run("sweep", "m.onnx", *DATA, "--widths", "3", "-o", saved, cwd=d)
        before = read(saved)
        explore(d, [":wait", "s", ":wait", "j", ":wait", f":save-screen {d}/s.txt"])
        assert read(saved) == before
        assert "the sweep is not saved" in open(f"{d}/s.txt", encoding="utf-8").read()
        explore(d, [":wait", "s", ":wait"], "--method", "linear")
        assert read(saved) == before


def test_read_only_saves_nothing_and_without_data_there_is_none():
    with folder() as d:
        shutil.copy(SAMPLE, os.path.join(d, "m.onnx"))
        with open(os.path.join(d, "script.txt"), "w") as f:
            f.write(":wait\ns\n:wait\n")
        code, _, err = run("m.onnx", "--read-only", *DATA, "--script", "script.txt", env=SIZE, cwd=d)
        assert code == 0, err
        assert sorted(os.listdir(d)) == ["m.onnx", "script.txt"]
        refused(2, "m.onnx", "--script", "script.txt", says="a sweep needs data: start with --data", env=SIZE, cwd=d)


def test_a_second_press_ends_it():
    with folder() as d:
        shutil.copy(SAMPLE, os.path.join(d, "m.onnx"))
        explore(d, [":wait", "s", "s", ":wait", f":save-screen {d}/s.txt"])
        text = open(f"{d}/s.txt", encoding="utf-8").read()
        assert "the sweep stops" in text or "sweeping" in text, text
        explore(d, [":wait", "s", ":wait"])  # goes on with what there is
        run("sweep", "m.onnx", *DATA, "-o", "whole.json", cwd=d)
        assert read(os.path.join(d, "m.onnx.sensitivity.json")) == read(os.path.join(d, "whole.json"))


if __name__ == "__main__":
    main(__name__)
