#!/usr/bin/python3
"""Exports for other tools than ONNX runtimes: AIMET, ONNX Runtime's quantizer, C, Verilog, Core ML, LiteRT, NNCF.
Each is read by its own kind of reader (a schema, gcc, a Verilog simulator, YAML, Python), and what it says
of a weight is compared with the weights that `fake` writes."""
import ast
import json
import os
import py_compile
import re
import shutil
import struct
import subprocess

import numpy as np
import onnx
from onnx import numpy_helper

from tap import SAMPLE, Skip, folder, main, refused, run, run_json

TUNED = ["--bits", "4", "--layer", "stem*:bits=5,granularity=channel,method=linear", "--layer",
         "*dw*:bits=3,method=kmeans,prune=0.3", "--layer", "conv3*:bits=8,grid=affine,method=linear", "--layer",
         "fc2*:bits=32", "--layer", "block1.pw*:bits=1,method=linear", "--layer",
         "block4.pw*:granularity=group:16,method=linear,grid=affine", "--layer",
         "block5.pw*:granularity=channel,method=kmeans,bits=2", "--layer", "fc1*:bits=2,zero=mask,prune=0.5"]
FORMATS = ["fake", "qonnx", "qdq", "codebook", "aimet", "ort", "c", "mem", "coreml", "litert", "nncf"]


def export(model, out, format, *options):
    code, _, err = run("export", model, "--format", format, "-o", out, *options)
    assert code == 0, (format, options, err)
    return err


def weights_of(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def tuned(d, *options):
    """The tuned float weights of the layers that have codes, by name."""
    path = os.path.join(d, "fake.onnx")
    export(SAMPLE, path, "fake", *options)
    layers = run_json("quantize", SAMPLE, *options, "--json")["layers"]
    weights = weights_of(path)
    return {l["tensor"]: weights[l["tensor"]] for l in layers if l["bits"] < 32}


def losses_of(format, *options):
    with folder() as d:
        said = run_json("export", SAMPLE, "--format", format, "-o", os.path.join(d, "x"), *options, "--json")
        return {loss["tensor"]: loss for loss in said["losses"]}


def on_grid(values, scale, low, high, axis=None):
    """Do the values stand on scale · (low..high)?"""
    if np.ndim(scale):
        scale = np.reshape(scale, [-1 if i == (axis or 0) else 1 for i in range(values.ndim)])
    codes = values.astype(np.float64) / scale
    return np.allclose(codes, np.round(codes), atol=1e-3) and codes.min() > low - .5 and codes.max() < high + .5


# --- AIMET -------------------------------------------------------------------------------------------

def check_061(said, values):
    assert set(said) == {"version", "activation_encodings", "param_encodings", "quantizer_args"}
    assert said["activation_encodings"] == {} and said["quantizer_args"]["dtype"] == "int"
    for name, entries in said["param_encodings"].items():
        assert isinstance(entries, list) and all(set(e) == {"bitwidth", "dtype", "is_symmetric", "min", "max", "offset",
                                                            "scale"} for e in entries)
        for e in entries:
            assert 4 <= e["bitwidth"] <= 8 and e["dtype"] == "int" and e["is_symmetric"] in ("True", "False")
            assert np.isclose(e["min"], e["scale"] * e["offset"])
            assert np.isclose(e["max"], e["scale"] * (e["offset"] + 2 ** e["bitwidth"] - 1))
            assert e["is_symmetric"] == "False" or e["offset"] == -2 ** (e["bitwidth"] - 1)
        yield name, [e["scale"] for e in entries], entries[0]["offset"], entries[0]["bitwidth"], 0


def check_100(said, values):
    assert set(said) == {"version", "activation_encodings", "param_encodings", "quantizer_args", "excluded_layers"}
    for e in said["param_encodings"]:
        assert set(e) == {"name", "enc_type", "dtype", "bw", "is_sym", "scale", "offset"}
        assert e["dtype"] == "INT" and isinstance(e["is_sym"], bool) and len(e["scale"]) == len(e["offset"])
        assert e["enc_type"] == ("PER_TENSOR" if len(e["scale"]) == 1 else "PER_CHANNEL")
        yield e["name"], e["scale"], e["offset"][0], e["bw"], 0


def check_200(said, values):
    assert set(said) == {"version", "encodings"}
    for e in said["encodings"]:
        assert set(e) <= {"name", "output_dtype", "y_scale", "axis", "y_zero_point"}
        bits = int(re.fullmatch(r"int(\d)", e["output_dtype"]).group(1))
        zero = np.ravel(e.get("y_zero_point", 0))[0]
        assert ("axis" in e) == isinstance(e["y_scale"], list)
        yield e["name"], np.ravel(e["y_scale"]), -2 ** (bits - 1) - zero, bits, e.get("axis", 0)


def test_aimet_against_its_schemas():
    for version, check in (("0.6.1", check_061), ("1.0.0", check_100), ("2.0.0", check_200)):
        with folder() as d:
            values, out = tuned(d, *TUNED), os.path.join(d, "x.encodings")
            losses = losses_of("aimet", "--format-version", version, *TUNED)
            export(SAMPLE, out, "aimet", "--format-version", version, *TUNED)
            said = json.load(open(out))
            assert said["version"] == version
            seen = set()
            for name, scale, offset, bits, axis in check(said, values):
                seen.add(name)
                channels = values[name].shape[axis]
                assert len(scale) in (1, channels)
                approximate = "codebook" in losses.get(name, {}).get("what", "") or \
                    "groups" in losses.get(name, {}).get("what", "")
                if not approximate:
                    assert on_grid(values[name], scale if len(scale) > 1 else scale[0], offset,
                                   offset + 2 ** bits - 1, axis), (version, name)
            assert seen == set(values)


# --- ONNX Runtime's quantizer ------------------------------------------------------------------------

def test_ort_overrides_excludes_and_script():
    with folder() as d:
        values, out = tuned(d, *TUNED), os.path.join(d, "overrides.json")
        losses = losses_of("ort", *TUNED)
        export(SAMPLE, out, "ort", *TUNED)
        said = json.load(open(out))
        assert set(said) == set(values)
        for name, entries in said.items():
            assert all({"scale", "zero_point"} <= set(e) <= {"scale", "zero_point", "axis"} for e in entries)
            assert [("axis" in e) for e in entries] == [len(entries) > 1] + [False] * (len(entries) - 1)
            scale, zero = np.array([e["scale"] for e in entries]), entries[0]["zero_point"]
            if not any(word in losses.get(name, {}).get("what", "") for word in ("codebook", "groups")):
                assert on_grid(values[name], scale if len(scale) > 1 else scale[0], -128 - zero, 127 - zero)
        excluded = open(out + ".exclude.txt").read().splitlines()
        nodes = {n.name for n in onnx.load(SAMPLE).graph.node}
        assert excluded == ["fc2"] and set(excluded) <= nodes
        py_compile.compile(out + ".py", os.path.join(d, "x.pyc"), doraise=True)
        constants = {t.targets[0].id: ast.literal_eval(t.value) for t in ast.parse(open(out + ".py").read()).body
                     if isinstance(t, ast.Assign)}
        assert constants["EXCLUDE"] == excluded and set(constants["TYPES"]) == set(values)
        for name, kind in constants["TYPES"].items():
            assert kind in ("QInt4", "QInt8")
            assert kind == "QInt8" or len(np.unique(values[name] / said[name][0]["scale"])) <= 16


# --- C -----------------------------------------------------------------------------------------------

def c_values(d, header, count):
    """{name: (shape, values)} that a program made with the header prints."""
    names = re.findall(r"static inline const char \*(\w+)_name\(void\)", open(header).read())
    assert len(names) == count
    source = os.path.join(d, "main.c")
    with open(source, "w") as f:
        f.write(f'#include "{os.path.basename(header)}"\n#include <stdio.h>\nint main(void) {{\n')
        for name in names:
            f.write(f'  for (const char *c = {name}_name(); *c; c++) printf("%02x", (unsigned char)*c);\n'
                    f'  printf("\\n");\n  for (int i = 0; i < {name}_rank; i++) printf("%zu ", {name}_dim(i));\n'
                    f'  printf("\\n");\n  for (size_t i = 0; i < {name}_count(); i++)\n'
                    f'    printf("%.9g ", (double){name}_value(i));\n  printf("\\n");\n')
        f.write("  return 0;\n}\n")
    flags = ["gcc", "-std=c99", "-Wall", "-Werror"]
    subprocess.run([*flags, "-fsyntax-only", "-x", "c", header], check=True)
    subprocess.run([*flags, source, "-o", os.path.join(d, "main")], check=True)
    lines = subprocess.run([os.path.join(d, "main")], check=True, stdout=subprocess.PIPE).stdout.decode().split("\n")
    return {bytes.fromhex(lines[i]).decode(): (tuple(map(int, lines[i + 1].split())),
                                               np.array(lines[i + 2].split(), np.float32))
            for i in range(0, len(lines) - 2, 3)}


def same(got, wanted):
    return np.allclose(got, wanted, rtol=1e-6, atol=1e-7 * np.abs(wanted).max()) and \
        np.array_equal(got == 0, wanted == 0)


def test_c_header_compiles_and_gives_the_weights():
    for version in ("plain", "packed"):
        with folder() as d:
            values, out = tuned(d, *TUNED), os.path.join(d, "weights.h")
            export(SAMPLE, out, "c", "--format-version", version, *TUNED)
            got = c_values(d, out, len(values))
            assert set(got) == set(values)
            for name, (shape, numbers) in got.items():
                assert shape == values[name].shape
                assert same(numbers, values[name].ravel()), (version, name)


# --- Verilog -----------------------------------------------------------------------------------------

def simulate(d, path, bits, count, is_signed):
    """What a Verilog simulator reads from a file with $readmemh."""
    source = os.path.join(d, "bench.v")
    with open(source, "w") as f:
        f.write(f"module bench;\n  reg {'signed' if is_signed else ''} [{bits - 1}:0] memory [0:{count - 1}];\n"
                f"  integer i;\n  initial begin\n    $readmemh(\"{path}\", memory);\n"
                f"    for (i = 0; i < {count}; i = i + 1) $display(\"%0d\", memory[i]);\n  end\nendmodule\n")
    subprocess.run(["iverilog", "-o", os.path.join(d, "bench"), source], check=True)
    out = subprocess.run(["vvp", "-n", os.path.join(d, "bench")], check=True, stdout=subprocess.PIPE)
    assert b"WARNING" not in out.stdout
    return np.array(out.stdout.split(), np.int64)


def mem_values(d, path, entry):
    count = int(np.prod(entry["shape"]))
    codes = simulate(d, os.path.join(path, entry["codes"]), entry["bits"], count, entry["signed"])
    words = open(os.path.join(path, entry["steps" if entry["signed"] else "levels"])).read().split()
    numbers = np.array([struct.unpack(">f", bytes.fromhex(word))[0] for word in words], np.float32)
    outer, channels, inner = entry.get("outer_channels_inner", (1, 1, count))
    place = np.arange(count)
    within = place // (channels * inner) * inner + place % inner
    group = entry.get("group", outer * inner)
    part = place // inner % channels * -(-outer * inner // group) + within // group
    if entry["signed"]:
        return numbers[part] * (codes - entry["zero_point"]).astype(np.float32)
    return numbers[np.array(entry.get("first_level", [0]))[part] + codes]


def test_mem_is_read_by_a_verilog_simulator():
    if not shutil.which("iverilog"):
        raise Skip("iverilog is not here")
    with folder() as d:
        values, out = tuned(d, *TUNED), os.path.join(d, "mem")
        export(SAMPLE, out, "mem", *TUNED)
        entries = json.load(open(os.path.join(out, "layers.json")))
        assert {e["tensor"] for e in entries} == set(values)
        for entry in entries:
            assert tuple(entry["shape"]) == values[entry["tensor"]].shape
            assert same(mem_values(d, out, entry), values[entry["tensor"]].ravel()), entry["tensor"]
        named = {name for e in entries for name in (e["codes"], e.get("steps") or e["levels"])} | {"layers.json"}
        assert set(os.listdir(out)) == named


# --- Core ML, LiteRT, NNCF ---------------------------------------------------------------------------

def test_coreml_is_yaml():
    import yaml
    with folder() as d:
        out = os.path.join(d, "x.yaml")
        export(SAMPLE, out, "coreml", *TUNED)
        said = yaml.safe_load(open(out))
        assert said["config_type"] == "OpPalettizerConfig"
        assert said["global_config"] == {"mode": "unique", "weight_threshold": 0}
        names = {l["tensor"].replace(".", "_"): l for l in run_json("layers", SAMPLE, "--json")["layers"]}
        assert set(said["op_name_configs"]) == set(names)
        values = tuned(d, *TUNED)
        for name, config in said["op_name_configs"].items():
            few = names[name]["tensor"] in values and len(np.unique(values[names[name]["tensor"]])) <= 256
            assert config == ({"mode": "unique", "weight_threshold": 0} if few else None), name


def test_litert_recipe():
    with folder() as d:
        out = os.path.join(d, "x.json")
        export(SAMPLE, out, "litert", *TUNED)
        said = json.load(open(out))
        names = {l["tensor"]: l for l in run_json("quantize", SAMPLE, *TUNED, "--json")["layers"]}
        for name, layer in names.items():
            hits = [e for e in said if re.search(e["regex"], name)]
            assert len(hits) == 1
            entry = hits[0]
            if layer["bits"] == 32:
                assert entry["algorithm_key"] == "no_quantize" and "op_config" not in entry
                continue
            weights = entry["op_config"]["weight_tensor_config"]
            assert entry["algorithm_key"] == "min_max_uniform_quantize"
            assert weights == {"num_bits": 4 if layer["bits"] <= 4 else 8, "symmetric": True, "channel_wise": True,
                               "dtype": "INT"}
        assert {e["operation"] for e in said} == {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


def test_nncf_script():
    for version, mode in (("int8", "INT8_SYM"), ("int4", "INT4_SYM")):
        with folder() as d:
            out = os.path.join(d, "x.py")
            export(SAMPLE, out, "nncf", "--format-version", version, *TUNED)
            py_compile.compile(out, os.path.join(d, "x.pyc"), doraise=True)
            text = open(out).read()
            assert 'IGNORED = ["fc2"]' in text and "CompressWeightsMode." + mode in text and "validate=True" in text


# --- what is lost ------------------------------------------------------------------------------------

def test_losses_are_said_with_their_cost():
    weights = weights_of(SAMPLE)
    with folder() as d:
        for format, options, says in (("qdq", ["--bits", "5"], "5 bits"), ("aimet", ["--method", "kmeans", "--bits", "3"], "codebook"),
                                      ("qonnx", ["--grid", "affine", "--method", "linear", "--bits", "4"], "zero point")):
            out = os.path.join(d, format)
            err = export(SAMPLE, out, format, *options)
            losses = losses_of(format, *options)
            layers = {l["tensor"]: l for l in run_json("quantize", SAMPLE, *options, "--json")["layers"]}
            kinds = {(loss["what"], loss["instead"]) for loss in losses.values()}
            assert losses and err.count("\n") == len(kinds), err
            for what, instead in kinds:
                line = next(l for l in err.splitlines() if f"cannot hold {what}: {instead}," in l)
                named = [n for n, loss in losses.items() if (loss["what"], loss["instead"]) == (what, instead)]
                assert all(name in line for name in named[:3]), line
                assert (f"and {len(named) - 3} more" in line) == (len(named) > 3), line
            for name, loss in losses.items():
                assert says in loss["what"] and loss["bytes_before"] == layers[name]["bytes"]
                assert abs(loss["sqnr_db_before"] - layers[name]["sqnr_db"]) < 1e-6
                if format != "aimet":
                    assert loss["sqnr_db_after"] == loss["sqnr_db_before"]
            code, _, said = run("export", SAMPLE, "--format", format, "-o", out + ".strict", "--strict", *options)
            assert code == 2 and "--strict" in said.splitlines()[-1] and not os.path.exists(out + ".strict")
    # A codebook's way to an even grid, by the weights that AIMET's own arithmetic gives.
    options = ["--method", "kmeans", "--bits", "3"]
    with folder() as d:
        out = os.path.join(d, "x")
        export(SAMPLE, out, "aimet", *options)
        values, losses = tuned(d, *options), losses_of("aimet", *options)
        for name, (e,) in json.load(open(out))["param_encodings"].items():
            w = weights[name].astype(np.float64)
            q = np.round(values[name] / e["scale"]) * e["scale"]
            sqnr = 10 * np.log10((w ** 2).sum() / ((w - q) ** 2).sum())
            assert abs(sqnr - losses[name]["sqnr_db_after"]) < 1e-3, name


def test_zero_points_that_do_not_fit_take_the_widest_type():
    """8 bits with a zero point of each channel are 9 without: no width is ever 0."""
    wide = ("--bits", "8", "--method", "linear", "--granularity", "channel", "--grid", "affine")
    with folder() as d:
        for version, key in (("0.6.1", "bitwidth"), ("1.0.0", "bw")):
            path = os.path.join(d, version + ".json")
            code, _, err = run("export", SAMPLE, *wide, "--format", "aimet", "--format-version", version, "-o", path)
            assert code == 0 and "zero points" in err and "8 bits" in err, err
            widths = set(re.findall(rf'"{key}":\s*(\d+)', open(path).read()))
            assert widths == {"8"}, widths
        for version in ("int8", "int4"):
            code, _, err = run("export", SAMPLE, *wide, "--format", "qdq", "--format-version", version, "-o",
                               os.path.join(d, version + ".onnx"))
            assert code == 0 and "int8" in err, err
        path = os.path.join(d, "o.json")
        code, _, err = run("export", SAMPLE, *wide, "--format", "ort", "-o", path)
        assert code == 0 and "int8" in err and "int0" not in err, err


def test_bytes_are_true():
    with folder() as d:
        for format in FORMATS:
            out = os.path.join(d, format)
            said = run_json("export", SAMPLE, "--format", format, "-o", out, "--json", "--bits", "8", "--method", "linear")
            files = [os.path.join(out, n) for n in os.listdir(out)] if os.path.isdir(out) else \
                [p for p in (out, out + ".exclude.txt", out + ".py") if os.path.exists(p)]
            assert said["files"] == len(files) and said["bytes_on_disk"] == sum(map(os.path.getsize, files))
            packed = sum(len(subprocess.run(["gzip", "-c", "-6"], input=open(p, "rb").read(), stdout=subprocess.PIPE).stdout)
                         for p in files)
            assert abs(said["bytes_gzip"] - packed) < 0.02 * packed + 64 * len(files), (format, said["bytes_gzip"], packed)


# --- names and places --------------------------------------------------------------------------------

NAMES = ["x" * 300, 'qu"ote\'s', "sl/a\\sh", "new\nline\ttab", "größe·重み", "123", "*/ ??/ //", "%s%n", "a b", "-", "$(x)"]


def hostile(path):
    """A chain of MatMul whose weights and nodes have those names; a node without a name at the end."""
    rng, nodes, weights = np.random.default_rng(2), [], []
    for number, name in enumerate(NAMES + ["plain"]):
        weights.append(numpy_helper.from_array(rng.normal(size=(8, 8)).astype(np.float32), name))
        nodes.append(onnx.helper.make_node("MatMul", [f"t{number}", name], [f"t{number + 1}"],
                                           name="" if name == "plain" else "node " + name))
    port = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(nodes, "", [port("t0", 1, ["N", 8])], [port(f"t{len(nodes)}", 1, ["N", 8])], weights)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=7), path)


def test_hostile_names_survive_every_format():
    with folder() as d:
        model = os.path.join(d, "m.onnx")
        hostile(model)
        wanted = set(NAMES + ["plain"])
        options = ["--bits", "4", "--layer", "plain:bits=32", "--layer", "123:bits=32"]
        outs = {}
        for format in FORMATS:
            outs[format] = os.path.join(d, "out." + format)
            export(model, outs[format], format, *options)
        for format in ("fake", "qonnx", "qdq", "codebook"):
            graph = onnx.load(outs[format]).graph
            assert wanted <= {t.name for t in graph.initializer} | {o for n in graph.node for o in n.output}, format
            assert ["node " + n for n in NAMES] == [n.name for n in graph.node if n.op_type == "MatMul"][:-1], format
        coded = wanted - {"plain", "123"}
        assert set(json.load(open(outs["aimet"]))["param_encodings"]) == coded
        assert set(json.load(open(outs["ort"]))) == coded
        constants = {t.targets[0].id: ast.literal_eval(t.value)
                     for t in ast.parse(open(outs["ort"] + ".py").read()).body if isinstance(t, ast.Assign)}
        assert constants["EXCLUDE"] == ["node 123", f"MatMul_{len(NAMES)}"]
        ast.parse(open(outs["nncf"]).read())
        assert set(c_values(d, shutil.copy(outs["c"], os.path.join(d, "c.h")), len(coded))) == coded
        assert {e["tensor"] for e in json.load(open(os.path.join(outs["mem"], "layers.json")))} == coded
        import yaml
        assert yaml.safe_load(open(outs["coreml"]))["op_name_configs"]["_123"] is None
        for name in wanted:
            assert sum(bool(re.search(e["regex"], name)) for e in json.load(open(outs["litert"]))) == 1


def test_places_that_cannot_be_written():
    with folder() as d:
        os.makedirs(os.path.join(d, "way", "full"))
        open(os.path.join(d, "file"), "w").write("old")
        for format in FORMATS:
            before = sorted(os.listdir(d))
            whole = ["--granularity", "tensor" if format == "coreml" else "channel"]
            for path, says in (("way", "director" if format != "mem" else "folder"), ("none/x", "folder"),
                               ("n" * 300, "too long")):
                refused(1, "export", SAMPLE, "--format", format, "--bits", "8", "--method", "linear", *whole,
                        "-o", os.path.join(d, path), says=says)
            assert sorted(os.listdir(d)) == before and os.listdir(os.path.join(d, "way")) == ["full"]
            if format == "mem":
                refused(1, "export", SAMPLE, "--format", format, "-o", os.path.join(d, "file"), says="no folder")
            assert open(os.path.join(d, "file")).read() == "old"


def test_full_disk():
    with folder() as d:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", d], stderr=subprocess.DEVNULL).returncode:
            raise Skip("no file system may be mounted here")
        try:
            for format in ("fake", "qonnx", "qdq", "codebook", "c", "mem"):
                refused(1, "export", SAMPLE, "--format", format, "--bits", "8", "--method", "linear", "--granularity",
                        "channel", "-o", os.path.join(d, "x"), says="disk is full")
                assert os.listdir(d) == [], format
        finally:
            subprocess.run(["umount", d], check=True)


def test_bad_usage():
    refused(2, "export", SAMPLE, "-o", "/tmp/x", says="--format")
    refused(2, "export", SAMPLE, "--format", "qdq", says="-o")
    refused(2, "export", SAMPLE, "--format", "qqq", "-o", "/tmp/x", says=["qqq", "qonnx"])
    refused(2, "export", SAMPLE, "--format", "qdq", "--format-version", "int3", "-o", "/tmp/x", says=["int3", "int4"])
    refused(2, "export", SAMPLE, "--format", "fake", "-o", SAMPLE, says="float model itself")
    for path in ("-", "/dev/null"):
        refused(2, "export", SAMPLE, "--format", "c", "-o", path, says="read back")


main(__name__)
