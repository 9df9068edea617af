#!/usr/bin/python3
"""Models that are large in a way: over 2 GiB, ten thousand layers; and those of tomorrow, whose IR
version and opset nobody here knows."""
import json
import os
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap import PROGRAM, SAMPLE, TOP, Skip, folder, main, refused, run, run_json

random = np.random.default_rng(9)
GIB = 1 << 30
SANITIZED = b"__asan_init" in open(PROGRAM, "rb").read()
port = helper.make_tensor_value_info


def write(path, nodes, tensors, opset=13, ir=7, width=4):
    graph = helper.make_graph(nodes, "g", [port("x0", TensorProto.FLOAT, ["N", width])],
                              [port(nodes[-1].output[0], TensorProto.FLOAT, None)], tensors)
    with open(path, "wb") as f:
        f.write(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir).SerializeToString())
    return path


def chain(names):
    return [helper.make_node("MatMul", [f"x{i}", name], [f"x{i + 1}"]) for i, name in enumerate(names)]


def stored(name, dims, kind, offset, length):
    tensor = TensorProto(name=name, dims=dims, data_type=kind, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "w.bin"), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def room(d, gibibytes):
    if shutil.disk_usage(d).free < gibibytes * GIB:
        raise Skip(f"less than {gibibytes} GiB are free here")


def test_one_tensor_beyond_two_gibibytes():
    """A tensor of bytes, which is copied, and a layer behind it in the same file."""
    size = 2 * GIB + 4096 + 6
    w = random.standard_normal((30, 20)).astype(np.float32)
    with folder() as d:
        room(d, 6)
        with open(os.path.join(d, "w.bin"), "wb") as f:  # full of holes
            f.write(b"first")
            f.seek(size - 4)
            f.write(b"last" + w.tobytes())
        path, out = os.path.join(d, "m.onnx"), os.path.join(d, "out.onnx")
        nodes = chain(["w"]) + [helper.make_node("Gather", ["table", "x1"], ["y"])]
        write(path, nodes, [stored("table", [size], TensorProto.UINT8, 0, size),
                            stored("w", w.shape, TensorProto.FLOAT, size, w.nbytes)], width=30)
        layers = {l["tensor"]: l for l in run_json("layers", path, "--json")["layers"]}
        assert layers["w"]["refused"] is None and np.float32(layers["w"]["max"]) == w.max()
        ceiling = () if SANITIZED else ("--memory", "400M")  # it is never held whole
        code, _, err = run("quantize", path, "--bits", "2", "-o", out, *ceiling)
        assert code == 0, err
        places = {t.name: {e.key: e.value for e in t.external_data} for t in onnx.load(out, load_external_data=False)
                  .graph.initializer}
        with open(os.path.join(d, places["w"]["location"]), "rb") as f:
            f.seek(int(places["table"]["offset"]))
            assert f.read(8) == b"first\0\0\0" and int(places["table"]["length"]) == size
            f.seek(int(places["table"]["offset"]) + size - 5)
            assert f.read(5) == b"\0last"
            f.seek(int(places["w"]["offset"]))
            assert int(places["w"]["offset"]) > 2 * GIB
            values = np.frombuffer(f.read(w.nbytes), np.float32)
        assert 1 < len(np.unique(values)) <= 4 and np.corrcoef(values, w.ravel())[0, 1] > 0.7


def test_a_layer_that_no_memory_holds():
    """300 GiB of weights: refused before work begins, or listed as what cannot be read."""
    rows = 300 * GIB // 4 // 65536
    with folder() as d:
        try:
            with open(os.path.join(d, "w.bin"), "wb") as f:
                f.truncate(300 * GIB)
        except OSError as why:
            raise Skip(f"no file of 300 GiB can be made here: {why}")
        path = write(os.path.join(d, "m.onnx"), chain(["w"]), [stored("w", [rows, 65536], TensorProto.FLOAT, 0, 300 * GIB)])
        if SANITIZED:
            raise Skip("the sanitizers' own memory does not fit under a ceiling")
        for command in (("layers", path), ("quantize", path, "-o", os.path.join(d, "out.onnx")), ("report", path)):
            refused(1, *command, "--memory", "2GiB", says=("GiB", "--memory"))
        assert sorted(os.listdir(d)) == ["m.onnx", "w.bin"]


def test_one_file_beyond_two_gibibytes():
    with folder() as d:
        path = os.path.join(d, "m.onnx")
        shutil.copy(SAMPLE, path)
        os.truncate(path, 2 * GIB + 1)
        for command in ("layers", "quantize", "report"):
            refused(2, command, path, says=("2 GiB", "external data"))


def test_ten_thousand_layers():
    with folder() as d:
        names = [f"block{i}.weight" for i in range(10000)]
        tensors = [numpy_helper.from_array(random.standard_normal((2, 2)).astype(np.float32), n) for n in names]
        path = write(os.path.join(d, "m.onnx"), chain(names), tensors, width=2)
        listed = run_json("layers", path, "--json")["layers"]
        assert [l["tensor"] for l in listed] == names
        # A config in another order, by other hands: each layer is found by its name.
        config = os.path.join(d, "c.json")
        chosen = [int(i) for i in random.permutation(10000)]
        with open(config, "w") as f:
            json.dump({"format": "bitdial-config", "version": 1,
                       "layers": [{"tensor": names[i], "bits": 1 + i % 8} for i in chosen]}, f)
        got = run_json("quantize", path, "--config", config, "--json")["layers"]
        assert [(l["tensor"], l["bits"]) for l in got] == [(n, 1 + i % 8) for i, n in enumerate(names)]
        script = os.path.join(d, "s.txt")
        with open(script, "w") as f:
            f.write("G\n:bits 3\n:save-screen screen.txt\n:w again.json\n:q!\n")
        code, _, err = run(path, "--config", config, "--script", script, cwd=d)
        assert code == 0, err
        assert "block9999.weight" in open(os.path.join(d, "screen.txt"), encoding="utf-8").read()
        again = {l["tensor"]: l.get("bits", 8) for l in json.load(open(os.path.join(d, "again.json")))["layers"]}
        assert again == {n: 3 if i == 9999 else 1 + i % 8 for i, n in enumerate(names)}


def test_models_of_tomorrow_go_on():
    with folder() as d:
        names = ["a", "b"]
        tensors = [numpy_helper.from_array(random.standard_normal((4, 4)).astype(np.float32), n) for n in names]
        now = run_json("quantize", write(os.path.join(d, "now.onnx"), chain(names), tensors), "--bits", "3", "--json")
        for opset, ir in ((99, 7), (13, 99), (2 ** 62, 2 ** 62), (0, 0), (-1, -1)):
            path, out = os.path.join(d, "m.onnx"), os.path.join(d, "out.onnx")
            write(path, chain(names), tensors, opset, ir)
            told = run_json("quantize", path, "--bits", "3", "--json", "-o", out)
            assert told["layers"] == now["layers"]
            model = onnx.ModelProto.FromString(open(out, "rb").read())
            assert (model.ir_version, model.opset_import[0].version) == (ir, opset)
            assert run("layers", path)[0] == 0 and run("report", path)[0] == 0


def test_every_command_says_that_a_model_is_of_tomorrow():
    with folder() as d:
        path, out = os.path.join(d, "m.onnx"), os.path.join(d, "out")
        data = ("--data", os.path.join(TOP, "samples/fashion_x.npy"), "--limit", "4")
        still = (("layers",), ("quantize", "-o", out), ("report",), ("tune", "--target-bits", "4"),
                 ("export", "--format", "fake", "-o", out))
        runs = (("run", *data, "-o", out), ("eval", "--bits", "4", *data), ("sweep", *data, "--widths", "4", "-o", out))
        # Operators of an opset that nobody has seen are not run, and that is said.
        for says, ir, opset, commands in (("IR version 99 is newer", 99, 13, still + runs),
                                          ("opset 99 is newer", 8, 99, still), ("", 8, 13, still + runs)):
            model = onnx.load(SAMPLE)
            model.ir_version, model.opset_import[0].version = ir, opset
            onnx.save(model, path)
            for name, *more in commands:
                code, _, err = run(name, path, *more)
                lines = [line for line in err.splitlines() if "newer" in line]
                assert code == 0 and len(lines) == bool(says), (name, code, err)
                assert not says or lines[0].startswith(f"bitdial: {path}: {says}"), err


def test_every_type_and_field():
    """float16, bfloat16, float32 and float64, raw and in their typed fields, give the same layer."""
    values = random.standard_normal((6, 5)).astype(np.float32)
    brain = (values.view(np.uint32) >> 16).astype(np.uint16)
    half, double = values.astype(np.float16), values.astype(np.float64)

    def tensor(kind, **fields):
        return TensorProto(name="w", dims=values.shape, data_type=kind, **fields)

    with folder() as d:
        for kind, raw, typed in (
                (TensorProto.FLOAT, values.tobytes(), {"float_data": values.ravel()}),
                (TensorProto.DOUBLE, double.tobytes(), {"double_data": double.ravel()}),
                (TensorProto.FLOAT16, half.tobytes(), {"int32_data": half.view(np.uint16).ravel()}),
                (TensorProto.BFLOAT16, brain.tobytes(), {"int32_data": brain.ravel()})):
            got = []
            for fields in ({"raw_data": raw}, typed):
                path, out = write(os.path.join(d, "m.onnx"), chain(["w"]), [tensor(kind, **fields)]), os.path.join(d, "o.onnx")
                told = run_json("quantize", path, "--bits", "2", "--json", "-o", out)["layers"][0]
                written = onnx.load(out).graph.initializer[0]
                assert written.data_type == kind and bool(written.raw_data) == ("raw_data" in fields)
                bits = np.frombuffer(written.raw_data, raw_type(kind)) if written.raw_data else typed_values(written, kind)
                assert len(np.unique(bits)) == told["levels"] <= 4
                got.append((told, bits.tobytes()))
            assert got[0] == got[1], kind


def raw_type(kind):
    return {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64}.get(kind, np.uint16)


def typed_values(tensor, kind):
    field = {TensorProto.FLOAT: tensor.float_data, TensorProto.DOUBLE: tensor.double_data}.get(kind, tensor.int32_data)
    return np.array(field).astype(raw_type(kind))


main(__name__)
