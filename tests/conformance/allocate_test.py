#!/usr/bin/python3
"""`a` in the explorer: what `bitdial tune` finds, as one undo step; locked layers stay; what it says."""
import json
import os
import shutil

from tap import SAMPLE, folder, main, refused, run, run_json

SIZE = {"COLUMNS": "120", "LINES": "40", "LC_ALL": "C.UTF-8"}


def explore(d, lines, *arguments):
    model, script = os.path.join(d, "m.onnx"), os.path.join(d, "script.txt")
    shutil.copy(SAMPLE, model)
    with open(script, "w") as f:
        f.write("\n".join(lines) + "\n")
    code, _, err = run(model, "--script", script, *arguments, env=SIZE, cwd=d)
    assert code == 0, err


def bits(path):
    """{tensor: bits} of a config; 8 is the default, which it leaves out."""
    return {layer["tensor"]: layer.get("bits", 8) for layer in json.load(open(path))["layers"]}


def screen(path):
    return open(path, encoding="utf-8").read()


def tuned(*arguments):
    return {layer["tensor"]: layer["bits"] for layer in run_json("tune", SAMPLE, "--json", *arguments)["layers"]}


def test_takes_what_tune_finds_as_one_step():
    with folder() as d:
        explore(d, [":wait", ":allocate 3.5", f":save-screen {d}/said.txt", f":w {d}/bits.json", ":allocate 40KiB",
                    f":w {d}/size.json", "u", f":w {d}/undone.json", "u", f":w {d}/first.json"],
                "--method", "kmeans")
        assert bits(f"{d}/bits.json") == tuned("--method", "kmeans", "--target-bits", 3.5)
        assert bits(f"{d}/size.json") == tuned("--method", "kmeans", "--target-size", "40KiB")
        assert bits(f"{d}/undone.json") == bits(f"{d}/bits.json")
        assert set(bits(f"{d}/first.json").values()) == {8}
        assert "12 layers changed:" in screen(f"{d}/said.txt") and "the best there is" in screen(f"{d}/said.txt")


def test_locked_layers_stay():
    with folder() as d:
        explore(d, ["-", "L", ":wait", ":allocate 4", f":w {d}/c.json"], "--method", "kmeans")
        got = bits(f"{d}/c.json")
        assert got["stem.weight"] == 7
        assert got == tuned("--method", "kmeans", "--layer", "stem.weight:bits=7", "--target-bits", 4)


def test_the_sheet_previews_and_turns():
    with folder() as d:
        explore(d, [":wait", "a", f":save-screen {d}/0.txt", *["-"] * 40, f":save-screen {d}/1.txt", "<esc>",
                    f":w {d}/none.json", "a", "<c-u>", "4", "5", "K", "i", "B", f":save-screen {d}/2.txt",
                    "<enter>", f":w {d}/size.json", "a", "<c-u>", "x", f":save-screen {d}/3.txt", "<esc>"])
        assert "allocate" in screen(f"{d}/0.txt") and "0 layers changed" in screen(f"{d}/0.txt")
        assert "bits a weight, or a size: 4.1" in screen(f"{d}/1.txt"), screen(f"{d}/1.txt")
        assert "8 → " in screen(f"{d}/1.txt")
        assert set(bits(f"{d}/none.json").values()) == {8}  # Esc takes nothing
        assert "bits a weight, or a size: 45KiB" in screen(f"{d}/2.txt")
        assert bits(f"{d}/size.json") == tuned("--target-size", "45KiB")
        assert "neither bits a weight" in screen(f"{d}/3.txt")


def test_what_is_typed_takes_the_place_of_what_was_proposed():
    with folder() as d:
        explore(d, [":wait", "a", "4", "0", "K", "i", "B", "<enter>", f":w {d}/size.json"])
        assert bits(f"{d}/size.json") == tuned("--target-size", "40KiB")


def test_says_why_not():
    with folder() as d:
        for argument, says in (("1K", "no allocation fits 1024 bytes: the least is"), ("x", "neither bits a weight"),
                               ("-3", "neither bits a weight"), ("0", "neither bits a weight")):
            script = os.path.join(d, "script.txt")
            with open(script, "w") as f:
                f.write(f":wait\n:allocate {argument}\n")
            refused(2, SAMPLE, "--script", script, says=("script.txt:2", says), env=SIZE, cwd=d)


if __name__ == "__main__":
    main(__name__)
