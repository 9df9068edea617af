#!/usr/bin/python3
"""ONNX exports of every model at hand, run by ONNX Runtime: their outputs against those of the network
with de-quantized float weights. QONNX's nodes, which it does not know, are replaced by their stated
arithmetic (qonnx docs/qonnx-custom-ops), written here on its own."""
import glob
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ort
from tap import SAMPLE, SHARED, Skip, folder, main, need, refused, run, run_json

LIMIT = 1e-4
FREE = {"silero_vad.onnx": {"input": (1, 512), "state": (2, 1, 128), "sr": ()}}
TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64, 2: np.uint8}
# Every kind of what a layer can be, dealt out over the layers of a model.
MIXED = ["bits=4", "bits=3,grid=affine", "bits=5,method=linear-mse,granularity=channel", "bits=1,method=linear",
         "bits=8,prune=0.5", "bits=2,prune=0.4,zero=mask", "bits=6,scale=pow2,method=linear", "bits=32",
         "bits=8,grid=affine,method=linear", "bits=32,prune=0.3", "bits=7,granularity=channel,grid=affine,method=linear"]
BOOKS = ["bits=4,method=kmeans", "bits=3,method=kmeans,prune=0.5", "bits=8,method=kmeans,zero=mask,prune=0.2",
         "bits=2,method=kmeans,granularity=channel", "bits=1,method=kmeans"]
GROUPS = ["bits=4,granularity=group:16,method=linear", "bits=4,granularity=group:9,method=linear,grid=affine"]


def models():
    found = [SAMPLE]
    if os.path.isdir(os.path.join(SHARED, "models")):
        found += sorted(glob.glob(os.path.join(SHARED, "models", "*.onnx")))
    return found


def settings(path, kinds):
    """Options that deal the kinds out over a model's layers."""
    layers = [l["tensor"] for l in run_json("layers", path, "--json")["layers"] if not l["refused"]]
    options = []
    for number, name in enumerate(layers):
        escaped = "".join("[" + c + "]" if c in "*?[" else "\\\\" if c == "\\" else c for c in name)
        options += ["--layer", f"{escaped}:{kinds[number % len(kinds)]}"]
    return options


def inputs_of(path):
    """Random values for every input; silero's own rates."""
    model = onnx.load(path)
    stored = {t.name for t in model.graph.initializer}
    rng, free, found = np.random.default_rng(1), FREE.get(os.path.basename(path), {}), {}
    for port in model.graph.input:
        if port.name in stored:
            continue
        tensor = port.type.tensor_type
        dims = free.get(port.name, [d.dim_value or 1 for d in tensor.shape.dim])
        values = rng.normal(size=dims) * (0.1 if free else 1)
        found[port.name] = np.asarray(16000 if port.name == "sr" else values).astype(TYPES[tensor.elem_type])
    return found


def export(path, out, *options):
    code, _, err = run("export", path, "-o", out, *options)
    assert code == 0, (path, options, err)
    return err


def compare(kinds, formats, paths=None, limit=LIMIT):
    """Exports all and runs all in one go of ONNX Runtime."""
    with folder() as d:
        jobs, names = [], []
        for path in paths or models():
            options, inputs = settings(path, kinds), inputs_of(path)
            plain = os.path.join(d, f"{len(jobs)}.onnx")
            assert run("quantize", path, *options, "-o", plain)[0] == 0
            jobs.append((plain, inputs))
            names.append((os.path.basename(path), "float", plain))
            for format in formats:
                out = os.path.join(d, f"{len(jobs)}.onnx")
                export(path, out, *format, *options)
                check_nodes(out, format, path, options)
                if "qonnx" in format:
                    replace_quant(out)
                jobs.append((out, inputs))
                names.append((os.path.basename(path), " ".join(format), out))
        check(ort.run_all(jobs), names, limit)


ADDS = {"qonnx": ("Quant", "BipolarQuant"), "qdq": ("DequantizeLinear",), "codebook": ("Gather",)}


def nodes_of(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def check_nodes(out, format, path, options):
    """Every layer with codes got its node; a shared weight may have more."""
    def count(p):
        return sum(node.op_type in ADDS.get(format[1], ()) for node in nodes_of(onnx.load(p).graph))
    coded = [l for l in run_json("quantize", path, *options, "--json")["layers"] if l["bits"] < 32]
    if format[1] in ADDS:
        assert count(out) - count(path) >= len(coded), (path, format)


def check(answers, names, limit):
    wanted = None
    for answer, (name, format, path) in zip(answers, names):
        assert isinstance(answer, dict), (name, format, answer)
        if format == "float":
            wanted = answer
            continue
        difference = ort.worst(answer, wanted)
        print(f"# {name} {format}: {difference:.1e}")
        assert difference <= limit, (name, format, difference)


# --- QONNX, by its stated arithmetic -----------------------------------------------------------------

def quant(x, scale, zero, bits, signed, narrow):
    low = -2.0 ** (bits - 1) + narrow if signed else 0
    high = 2.0 ** (bits - 1) - 1 if signed else 2.0 ** bits - 1 - narrow
    y = np.clip(x / scale + zero, low, high)
    return (np.round(y) - zero) * scale


def value_of(graph, name):
    return numpy_helper.to_array(next(t for t in graph.initializer if t.name == name))


def evaluate(graph, node):
    said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    inputs = [value_of(graph, name) for name in node.input]
    if node.op_type == "BipolarQuant":
        return np.where(inputs[0] >= 0, np.float32(1), np.float32(-1)) * inputs[1]
    assert node.op_type == "Quant" and said["rounding_mode"] == b"ROUND"
    x, scale, zero, bits = inputs
    assert zero == 0 and bits.shape == () and 2 <= bits <= 9 and node.name
    result = quant(x, scale, zero, float(bits), said["signed"], said["narrow"])
    assert len(np.unique(np.round(result / scale))) <= 2 ** bits - said["narrow"]
    assert np.allclose(result, x, rtol=1e-6, atol=0), "the stored weights are not on their levels"
    return result


def replace_in(graph):
    kept = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                replace_in(attribute.g)
        if node.domain != "qonnx.custom_op.general":
            kept.append(node)
            continue
        values = evaluate(graph, node).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)


def replace_quant(path):
    model = onnx.load(path)
    assert any(o.domain == "qonnx.custom_op.general" and o.version == 1 for o in model.opset_import)
    replace_in(model.graph)
    with open(path, "wb") as f:
        f.write(model.SerializeToString())


# --- every model -------------------------------------------------------------------------------------

def test_fake_and_codebook_take_every_setting():
    compare(MIXED + BOOKS, [["--format", "fake"], ["--format", "codebook"]])


def test_qonnx_by_its_arithmetic():
    compare(MIXED, [["--format", "qonnx"]])


QDQ_REFUSED = {"ultraface-RFB-320.onnx"}  # libonnx 1.12's converter does not know shapes behind its Softmax


def test_qdq_int8():
    compare(MIXED, [["--format", "qdq"]], [m for m in models() if os.path.basename(m) not in QDQ_REFUSED])


def test_qdq_int8_a_tensor():
    compare(MIXED[:2], [["--format", "qdq"]])


def test_qdq_int4_and_groups():
    paths = [m for m in models() if os.path.basename(m) not in QDQ_REFUSED]
    compare(MIXED + GROUPS, [["--format", "qdq", "--format-version", "int4"]], paths)


def crafted(path, kind=np.float32):
    """A weight in a Constant, one shared by two nodes, operators that opset 18 changed."""
    rng, node = np.random.default_rng(6), helper.make_node
    shared = numpy_helper.from_array(rng.normal(size=(8, 8)).astype(kind), "shared")
    inside = numpy_helper.from_array(rng.normal(size=(8, 8)).astype(kind))
    nodes = [node("Constant", [], ["inside"], value=inside), node("MatMul", ["x", "shared"], ["a"]),
             node("MatMul", ["a", "inside"], ["b"]), node("MatMul", ["b", "shared"], ["c"]),
             node("Split", ["c"], ["d", "e"], axis=1), node("ReduceMean", ["d"], ["f"], axes=[1], keepdims=1),
             node("Add", ["e", "f"], ["y"])]
    port, number = helper.make_tensor_value_info, helper.mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype(kind)]
    graph = helper.make_graph(nodes, "g", [port("x", number, [2, 8])], [port("y", number, [2, 4])], [shared])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)


def test_constants_shared_weights_and_changed_operators():
    formats = [["--format", f] for f in ("fake", "codebook", "qdq", "qonnx")]
    with folder() as d:
        path = os.path.join(d, "crafted.onnx")
        crafted(path)
        compare(MIXED[:2], formats + [["--format", "qdq", "--format-version", "int4"]], [path])
        out = os.path.join(d, "shared.onnx")
        export(path, out, "--format", "qonnx", "--bits", "4")
        readers = [name for node in onnx.load(out).graph.node for name in node.input]
        quants = [node for node in onnx.load(out).graph.node if node.op_type == "Quant"]
        assert len(quants) == 3 and all(readers.count(q.output[0]) == 1 for q in quants)
        export(path, out, "--format", "qdq", "--format-version", "int4", "--bits", "4")
        assert sum(node.op_type == "DequantizeLinear" for node in onnx.load(out).graph.node) == 2
        assert onnx.load(out).ir_version == 10 and onnx.load(out).opset_import[0].version == 21


def test_other_types_of_weights():
    with folder() as d:
        for kind in (np.float16, np.float64):
            path = os.path.join(d, "typed.onnx")
            crafted(path, kind)
            for format in ("qdq", "codebook", "qonnx"):
                out = os.path.join(d, format + ".onnx")
                export(path, out, "--format", format, "--bits", "4")
                casts = [n for n in onnx.load(out).graph.node if n.op_type == "Cast" and n.output[0] in ("shared", "inside")]
                number = helper.mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype(kind)]
                assert len(casts) == 2 and all(c.attribute[0].i == number for c in casts)
            plain, out = os.path.join(d, "plain.onnx"), os.path.join(d, "qdq.onnx")
            assert run("quantize", path, "--bits", "4", "-o", plain)[0] == 0
            x = {"x": np.random.default_rng(1).normal(size=(2, 8)).astype(kind)}
            wanted, got = ort.run_all([(plain, x), (out, x)])
            assert isinstance(got, dict), got
            assert ort.worst(got, wanted) < (2e-3 if kind == np.float16 else LIMIT)


def test_external_data_goes_to_a_new_file():
    with folder() as d:
        path = os.path.join(d, "outside.onnx")
        onnx.save_model(onnx.load(SAMPLE), path, save_as_external_data=True, location="w.bin", size_threshold=64)
        before = open(os.path.join(d, "w.bin"), "rb").read()
        for format in ("fake", "qonnx", "qdq", "codebook"):
            out = os.path.join(d, format + ".onnx")
            said = run_json("export", path, "--format", format, "--bits", "4", "-o", out, "--json")
            assert said["files"] == 2 and os.path.exists(out + ".data"), said
            inside = os.path.join(d, "inside.onnx")
            export(SAMPLE, inside, "--format", format, "--bits", "4")
            whole, parts = onnx.load(inside), onnx.load(out)
            values = {t.name: numpy_helper.to_array(t) for t in whole.graph.initializer}
            assert all(np.array_equal(values[t.name], numpy_helper.to_array(t)) for t in parts.graph.initializer)
            assert [n.SerializeToString() for n in whole.graph.node] == [n.SerializeToString() for n in parts.graph.node]
        assert open(os.path.join(d, "w.bin"), "rb").read() == before


main(__name__)
