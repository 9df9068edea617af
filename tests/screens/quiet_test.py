#!/usr/bin/python3
"""What the explorer leaves behind: with --read-only nothing, anywhere; and what names may send to the
terminal: nothing that moves it."""
import os
import signal
import sys

import onnx

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from explorer import PROGRAM, leaves, main, test  # noqa: E402


def everything(folder):
    """Every path below, with what a write would change."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            status = os.lstat(os.path.join(place, name))
            found[os.path.join(place, name)] = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
    return found


def watched(place):
    """An environment whose every usual place is in the folder, and the working directory too."""
    names = {"HOME": "home", "TMPDIR": "tmp", "XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config",
             "XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data", "XDG_RUNTIME_DIR": "run"}
    for name in (*names.values(), "cwd"):
        os.makedirs(os.path.join(place.folder, name), exist_ok=True)
    return {variable: os.path.join(place.folder, name) for variable, name in names.items()}


def start(place, *options):
    environment = watched(place)
    shell = ["/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", os.path.join(place.folder, "cwd")]
    terminal = place.open(command=[*shell, PROGRAM, place.model, *options], environment=environment)
    terminal.wait_for("histogram")
    return terminal


@test
def read_only_writes_nothing_anywhere(place):
    first = start(place)  # what an earlier run left is not touched either
    first.type("-")
    first.wait_for(" *")
    first.kill(signal.SIGTERM)
    leaves(first, -signal.SIGTERM)
    before = everything(place.folder)
    assert any("rescue" in path for path in before)
    for number, code in ((0, 0), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)):
        terminal = start(place, "--read-only")
        for keys in ("--", "t", "w", ":w other.json\r", ":save-screen screen.txt\r", ":rescue\r", ":theme light\r", "y"):
            terminal.type(keys)
            terminal.pump(0.1)
        terminal.pump(1.2)  # longer than it takes to keep edits
        if number:
            terminal.kill(number)
            assert terminal.wait_exit() == code
        else:
            terminal.type(":quit!\r")
            leaves(terminal, code)
        assert everything(place.folder) == before, set(everything(place.folder).items()) ^ set(before.items())


NAMES = ("plain\x1b]0;title\x07", "\x1b[2J\x1b[31mred", "bell\x07\x08\x7f", "c1 \u009b2J \u0090q", "x" * 300,
         "up\u202etxt.exe", "line\nbreak\ttab", "模型.weight", "e\u0301a\u0308", "")


def rename(path):
    """Gives the layers of the model hostile names."""
    model = onnx.load(path)
    new = {tensor.name: name for tensor, name in
           zip([t for t in model.graph.initializer if t.name.endswith("weight")], NAMES)}
    for tensor in model.graph.initializer:
        tensor.name = new.get(tensor.name, tensor.name)
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.name = new.get(node.name, "\x1b]2;" + node.name + "\x07") if node.name else node.name
    onnx.save(model, path)


def harmless(raw):
    for part in (b"\x1b]0;", b"\x1b]2;", b"title\x07", b"\x1b[31mred", b"\x07", "\u009b".encode(), "\u0090".encode(),
                 "\u202e".encode(), "\u0301".encode()):
        assert part not in raw, part


@test
def names_never_reach_the_terminal_raw(place):
    rename(place.model)
    place.model_with = os.path.join(place.folder, "m\x1b]2;file\x07.onnx")
    os.rename(place.model, place.model_with)
    place.model = place.model_with
    for columns, rows in ((80, 24), (200, 60)):
        terminal = place.start("--read-only", columns=columns, rows=rows)
        for keys in ("j" * 9, "\r", "\x1b", "k" * 9, ":select \t\t\t", "\x1b", "/red\r", ":load\r", "-", "u", ":w\r",
                     "\t3\t4\t5", "?\x1b"):
            terminal.type(keys)
            terminal.pump(0.1)
        terminal.type("\x1b:quit!\r")
        leaves(terminal, 0)
        harmless(terminal.raw)
        assert rb"\x1B]0;title" in terminal.raw or rb"\x1b]0;title" in terminal.raw, "escaped, it is there"


main()
