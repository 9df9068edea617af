#!/usr/bin/python3
"""Models that lie about themselves, through every command: each ends with one line or lists what it
refuses, soon and with little memory."""
import json
import os
import resource
import subprocess

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tap import PROGRAM, folder, main, without_progress

random = np.random.default_rng(5)
SANITIZED = b"__asan_init" in open(PROGRAM, "rb").read()
port = helper.make_tensor_value_info


def weight(name, *shape):
    return numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)


def claims(name, dims, **fields):
    """A tensor that says it has a shape, whatever it holds."""
    return TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims, **fields)


def graph(nodes, tensors, name="g", inputs=("x",), outputs=("y",)):
    return helper.make_graph(nodes, name, [port(i, TensorProto.FLOAT, ["N", 4]) for i in inputs],
                             [port(o, TensorProto.FLOAT, None) for o in outputs], tensors)


def encoded(g, opset=13, ir=7):
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir).SerializeToString()


def node(op, inputs, outputs, name="", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **attributes)


def varint(value):
    out = bytes([value & 0x7F | (value > 0x7F) << 7])
    return out + varint(value >> 7) if value > 0x7F else out


def field(number, payload):
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def nested(depth, *numbers):
    """So many messages in one another, by these field numbers in turn from the outside."""
    inner = b""
    for level in range(depth):
        inner = field(numbers[-1 - level % len(numbers)], inner)
    return inner


def ends_well(data, d, says=None, refuses=None, few=False):
    """Runs every command on the bytes (few: two of them); says: in each refusal; refuses: in the
    layer's reason."""
    path, x = os.path.join(d, "m.onnx"), os.path.join(d, "x.npy")
    with open(path, "wb") as f:
        f.write(data)
    np.save(x, np.ones((3, 4), np.float32))
    script = os.path.join(d, "s.txt")
    with open(script, "w") as f:
        f.write("-\nj\n]\n:wait\n2\n3\n4\n5\n6\n7\n8\nu\n:wait\n:q!\n")
    before = sorted(os.listdir(d))
    all_commands = (["layers", path, "--json"], ["run", path, "--data", x, "-o", os.path.join(d, "out.npz")],
                    ["layers", path], ["quantize", path, "--json", "--bits", "3"],
                    ["quantize", path, "-o", os.path.join(d, "out.onnx")], ["report", path], [path, "--script", script])
    for command in all_commands[:2] if few else all_commands:
        code, out, err = limited(command)
        assert code in (0, 1, 2), (command, code, err)
        tight = [line for line in err.splitlines() if not line.startswith("bitdial: ")]
        assert not tight and (code == 0 or err), (command, code, err)
        assert code == 0 or err.splitlines()[-1].startswith("bitdial: "), (command, err)
        if code and says and command[0] != "run":
            assert says in err, (command, err)
        if code == 0 and "--json" in command:
            told = json.loads(out)
            if refuses and command[0] == "layers":
                reasons = [l["refused"] for l in told["layers"] if l["refused"]]
                assert any(refuses in r for r in reasons), reasons
        for name in ("out.onnx", "out.npz"):
            if os.path.exists(os.path.join(d, name)):
                assert code == 0
                os.remove(os.path.join(d, name))
        assert sorted(os.listdir(d)) == before, os.listdir(d)


def limited(command):
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        if not SANITIZED:
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    done = subprocess.run([PROGRAM, *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, preexec_fn=limit)
    return done.returncode, done.stdout.decode(), without_progress(done.stderr.decode())


def check_shapes(d, all_dims, fields, refuses):
    """Each of the shapes in a model of its own, and all of them in one."""
    bad = [claims(f"bad{i}", dims, **fields) for i, dims in enumerate(all_dims)]
    for tensor in bad:
        data = encoded(graph([node("MatMul", "x good", "h"), node("MatMul", f"h {tensor.name}", "y")],
                             [weight("good", 4, 4), tensor]))
        ends_well(data, d, refuses=refuses, few=True)
    nodes = [node("MatMul", f"x {tensor.name}", f"y{i}") for i, tensor in enumerate(bad)]
    ends_well(encoded(graph(nodes, bad, outputs=[f"y{i}" for i in range(len(bad))])), d, refuses=refuses)


def test_sizes_that_nobody_has():
    with folder() as d:
        for fields in ({"raw_data": b"\0" * 16}, {"float_data": [1, 2, 3, 4]}, {}):
            check_shapes(d, ([2 ** 62], [2 ** 31, 2 ** 31], [2 ** 62, 2], [2 ** 32, 2 ** 32], [4, 2 ** 60], [2 ** 63 - 1],
                             [2 ** 63 - 1] * 8, [0, 2 ** 62, 2 ** 62], [1] * 9 + [4]), fields, "")


def test_negative_dimensions():
    with folder() as d:
        check_shapes(d, ([-4, 4], [4, -4], [-4, -4], [-2 ** 63], [-2 ** 63, -1], [-1, 2 ** 62]),
                     {"raw_data": b"\0" * 64}, "cannot be")
        g = graph([node("MatMul", "x w", "y")], [weight("w", 4, 4)])
        for dims in ([-3, 4], [2 ** 62, 4], [-2 ** 63, -2 ** 63]):
            del g.input[0].type.tensor_type.shape.dim[:]
            for dim in dims:
                g.input[0].type.tensor_type.shape.dim.add().dim_value = dim
            ends_well(encoded(g), d, few=True)


def test_ten_thousand_deep():
    good = encoded(graph([node("MatMul", "x w", "y")], [weight("w", 4, 4)]))
    ways = {
        "graphs in attributes": field(7, field(1, field(5, nested(9999, 6, 1, 5)))),
        "lists of graphs": field(7, field(1, field(5, nested(9999, 11, 1, 5)))),
        "sequences of sequences": field(7, field(11, field(2, nested(20000, 4, 1)))),
        "maps": field(7, field(11, field(2, nested(20000, 5, 2)))),
        "optionals": field(7, field(13, field(2, nested(20000, 9, 1)))),
        "functions": field(25, field(7, field(5, nested(9999, 6, 1, 5)))),
        "unknown fields": field(15, nested(10000, 15)),
    }
    with folder() as d:
        for what, tail in ways.items():
            ends_well(good + tail, d, says="nested" if what != "unknown fields" else None)
        for depth in (60, 64, 65, 66, 99, 100, 101, 200, 500, 1000):
            ends_well(good + field(7, field(1, field(5, nested(3 * depth, 6, 1, 5)))), d, few=True)


def test_cycles():
    w, v = weight("w", 4, 4), weight("v", 4, 4)
    with folder() as d:
        for nodes in ([node("MatMul", "b w", "a"), node("MatMul", "a v", "b"), node("Add", "x b", "y")],
                      [node("MatMul", "y w", "y")], [node("Identity", "y", "y")],
                      [node("Identity", "b", "a"), node("Transpose", "a", "b"), node("MatMul", "x b", "y")],
                      [node("MatMul", "x w", "w"), node("MatMul", "w v", "y")],
                      [node("MatMul", "h v", "y"), node("MatMul", "x w", "h")]):  # the order of a run is turned
            ends_well(encoded(graph(nodes, [w, v])), d)
        inner = graph([node("MatMul", "y w", "q")], [], "inner", inputs=(), outputs=("q",))
        ends_well(encoded(graph([node("If", "x", "y", then_branch=inner, else_branch=inner)], [w])), d)


def test_names_twice():
    w, v = weight("w", 4, 4), weight("w", 4, 4)
    twice = [node("MatMul", "x w", "h", "n"), node("MatMul", "h w", "y", "n")]
    inner = graph([node("MatMul", "x w", "x")], [weight("w", 4, 4), weight("w", 4, 4)], "inner", inputs=("x", "x"),
                  outputs=("x", "x"))
    with folder() as d:
        for g in (graph(twice, [w, v]), graph(twice, [w], inputs=("x", "x")), graph(twice, [w], outputs=("y", "y")),
                  graph(twice + [node("Neg", "x", "y")], [w]), graph(twice, [w], inputs=("x", "w", "w")),
                  graph(twice + [node("Constant", "", "w", value=v)], [w]),
                  graph([node("Constant", "", "w", value=v)] * 2 + twice, []),
                  graph([node("If", "x", "y", then_branch=inner, else_branch=inner)] * 2, [w]),
                  graph([node("MatMul", "w w", "w")], [w])):
            ends_well(encoded(g), d)
        many = [weight("w", 2, 2) for _ in range(3000)]
        ends_well(encoded(graph([node("MatMul", "x w", "y")] * 3000, many)), d)


def test_attributes_that_lie():
    w = weight("w", 4, 1, 2, 2)
    with folder() as d:
        for attributes in ({"group": 2 ** 62}, {"group": -1}, {"group": 0}, {"strides": [0, 0]}, {"pads": [2 ** 62] * 4},
                           {"dilations": [2 ** 62, -1]}, {"kernel_shape": [2 ** 40, 2 ** 40]}, {"auto_pad": b"\xff" * 9},
                           {"group": [4]}, {"strides": 2.5}, {"pads": []}):
            ends_well(encoded(graph([node("Conv", "x w", "y", **attributes)], [w])), d)
        shape = numpy_helper.from_array(np.array([2 ** 40, 2 ** 20], np.int64), "s")
        for op, inputs in (("ConstantOfShape", "s"), ("Expand", "x s"), ("Reshape", "x s"), ("Tile", "x s"), ("RandomNormal", "")):
            more = {"shape": [2 ** 40, 2 ** 20]} if op == "RandomNormal" else {}
            ends_well(encoded(graph([node(op, inputs, "h", **more), node("MatMul", "x h", "y")], [shape])), d)


main(__name__)
