#!/usr/bin/python3
"""`macs` of `bitdial layers --json`: against a count from the shapes that python3-onnx infers."""
import os

from tap import SHARED, folder, main, need, run, run_json

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper, shape_inference
except ImportError as missing:
    print(f"ok 1 - macs # SKIP {missing}")
    raise SystemExit(0)

random = np.random.default_rng(3)


def shapes_of(model):
    """name → shape, the first dimension of every input taken as 1 where it is dynamic."""
    stored = {t.name: list(t.dims) for t in model.graph.initializer}
    for port in model.graph.input:
        dims = port.type.tensor_type.shape.dim
        if port.name not in stored and dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
    del model.graph.value_info[:]
    for port in model.graph.output:
        port.type.tensor_type.ClearField("shape")
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {p.name: [d.dim_value for d in p.type.tensor_type.shape.dim]
              for p in list(inferred.input) + list(inferred.value_info) + list(inferred.output)}
    shapes.update(stored)
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            shapes[node.output[0]] = list(node.attribute[0].t.dims)
    return shapes


def attribute(node, name, fallback):
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), fallback)


def of_node(node, shape):
    """Products of one node, written out of the operators' definitions."""
    if node.op_type == "Conv":  # each output value sums over the kernel and its group's channels
        return np.prod(shape[node.output[0]]) * np.prod(shape[node.input[1]][1:])
    if node.op_type == "ConvTranspose":  # each input value spreads over its group's kernels
        return np.prod(shape[node.input[0]]) * np.prod(shape[node.input[1]][1:])
    if node.op_type == "Gemm":
        a, b = shape[node.input[0]], shape[node.input[1]]
        rows = a[1] if attribute(node, "transA", 0) else a[0]
        return rows * b[0] * b[1]
    if node.op_type == "MatMul":
        a, b = shape[node.input[0]], shape[node.input[1]]
        rows, columns = (a[-2] if len(a) > 1 else 1), (b[-1] if len(b) > 1 else 1)
        stack = np.prod(np.broadcast_shapes(tuple(a[:-2]), tuple(b[:-2])), dtype=np.int64)
        return stack * rows * a[-1] * columns
    return 0


def count(model):
    """layer tensor → multiply–accumulates, for weights that are used as they are stored."""
    shape, macs = shapes_of(model), {}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if node.op_type in ("LSTM", "GRU", "RNN") and place in (1, 2):
                steps, batch = shape[node.input[0]][:2]
                macs[name] = macs.get(name, 0) + steps * batch * np.prod(shape[name])
            elif place in (0, 1):
                macs[name] = macs.get(name, 0) + of_node(node, shape)
    return macs


def said_of(path):
    return {layer["tensor"]: layer["macs"] for layer in run_json("layers", path, "--json")["layers"]}


def compare(path):
    want, said = count(onnx.load(path, load_external_data=False)), said_of(path)
    assert said
    for tensor, macs in said.items():
        assert macs == want[tensor], (path, tensor, macs, want[tensor])
    return sum(said.values())


def total_line(path):
    code, out, _ = run("layers", path)
    assert code == 0
    return out.strip().splitlines()[-1]


# --- real models ---------------------------------------------------------------------------------

def test_models_whose_weights_are_used_as_stored():
    need(os.path.join(SHARED, "models"))
    totals = {name: compare(os.path.join(SHARED, "models", name + ".onnx")) for name in
              ("resnet20_cifar10_bn", "squeezenet1.1_imagenet", "mobilenetv2_backbone_imagenet",
               "ultraface-RFB-320", "yolox_nano", "dtln_1")}
    assert 0.28e9 < totals["mobilenetv2_backbone_imagenet"] < 0.32e9, totals
    mnist = said_of(os.path.join(SHARED, "models", "mnist-8.onnx"))  # by hand: its last weight is reshaped
    assert list(mnist.values()) == [28 * 28 * 8 * 25, 14 * 14 * 16 * 8 * 25, 256 * 10], mnist


def test_the_sample():
    compare(os.path.join("samples", "fashion.onnx"))
    said = sum(said_of("samples/fashion.onnx").values())
    assert total_line("samples/fashion.onnx") == f"{said:,} multiply-accumulates a run"


def test_resnet50():
    """The light model, its weights stored: as zeros, all in one file with a hole."""
    light = os.path.join(SHARED, "models", "light", "light_resnet50.onnx")
    need(light)
    model = onnx.load(light)
    model.ir_version = 4  # from which on initializers are no inputs
    stored = {t.name: t for t in model.graph.initializer}
    makers = [n for n in model.graph.node if n.op_type == "ConstantOfShape"]
    most = 0
    for node in makers:
        shape = numpy_helper.to_array(stored[node.input[0]]).tolist()
        tensor = TensorProto(name=node.output[0], data_type=TensorProto.FLOAT, dims=shape,
                             data_location=TensorProto.EXTERNAL)
        size = 4 * int(np.prod(shape))
        for key, value in (("location", "zeros"), ("offset", "0"), ("length", str(size))):
            tensor.external_data.add(key=key, value=value)
        model.graph.initializer.append(tensor)
        model.graph.node.remove(node)
        most = max(most, size)
    with folder() as d:
        with open(os.path.join(d, "zeros"), "wb") as f:
            f.truncate(most)
        path = os.path.join(d, "resnet50.onnx")
        onnx.save(model, path)
        assert 4.0e9 < compare(path) < 4.2e9


# --- crafted ones --------------------------------------------------------------------------------

def weight(name, *shape):
    return numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def port(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(nodes, stored, inputs, output="y"):
    ports = [port(n, s, *k) for n, s, *k in inputs]
    graph = helper.make_graph(nodes, "g", ports, [helper.make_tensor_value_info(output, 1, None)], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def try_model(model, check=compare):
    with folder() as d:
        path = os.path.join(d, "m.onnx")
        onnx.save(model, path)
        return check(path)


def test_convolutions():
    for groups in (1, 2, 4):
        for kind, w in (("Conv", (8, 4 // groups, 3, 2)), ("ConvTranspose", (4, 8 // groups, 3, 2))):
            m = model_of([node(kind, "x w", "y", group=groups, strides=[2, 1], dilations=[1, 2], pads=[1, 0, 0, 1])],
                         [weight("w", *w)], [("x", ["N", 4, 9, 7])])
            assert try_model(m) > 0
    try_model(model_of([node("Conv", "x w b", "y")], [weight("w", 5, 3, 4), weight("b", 5)], [("x", [2, 3, 9])]))


def test_products():
    for a, b in (((2, 3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 1, 3, 4), (6, 4, 5))):
        try_model(model_of([node("MatMul", "x w", "y")], [weight("w", *b)], [("x", list(a))]))
    try_model(model_of([node("MatMul", "w x", "y")], [weight("w", 5, 4)], [("x", [2, 4, 3])]))
    for ta, tb in ((0, 0), (0, 1), (1, 0), (1, 1)):
        try_model(model_of([node("Gemm", "x w", "y", transA=ta, transB=tb)],
                           [weight("w", *((5, 4) if tb else (4, 5)))], [("x", [4, 3] if ta else [3, 4])]))


def test_recurrent():
    for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        m = model_of([node(op, "x w r", "y", hidden_size=6, direction="bidirectional")],
                     [weight("w", 2, gates * 6, 5), weight("r", 2, gates * 6, 6)], [("x", [7, 3, 5])])
        assert try_model(m) == 7 * 3 * 2 * gates * 6 * 11


def test_a_layer_with_several_users():
    """An embedding that is looked up, then used transposed as the last product: 0 + all of them."""
    m = model_of([node("Gather", "table i", "a"), node("MatMul", "a w", "b"), node("Relu", "b", "c"),
                  node("MatMul", "c w", "d"), node("Transpose", "table", "t", perm=[1, 0]),
                  node("MatMul", "d t", "y")], [weight("table", 50, 8), weight("w", 8, 8)],
                 [("i", [3, 5], TensorProto.INT64)])
    assert try_model(m, said_of) == {"table": 15 * 8 * 50, "w": 2 * 15 * 64}


def test_what_is_not_known_is_null():
    m = model_of([node("MatMul", "x w", "y")], [weight("w", 4, 5)], [("x", ["N", "length", 4])])
    assert try_model(m, said_of) == {"w": None}
    assert "input x" in try_model(m, total_line)
    unknown = model_of([node("MatMul", "x w", "a"), node("Frobnicate", "a", "y")], [weight("w", 4, 5)],
                       [("x", [3, 4])])
    assert try_model(unknown, said_of) == {"w": None}
    assert "Frobnicate" in try_model(unknown, total_line)


def test_shapes_that_the_run_finds():
    m = model_of([node("MatMul", "x w", "a"), node("NonZero", "a", "i"), node("Cast", "i", "f", to=1),
                  node("Transpose", "f", "t", perm=[1, 0]), node("MatMul", "t v", "y")],
                 [weight("w", 4, 5), weight("v", 2, 5)], [("x", [3, 4])])
    assert try_model(m, said_of) == {"w": 60, "v": None}
    assert try_model(m, total_line) == "60 multiply-accumulates a run, without 1 layers where they are not known"


def test_branches_and_loops():
    def branch(name):
        return helper.make_graph([node("MatMul", f"x {name}", "q")], name, [], [port("q", None)],
                                 [weight(name, 4, 2)])
    body = helper.make_graph([node("MatMul", "s w", "t"), node("Identity", "go", "on")], "body",
                             [port("i", [], TensorProto.INT64), port("go", [], TensorProto.BOOL), port("s", [3, 4])],
                             [port("on", [], TensorProto.BOOL), port("t", [3, 4])], [weight("w", 4, 4)])
    m = model_of([helper.make_node("If", ["c"], ["a"], then_branch=branch("p"), else_branch=branch("r")),
                  helper.make_node("Loop", ["n", "c", "x"], ["b"], body=body), node("Identity", "b", "y")], [],
                 [("x", [3, 4]), ("c", [], TensorProto.BOOL), ("n", [], TensorProto.INT64)])
    assert try_model(m, said_of) == {"p": 24, "r": 24, "w": None}


main(__name__)
