#!/usr/bin/python3
"""Golden screens: runs tour.script on the sample at several sizes and compares what is drawn, text and
roles, with golden/*.txt. `--write` rewrites those: read them in `git diff` before you commit."""
import difflib
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.join(TOP, os.environ.get("BUILD", "build"), "bitdial")
MODEL = os.path.join(TOP, "samples", "fashion.onnx")
TOUR = os.path.join(HERE, "tour.script")
SIZES = [(80, 24), (120, 40), (40, 12)]
LOOKS = {"utf8": [], "ascii": ["--ascii"], "mono": ["--no-color"]}


def screens():
    """The names that the tour saves, in order."""
    with open(TOUR, encoding="utf-8") as script:
        return re.findall(r"^:save-screen (\S+)$", script.read(), re.MULTILINE)


def draw(size, look):
    """Runs the tour; returns all its screens as one text. Raises where it fails."""
    environment = {**os.environ, "COLUMNS": str(size[0]), "LINES": str(size[1]), "LC_ALL": "C.UTF-8"}
    environment.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([PROGRAM, MODEL, "--script", TOUR] + LOOKS[look], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or f"exit {done.returncode}")
        parts = []
        for name in screens():
            with open(os.path.join(folder, name), encoding="utf-8") as screen:
                parts.append(f"=== {name}\n" + screen.read())
        return "".join(parts)


def cases():
    """(name of the golden, size, look) of every run."""
    for size in SIZES:
        for look in LOOKS:
            yield f"{size[0]}x{size[1]}-{look}", size, look


def path(name):
    return os.path.join(HERE, "golden", name + ".txt")


def difference(name, drawn):
    """What differs from the golden, as a list of lines; empty where nothing does."""
    with open(path(name), encoding="utf-8") as golden:
        expected = golden.read()
    return list(difflib.unified_diff(expected.splitlines(), drawn.splitlines(), "golden", "drawn", lineterm="", n=0))


def write():
    os.makedirs(os.path.join(HERE, "golden"), exist_ok=True)
    for name, size, look in cases():
        with open(path(name), "w", encoding="utf-8") as golden:
            golden.write(draw(size, look))
        print("wrote", os.path.relpath(path(name), TOP))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: goldens.py --write")
    write()
