#!/usr/bin/python3
"""Golden screens: runs tour.script (small.script on a screen that is too small) on the sample and
compares what is drawn, text and roles, with golden/*.txt. Without colours the same is drawn, so that
there the goldens are those of UTF-8. `--write` rewrites them: read them in `git diff` before you commit."""
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
SIZES = {(80, 24): "tour.script", (120, 40): "tour.script", (40, 12): "small.script"}
LOOKS = {"utf8": [], "ascii": ["--ascii"], "mono": ["--no-color"]}


def screens(script):
    """The names that a script saves, in order."""
    with open(script, encoding="utf-8") as text:
        return re.findall(r"^:save-screen (\S+)$", text.read(), re.MULTILINE)


def draw(size, look):
    """Runs the script; returns all its screens as one text. Raises where it fails."""
    script = os.path.join(HERE, SIZES[size])
    environment = {**os.environ, "COLUMNS": str(size[0]), "LINES": str(size[1]), "LC_ALL": "C.UTF-8"}
    environment.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([PROGRAM, MODEL, "--script", script] + LOOKS[look], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or f"exit {done.returncode}")
        parts = []
        for name in screens(script):
            with open(os.path.join(folder, name), encoding="utf-8") as screen:
                parts.append(f"=== {name}\n" + screen.read())
        return "".join(parts)


def cases():
    """(size, look) of every run."""
    return [(size, look) for size in SIZES for look in LOOKS]


def path(size, look):
    """The golden's file."""
    return os.path.join(HERE, "golden", f"{size[0]}x{size[1]}-{'utf8' if look == 'mono' else look}.txt")


def difference(size, look):
    """What differs from the golden, as a list of lines; empty where nothing does."""
    drawn = draw(size, look)
    with open(path(size, look), encoding="utf-8") as golden:
        expected = golden.read()
    return list(difflib.unified_diff(expected.splitlines(), drawn.splitlines(), "golden", "drawn", lineterm="", n=0))


def write():
    os.makedirs(os.path.join(HERE, "golden"), exist_ok=True)
    for size, look in cases():
        if look == "mono":
            continue
        drawn = draw(size, look)
        with open(path(size, look), "w", encoding="utf-8") as golden:
            golden.write(drawn)
        print("wrote", os.path.relpath(path(size, look), TOP))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: goldens.py --write")
    write()
