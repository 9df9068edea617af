#!/usr/bin/python3
"""Memory that runs out: --memory is a ceiling that is said and held, and wherever an allocation fails
the program says one line and exits 1, or gives the very same result without it."""
import os
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap import BUILD, PROGRAM, SAMPLE, Skip, folder, main, refused, run, run_json

SANITIZED = b"__asan_init" in open(PROGRAM, "rb").read()
random = np.random.default_rng(6)


def write(path, *shapes):
    nodes, tensors = [], []
    for i, shape in enumerate(shapes):
        tensors.append(numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), f"w{i}"))
        nodes.append(helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]))
    port = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [port("x0", TensorProto.FLOAT, ["N", shapes[0][0]])],
                              [port(f"x{len(shapes)}", TensorProto.FLOAT, ["N", shapes[-1][1]])], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    return path


def script(d, *lines):
    path = os.path.join(d, "script.txt")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    return path


def test_wrong_sizes_are_told():
    for size in ("", "much", "-5M", "1K", "5Q", "0", "1e99", "nan"):
        refused(2, "layers", SAMPLE, "--memory", size, says="--memory")


def test_too_small_a_ceiling_is_said_before_work_begins():
    if SANITIZED:
        raise Skip("the sanitizers' own memory does not fit under a ceiling")
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), (1000, 1000), (1000, 2000))
        for command in (("layers", path), ("quantize", path, "--bits", "4"), ("report", path),
                        (path, "--script", script(d, "-", ":wait"))):
            refused(1, *command, "--memory", "20M", says=("--memory", "MiB", "m.onnx"))
        for command in (("quantize", path), ("report", path), (path, "--script", script(d, "-", ":wait"))):
            refused(1, *command, "--granularity", "group:1", "--memory", "120M", says="takes about")
        assert run("quantize", path, "--granularity", "group:1", "--memory", "400M")[0] == 0


def test_the_ceiling_holds():
    if SANITIZED:
        raise Skip("the sanitizers' own memory does not fit under a ceiling")
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), (1000, 1000), (1000, 1500), (1500, 300))
        want = run_json("quantize", path, "--bits", "4", "--json")["layers"]
        for mebibytes in (45, 60, 100, 400):
            code, out, err = run("quantize", path, "--bits", "4", "--json", "--memory", f"{mebibytes}M")
            assert code == 0 or (code == 1 and err.count("\n") == 1), (mebibytes, code, err)
            if code == 0:
                import json
                assert json.loads(out)["layers"] == want
        assert code == 0


def test_every_ceiling_ends_well():
    if SANITIZED:
        raise Skip("the sanitizers' own memory does not fit under a ceiling")
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), (300, 500), (500, 200))
        keys = script(d, "-", "]", ":wait", "u", ":wait", ":save-screen s.txt", ":w", ":q")
        outcomes = set()
        for command in (["layers", path], ["quantize", path, "--bits", "3", "-o", os.path.join(d, "o.onnx")],
                        ["report", path], [path, "--script", keys]):
            for kibibytes in range(1500, 9000, 750):
                code, _, err = run(*command, "--memory", f"{kibibytes}K", cwd=d)
                # A script that fails says so with 2, whatever it was that failed.
                told = code in (1, 2 if "--script" in command else 1) and err.count("\n") == 1
                assert code == 0 or (told and err.startswith("bitdial: ")), (command, kibibytes, code, err)
                outcomes.add(min(code, 1))
        assert outcomes == {0, 1}
        assert not [name for name in os.listdir(d) if name.startswith(".bitdial")]


def build_failing():
    library = os.path.abspath(os.path.join(BUILD, "tests", "failing.so"))
    source = os.path.join(os.path.dirname(__file__), "..", "fuzz", "failing.c")
    os.makedirs(os.path.dirname(library), exist_ok=True)
    subprocess.run([*os.environ.get("CC", "gcc").split(), "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", source, "-o", library,
                    "-ldl"], check=True)
    return library


def run_failing(command, environment):
    done = subprocess.run([PROGRAM, *command, "--threads", "1", "--memory", "200M"], env=dict(os.environ, **environment),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def check_failures(d, library, command, most, later=True):
    """Lets one allocation fail, and all from there on, at up to `most` places. later: once libcrypto
    stands, which crashes where it cannot start."""
    counted = os.path.join(d, "count")
    base = {"LD_PRELOAD": library, **({"FAIL_LATER": "1"} if later else {})}
    code, want, err = run_failing(command, {**base, "FAIL_COUNT": counted})
    assert code == 0, err
    count = int(open(counted).read())
    places = range(count) if count <= most else np.unique(np.linspace(0, count - 1, most).astype(int))
    failures = 0
    for place in places:
        for last in (place, 1 << 40):
            code, out, err = run_failing(command, {**base, "FAIL_FROM": str(place), "FAIL_TO": str(last)})
            # The layer table of a report may lack its small pictures.
            alike = out == want or (command[0] == "report" and out.count(b"\n") == want.count(b"\n"))
            same = code == 0 and alike and err == b""
            told = code in (1, 2 if "--script" in command else 1) and err.count(b"\n") == 1 and err.startswith(b"bitdial: ")
            assert same or told, (command, place, last, code, err, out == want)
            failures += told
    assert failures > 0, command


def test_every_failed_allocation_ends_well():
    if SANITIZED:
        raise Skip("the sanitizers bring their own allocator")
    library = build_failing()
    with folder() as d:
        path = write(os.path.join(d, "m.onnx"), (6, 5), (5, 3))
        out = os.path.join(d, "out.onnx")
        keys = script(d, "-", ":wait", "u", ":w", ":q")
        most = int(os.environ.get("FAILURES", "60"))
        check_failures(d, library, ["layers", path], 2 * most)
        check_failures(d, library, ["quantize", path, "--bits", "3", "-o", out], 2 * most)
        for command in (["layers", path, "--json"], ["quantize", path, "--json"], ["report", path],
                        [path, "--script", keys]):
            check_failures(d, library, command, most)
        assert not [name for name in os.listdir(d) if name.startswith(".bitdial")]


main(__name__)
