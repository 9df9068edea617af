#!/usr/bin/python3
"""Writes the seeds of the fuzz targets: small files that are right, one for each thing that a reader
knows. They are committed, so that every machine mutates the same bytes. Beside them stand those that
libFuzzer found, named by what was wrong."""
import io
import json
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")
random = np.random.default_rng(1)
port = helper.make_tensor_value_info


def put(name, data):
    with open(os.path.join(SEEDS, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def weight(name, *shape, kind=np.float32, raw=True):
    values = random.standard_normal(shape).astype(kind)
    if raw:
        return numpy_helper.from_array(values, name)
    return helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(values.dtype) if hasattr(
        helper, "np_dtype_to_tensor_dtype") else helper.mapping.NP_TYPE_TO_TENSOR_TYPE[values.dtype],
        shape, values.flatten().tolist())


def node(op, inputs, outputs, name="", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **attributes)


def model(name, nodes, stored=(), opset=13, ir=7, inputs=None, sparse=()):
    made = helper.make_graph(nodes, "g", inputs or [port("x", TensorProto.FLOAT, ["N", 4])],
                             [port("y", TensorProto.FLOAT, None)], list(stored))
    made.sparse_initializer.extend(sparse)
    put(f"model/{name}.onnx", helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)],
                                                ir_version=ir).SerializeToString())


def external(name, **places):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2, 2], data_location=TensorProto.EXTERNAL)
    for key, value in places.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def models():
    model("two_layers", [node("MatMul", "x w", "a", "one"), node("Gemm", "a v", "y", "two", transB=1)],
          [weight("w", 4, 5), weight("v", 3, 5)])
    model("convolution", [node("Conv", "x c b", "a", group=2), node("ConvTranspose", "a t", "y")],
          [weight("c", 2, 1, 2, 2), weight("b", 2), weight("t", 2, 1, 2, 2)])
    model("recurrent", [node("LSTM", "x W R", "y", hidden_size=2)], [weight("W", 1, 8, 4), weight("R", 1, 8, 2)])
    model("types", [node("MatMul", f"x {k}", f"{k}y") for k in "fhd"],
          [weight("f", 4, 2, raw=False), weight("h", 4, 2, kind=np.float16), weight("d", 4, 2, kind=np.float64, raw=False)])
    model("constants", [node("Constant", "", "k", value=weight("inside", 4, 3)),
                        node("Constant", "", "l", value_floats=[1.0, 2.0]),
                        node("Transpose", "k", "t", perm=[1, 0]), node("MatMul", "x k", "a"), node("MatMul", "a t", "y")])
    branch = [helper.make_graph([node("MatMul", "x w", "q")], n, [], [port("q", TensorProto.FLOAT, None)],
                                [weight("w", 4, 2)]) for n in ("t", "e")]
    model("branches", [node("If", "c", "y", "choose", then_branch=branch[0], else_branch=branch[1])],
          inputs=[port("x", TensorProto.FLOAT, ["N", 4]), port("c", TensorProto.BOOL, [])])
    model("external", [node("MatMul", "x w", "a"), node("MatMul", "a v", "y")],
          [external("w", location="../w.bin", offset="4", length="16"), external("v", location="v.bin")])
    few = helper.make_sparse_tensor(weight("few", 2), numpy_helper.from_array(np.array([1, 7])), [4, 4])
    model("sparse", [node("MatMul", "x few", "y")], sparse=[few])
    model("embedding", [node("Gather", "table x", "y")], [weight("table", 6, 3)], opset=99, ir=99)


def configs():
    layers = [{"tensor": "w", "node": "one", "bits": 3, "prune": 0.5, "method": "kmeans", "locked": True},
              {"tensor": "v", "node": "two", "grid": "affine", "zero": "mask", "seed": 7}]
    put("config/two_layers.json", json.dumps({
        "format": "bitdial-config", "version": 1, "model": {"file": "m.onnx"}, "seed": 1,
        "defaults": {"bits": 4, "init": "optimal", "granularity": "tensor"}, "layers": layers, "note": [1, {"a": None}]},
        indent=1))
    put("config/least.json", '{"format":"bitdial-config","version":1,"layers":[]}')
    put("config/hashes.json", json.dumps({
        "format": "bitdial-config", "version": 1, "model": {"file": "m.onnx", "sha256": "0" * 64},
        "layers": [dict(layer, sha256="f" * 64) for layer in layers]}))


def others():
    put("theme/all.json", json.dumps({"extends": "dark", "roles": {
        "text": {"fg": "#d0d0d0", "bg": "default"}, "cursor": {"fg": 15, "bg": 24, "bold": True, "fg16": "white"},
        "bad": {"fg": "red", "underline": True, "reverse": False, "dim": True, "bg16": 4}}}))
    put("theme/light.json", json.dumps({"extends": "light", "roles": {}}))
    put("script/keys.txt", "# keys\n- - j ] }\n:bits 3\n:set grid affine\nu <c-r> <enter>\n<esc>\n:wait\n")
    put("script/walk.txt", "<tab> 2 3 + k <space> / v <enter>\n? <esc>\n: b i t s\n<enter>\n:prune 50%\n:theme light\nL\n:q!\n")
    put("script/prompts.txt", "p 5 0 % <enter>\n:filter w\n:sort sqnr\nb 9 <enter> <esc>\n:load none.json\n")
    for name, values in (("floats", random.standard_normal((2, 3)).astype(np.float32)),
                         ("bytes", np.arange(6, dtype=np.uint8)), ("longs", np.arange(4).reshape(2, 2))):
        out = io.BytesIO()
        np.save(out, values)
        put(f"npy/{name}.npy", out.getvalue())
    for name, save in (("stored", np.savez), ("packed", np.savez_compressed)):
        out = io.BytesIO()
        save(out, x=np.ones((2, 2), np.float32), labels=np.arange(3))
        put(f"npy/{name}.npz", out.getvalue())


def sensitivities():
    point = {"bits": 3, "prune": 0.5, "relative_sse": 0.02, "local_sqnr_db": 17.1, "output_sqnr_db": None,
             "kl": 0.03, "kl_error": 0.001, "top1": 0.9, "top1_error": 0.01}
    head = {"format": "bitdial-sensitivity", "version": 1, "model": {"file": "m.onnx", "sha256": "0" * 64},
            "data": {"samples": 8, "sha256": "1" * 64}}
    layer = {"tensor": "w", "method": "kmeans", "seed": 1, "points": [point, dict(point, bits=4)]}
    put("sensitivity/whole.json", json.dumps(dict(
        head, samples=8, float={"top1": 0.9, "top1_error": None}, layers=[layer, dict(layer, tensor="v")])))
    put("sensitivity/shard.json", json.dumps(dict(
        head, shard={"index": 1, "of": 1}, samples=4, float={"top1": None, "sums": [4, 3, 3]},
        layers=[dict(layer, points=[dict(point, sums=list(range(10)))])])))


models()
configs()
sensitivities()
others()
