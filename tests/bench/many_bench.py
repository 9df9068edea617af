#!/usr/bin/python3
"""Processor time of 10,000 layers against 1,250: 8 times as many take 8 times as long where nothing
looks at every layer for every layer."""
import json
import os
import resource
import subprocess
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "bitdial")
FEW, MANY, RUNS = 1250, 10000, 3


def write(folder, count):
    random = np.random.default_rng(1)
    names = [f"block{i}.weight" for i in range(count)]
    tensors = [numpy_helper.from_array(random.standard_normal((4, 4)).astype(np.float32), n) for n in names]
    nodes = [helper.make_node("MatMul", [f"x{i}", n], [f"x{i + 1}"]) for i, n in enumerate(names)]
    port = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [port("x0", TensorProto.FLOAT, ["N", 4])],
                              [port(f"x{count}", TensorProto.FLOAT, ["N", 4])], tensors)
    path = os.path.join(folder, f"{count}.onnx")
    with open(path, "wb") as f:
        f.write(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7).SerializeToString())
    with open(path + ".json", "w") as f:  # in another order than the model's
        json.dump({"format": "bitdial-config", "version": 1,
                   "layers": [{"tensor": names[i], "bits": 4} for i in random.permutation(count)]}, f)
    with open(path + ".txt", "w") as f:
        f.write(":bits 3\nG\n-\n:q!\n")
    return path


def seconds(command):
    """The least processor time of a few runs."""
    best = float("inf")
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([PROGRAM, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


with tempfile.TemporaryDirectory() as folder:
    few, many = write(folder, FEW), write(folder, MANY)
    for what, arguments in (("layers", lambda p: ["layers", p]), ("quantize", lambda p: ["quantize", p, "--bits", "4"]),
                            ("quantize with a config", lambda p: ["quantize", p, "--config", p + ".json"]),
                            ("the explorer, two edits", lambda p: [p, "--read-only", "--script", p + ".txt"])):
        one, other = seconds(arguments(few)), seconds(arguments(many))
        print(f"{what:28} {FEW} layers {1000 * one:7.0f} ms   {MANY} layers {1000 * other:7.0f} ms   ratio {other / one:5.1f}"
              f" (8 is even)")
