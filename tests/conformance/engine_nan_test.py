#!/usr/bin/python3
"""What is not a number: where it stays in ONNX Runtime it stays here, and `eval` names where it came in."""
import os

import numpy as np
import onnx
import onnx.numpy_helper
from onnx import TensorProto, helper

import ort
from engine_models_test import outputs_of
from tap import SAMPLE, TOP, folder, main, refused

RNG = np.random.default_rng(1)
ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Elu", "Softplus")


def random(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def save(path, nodes, shape, **stored):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in stored.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    onnx.save(model, path)


def activation(op, given):
    bounds = ["low", "high"] if op == "Clip" else []
    return helper.make_node(op, [given, *bounds], ["y"]), {k: np.float32(v) for k, v in zip(bounds, (0, 6))}


def with_nan(shape, places):
    x = random(*shape)
    x.reshape(-1)[places] = np.nan
    return x


def both(d, cases):
    """cases: (label, nodes, stored, x). Yields label, ours, ONNX Runtime's."""
    paths = []
    for label, nodes, stored, x in cases:
        paths.append(os.path.join(d, label + ".onnx"))
        save(paths[-1], nodes, x.shape, **stored)
    answers = ort.run_all([(path, {"x": case[3]}) for path, case in zip(paths, cases)])
    for path, case, theirs in zip(paths, cases, answers):
        assert not isinstance(theirs, str), (case[0], theirs)
        yield case[0], outputs_of(path, {"x": case[3]})["y"], theirs["y"]


def check(cases):
    with folder() as d:
        for label, ours, theirs in both(d, cases):
            assert np.isnan(theirs).any(), label
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, equal_nan=True, err_msg=label)


def test_element_by_element():
    cases = []
    for size in (7, 600):  # from 256 on, oneDNN
        for op in (*ACTIVATIONS, "Exp", "Sign", "Abs", "Erf", "Mish"):
            node, stored = activation(op, "x")
            cases.append((f"{op}_{size}", [node], stored, with_nan((1, size), [0, 3, size - 1])))
    check(cases)


def test_activations_that_join_a_convolution():
    cases = []
    for shape, kernel in (((1, 4, 16, 16), (5, 4, 3, 3)), ((1, 3, 16), (4, 3, 3)), ((2, 4, 9, 9), (4, 1, 3, 3))):
        for op in ACTIVATIONS:
            node, stored = activation(op, "c")
            conv = helper.make_node("Conv", ["x", "w"], ["c"], group=shape[1] // kernel[1])
            cases.append((f"{op}_{len(cases)}", [conv, node], {"w": random(*kernel), **stored},
                          with_nan(shape, [20])))
    check(cases)


def test_an_infinity_below_zero_is_none_after_relu():
    cases = []
    for channels in (4, 32):  # the latter by Winograd's algorithm
        w, x = random(channels, channels, 3, 3), random(1, channels, 16, 16)
        b = np.zeros(channels, np.float32)
        b[1] = -np.inf
        nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1] * 4), helper.make_node("Relu", ["c"], ["y"])]
        cases.append((f"relu_{channels}", nodes, {"w": w, "b": b}, x))
    with folder() as d:
        for label, ours, theirs in both(d, cases):
            assert (theirs[:, 1] == 0).all(), label
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4, err_msg=label)


def test_winograd_loses_none():
    """A tile of 4×4 outputs is computed together: all of it may be NaN, but none that should be is not."""
    cases = []
    for op in ("Relu", "Clip", "LeakyRelu"):
        node, stored = activation(op, "c")
        conv = helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4)
        cases.append((op, [conv, node], {"w": random(32, 32, 3, 3), **stored}, with_nan((1, 32, 16, 16), [5000])))
    with folder() as d:
        for label, ours, theirs in both(d, cases):
            lost = np.isnan(theirs) & ~np.isnan(ours)
            assert np.isnan(theirs).any() and not lost.any(), label
            far = np.abs(np.indices(ours.shape)[2] - np.argwhere(np.isnan(theirs))[:, 2].mean()) > 6
            np.testing.assert_allclose(ours[far], theirs[far], rtol=1e-3, atol=1e-4, err_msg=label)


def test_the_greatest_of_a_window():
    """ONNX Runtime keeps NaN or drops it by its place in the window; here it stays, as Max and ReduceMax have it."""
    one = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
    whole = helper.make_node("GlobalMaxPool", ["x"], ["y"])
    conv = helper.make_node("Conv", ["x", "w"], ["x2"])  # its output has the channels last
    kernel = np.eye(8, dtype=np.float32).reshape(8, 8, 1, 1)
    with folder() as d:
        path = os.path.join(d, "m.onnx")
        for node in (one, whole):
            last = helper.make_node(node.op_type, ["x2"], ["y"])
            last.attribute.extend(node.attribute)
            for nodes, stored in (([node], {}), ([conv, last], {"w": kernel})):
                save(path, nodes, (1, 8, 4, 4), **stored)
                for place in range(16):
                    x = with_nan((1, 8, 4, 4), [place])
                    y = outputs_of(path, {"x": x})["y"]
                    expected = (x.reshape(1, 8, 2, 2, 2, 2).max((3, 5)) if node is one
                                else x.max((2, 3), keepdims=True))
                    if stored:  # 0 · NaN in every channel
                        expected = np.where(np.isnan(expected).any(1, keepdims=True), np.nan, expected)
                    np.testing.assert_allclose(y, expected, rtol=1e-5, err_msg=f"{node.op_type} {place}")


def test_eval_of_the_sample_says_that_the_data_hold_it():
    with folder() as d:
        data, labels = os.path.join(d, "x.npy"), os.path.join(d, "y.npy")
        x = np.load(os.path.join(TOP, "samples", "fashion_x.npy"))[:4].astype(np.float32)
        x[2, ..., 14, 14] = np.nan
        np.save(data, x)
        np.save(labels, np.load(os.path.join(TOP, "samples", "fashion_y.npy"))[:4])
        refused(2, "eval", SAMPLE, "--data", data, "--labels", labels, says=("input image", "NaN"))


main(__name__)
