"""A model that keeps bitdial busy for seconds: many medium layers."""
import os

import numpy as np
import onnx
from onnx import TensorProto, helper


def write(directory, layers=200, side=256):
    random = np.random.default_rng(1)
    nodes, initializers = [], []
    for i in range(layers):
        values = random.standard_t(3, (side, side)).astype(np.float32)
        initializers.append(
            helper.make_tensor(f"w{i}", TensorProto.FLOAT, [side, side], values.tobytes(), raw=True))
        nodes.append(helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"], name=f"n{i}"))
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "big", [info("x0", TensorProto.FLOAT, ["N", side])],
                              [info(f"x{layers}", TensorProto.FLOAT, ["N", side])], initializers)
    path = os.path.join(directory, "big.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    return path
