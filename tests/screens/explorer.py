"""What the tests of the explorer in a pseudo-terminal share: a folder with a model, waiting, TAP."""
import os
import re
import shutil
import sys
import tempfile
import traceback

from goldens import MODEL, PROGRAM
from terminal import Terminal

tests = []


class Skip(Exception):
    """Raised by a test that cannot run here."""


def test(function):
    tests.append(function)
    return function


class Place:
    """A folder with a copy of the sample, and an explorer on it."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        self.model = os.path.join(self.folder, "model.onnx")
        shutil.copy(MODEL, self.model)
        self.terminals = []
        return self

    def __exit__(self, *_):
        for terminal in self.terminals:
            terminal.close()
        shutil.rmtree(self.folder)

    def environment(self):
        return {"XDG_STATE_HOME": os.path.join(self.folder, "state"),
                "XDG_CONFIG_HOME": os.path.join(self.folder, "config")}

    def open(self, *options, command=None, **more):
        more.setdefault("environment", {}).update({**self.environment(), **more["environment"]})
        terminal = Terminal(command or [PROGRAM, self.model, *options], **more)
        self.terminals.append(terminal)
        return terminal

    def start(self, *options, **more):
        terminal = self.open(*options, **more)
        terminal.wait_for("layers")
        return terminal

    def config(self):
        return self.model + ".bitdial.json"


def wait_for_bits(terminal, bits):
    """Until the layer in hand shows so many bits."""
    terminal.wait(lambda text: re.search(rf"▸ .* {bits}\S? +[–\d]", text), f"{bits} bits")


def leaves(terminal, code):
    got = terminal.wait_exit()
    assert got == code, f"exit {got}, expected {code}\n{terminal.text()}"
    assert not terminal.restored(), f"left behind: {terminal.restored()}"


def kept(place):
    """Edits that wait, by file."""
    state = os.path.join(place.folder, "state/bitdial/rescue")
    names = sorted(os.listdir(state)) if os.path.isdir(state) else []
    return [name for name in names if name.endswith(".json")]


def edit_and_wait_until_kept(terminal, place, keys, count=1):
    terminal.type(keys)
    terminal.wait_for(" *")
    terminal.wait(lambda _: len(kept(place)) == count, f"{count} rescue files")


def one_line(terminal, code, words):
    assert terminal.wait_exit() == code
    lines = terminal.text().strip().splitlines()
    joined = "".join(lines)  # a long line wraps
    assert joined.startswith("bitdial: ") and words in joined, joined
    assert b"1049" not in terminal.raw and terminal.modes() == terminal.before


def main():
    """Runs the tests; words as arguments choose those whose name holds one of them."""
    failed = 0
    chosen = [t for t in tests if not sys.argv[1:] or any(word in t.__name__ for word in sys.argv[1:])]
    for number, function in enumerate(chosen, 1):
        why = skipped = ""
        try:
            with Place() as place:
                function(place)
        except Skip as reason:
            skipped = f" # SKIP {reason}"
        except Exception:  # every failure is a line of the report
            why = traceback.format_exc()
        print("not ok" if why else "ok", number, "-", function.__name__.replace("_", " ") + skipped, flush=True)
        for line in why.splitlines():
            print("#", line)
        failed += bool(why)
    print(f"1..{len(chosen)}")
    sys.exit(1 if failed else 0)
