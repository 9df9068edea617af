"""The layers of an ONNX model, found a second time: by python3-onnx and the rules of the design.

A layer is a weight of Conv, ConvTranspose, Gemm (input 1), MatMul (0 or 1), LSTM, GRU, RNN (1 and 2)
or Gather (0, of rank 2 or more), wherever it is stored; reshaping leaves it the same tensor. What is
constant but computed is listed and refused; so is whatever the run gives to a Conv or an LSTM.
"""
import collections

import numpy as np
from onnx import AttributeProto, TensorProto, numpy_helper

WEIGHTS = {"Conv": [1], "ConvTranspose": [1], "Gemm": [1], "MatMul": [0, 1], "LSTM": [1, 2],
           "GRU": [1, 2], "RNN": [1, 2], "Gather": [0]}
ALWAYS = {"Conv", "ConvTranspose", "LSTM", "GRU", "RNN"}
SAME = {"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Transpose"}
RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial",
          "Bernoulli"}
FLOATS = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16",
          TensorProto.BFLOAT16: "bfloat16", TensorProto.DOUBLE: "float64"}

# kind: "stored", "computed", "input", "run" or "nowhere"; what: the TensorProto, the operator, …
Source = collections.namedtuple("Source", "kind name scope what")


class Scope:
    """A graph inside the graphs around it."""

    def __init__(self, graph, parent=None, node="", branch=""):
        self.graph, self.parent, self.node, self.branch = graph, parent, node, branch
        self.stored = {t.name: t for t in graph.initializer}
        self.sparse = {t.values.name: t for t in graph.sparse_initializer}
        self.inputs = {i.name: i for i in graph.input}
        self.makers = {name: node for node in graph.node for name in node.output if name}

    def path(self):
        return f"{self.parent.path()}{self.node}/{self.branch}/" if self.parent else ""

    def owner(self, name):
        scope = self
        while scope and not any(name in names for names in
                                (scope.stored, scope.sparse, scope.inputs, scope.makers)):
            scope = scope.parent
        return scope

    def source(self, name):
        scope = self.owner(name)
        if not scope:
            return Source("nowhere", name, self, None)
        if name in scope.stored:
            return Source("stored", name, scope, scope.stored[name])
        if name in scope.sparse:
            return Source("stored", name, scope, scope.sparse[name])
        if name in scope.inputs:
            return Source("input", name, scope, scope.inputs[name])
        return scope.computed(name, scope.makers[name])

    def computed(self, name, node):
        ours = node.domain in ("", "ai.onnx")
        if ours and node.op_type == "Constant" and node.attribute:
            return Source("stored", name, self, constant(node.attribute[0]))
        sources = [self.source(i) for i in node.input if i]
        if ours and node.op_type in SAME and sources and sources[0].kind in ("stored", "computed"):
            return sources[0]
        has_graph = any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute)
        fixed = (sources and not has_graph and not (ours and node.op_type in RANDOM)
                 and all(s.kind in ("stored", "computed") for s in sources))
        return Source("computed" if fixed else "run", name, self, node)


def constant(attribute):
    """What a Constant's attribute stores, as a TensorProto (or a SparseTensorProto)."""
    if attribute.name == "value":
        return attribute.t
    if attribute.name == "sparse_value":
        return attribute.sparse_tensor
    kind = {"value_float": (np.float32, attribute.f), "value_int": (np.int64, attribute.i),
            "value_floats": (np.float32, list(attribute.floats)),
            "value_ints": (np.int64, list(attribute.ints))}[attribute.name]
    return numpy_helper.from_array(np.array(kind[1], kind[0]))


def shape_of(source):
    """The shape, as far as it is asked for: of what is stored, ConstantOfShape, declared inputs."""
    if source.kind == "stored":
        return list(source.what.dims)
    if source.kind == "computed" and source.what.op_type == "ConstantOfShape":
        asked = source.scope.source(source.what.input[0])
        return numpy_helper.to_array(asked.what).tolist() if asked.kind == "stored" else []
    if source.kind == "input" and source.what.type.tensor_type.HasField("shape"):
        dims = source.what.type.tensor_type.shape.dim
        if all(d.HasField("dim_value") for d in dims):
            return [d.dim_value for d in dims]
    return []


def refusal(source):
    """A word that the refusal must hold, or None."""
    if source.kind == "computed":
        return f"computed from constants by {source.what.op_type}"
    if source.kind != "stored":
        return {"input": "input of its graph", "run": "while the network runs",
                "nowhere": "not defined"}[source.kind]
    if source.what.DESCRIPTOR.name == "SparseTensorProto":
        return "sparse"
    if source.what.data_type not in FLOATS:
        return numpy_helper.to_array(source.what).dtype.name
    if source.what.data_location == TensorProto.EXTERNAL:
        return "its data file"
    values = numpy_helper.to_array(source.what)
    if values.size == 0:
        return "no weights"
    return None if np.isfinite(values).all() else "NaN" if np.isnan(values).any() else "Inf"


def walk(scope, found):
    for index, node in enumerate(scope.graph.node):
        name = node.name or f"{node.op_type}_{index}"
        places = WEIGHTS.get(node.op_type, []) if node.domain in ("", "ai.onnx") else []
        for place in places:
            if place >= len(node.input) or not node.input[place]:
                continue
            source = scope.source(node.input[place])
            if source.kind not in ("stored", "computed") and node.op_type not in ALWAYS:
                continue
            if node.op_type == "Gather" and len(shape_of(source)) < 2:
                continue
            key = (id(source.scope), source.name)
            layer = found.setdefault(key, {"source": source, "op": node.op_type, "users": []})
            if not layer["users"] or layer["users"][-1][0] is not node:
                layer["users"].append((node, name))
        for attribute in node.attribute:
            graphs = [(attribute.name, attribute.g)] if attribute.HasField("g") else []
            graphs += [(f"{attribute.name}_{i}", g) for i, g in enumerate(attribute.graphs)]
            for branch, graph in graphs:
                walk(Scope(graph, scope, name, branch), found)
    return found


def layers(model):
    found = list(walk(Scope(model.graph), {}).values())
    counts = collections.Counter(layer["source"].name for layer in found)
    return [describe(layer, counts) for layer in found]


def describe(layer, counts):
    source = layer["source"]
    clash = counts[source.name] > 1 and source.scope.parent
    shape = shape_of(source)
    known = bool(shape) or source.kind == "stored"
    out = {"tensor": (source.scope.path() if clash else "") + source.name,
           "node": layer["users"][0][1], "op": layer["op"], "shape": shape,
           "weights": int(np.prod(shape, dtype=np.int64)) if known else 0,
           "users": [name for _, name in layer["users"]], "refused": refusal(source)}
    if out["refused"] is None:
        values = numpy_helper.to_array(source.what).astype(np.float32).astype(np.float64)
        out.update(type=FLOATS[source.what.data_type], min=values.min(), max=values.max(),
                   mean=values.mean(), std=values.std(), zeros=int((values == 0).sum()))
    return out
