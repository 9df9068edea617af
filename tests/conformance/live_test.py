#!/usr/bin/python3
"""The accuracy on the explorer's first line: that of `bitdial eval` with the same settings, after
every edit; and what happens where the network cannot be run."""
import os
import re
import shutil

import numpy as np
import onnx

from tap import SAMPLE, TOP, folder, main, refused, run, run_json

DATA = os.path.join(TOP, "samples", "fashion_x.npy")
LABELS = os.path.join(TOP, "samples", "fashion_y.npy")
SIZE = {"COLUMNS": "190", "LINES": "40", "LC_ALL": "C.UTF-8"}


def first_line(path):
    return open(path, encoding="utf-8").read().splitlines()[1]


def explore(d, model, lines, *arguments):
    script = os.path.join(d, "script.txt")
    with open(script, "w") as f:
        f.write("\n".join(lines) + "\n")
    code, out, err = run(model, "--script", script, *arguments, env=SIZE, cwd=d)
    assert code == 0, err


def shown(line):
    match = re.search(r"top-1 ([\d.]+) → ([\d.]+) % ±([\d.]+)  KL ([\d.]+)", line)
    assert match, line
    return [float(x) for x in match.groups()]


def measured(model, config, limit):
    e = run_json("eval", model, "--config", config, "--data", DATA, "--labels", LABELS, "--limit",
                 limit, "--json")
    return [100 * e["float"]["top1"], 100 * e["quantized"]["top1"],
            100 * e["quantized"]["top1_error"], e["kl"]]


def close(a, b):
    return all(abs(x - y) <= tolerance for x, y, tolerance in zip(a, b, (.051, .051, .051, .00051)))


def test_each_edit_shows_what_eval_measures():
    with folder() as d:
        model = os.path.join(d, "m.onnx")
        shutil.copy(SAMPLE, model)
        steps = [["jjjjj-----"], ["]]]]]"], ["g-----"], ["u"], ["G------", ":method kmeans"]]
        lines = []
        for i, step in enumerate(steps):
            lines += step + [":wait", f":save-screen {d}/{i}.txt", f":w {d}/{i}.json"]
        explore(d, model, lines, "--data", DATA, "--labels", LABELS, "--limit", "300")
        seen = set()
        for i in range(len(steps)):
            figures = shown(first_line(f"{d}/{i}.txt"))
            assert close(figures, measured(model, f"{d}/{i}.json", 300)), (i, figures)
            seen.add(tuple(figures))
        assert len(seen) == len(steps), seen


def column(text, title):
    """{tensor: what the layer table shows in the column}"""
    lines = text.splitlines()
    head = next(i for i, line in enumerate(lines) if " tensor " in line and title in line)
    end = lines[head].index(title) + len(title)
    rows = (line[:end].replace("▸", " ").split() for line in lines[head + 1:head + 13])
    return {row[1]: row[-1] for row in rows}


def test_local_errors_and_macs_are_those_of_the_commands():
    with folder() as d:
        steps = [["-----"], ["jjj]]]]"], ["uu"]]
        lines = []
        for i, step in enumerate(steps):
            lines += step + [":wait", f":save-screen {d}/{i}.txt", f":w {d}/{i}.json"]
        explore(d, SAMPLE, lines, "--data", DATA, "--limit", "40")
        macs = {layer["tensor"]: layer["macs"] for layer in run_json("layers", SAMPLE, "--json")["layers"]}
        for i in range(len(steps)):
            text = open(f"{d}/{i}.txt", encoding="utf-8").read()
            e = run_json("eval", SAMPLE, "--config", f"{d}/{i}.json", "--data", DATA, "--limit", "40", "--json")
            assert column(text, "local") == {layer["tensor"]: f"{layer['local_sqnr_db']:.1f}dB".replace("-", "−")
                                             for layer in e["layers"]}, text
            shown_macs = {t: float(m[:-1]) * {"K": 1e3, "M": 1e6}[m[-1]] if m[-1] in "KM" else float(m)
                          for t, m in column(text, "MACs").items()}
            assert all(abs(shown_macs[t] - macs[t]) <= .006 * macs[t] for t in macs) and len(macs) == 12, shown_macs


def test_without_labels_the_classes_are_compared():
    with folder() as d:
        explore(d, SAMPLE, ["-----", ":wait", f":save-screen {d}/a.txt"], "--data", DATA, "--limit", "200")
        line = first_line(f"{d}/a.txt")
        e = run_json("eval", SAMPLE, "--data", DATA, "--limit", "200", "--json", "--layer",
                     "stem.weight:bits=3")
        assert f"same class {100 * e['agreement']:.1f} %" in line, (line, e)
        assert f"KL {e['kl']:.3f}" in line, (line, e)


def test_the_sample_brings_its_own_data():
    with folder() as d:
        script = os.path.join(d, "s.txt")
        with open(script, "w") as f:
            f.write(f":wait\n:save-screen {d}/a.txt\n")
        code, _, err = run("--script", script, env=SIZE, cwd=d)
        assert code == 0, err
        e = run_json("eval", SAMPLE, "--data", DATA, "--labels", LABELS, "--json")
        figures = [100 * e["float"]["top1"], 100 * e["quantized"]["top1"],
                   100 * e["quantized"]["top1_error"], e["kl"]]
        assert close(shown(first_line(f"{d}/a.txt")), figures), (first_line(f"{d}/a.txt"), figures)


def test_a_model_without_data_says_nothing_of_accuracy():
    with folder() as d:
        explore(d, SAMPLE, [":wait", f":save-screen {d}/a.txt"])
        assert "top-1" not in first_line(f"{d}/a.txt")


def test_a_network_that_cannot_be_run_is_explored_all_the_same():
    with folder() as d:
        model = onnx.load(SAMPLE)
        model.graph.node[1].op_type = "Frobnicate"
        model.graph.node[1].domain = ""
        path = os.path.join(d, "odd.onnx")
        onnx.save(model, path)
        explore(d, path, ["-", ":wait", f":save-screen {d}/a.txt"], "--data", DATA)
        text = open(f"{d}/a.txt", encoding="utf-8").read()
        assert "Frobnicate" in text and "top-1" not in first_line(f"{d}/a.txt"), text
        assert "stem.weight" in text


def test_data_that_does_not_fit_is_said():
    with folder() as d:
        np.save(f"{d}/wide.npy", np.zeros((4, 1, 40, 40), np.float32))
        explore(d, SAMPLE, [":wait", f":save-screen {d}/a.txt"], "--data", f"{d}/wide.npy")
        assert "wide.npy" in open(f"{d}/a.txt", encoding="utf-8").read()
    refused(2, SAMPLE, "--labels", LABELS, "--script", "-", says="--data")


main(__name__)
