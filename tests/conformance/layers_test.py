#!/usr/bin/python3
"""`bitdial layers --json` against python3-onnx (model_reference.py): real models and crafted ones."""
import glob
import hashlib
import os

from tap import SHARED, Skip, folder, main, need, run, run_json

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    import model_reference
except ImportError as missing:
    print(f"ok 1 - layers # SKIP {missing}")
    raise SystemExit(0)

random = np.random.default_rng(1)


def compare(path):
    """Everything that `layers --json` says of a file."""
    model = onnx.load(path, load_external_data=False)
    said = run_json("layers", path, "--json")
    compare_model(said, model, path)
    expected = model_reference.layers(model)
    assert [l["tensor"] for l in said["layers"]] == [l["tensor"] for l in expected]
    for index, (got, want) in enumerate(zip(said["layers"], expected)):
        assert got["index"] == index
        compare_layer(got, want)
    return said["layers"]


def compare_model(said, model, path):
    data = open(path, "rb").read()
    about = said["model"]
    assert about["file"] == path and about["bytes"] == len(data)
    assert about["sha256"] == hashlib.sha256(data).hexdigest()
    assert about["ir_version"] == model.ir_version
    assert about["opset"] == max([o.version for o in model.opset_import if not o.domain], default=0)
    usable = [l["weights"] for l in said["layers"] if l["refused"] is None or "NaN" in l["refused"]]
    assert about["weights"] == sum(usable), (about["weights"], sum(usable))
    stored = {t.name for t in model.graph.initializer}
    compare_ports(said["inputs"], [i for i in model.graph.input if i.name not in stored])
    compare_ports(said["outputs"], model.graph.output)


def compare_ports(said, ports):
    assert [p["name"] for p in said] == [p.name for p in ports]
    for got, want in zip(said, ports):
        if not want.type.HasField("tensor_type"):
            assert got["shape"] is None and got["type"] == want.type.WhichOneof("value")[:-5]
            continue
        tensor = want.type.tensor_type
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        kind = {"float": "float32", "double": "float64"}.get(kind, kind)
        assert got["type"] == kind, (got["type"], kind)
        dims = [d.dim_value if d.HasField("dim_value") else d.dim_param or None
                for d in tensor.shape.dim]
        assert got["shape"] == (dims if tensor.HasField("shape") else None)


def compare_layer(got, want):
    name = want["tensor"]
    for key in ("tensor", "node", "op", "shape", "weights", "users"):
        assert got[key] == want[key], f"{name}: {key}: {got[key]} is not {want[key]}"
    if want["refused"]:
        assert got["refused"] and want["refused"] in got["refused"], (name, got["refused"], want)
        return
    assert got["refused"] is None, (name, got["refused"])
    for key in ("type", "zeros"):
        assert got[key] == want[key], f"{name}: {key}: {got[key]} is not {want[key]}"
    for key in ("min", "max"):  # JSON keeps 15 digits, which tell any two float32 apart
        assert np.float32(got[key]) == np.float32(want[key]), f"{name}: {key}: {got[key]}, {want[key]}"
    span = max(abs(want["min"]), abs(want["max"]))
    for key in ("mean", "std"):
        assert abs(got[key] - want[key]) <= 1e-9 * span, f"{name}: {key}: {got[key]}, {want[key]}"


# --- crafted models ------------------------------------------------------------------------------

def weight(name, *shape, dtype=np.float32, raw=True):
    """An initializer with random values, some of them zero."""
    values = (random.standard_normal(shape) * (random.random(shape) > 0.1)).astype(dtype)
    if raw:
        return numpy_helper.from_array(values, name)
    kind = helper.mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype(dtype)]
    return helper.make_tensor(name, kind, shape, values.flatten().tolist())


def node(op, inputs, outputs, name="", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **attributes)


def port(name, shape=("N", 4), kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, initializers=(), inputs=("x",), outputs=("y",), name="g"):
    ports = [[p if not isinstance(p, str) else port(p) for p in side] for side in (inputs, outputs)]
    return helper.make_graph(nodes, name, ports[0], ports[1], list(initializers))


def try_graph(made, ir=8, opset=13):
    """Writes a graph as a model and compares; returns what bitdial says of its layers."""
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    with folder() as d:
        path = os.path.join(d, "crafted.onnx")
        with open(path, "wb") as f:
            f.write(model.SerializeToString())
        return compare(path)


def names(layers):
    return [l["tensor"] for l in layers]


def test_real_models():
    need(os.path.join(SHARED, "models"))
    files = sorted(glob.glob(os.path.join(SHARED, "models", "*.onnx")))
    if not files:
        raise Skip("no models in shared")
    for path in files:
        assert compare(path), path


def test_light_models():
    need(os.path.join(SHARED, "models", "light"))
    for path in sorted(glob.glob(os.path.join(SHARED, "models", "light", "*.onnx"))):
        layers = compare(path)
        assert layers and all("ConstantOfShape" in l["refused"] for l in layers)
        assert all(l["weights"] > 0 for l in layers)


def test_models_of_libonnx():
    folders = [os.path.join("/usr/share/libonnx-testdata/data", kind)
               for kind in ("pytorch-converted", "pytorch-operator", "simple")]
    need(*folders)
    layers = [layer for d in folders for path in sorted(glob.glob(os.path.join(d, "*", "model.onnx")))
              for layer in compare(path)]
    assert len(layers) > 30, len(layers)


def test_shared_weight():
    layers = try_graph(graph([node("MatMul", "x w", "a", "one"), node("Relu", "a", "b"),
                              node("MatMul", "b w", "y", "two")], [weight("w", 4, 4)]))
    assert names(layers) == ["w"] and layers[0]["users"] == ["one", "two"]


def test_unnamed_nodes():
    layers = try_graph(graph([node("Relu", "x", "a"), node("MatMul", "a w", "y")], [weight("w", 4, 4)]))
    assert layers[0]["node"] == "MatMul_1"


def test_constant_nodes():
    values = random.standard_normal((3, 4)).astype(np.float32)
    layers = try_graph(graph([
        node("Constant", "", "k", value=numpy_helper.from_array(values, "inside")),
        node("Constant", "", "list", value_floats=[1.5, 0.0, -2.0]),
        node("Constant", "", "one", value_float=2.5),
        node("Constant", "", "whole", value_ints=[1, 2]),
        node("Gemm", "x k", "a", transB=1), node("MatMul", "x list", "b"),
        node("MatMul", "x one", "c"), node("MatMul", "x whole", "y")]))
    assert names(layers) == ["k", "list", "one", "whole"]


def test_subgraph_names_that_clash():
    def branch(name, nodes, initializers):
        return graph(nodes, initializers, [], ["q"], name)
    inner = branch("inner", [node("MatMul", "x w", "q", "deep"), node("MatMul", "x alone", "r")],
                   [weight("w", 4, 4), weight("alone", 4, 4)])
    then = branch("t", [node("MatMul", "x w", "a", "t"), node("MatMul", "a top", "b"),
                        node("If", "c", "q", "", then_branch=inner, else_branch=branch(
                            "e2", [node("MatMul", "x top", "q", "again")], []))],
                  [weight("w", 4, 4)])
    other = branch("e", [node("MatMul", "x w", "q", "e")], [weight("w", 4, 2)])
    layers = try_graph(graph([node("MatMul", "x top", "h", "first"),
                              node("If", "c", "y", "choose", then_branch=then, else_branch=other)],
                             [weight("top", 4, 4)], ["x", port("c", (), TensorProto.BOOL)]))
    assert names(layers) == ["top", "choose/else_branch/w", "choose/then_branch/w",
                             "choose/then_branch/If_2/then_branch/w", "alone"]
    assert len(layers[0]["users"]) == 3


def test_loop_body():
    body = graph([node("MatMul", "s w", "t", "step"), node("Identity", "go", "on")],
                 [weight("w", 4, 4)], [port("i", (), TensorProto.INT64),
                                       port("go", (), TensorProto.BOOL), "s"],
                 [port("on", (), TensorProto.BOOL), "t"])
    layers = try_graph(graph([node("Loop", "n c x", "y", "l", body=body)], [],
                             ["x", port("n", (), TensorProto.INT64), port("c", (), TensorProto.BOOL)]))
    assert names(layers) == ["w"]


def test_convolutions_and_gemm():
    layers = try_graph(graph([
        node("Conv", "x c b", "a", group=8), node("ConvTranspose", "a t", "h"),
        node("Gemm", "h g1 b", "i", transB=1), node("Gemm", "i g2", "y")],
        [weight("c", 8, 1, 3, 3), weight("b", 8), weight("t", 8, 4, 2, 2), weight("g1", 5, 8),
         weight("g2", 5, 7)]))
    assert names(layers) == ["c", "t", "g1", "g2"]


def test_recurrent():
    nodes, stored = [], []
    for op, rows in (("LSTM", 32), ("GRU", 24), ("RNN", 8)):
        stored += [weight(op + "W", 1, rows, 4), weight(op + "R", 1, rows, 8), weight(op + "B", 1, 2 * rows)]
        nodes.append(node(op, f"x {op}W {op}R {op}B", op + "y", hidden_size=8))
    assert len(try_graph(graph(nodes, stored))) == 6


def test_gather():
    layers = try_graph(graph([
        node("Gather", "table x", "a", "embedding"), node("Gather", "vector x", "b"),
        node("Gather", "x one", "c"), node("Gather", "numbers x", "y")],
        [weight("table", 10, 4), weight("vector", 10),
         numpy_helper.from_array(np.array([1]), "one"),
         numpy_helper.from_array(np.ones((3, 2), np.int64), "numbers")]))
    assert names(layers) == ["table", "numbers"] and "int64" in layers[1]["refused"]


def test_reshaping_leaves_the_stored_tensor():
    shape = numpy_helper.from_array(np.array([4, 6]), "shape")
    axes = numpy_helper.from_array(np.array([0]), "axes")
    layers = try_graph(graph([
        node("Transpose", "w", "a", perm=[1, 0]), node("Reshape", "a shape", "b"),
        node("Unsqueeze", "b axes", "c"), node("Squeeze", "c axes", "d"), node("Identity", "d", "e"),
        node("Cast", "e", "f", to=TensorProto.FLOAT), node("MatMul", "x f", "y")],
        [weight("w", 3, 8, dtype=np.float16), shape, axes]))
    assert names(layers) == ["w"] and layers[0]["shape"] == [3, 8] and layers[0]["type"] == "float16"


def test_computed_weights_are_refused():
    layers = try_graph(graph([
        node("DequantizeLinear", "q s", "w"), node("MatMul", "x w", "a"),
        node("Concat", "k k", "kk", axis=0), node("Transpose", "kk", "kt"), node("Conv", "a kt", "b"),
        node("ConstantOfShape", "dims", "z"), node("Gemm", "b z", "c"),
        node("RandomNormalLike", "k", "noise"), node("MatMul", "c noise", "y")],
        [numpy_helper.from_array(np.ones((4, 4), np.int8), "q"), weight("s"), weight("k", 2, 3),
         numpy_helper.from_array(np.array([4, 5]), "dims")]))
    assert names(layers) == ["w", "kk", "z"] and layers[2]["shape"] == [4, 5]


def test_activations_are_no_layers():
    layers = try_graph(graph([
        node("Transpose", "x", "t"), node("MatMul", "x t", "a", "attention"),
        node("Shape", "x", "s"), node("Gather", "s i", "g"), node("Conv", "x a", "b", "odd"),
        node("Conv", "b v", "y", "given")],
        [numpy_helper.from_array(np.array(0), "i")], ["x", port("v", (4, 4, 1, 1))]))
    assert names(layers) == ["a", "v"] and layers[1]["shape"] == [4, 4, 1, 1]


def test_matmul_weight_on_the_left():
    layers = try_graph(graph([node("MatMul", "w x", "a"), node("MatMul", "u v", "y")],
                             [weight("w", 4, 4), weight("u", 2, 3), weight("v", 3, 2)]))
    assert names(layers) == ["w", "u", "v"]


def test_element_types():
    kinds = {"f": np.float32, "h": np.float16, "d": np.float64}
    stored = [weight(k + r, 4, 4, dtype=t, raw=r == "raw") for k, t in kinds.items()
              for r in ("raw", "typed")]
    brain = random.standard_normal(16).astype(np.float32).view(np.uint32) >> 16
    for name in ("braw", "btyped"):
        tensor = helper.make_tensor(name, TensorProto.FLOAT, [4, 4], [0] * 16)
        tensor.data_type = TensorProto.BFLOAT16
        del tensor.float_data[:]
        if name == "braw":
            tensor.raw_data = brain.astype("<u2").tobytes()
        else:
            tensor.int32_data.extend(int(b) for b in brain)
        stored.append(tensor)
    nodes = [node("MatMul", f"x {t.name}", f"{t.name}y") for t in stored]
    types = [l["type"] for l in try_graph(graph(nodes, stored))]
    assert types == ["float32"] * 2 + ["float16"] * 2 + ["float64"] * 2 + ["bfloat16"] * 2


def test_refused_tensors():
    outside = weight("outside", 4, 4)
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="w.bin")
    bad = weight("bad", 4, 4)
    values = np.ones((4, 4), np.float32)
    values[1, 2] = np.nan
    bad.raw_data = values.tobytes()
    few = helper.make_sparse_tensor(weight("few", 2), numpy_helper.from_array(np.array([1, 7])), [4, 4])
    stored = [outside, bad, weight("none", 0, 4)]
    made = graph([node("MatMul", f"x {n}", f"{n}y") for n in ("outside", "bad", "none", "few")], stored)
    made.sparse_initializer.append(few)
    assert names(try_graph(made)) == ["outside", "bad", "none", "few"]


def test_initializers_that_are_inputs():
    layers = try_graph(graph([node("MatMul", "x w", "y")], [weight("w", 4, 4)],
                             ["w", port("x", ("batch", 4)), port("unused", None)]), ir=3, opset=9)
    assert names(layers) == ["w"]


def test_ports_of_every_kind():
    unknown = port("u", (2, None, "N", 0))
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    half = port("h", (1,), TensorProto.FLOAT16)
    try_graph(graph([node("Relu", "u", "y")], [], [unknown, sequence, half, port("scalar", ())],
                    ["y", port("n", None, TensorProto.INT64)]))


def test_other_domains():
    made = graph([helper.make_node("Conv", ["x", "w"], ["y"], domain="com.example")], [weight("w", 4, 4)])
    assert try_graph(made) == []


def test_text_output():
    with folder() as d:
        path = os.path.join(d, "m.onnx")
        onnx.save(helper.make_model(graph([node("MatMul", "x w\x1b[2J", "y", "n")],
                                          [weight("w\x1b[2J", 4, 4)])), path)
        code, out, err = run("layers", path)
        assert code == 0 and "\x1b" not in out + err and "w\\x1B[2J" in out, (code, out, err)


main(__name__)
