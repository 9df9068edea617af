#!/usr/bin/python3
"""External data: read from several files, never from outside the model's folder, never written in
place; against the same model with its weights inside, and against python3-onnx."""
import hashlib
import json
import os
import resource
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap import PROGRAM, SAMPLE, folder, main, refused, run, run_json, without_progress

random = np.random.default_rng(4)


def stored(name, values, location, offset=None, length=None, kind=None):
    """A tensor without values that says where they are."""
    tensor = TensorProto(name=name, dims=values.shape, data_location=TensorProto.EXTERNAL)
    tensor.data_type = kind or helper.mapping.NP_TYPE_TO_TENSOR_TYPE[values.dtype]
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return tensor


def write_model(path, tensors):
    nodes = [helper.make_node("MatMul", [f"x{i}", t.name], [f"x{i + 1}"]) for i, t in enumerate(tensors)]
    port = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [port("x0", TensorProto.FLOAT, None)],
                              [port(f"x{len(tensors)}", TensorProto.FLOAT, None)], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    with open(path, "wb") as f:
        f.write(model.SerializeToString())


def values(*shape, kind=np.float32):
    return random.standard_normal(shape).astype(kind)


def put(path, *chunks):
    with open(path, "wb") as f:
        for chunk in chunks:
            f.write(chunk if isinstance(chunk, bytes) else chunk.tobytes())


def outside(d, name="outside.onnx", one=False):
    """The sample with its weights in data files."""
    path = os.path.join(d, name)
    onnx.save_model(onnx.load(SAMPLE), path, save_as_external_data=True, all_tensors_to_one_file=one,
                    location=name + ".weights" if one else None, size_threshold=64)
    return path


def snapshot(d):
    return {name: open(os.path.join(d, name), "rb").read() for name in sorted(os.listdir(d))
            if os.path.isfile(os.path.join(d, name))}


def layers_of(path):
    return run_json("layers", path, "--json")["layers"]


def test_the_same_layers_as_inside():
    inside = layers_of(SAMPLE)
    for one in (False, True):
        with folder() as d:
            assert layers_of(outside(d, one=one)) == inside
            before = os.getcwd()
            os.chdir(d)  # the folder of a path without a slash
            try:
                assert layers_of("outside.onnx") == inside
            finally:
                os.chdir(before)


def test_offsets_types_and_folders():
    a, b, h, w = values(4, 5), values(3, 3), values(6, 2, kind=np.float16), values(2, 2, kind=np.float64)
    brain = values(2, 3).view(np.uint32) >> 16
    with folder() as d:
        os.makedirs(os.path.join(d, "deep/er"))
        put(os.path.join(d, "deep/er/one.bin"), b"xyz", a, h)
        put(os.path.join(d, "two.bin"), b, w, brain.astype("<u2"))
        path = os.path.join(d, "m.onnx")
        write_model(path, [stored("a", a, "deep/er/one.bin", 3, a.nbytes), stored("b", b, "./two.bin", None, b.nbytes),
                           stored("h", h, "deep//er/one.bin", 3 + a.nbytes), stored("w", w, "two.bin", b.nbytes, w.nbytes),
                           stored("brain", brain, "two.bin", b.nbytes + w.nbytes, None, TensorProto.BFLOAT16)])
        got = {l["tensor"]: l for l in layers_of(path)}
        assert [l["type"] for l in got.values()] == ["float32", "float32", "float16", "float64", "bfloat16"]
        floats = (brain.astype(np.uint32) << 16).view(np.float32)
        for name, want in (("a", a), ("b", b), ("h", h), ("w", w), ("brain", floats)):
            assert got[name]["refused"] is None, got[name]
            assert abs(got[name]["mean"] - want.astype(np.float64).mean()) < 1e-7, name
            assert np.float32(got[name]["max"]) == np.float32(want.max()), name


def test_the_last_of_two_keys_counts():
    a = values(3, 3)
    with folder() as d:
        put(os.path.join(d, "w.bin"), b"1234", a)
        tensor = stored("a", a, "none.bin", 9999, 7)
        for key, value in (("location", "w.bin"), ("offset", "4"), ("length", "36"), ("checksum", "00")):
            tensor.external_data.add(key=key, value=value)
        write_model(os.path.join(d, "m.onnx"), [tensor])
        assert np.float32(layers_of(os.path.join(d, "m.onnx"))[0]["min"]) == a.min()


def test_hostile_places_are_refused_with_the_reason():
    a = values(4, 4)
    with folder() as top:
        d = os.path.join(top, "model")
        os.makedirs(os.path.join(d, "sub"))
        for path in ("secret.bin", "model/w.bin", "model/sub/w.bin"):
            put(os.path.join(top, path), a)
        os.symlink("../secret.bin", os.path.join(d, "link.bin"))
        os.symlink("w.bin", os.path.join(d, "near.bin"))
        os.symlink("..", os.path.join(d, "up"))
        os.mkfifo(os.path.join(d, "pipe"))
        cases = [
            (("../secret.bin",), "climbs out"), (("sub/../../secret.bin",), "climbs out"),
            (("sub/../w.bin",), "climbs out"), (("..",), "climbs out"),
            ((os.path.join(top, "secret.bin"),), "absolute"), (("/dev/zero",), "absolute"),
            (("link.bin",), "is a link"), (("near.bin",), "is a link"), (("up/secret.bin",), "is a link"),
            (("none.bin",), "is not there"), (("w.bin/x",), "is not there"), (("",), "has no name"),
            (("sub",), "no regular file"), (("pipe",), "no regular file"), ((".",), "no regular file"),
            (("x" * 5000,), "too long"), (("n" * 300,), "cannot be opened"),
            (("w.bin", 1), "holds 63 bytes"), (("w.bin", 0, 60), "holds 60 bytes"),
            (("w.bin", 60), "holds 4 bytes"), (("w.bin", 65), "too short"), (("w.bin", 4, 64), "too short"),
            (("w.bin", 2 ** 62, 64), "too short"), (("w.bin", 0, 2 ** 63 - 1), "too short"),
            (("w.bin", 2 ** 64, 64), "offset"), (("w.bin", -4, 64), "offset"), (("w.bin", "4 "), "offset"),
            (("w.bin", ""), "offset"), (("w.bin", 0, "0x40"), "length"), (("w.bin", 0, -1), "length"),
            (("bad\x1b[2J",), "is not there"),
        ]
        path = os.path.join(d, "m.onnx")
        for place, says in cases:
            write_model(path, [stored("good", a, "w.bin"), stored("bad", a, *place)])
            good, bad = layers_of(path)
            assert good["refused"] is None, good
            assert bad["refused"] and says in bad["refused"], (place, bad["refused"])
            assert "\x1b" not in bad["refused"] and len(bad["refused"]) < 400
            code, out, err = run("layers", path)
            assert code == 0 and "\x1b" not in out, (place, code, err)
            if "holds" in says:
                continue  # its bytes are there, if not for this shape
            before = sorted(os.listdir(d))
            refused(2, "quantize", path, "-o", os.path.join(d, "out.onnx"), says="tensor bad")
            assert sorted(os.listdir(d)) == before


def test_shapes_must_fit():
    a = values(4, 4)
    with folder() as d:
        put(os.path.join(d, "w.bin"), a)
        for dims in ((4, 5), (2 ** 31, 2 ** 31), (2 ** 62,), (-4, -4), (0, 4)):
            tensor = stored("a", a, "w.bin")
            tensor.ClearField("dims")
            tensor.dims.extend(dims)
            write_model(os.path.join(d, "m.onnx"), [tensor])
            assert layers_of(os.path.join(d, "m.onnx"))[0]["refused"], dims


def test_beyond_four_gigabytes():
    a, b = values(8, 8), values(8, 4)
    with folder() as d:
        data = os.path.join(d, "huge.bin")
        put(data, a)
        try:
            with open(data, "r+b") as f:  # the file is full of holes: it takes a few blocks
                f.seek(5 << 30)
                f.write(b.tobytes())
        except OSError as why:
            from tap import Skip
            raise Skip(f"no file of 5 GiB can be made here: {why}")
        path, out = os.path.join(d, "m.onnx"), os.path.join(d, "out.onnx")
        write_model(path, [stored("a", a, "huge.bin", 0, a.nbytes), stored("b", b, "huge.bin", 5 << 30, b.nbytes)])
        got = layers_of(path)
        assert np.float32(got[1]["max"]) == b.max() and np.float32(got[0]["min"]) == a.min()
        assert run("quantize", path, "--bits", "32", "-o", out)[0] == 0
        for tensor, want in zip(onnx.load(out).graph.initializer, (a, b)):
            assert (numpy_helper.to_array(tensor) == want).all()


def test_more_files_than_the_shell_allows():
    with folder() as d:
        tensors = []
        for i in range(600):
            a = values(2, 2)
            put(os.path.join(d, f"w{i}.bin"), a)
            tensors.append(stored(f"w{i}", a, f"w{i}.bin"))
        write_model(os.path.join(d, "m.onnx"), tensors)
        done = subprocess.run([PROGRAM, "layers", os.path.join(d, "m.onnx"), "--json"], stdout=subprocess.PIPE,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2000)))
        assert done.returncode == 0
        assert not any(l["refused"] for l in json.loads(done.stdout)["layers"])


def test_written_as_inside():
    for bits, one in ((3, False), (4, True), (32, False)):
        with folder() as d, folder() as o:
            before_model = outside(d, one=one)
            before = snapshot(d)
            out, want = os.path.join(o, "out.onnx"), os.path.join(o, "want.onnx")
            assert run("quantize", before_model, "--bits", bits, "-o", out)[0] == 0
            assert run("quantize", SAMPLE, "--bits", bits, "-o", want)[0] == 0
            assert sorted(os.listdir(o)) == ["out.onnx", "out.onnx.data", "want.onnx"]
            assert snapshot(d) == before
            got = onnx.load(out)  # reads the data file itself
            for tensor, twin in zip(got.graph.initializer, onnx.load(want).graph.initializer):
                assert (numpy_helper.to_array(tensor) == numpy_helper.to_array(twin)).all(), tensor.name
            places = onnx.load(out, load_external_data=False)
            for tensor in places.graph.initializer:
                entries = {e.key: e.value for e in tensor.external_data}
                if entries:
                    assert entries["location"] == "out.onnx.data"
                    assert int(entries["offset"]) % (4096 if int(entries["length"]) >= 4096 else 64) == 0
            again = os.path.join(o, "again.onnx")
            assert run("quantize", out, "--bits", 32, "-o", again)[0] == 0


def test_no_data_file_is_ever_replaced():
    with folder() as d:
        path, out = outside(d, "m.onnx", one=True), os.path.join(d, "out.onnx")
        os.rename(os.path.join(d, "m.onnx.weights"), os.path.join(d, "out.onnx.data"))
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = "out.onnx.data"
        with open(path, "wb") as f:
            f.write(model.SerializeToString())
        data = open(out + ".data", "rb").read()
        os.symlink("nowhere", out + ".2.data")
        for name in ("m.onnx", "out.onnx.data"):
            refused(2, "quantize", path, "--bits", "4", "-o", os.path.join(d, name), says="another name")
        for number in (3, 4):
            assert run("quantize", path, "--bits", "4", "-o", out)[0] == 0
            assert os.path.exists(f"{out}.{number}.data")
            assert open(out + ".data", "rb").read() == data
        assert sorted(os.listdir(d)) == ["m.onnx", "out.onnx", "out.onnx.2.data", "out.onnx.3.data",
                                         "out.onnx.4.data", "out.onnx.data"]
        assert os.path.islink(out + ".2.data")
        want = run_json("quantize", SAMPLE, "--bits", "4", "--json")["layers"]
        levels = {l["tensor"]: l["levels"] for l in want}
        for tensor in onnx.load(out).graph.initializer:
            if tensor.name in levels:
                assert len(np.unique(numpy_helper.to_array(tensor))) == levels[tensor.name]


def test_both_files_or_none():
    with folder() as d, folder() as o:
        path = outside(d)
        refused(2, "quantize", path, "-o", "-", says="external data")
        refused(2, "quantize", path, "-o", "/dev/null", says="external data")
        refused(1, "quantize", path, "-o", os.path.join(o, "none/out.onnx"), says="folder")
        os.mkdir(os.path.join(o, "taken.onnx"))
        refused(2, "quantize", path, "-o", os.path.join(o, "taken.onnx"), says="taken.onnx")
        # A model that cannot be written takes its data file with it: 200,000 bytes hold half of one.
        for limit in (1000, 200_000):
            done = subprocess.run([PROGRAM, "quantize", path, "-o", os.path.join(o, "out.onnx")], capture_output=True,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            assert done.returncode == 1 and without_progress(done.stderr.decode()).count("\n") == 1, done
        assert os.listdir(o) == ["taken.onnx"]


DATA = os.path.join(os.path.dirname(SAMPLE), "fashion_x.npy")
LABELS = os.path.join(os.path.dirname(SAMPLE), "fashion_y.npy")


def outputs(path, *arguments):
    with folder() as d:
        out = os.path.join(d, "out.npz")
        code, _, err = run("run", path, "--data", DATA, "-o", out, "--limit", "20", *arguments)
        assert code == 0, err
        with np.load(out) as arrays:
            return {name: arrays[name] for name in arrays}


def test_it_runs_as_inside():
    want = outputs(SAMPLE)
    score = run_json("eval", SAMPLE, "--data", DATA, "--labels", LABELS, "--bits", "3", "--limit", "50", "--json")
    for one in (False, True):
        with folder() as d:
            path = outside(d, one=one)
            got = outputs(path)
            assert list(got) == list(want) and all((got[k] == want[k]).all() for k in want)
            mine = run_json("eval", path, "--data", DATA, "--labels", LABELS, "--bits", "3", "--limit", "50", "--json")
            assert {**mine, "seconds": 0} == {**score, "seconds": 0}
            os.remove(os.path.join(d, "outside.onnx.weights" if one else "block5.pw.weight"))
            refused(2, "run", path, "--data", DATA, "-o", os.path.join(d, "out.npz"), says=("tensor", "data file", "is not there"))


def test_small_values_and_constants_run_from_data_files():
    a, b, k, flag = values(4, 3), values(3), values(3, 2), np.array([1, 0], np.int64)
    with folder() as d:
        put(os.path.join(d, "w.bin"), b"123", a, b, k, flag)  # aligned for nothing
        x = os.path.join(d, "x.npy")
        np.save(x, values(5, 4))
        nodes = [helper.make_node("MatMul", ["x", "a"], ["xa"]), helper.make_node("Add", ["xa", "b"], ["xab"]),
                 helper.make_node("Constant", [], ["k"], value=stored("", k, "w.bin", 3 + a.nbytes + b.nbytes, k.nbytes)),
                 helper.make_node("MatMul", ["xab", "k"], ["y0"]),
                 helper.make_node("Gather", ["y0", "flag"], ["y"], axis=1)]
        tensors = [stored("a", a, "w.bin", 3, a.nbytes), stored("b", b, "w.bin", 3 + a.nbytes, b.nbytes),
                   stored("flag", flag, "w.bin", 3 + a.nbytes + b.nbytes + k.nbytes)]
        port = helper.make_tensor_value_info
        graph = helper.make_graph(nodes, "g", [port("x", TensorProto.FLOAT, ["N", 4])],
                                  [port("y", TensorProto.FLOAT, ["N", 2])], tensors)
        path, out = os.path.join(d, "m.onnx"), os.path.join(d, "out.npz")
        with open(path, "wb") as f:
            f.write(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7).SerializeToString())
        assert run("run", path, "--data", x, "-o", out)[0] == 0
        want = ((np.load(x) @ a + b) @ k)[:, ::-1]
        with np.load(out) as arrays:
            assert np.allclose(arrays["y"], want, rtol=1e-5, atol=1e-6)


def test_other_data_is_another_model():
    with folder() as d:
        path = outside(d)
        script = os.path.join(d, "s.txt")
        with open(script, "w") as f:
            f.write("-\n:w\n")
        assert run(path, "--script", script)[0] == 0
        config = path + ".bitdial.json"
        for layer in json.load(open(config))["layers"]:
            data = open(os.path.join(d, layer["tensor"]), "rb").read() \
                if os.path.exists(os.path.join(d, layer["tensor"])) else None
            assert data is None or layer["sha256"] == hashlib.sha256(data).hexdigest()
        assert run("quantize", path, "--config", config)[0] == 0
        weight = os.path.join(d, "block5.pw.weight")
        data = bytearray(open(weight, "rb").read())
        data[0] ^= 1
        open(weight, "wb").write(data)
        refused(2, "quantize", path, "--config", config, says=("another model", "block5.pw.weight"))


main(__name__)
