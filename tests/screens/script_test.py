#!/usr/bin/python3
"""Scripts: what the command line of the explorer does, and one line for what is wrong."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from goldens import MODEL, PROGRAM  # noqa: E402

# A script of one line that fails, and words that its message must hold.
WRONG = [
    (":nonsense", "no command is called 'nonsense'"),
    (":undp", "perhaps undo"),
    (":bits 99", "bits"),
    (":bits nan", "bits"),
    (":prune -1", "prune"),
    (":prune nan", "prune"),
    (":prune 200%", "prune"),
    (":method no-such", "'no-such'"),
    (":grid", "grid"),
    (":set", "set takes"),
    (":prune-overall 2", "no ratio"),
    (":set nothing 3", "'nothing'"),
    (":set bits", "bits"),
    (":theme no-such", "'no-such'"),
    (":select no-such", "the nearest is"),
    (":select", "select takes"),
    (":find no-such-text", "no layer holds"),
    (":filter no-such-text", "no layer holds"),
    ("n", "nothing was searched for"),
    (":panel 99", "no panel"),
    (":load", "no such file"),
    (":write m.onnx", "is the model itself"),
    (":save-screen m.onnx", "is the model itself"),
    (":load no-such-file.json", "no-such-file.json"),
    (":load .", "directory"),
    (":write no-such-folder/c.json", "no-such-folder"),
    (":save-screen", "save-screen takes"),
    (":save-screen no-such-folder/s", "no-such-folder"),
    (":rescue", "no edits"),
    (":up 3", "up takes nothing"),
    ("<nokey>", "<nokey>"),
    ("b 9 9 <enter>", "bits"),
    ("\udcff", "UTF-8"),
]


class Folder:
    """A folder with a copy of the sample, to run scripts in."""

    def __enter__(self):
        self.path = tempfile.mkdtemp()
        shutil.copy(MODEL, os.path.join(self.path, "m.onnx"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def run(self, text, *options, **environment):
        with open(os.path.join(self.path, "s.txt"), "w", encoding="utf-8", errors="surrogateescape") as script:
            script.write(text)
        env = {**os.environ, "LC_ALL": "C.UTF-8", "XDG_STATE_HOME": self.path + "/state",
               "XDG_CONFIG_HOME": self.path + "/config", "COLUMNS": "80", "LINES": "24", **environment}
        return subprocess.run([PROGRAM, "m.onnx", "--script", "s.txt", *options], cwd=self.path, env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    def file(self, name):
        with open(os.path.join(self.path, name), encoding="utf-8") as file:
            return file.read()

    def exists(self, name):
        return os.path.exists(os.path.join(self.path, name))

    def settings(self):
        return {layer["tensor"]: layer for layer in json.loads(self.file("m.onnx.bitdial.json"))["layers"]}


tests = []


def test(function):
    tests.append(function)
    return function


@test
def what_is_wrong_is_one_line_with_its_place(folder):
    for line, words in WRONG:
        done = folder.run("# first\n" + line + "\n")
        message = done.stderr
        assert done.returncode in (1, 2) and done.stdout == "", (line, done)
        assert message.startswith("bitdial: s.txt:2: ") and message.count("\n") == 1, (line, message)
        assert words in message, (line, message)
    assert sorted(os.listdir(folder.path)) == ["m.onnx", "s.txt"]


@test
def a_script_that_is_not_there_is_named(folder):
    done = subprocess.run([PROGRAM, "m.onnx", "--script", "none.txt"], cwd=folder.path, capture_output=True, text=True)
    assert done.returncode == 2 and "none.txt" in done.stderr and done.stderr.count("\n") == 1


@test
def edits_reach_the_config(folder):
    done = folder.run(":select conv3.weight\n:bits 3\n:prune 50%\n:method kmeans\n:grid affine\nj -\n:write\n:quit\n")
    assert done.returncode == 0, done.stderr
    layers = folder.settings()
    conv3 = layers["conv3.weight"]
    assert (conv3["bits"], conv3["prune"], conv3["method"], conv3["grid"]) == (3, 0.5, "kmeans", "affine"), conv3
    assert [layer.get("bits") for layer in layers.values()].count(7) == 1


@test
def dials_do_what_commands_do(folder):
    assert folder.run("- - - - - ] ] { m\n:w\n").returncode == 0
    by_keys = folder.settings()
    assert folder.run(":bits 3\n:prune 0.09\n:method " + by_keys["stem.weight"]["method"] + "\n:w\n").returncode == 0
    assert folder.settings() == by_keys
    assert by_keys["stem.weight"]["bits"] == 3 and by_keys["stem.weight"]["prune"] == 0.09


@test
def marked_layers_are_edited_and_undone_together(folder):
    marks = "g <space> <space> <space>\n:bits 4\n"
    assert folder.run(marks + ":w\n").returncode == 0
    assert [layer.get("bits") for layer in folder.settings().values()].count(4) == 3
    assert folder.run(marks + "u\n:w\n").returncode == 0
    assert [layer.get("bits") for layer in folder.settings().values()].count(4) == 0
    assert folder.run(marks + "u <c-r>\n:w\n").returncode == 0
    assert [layer.get("bits") for layer in folder.settings().values()].count(4) == 3


@test
def the_form_changes_only_what_was_touched(folder):
    text = ":bits 5\nj\n:bits 6\n<up> <space> <space> <enter> <down> 4 0 % <enter>\n:w\n"
    assert folder.run(text).returncode == 0
    layers = list(folder.settings().values())
    assert [(layer["bits"], layer["prune"]) for layer in layers[:2]] == [(5, 0.4), (6, 0.4)], layers[:2]


@test
def a_form_that_is_cancelled_changes_nothing(folder):
    assert folder.run("<enter> 3 <down> 5 0 % <esc> <esc>\n:save-screen s\n:quit\n").returncode == 0
    assert " *" not in folder.file("s").splitlines()[1]


@test
def a_wrong_number_stays_in_the_form(folder):
    assert folder.run("<enter> 9 9 <enter>\n:save-screen s\n<esc> <esc>\n:q\n").returncode == 0
    assert "settings of" in folder.file("s") and "99" in folder.file("s")


def quantized(folder, *options):
    """The prune ratios that the command `quantize` gives, by tensor."""
    done = subprocess.run([PROGRAM, "quantize", "m.onnx", "--json", *options], cwd=folder.path, capture_output=True,
                          text=True, timeout=120, check=True)
    return {layer["tensor"]: layer["prune"] for layer in json.loads(done.stdout)["layers"]}


def pruned(folder):
    return {name: layer.get("prune", 0) for name, layer in folder.settings().items()}


@test
def one_ratio_is_spread_over_the_network(folder):
    wanted = quantized(folder, "--prune-overall", "80%")
    for keys in (":prune-overall 80%", "O 8 0 % <enter>", "O 0 . 7 3 + + <enter>", "O 9 5 % - - - <enter>"):
        done = folder.run(":wait\n" + keys + "\n:w\n")
        assert done.returncode == 0, done.stderr
        assert pruned(folder) == wanted, (keys, pruned(folder), wanted)
    assert folder.run(":wait\nO 8 0 % <enter> u\n:w\n").returncode == 0
    assert set(pruned(folder).values()) == {0}
    assert folder.run(":wait\nO 8 0 % <esc>\n:w\n").returncode == 0
    assert set(pruned(folder).values()) == {0}
    done = folder.run(":wait\n:prune-overall 99%\n")
    assert done.returncode == 2 and "s.txt:2: 99 % cannot be pruned overall" in done.stderr, done


@test
def the_sheet_shows_each_layer_before_it_is_taken(folder):
    wanted = quantized(folder, "--prune-overall", "0.5", "--layer", "conv3.weight:prune=0.25")
    done = folder.run(":wait\n:select conv3.weight\n:prune 25%\nL\n:wait\nO . 5\n:save-screen s\n<enter>\n:w\n")
    assert done.returncode == 0, done.stderr
    assert pruned(folder) == wanted and wanted["conv3.weight"] == 0.25, (pruned(folder), wanted)
    screen = [line.strip() for line in folder.file("s").split("\nroles\n")[0].splitlines()]
    for name, ratio in wanted.items():
        shown = next(line for line in screen if name + "  " in line and "%" in line)
        assert ("locked" if name == "conv3.weight" else f"→ {100 * ratio:4.1f}%") in shown, (shown, ratio)
    assert any("→ 50.0% of all weights, 11 layers changed, 1 locked" in line for line in screen), screen


@test
def a_config_is_read_back_to_the_same_screen(folder):
    shot = ":wait\n:save-screen {}\n"
    assert folder.run(":bits 3\nj\n:prune 0.3\n:wait\n:w\ng\n" + shot.format("a")).returncode == 0
    assert folder.run(":load m.onnx.bitdial.json\n:find stem\n" + shot.format("b")).returncode == 0
    ours, theirs = folder.file("a").splitlines()[3:20], folder.file("b").splitlines()[3:20]
    assert ours == theirs, (ours, theirs)


@test
def read_only_writes_nothing(folder):
    for line in (":write", ":save-screen s", "w"):
        done = folder.run("-\n" + line + "\n", "--read-only")
        assert done.returncode == 2 and "nothing is written" in done.stderr, done
    assert sorted(os.listdir(folder.path)) == ["m.onnx", "s.txt"]


@test
def nothing_is_remembered(folder):
    assert folder.run(":theme light\n:theme\n").returncode == 0
    assert not folder.exists("state") and not folder.exists("config")


@test
def theme_of_the_option_is_checked(folder):
    with open(os.path.join(folder.path, "t.json"), "w", encoding="utf-8") as theme:
        theme.write('{"roles": {"good": {"fg": "purpel"}}}')
    done = folder.run(":quit\n", "--theme", "./t.json")
    assert done.returncode == 2 and "roles.good.fg" in done.stderr and done.stderr.count("\n") == 1, done


@test
def every_size_draws(folder):
    for columns, rows in ((1, 1), (5, 2), (59, 16), (60, 15), (60, 16), (61, 17), (99, 29), (100, 16), (500, 200)):
        done = folder.run("- <enter>\n:save-screen s\n<esc> ?\n:save-screen s\n<esc> :\n:save-screen s\n<esc>\n",
                          COLUMNS=str(columns), LINES=str(rows))
        assert done.returncode == 0, (columns, rows, done.stderr)
        lines = folder.file("s").split("\n")
        assert lines[0] == f"screen {columns}x{rows}" and lines[rows + 1] == "roles"
        assert max(len(line) for line in lines[1:rows + 1]) <= columns
        assert all(len(line) == columns for line in lines[rows + 2:2 * rows + 2])


def main():
    failed = 0
    for number, function in enumerate(tests, 1):
        why = ""
        try:
            with Folder() as folder:
                function(folder)
        except Exception as problem:  # every failure is a line of the report
            why = f"{type(problem).__name__}: {problem}"
        print("not ok" if why else "ok", number, "-", function.__name__.replace("_", " "), flush=True)
        for line in why.splitlines():
            print("#", line)
        failed += bool(why)
    print(f"1..{len(tests)}")
    sys.exit(1 if failed else 0)


main()
