#!/usr/bin/python3
"""Names that a hostile or merely odd file brings: they are listed, chosen, saved and found again, and
never reach a terminal raw."""
import json
import os
import re
import subprocess

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tap import PROGRAM, folder, main, refused, run, without_progress

random = np.random.default_rng(3)
# Each as the bytes of the file. The third is one byte that no UTF-8 text holds.
NAMES = [b"n" * 300, "gr\u00f6\u00dfe/\u91cd\u307f".encode(), b"bad\xff", b"bad\\xFF", b"cut\xe9\x87", b"esc\x1b[2J\x1b]0;t\x07",
         b"c1\xc2\x9b2J", "turn\u202edrow".encode(), b"line\nfeed\ttab\r", b'"quo\\te"', b"../../etc/passwd", b"del\x7f",
         b"star*[a]?", b"a:b=c,d", b" ", b"-rf", b"%s%n%d"]
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def said(name):
    """The name as JSON and configs hold it: bytes that are no UTF-8 as a text."""
    return name.decode("utf-8", "backslashreplace").replace("\\xff", "\\xFF").replace("\\xe9\\x87", "\\xE9\\x87")


def write(path, names):
    """A chain of MatMuls; placeholders of the same length make way for the bytes."""
    nodes, tensors, swaps = [], [], []
    for i, name in enumerate(names):
        place = f"{i:02d}" + "~" * (len(name) - 2) if len(name) > 2 else name.decode()
        if len(name) > 2:
            swaps.append((place.encode(), name))
        tensors.append(numpy_helper.from_array(random.standard_normal((4, 4)).astype(np.float32), place))
        nodes.append(helper.make_node("MatMul", [f"x{i}", place], [f"x{i + 1}"], name="at " + place))
    port = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [port("x0", TensorProto.FLOAT, ["N", 4])],
                              [port(f"x{len(names)}", TensorProto.FLOAT, ["N", 4])], tensors)
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7).SerializeToString()
    for place, name in swaps:
        assert data.count(place) >= 2
        data = data.replace(place, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def tame(*texts):
    for text in texts:
        assert not HARMFUL.search(text), HARMFUL.search(text)


def wanted():
    """What the layers are called: the plain text that looks like an escaped byte gives way."""
    names = [said(n) for n in NAMES]
    names[3] += "#3"
    return names


def test_json_is_valid_and_says_every_name():
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), NAMES)
        for command, key in (("layers", "layers"), ("quantize", "layers")):
            code, out, err = run(command, path, "--json")  # decodes it strictly
            assert code == 0, err
            assert [l["tensor"] for l in json.loads(out)[key]] == wanted()
            tame(out.replace("\n", "").replace("\t", ""), err)


def test_each_is_chosen_by_its_name():
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), NAMES)
        plain = [i for i, n in enumerate(wanted()) if not set(n) & set(":=*[")]
        arguments = [a for i in plain for a in ("--layer", f"{wanted()[i]}:bits={1 + i % 7}")]
        code, out, err = run("quantize", path, "--bits", "8", "--json", *arguments)
        assert code == 0, err
        for i, layer in enumerate(json.loads(out)["layers"]):
            assert layer["bits"] == (1 + i % 7 if i in plain else 8), layer
        err = refused(2, "quantize", path, "--layer", "esc\x1b[2:bits=3", says="esc\\x1B")
        tame(err.rstrip())


def test_a_config_finds_its_layers_again():
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), NAMES)
        script = os.path.join(d, "s.txt")
        with open(script, "w") as f:
            f.write("".join(f":bits {1 + i % 7}\nj\n" for i in range(len(NAMES))) + ":wait\n:w\n")
        code, out, err = run(path, "--script", script)
        assert code == 0, err
        tame(out.replace("\n", ""), err)
        config = path + ".bitdial.json"
        listed = json.loads(open(config, "rb").read().decode())  # strictly UTF-8
        assert [l["tensor"] for l in listed["layers"]] == wanted()
        for extra in ((), ("--force-match",)):
            code, out, err = run("quantize", path, "--config", config, "--json", *extra)
            assert code == 0, err
            assert [l["bits"] for l in json.loads(out)["layers"]] == [1 + i % 7 for i in range(len(NAMES))]
        listed["layers"][5]["tensor"] = "\x1b[31mnone\u202e"
        del listed["model"]["sha256"]
        with open(config, "w") as f:
            json.dump(listed, f)
        tame(refused(2, "quantize", path, "--config", config, says="another model").rstrip())


def test_the_file_keeps_their_bytes():
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), NAMES)
        out = os.path.join(d, "out.onnx")
        code, text, err = run("quantize", path, "--bits", "3", "-o", out)
        assert code == 0, err
        tame(text.replace("\n", ""), err)
        data = open(out, "rb").read()
        for name in (n for n in NAMES if len(n) > 3):  # shorter ones are in the weights too
            assert data.count(name) >= open(path, "rb").read().count(name), name
        assert sorted(os.listdir(d)) == ["m.onnx", "out.onnx"]  # no name became a path


def test_nothing_raw_in_text():
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), NAMES)
        svg = os.path.join(d, "r.svg")
        for command in (("layers", path), ("quantize", path), ("report", path), ("report", path, "-o", svg)):
            code, out, err = run(*command)
            assert code == 0, err
            tame(out.replace("\n", ""), err.replace("\n", ""))
        tame(open(svg, encoding="utf-8").read().replace("\n", ""))
        script = os.path.join(d, "s.txt")
        with open(script, "w") as f:
            f.write(":save-screen a.txt\n" + "j\n:save-screen b.txt\n" * 3)
        assert run(path, "--script", script, cwd=d)[0] == 0
        for name in ("a.txt", "b.txt"):
            tame(open(os.path.join(d, name), encoding="utf-8").read().replace("\n", ""))


def test_hostile_file_names():
    with folder() as d:
        for name in (b"a\x1b[2J.onnx", b"b\xff.onnx", b"c\n.onnx", b"%s%n.onnx", b" .onnx"):
            path = os.path.join(os.fsencode(d), name)
            os.rename(write(os.path.join(d, "m.onnx"), NAMES[:2]), path)
            path = os.fsdecode(path)
            for command in (["layers", path], ["layers", path, "--json"], ["quantize", path, "--json"], ["report", path]):
                code, out, err = run_raw(command)
                assert code == 0, (name, err)
                tame(out.replace("\n", ""), err.replace("\n", ""))
                if "--json" in command:
                    json.loads(out)
            code, _, err = run_raw(["layers", path + "x"])
            assert code == 2 and err.count("\n") == 1
            tame(err.replace("\n", ""))


def run_raw(command):
    """Like run, with arguments that need not be text; what comes back must be."""
    done = subprocess.run([os.fsencode(PROGRAM), *map(os.fsencode, command)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), without_progress(done.stderr.decode())


if __name__ == "__main__":
    main(__name__)
