#!/usr/bin/python3
"""Every number on the screen can be had as JSON, and agrees: heat map, frontier, comparison, and the
first line, against quantize, eval, sweep and compare."""
import json
import math
import os
import re

from tap import SAMPLE, TOP, folder, main, refused, run, run_json

DATA = ("--data", os.path.join(TOP, "samples", "fashion_x.npy"),
        "--labels", os.path.join(TOP, "samples", "fashion_y.npy"), "--limit", 48)
SIZE = {"COLUMNS": "200", "LINES": "60", "LC_ALL": "C.UTF-8"}


def explore(d, lines, *arguments):
    script = os.path.join(d, "script.txt")
    with open(script, "w") as f:
        f.write("\n".join(lines) + "\n")
    code, _, err = run(SAMPLE, "--script", script, *arguments, env=SIZE, cwd=d)
    assert code == 0, err


def screen(d, name):
    with open(os.path.join(d, name), encoding="utf-8") as f:
        return f.read().split("roles\n")[0]


def answer(*arguments):
    return run_json(*arguments, "--json")


def config(d, name, *settings):
    """A config with these settings, written by the explorer."""
    explore(d, [f":write {d}/{name}"], *settings)


def show_bytes(value):
    units = iter("BKMGT")
    unit = next(units)
    steps = 0
    while value >= 999.5:
        value /= 1024
        unit = next(units)
        steps += 1
    return f"{value:.{1 if steps and value < 99.95 else 0}f}{unit}"


def show_sqnr(db):
    return "exact" if db is None else f"{'−' if db <= -0.05 else ''}{abs(db):.1f}dB"


def right_of(text, name):
    """What stands beside a layer's name in the right half."""
    return next(line.split("│", 1)[1].split(name, 1)[1] for line in text.splitlines()
                if "│" in line and re.search("[ ▸]" + re.escape(name) + "(?! *Conv| *dwConv| *Gemm)",
                                             line.split("│", 1)[1]))


def test_the_heat_map_is_quantize_at_each_width():
    with folder() as d:
        explore(d, [":panel sensitivity", ":wait", f":save-screen {d}/map.txt"], "--method", "kmeans")
        text = screen(d, "map.txt")
        for bits in range(1, 9):
            for layer in answer("quantize", SAMPLE, "--method", "kmeans", "--bits", bits)["layers"]:
                cells = re.findall(r"[ ▸](\d\d| \d|−\d|==)", right_of(text, layer["tensor"] + " "))
                db = layer["sqnr_db"]
                want = "==" if db is None else f"−{min(-db, 9):.0f}" if db <= -0.5 else f"{min(max(db, 0), 99):2.0f}"
                assert cells[-8:][bits - 1] == want, (layer["tensor"], bits, cells, want)


def test_the_frontier_is_quantize_and_eval():
    with folder() as d:
        explore(d, [":wait", "P", ":bits 4", ":method kmeans", ":wait", ":pin", "j", ":prune 50%", ":wait",
                    ":panel frontier", ":wait", f":save-screen {d}/frontier.txt"], *DATA)
        text = screen(d, "frontier.txt")
        first = answer("layers", SAMPLE)["layers"]
        settings = {"A": (), "B": ("--layer", first[0]["tensor"] + ":bits=4,method=kmeans")}
        settings["@"] = settings["B"] + ("--layer", first[1]["tensor"] + ":prune=0.5")
        for sign, given in settings.items():
            total = answer("quantize", SAMPLE, *given)["total"]
            measured = answer("eval", SAMPLE, *DATA, *given)
            want = [sign, show_bytes(total["bytes"]), f"{total['bits_per_weight']:.2f}", show_sqnr(total["sqnr_db"]),
                    f"{measured['kl']:.3f}", f"{100 * measured['quantized']['top1']:.1f}%"]
            assert re.search(r"\s+".join(map(re.escape, want)), text), (want, text)
        for bits in range(1, 8):  # at 8 bits the network was seen: another row of the same figures
            total = answer("quantize", SAMPLE, "--bits", bits, "--layer", first[0]["tensor"] + ":method=kmeans",
                           "--layer", first[1]["tensor"] + ":prune=0.5")["total"]
            want = [str(bits), show_bytes(total["bytes"]), f"{total['bits_per_weight']:.2f}",
                    show_sqnr(total["sqnr_db"])]
            assert re.search(r"\s+".join(map(re.escape, want)), text), (want, text)


def test_the_first_line_is_quantize_and_eval():
    with folder() as d:
        explore(d, [":wait", f":save-screen {d}/start.txt"], *DATA, "--bits", 3)
        head = screen(d, "start.txt").splitlines()[1]
        total = answer("quantize", SAMPLE, "--bits", 3)["total"]
        measured = answer("eval", SAMPLE, *DATA, "--bits", 3)
        for part in (f"{total['bytes_float'] / 1024:.1f} → {total['bytes'] / 1024:.1f} KiB", f"{total['ratio']:.1f}×",
                     f"{total['bits_per_weight']:.2f} bits/w", f"SQNR {show_sqnr(total['sqnr_db'])}",
                     f"top-1 {100 * measured['float']['top1']:.1f} → {100 * measured['quantized']['top1']:.1f} %",
                     f"KL {measured['kl']:.3f}"):
            assert part in head, (part, head)


def test_the_local_column_is_eval_with_its_repair():
    """Where R repairs, the column is that of the repaired layers, and not before they are."""
    settings = ("--method", "kmeans", "--bits", "4")
    with folder() as d:
        explore(d, [":wait", ":save-screen none.txt", ":recover match", ":wait", ":save-screen match.txt"],
                *settings, *DATA)
        for how in ("none", "match"):
            lines = screen(d, how + ".txt").splitlines()
            said = answer("eval", SAMPLE, *settings, *DATA, "--recover", how)
            for layer in said["layers"]:
                row = next(line for line in lines if re.search(r"\d " + re.escape(layer["tensor"]) + " ", line))
                assert show_sqnr(layer["local_sqnr_db"]) in row and "~" not in row, (how, layer, row)


def test_the_comparison_is_compare_and_quantize():
    with folder() as d:
        config(d, "a.json", "--bits", "4", "--method", "kmeans")
        config(d, "b.json", "--bits", "4", "--layer", "fc*:bits=2,prune=0.25", "--method", "kmeans")
        a, b = ("--config", os.path.join(d, "a.json")), ("--config", os.path.join(d, "b.json"))
        both = (*a, "--compare", os.path.join(d, "b.json"))
        explore(d, [":wait", f":save-screen {d}/compare.txt"], *both)
        text = screen(d, "compare.txt")
        got = answer("compare", SAMPLE, *both, *DATA)
        sides = {"own": a, "other": b}
        for side, given in sides.items():
            whole = answer("quantize", SAMPLE, *given)
            measured = answer("eval", SAMPLE, *DATA, *given)
            assert got[side]["total"] == whole["total"], side
            assert math.isclose(got[side]["measured"]["kl"], measured["kl"], rel_tol=1e-9), side
            assert got[side]["measured"]["top1"] == measured["quantized"]["top1"], side
            for layer, want in zip(got["layers"], whole["layers"]):
                for key in ("bits", "prune", "method", "sqnr_db", "bytes", "sse"):
                    assert layer[side][key] == want[key], (side, key, layer)
            total = whole["total"]
            assert f"{show_bytes(total['bytes'])}  {total['bits_per_weight']:.2f} bits/w  {show_sqnr(total['sqnr_db'])}" in text
        for layer in got["layers"]:
            own, other = layer["own"], layer["other"]
            assert layer["differs"] == layer["tensor"].startswith("fc")
            want = []
            for show in (lambda s: str(s["bits"]), lambda s: f"{100 * s['prune']:.0f}%" if s["prune"] else "–",
                         lambda s: show_sqnr(s["sqnr_db"]), lambda s: show_bytes(s["bytes"])):
                want += [show(own), "=" if show(own) == show(other) else show(other)]
            assert right_of(text, layer["tensor"] + " ").split() == want, (layer["tensor"], want, text)


def test_the_comparison_stands_as_text_too():
    with folder() as d:
        config(d, "b.json", "--bits", "3")
        code, out, err = run("compare", SAMPLE, "--compare", os.path.join(d, "b.json"), env=SIZE)
        assert code == 0, err
        assert "A b.json" in out.replace("  ", " ") or "b.json" in out
        total = answer("quantize", SAMPLE, "--bits", "3")["total"]
        assert show_bytes(total["bytes"]) in out and show_sqnr(total["sqnr_db"]) in out
        assert sum("Conv" not in line and "weight" in line for line in out.splitlines()) == 12


def test_a_repair_is_left_out_of_the_comparison_and_that_is_said():
    with folder() as d:
        paths = [os.path.join(d, name) for name in ("a.json", "b.json")]
        for path, bits in zip(paths, ("3", "4")):
            config(d, os.path.basename(path), "--bits", bits, "--method", "kmeans")
        both = ("--config", paths[0], "--compare", paths[1])
        plain = answer("compare", SAMPLE, *both, *DATA)
        for path in paths:
            with open(path) as f:
                repairing = {**json.load(f), "recover": {"how": "match"}}
            with open(path, "w") as f:
                json.dump(repairing, f)
        code, out, err = run("compare", SAMPLE, *both, *DATA, "--json")
        assert code == 0 and json.loads(out) == plain and plain["own"]["measured"], (err, out)
        for path in paths:
            assert f"{path}: the repair that it names is not made" in err, err
        explore(d, [f":compare {paths[1]}", ":wait", f":save-screen {d}/said.txt"])
        assert "b.json: the repair that it names is not made" in screen(d, "said.txt")


def test_what_cannot_be_compared_is_refused():
    refused(2, "compare", SAMPLE, says="--compare FILE")
    refused(2, "compare", SAMPLE, "--compare", "/nowhere.json", says="/nowhere.json")
    with folder() as d:
        config(d, "b.json")
        broken = json.load(open(os.path.join(d, "b.json")))
        broken["layers"][0]["bits"] = 99
        with open(os.path.join(d, "broken.json"), "w") as f:
            json.dump(broken, f)
        refused(2, "compare", SAMPLE, "--compare", os.path.join(d, "broken.json"), says="broken.json")


main(__name__)
