#!/usr/bin/python3
"""The same seed gives the same bytes, on any number of threads and in any locale."""
import hashlib
import json
import os
import subprocess

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tap import SAMPLE, Skip, folder, main, run

REPEATS = 20
DATA = os.path.join(os.path.dirname(SAMPLE), "fashion_x.npy")
LABELS = os.path.join(os.path.dirname(SAMPLE), "fashion_y.npy")


def write(path, layers=6):
    random = np.random.default_rng(7)
    tensors = [numpy_helper.from_array(random.standard_t(3, (40, 40)).astype(np.float32), f"w{i}") for i in range(layers)]
    nodes = [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(layers)]
    port = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [port("x0", TensorProto.FLOAT, ["N", 40])],
                              [port(f"x{layers}", TensorProto.FLOAT, ["N", 40])], tensors)
    with open(path, "wb") as f:
        f.write(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7).SerializeToString())
    return path


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_quantized_models_and_json():
    with folder() as d:
        path, out = write(os.path.join(d, "m.onnx")), os.path.join(d, "out.onnx")
        for setting in (["--init", "pso-random", "--seed", "5"], ["--method", "kmeans", "--init", "random", "--prune", "0.3"]):
            seen = set()
            for threads in (1, 2, 8):
                for _ in range(REPEATS):
                    code, text, err = run("quantize", path, "--bits", "3", *setting, "--threads", threads, "--json", "-o", out)
                    assert code == 0, err
                    seen.add((digest(open(out, "rb").read()), digest(text.encode())))
            assert len(seen) == 1, (setting, seen)
        other = run("quantize", path, "--bits", "3", "--init", "pso-random", "--seed", "6", "--json")[1]
        assert digest(other.encode()) not in [text for _, text in seen]


def test_scores_of_the_network():
    seen = set()
    for threads in (1, 2, 8):
        for _ in range(REPEATS):
            code, text, err = run("eval", SAMPLE, "--data", DATA, "--labels", LABELS, "--limit", "16", "--bits", "3",
                                  "--threads", threads, "--json")
            assert code == 0, err
            told = json.loads(text)
            del told["seconds"]
            seen.add(json.dumps(told))
    assert len(seen) == 1, seen


def outputs(d, environment):
    """Everything that is written or printed with a number in it."""
    path, config, script = (os.path.join(d, n) for n in ("m.onnx", "c.json", "s.txt"))
    with open(script, "w") as f:
        f.write(f"]\n:prune 0.25\n:bits 3\n:wait\n:w {config}\n:save-screen {d}/screen.txt\n")
    texts = []
    for command in (["quantize", path, "--prune", "0.5", "--layer", "w1:prune=0.125,bits=2", "--json"],
                    ["quantize", path, "--prune", "12.5%"], ["layers", path, "--json"], ["layers", path], ["report", path],
                    [path, "--script", script], ["quantize", path, "--config", config, "--json"],
                    ["eval", SAMPLE, "--data", DATA, "--labels", LABELS, "--limit", "8", "--scale-input", "0.5",
                     "--mean", "0.25", "--std", "1.5", "--prune", "0.1"]):
        code, out, err = run(*command, env=environment)
        assert code == 0, (command, environment, err)
        texts.append("\n".join(line for line in out.splitlines() if " samples in " not in line))
    texts += [open(os.path.join(d, name), encoding="utf-8").read() for name in ("c.json", "screen.txt")]
    os.remove(config)
    return texts


def test_a_comma_as_decimal_point():
    with folder() as d:
        for name in ("de_DE", "tr_TR"):
            made = subprocess.run(["localedef", "-i", name, "-f", "UTF-8", os.path.join(d, name + ".UTF-8")],
                                  capture_output=True) if os.path.exists("/usr/share/i18n/locales/" + name) else None
            if not made or not os.path.exists(os.path.join(d, name + ".UTF-8", "LC_NUMERIC")):
                raise Skip("no locale can be made here (package locales)")
        write(os.path.join(d, "m.onnx"))
        want = outputs(d, {"LC_ALL": "C.UTF-8"})
        for name in ("de_DE", "tr_TR"):
            environment = {"LOCPATH": d, "LC_ALL": name + ".UTF-8", "LANG": name + ".UTF-8"}
            said = subprocess.run(["/usr/bin/printf", "%.1f", "0,5"], env=dict(os.environ, **environment), capture_output=True)
            assert said.stdout == b"0,5", said  # the locale is at work
            for got, right in zip(outputs(d, environment), want):
                assert got == right, (got, right)
        code, _, err = run("quantize", os.path.join(d, "m.onnx"), "--prune", "0,5", env=environment)
        assert code == 2 and "prune" in err


main(__name__)
