#!/usr/bin/python3
"""Random graphs and a transformer block, against ONNX Runtime. BITDIAL_GRAPHS says how many graphs."""
import os

import numpy as np
import onnx
import onnx.numpy_helper
from onnx import TensorProto, helper

import ort
from engine_models_test import outputs_of
from tap import folder, main

COUNT = int(os.environ.get("BITDIAL_GRAPHS", "40"))
LIMIT = 1e-4


class Maker:
    """A graph in the making: tensors by name with their shapes."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.stored, self.shapes = [], [], {}

    def store(self, array):
        name = f"c{len(self.stored)}"
        self.stored.append(onnx.numpy_helper.from_array(array, name))
        return name

    def weights(self, *shape):
        return self.store((self.rng.normal(size=shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32))

    def add(self, op, inputs, shape, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name="n_" + name, **attributes))
        self.shapes[name] = tuple(shape)
        return name

    def pick(self, rank=None):
        names = [n for n, s in self.shapes.items() if (rank is None or len(s) == rank) and np.prod(s) < 2e5]
        return names[int(self.rng.integers(len(names)))] if names else None

    def save(self, path, x, opset):
        read = {i for n in self.nodes for i in n.input}
        outputs = [n for n in self.shapes if n not in read and n != "x"] or [self.nodes[-1].output[0]]
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
                                  [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
                                  self.stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        onnx.save(model, path)


def grow(m):
    """Adds a random node."""
    kind = int(m.rng.integers(12))
    image = m.pick(4)
    any_ = m.pick()
    shape = m.shapes[any_]
    if kind == 0 and image:
        n, c, h, w = m.shapes[image]
        k, stride, pad = (int(m.rng.integers(1, 4)) for _ in range(3))
        pad, group = min(pad, k) - 1, c if m.rng.random() < 0.3 else 1
        if c >= 32 and group == 1:
            k, stride, pad = 3, 1, 1
        out = c if group > 1 else int(m.rng.integers(1, 24) if c < 32 else m.rng.integers(32, 70))
        if h + 2 * pad >= k and w + 2 * pad >= k:
            m.add("Conv", [image, m.weights(out, c // group, k, k), m.weights(out)],
                  (n, out, (h + 2 * pad - k) // stride + 1, (w + 2 * pad - k) // stride + 1),
                  kernel_shape=[k, k], strides=[stride] * 2, pads=[pad] * 4, group=group)
    elif kind == 1 and image and min(m.shapes[image][2:]) >= 2:
        n, c, h, w = m.shapes[image]
        op = ("MaxPool", "AveragePool")[int(m.rng.integers(2))]
        m.add(op, [image], (n, c, h - 1, w - 1), kernel_shape=[2, 2])
    elif kind == 2:
        m.add(("Relu", "Sigmoid", "Tanh", "Softplus", "Abs", "Neg", "HardSigmoid", "Elu", "Erf")[
            int(m.rng.integers(9))], [any_], shape)
    elif kind == 3:
        other = next((n for n, s in reversed(m.shapes.items()) if s == shape), any_)
        m.add(("Add", "Sub", "Mul", "Max", "Min")[int(m.rng.integers(5))], [any_, other], shape)
    elif kind == 4 and image:
        c = m.shapes[image][1]
        params = [m.store(m.rng.uniform(0.5, 1.5, c).astype(np.float32)) for _ in range(4)]
        m.add("BatchNormalization", [image] + params, m.shapes[image])
    elif kind == 5:
        order = [int(i) for i in m.rng.permutation(len(shape))]
        m.add("Transpose", [any_], [shape[i] for i in order], perm=order)
    elif kind == 6:
        flat = int(np.prod(shape))
        m.add("Reshape", [any_, m.store(np.array([shape[0], -1], np.int64))], (shape[0], flat // shape[0]))
    elif kind == 7:
        axis = int(m.rng.integers(len(shape)))
        m.add("Concat", [any_, any_], [s * 2 if i == axis else s for i, s in enumerate(shape)], axis=axis)
    elif kind == 8:
        m.add("Softmax", [any_], shape, axis=int(m.rng.integers(len(shape))))
    elif kind == 9:
        m.add("ReduceMean", [any_], (*shape[:-1], 1), axes=[-1], keepdims=1)
    elif kind == 10:
        out = int(m.rng.integers(1, 16))
        m.add("MatMul", [any_, m.weights(shape[-1], out)], (*shape[:-1], out))
    elif kind == 11 and shape[-1] > 2:
        lists = [m.store(np.array([v], np.int64)) for v in (1, shape[-1] - 1, -1)]
        m.add("Slice", [any_] + lists, (*shape[:-1], shape[-1] - 2))


def random_graph(seed, path):
    m = Maker(seed)
    x = (1, int(m.rng.integers(1, 20)), int(m.rng.integers(4, 14)), int(m.rng.integers(4, 14)))
    if seed % 5 == 4:  # wide enough for Winograd's filtering
        x = (1 + seed % 2, int(m.rng.integers(32, 80)), int(m.rng.integers(12, 24)), int(m.rng.integers(12, 24)))
    m.shapes["x"] = x
    while len(m.nodes) < 12:
        grow(m)
    m.save(path, x, 13)
    return {"x": m.rng.normal(size=x).astype(np.float32)}


def test_random_graphs():
    with folder() as d:
        jobs = []
        for seed in range(COUNT):
            path = os.path.join(d, f"{seed}.onnx")
            jobs.append((path, random_graph(seed, path)))
        worst, wrong, judged = 0.0, [], 0
        for (path, inputs), theirs in zip(jobs, ort.run_all(jobs)):
            if isinstance(theirs, str):
                continue  # ONNX Runtime refuses it
            difference = ort.worst(outputs_of(path, inputs), theirs)
            judged += 1
            worst = max(worst, difference)
            if not difference < LIMIT:
                wrong.append((os.path.basename(path), difference))
        print(f"# {judged} of {COUNT} graphs judged, worst relative difference {worst:.1e}")
        assert judged >= COUNT * 0.9 and not wrong, wrong


def test_transformer_block():
    m = Maker(1)
    n, d, heads = 9, 32, 4
    m.shapes["x"] = (1, n, d)
    scale, shift = m.store(np.ones(d, np.float32)), m.store(np.zeros(d, np.float32))
    y = m.add("LayerNormalization", ["x", scale, shift], (1, n, d), axis=-1)
    parts = []
    for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        p = m.add("MatMul", [y, m.weights(d, d)], (1, n, d))
        p = m.add("Reshape", [p, m.store(np.array([0, 0, heads, -1], np.int64))], (1, n, heads, d // heads))
        parts.append(m.add("Transpose", [p], (), perm=order))
    scores = m.add("MatMul", parts[:2], ())
    scores = m.add("Div", [scores, m.store(np.float32(np.sqrt(d // heads)))], ())
    mask = m.store(np.ones((n, n), np.float32))
    lower = m.add("Trilu", [mask], (), upper=0)
    allowed = m.add("Greater", [lower, m.store(np.float32(0))], ())
    scores = m.add("Where", [allowed, scores, m.store(np.float32(-1e9))], ())
    mixed = m.add("Einsum", [m.add("Softmax", [scores], (), axis=-1), parts[2]], (), equation="bhij,bhjd->bhid")
    mixed = m.add("Transpose", [mixed], (), perm=[0, 2, 1, 3])
    mixed = m.add("Reshape", [mixed, m.store(np.array([0, 0, -1], np.int64))], ())
    y = m.add("Add", ["x", mixed], ())
    h = m.add("MatMul", [y, m.weights(d, 4 * d)], ())
    e = m.add("Erf", [m.add("Div", [h, m.store(np.float32(np.sqrt(2)))], ())], ())
    h = m.add("Mul", [h, m.add("Add", [e, m.store(np.float32(1))], ())], ())
    power = m.add("Pow", [m.add("MatMul", [h, m.weights(4 * d, d)], ()), m.store(np.float32(2))], ())
    m.add("Sqrt", [m.add("ReduceMean", [power], (), axes=[-1])], ())
    with folder() as folder_path:
        path = os.path.join(folder_path, "block.onnx")
        m.save(path, (1, n, d), 17)
        inputs = {"x": np.random.default_rng(2).normal(size=(1, n, d)).astype(np.float32)}
        theirs = ort.run_all([(path, inputs)])[0]
        assert not isinstance(theirs, str), theirs
        difference = ort.worst(outputs_of(path, inputs), theirs)
        print(f"# {difference:.1e}")
        assert difference < 1e-5, difference


if __name__ == "__main__":
    main(__name__)
