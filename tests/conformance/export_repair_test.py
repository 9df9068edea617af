#!/usr/bin/python3
"""Exports of repaired networks: what ONNX Runtime makes of each ONNX export against what
`bitdial run --recover` gives; QONNX by its stated arithmetic; the channels' scales and what is added
to the biases in C and for Verilog; what the other targets say of the biases that they cannot hold."""
import json
import os
import re
import struct
import subprocess

import numpy as np
import onnx
import ort
from export_onnx_test import replace_quant
from export_text_test import same
from onnx import numpy_helper
from recover_test import odd_model

from tap import SAMPLE, TOP, folder, main, refused, run

DATA = os.path.join(TOP, "samples", "fashion_x.npy")
LIMIT = 1e-4
GRIDS = ["--bits", "4", "--method", "linear-mse"]
FORMATS = [["fake"], ["qonnx"], ["qdq"], ["qdq", "--format-version", "int4"], ["codebook"]]


def outputs_of(d, model, data, arguments, samples):
    out = os.path.join(d, "y.npz")
    code, _, err = run("run", model, "--data", data, *arguments, "-o", out)
    assert code == 0, err
    return {name: values[:samples] for name, values in np.load(out).items()}


def export(model, data, format, arguments, out):
    code, said, err = run("export", model, "--data", data, "--format", *format, *arguments, "-o", out)
    assert code == 0, (format, arguments, err)
    return said + err


def compare(model, data, arguments, formats, samples=6):
    with folder() as d:
        wanted = outputs_of(d, model, data, arguments, samples)
        x = np.load(data)[:samples].astype(np.float32)
        name, jobs = onnx.load(model).graph.input[0].name, []
        for number, format in enumerate(formats):
            out = os.path.join(d, f"{number}.onnx")
            export(model, data, format, arguments, out)
            if format[0] == "qonnx":
                replace_quant(out)
            jobs.append((out, {name: x}))
        for format, answer in zip(formats, ort.run_all(jobs)):
            assert isinstance(answer, dict), (format, answer)
            difference = ort.worst(answer, wanted)
            print(f"# {' '.join(format)} {' '.join(arguments)}: {difference:.1e}")
            assert difference <= LIMIT, (format, arguments, difference)


def test_onnx_exports_of_the_sample():
    for how in ("match", "reconstruct"):
        arguments = ["--limit", "120", "--recover", how]
        compare(SAMPLE, DATA, [*GRIDS, "--prune", "0.4", *arguments], FORMATS)
        compare(SAMPLE, DATA, ["--method", "kmeans", "--bits", "3", *arguments], [["fake"], ["codebook"]])


def test_every_granularity_and_grid():
    arguments = ["--limit", "60", "--recover", "match", "--bits", "4"]
    for setting in (["--method", "two-stage", "--granularity", "channel"], ["--method", "linear", "--zero", "mask"],
                    ["--method", "linear-mse", "--granularity", "group:16"],
                    ["--method", "linear-mse", "--scale", "pow2"]):
        compare(SAMPLE, DATA, [*arguments, *setting], [["fake"], ["qonnx"], ["qdq"], ["codebook"]])
    compare(SAMPLE, DATA, [*arguments, "--method", "two-stage-refined", "--grid", "affine"],
            [["fake"], ["qdq"], ["codebook"]])


def test_biases_are_added_where_there_are_none():
    with folder() as d:
        model, data = odd_model(d)
        compare(model, data, ["--bits", "3", "--method", "linear-mse", "--recover", "reconstruct"], FORMATS)
        out = os.path.join(d, "out.onnx")
        export(model, data, ["codebook"], ["--bits", "3", "--method", "kmeans", "--recover", "match"], out)
        graph = onnx.load(out).graph
        ops = [node.op_type for node in graph.node]
        assert ops.count("Mul") >= 6 and ops.count("Gather") >= 8, ops
        bare = [n for n in onnx.load(model).graph.node if n.op_type == "Conv" and len(n.input) == 2]
        assert bare and all(len(n.input) == 3 for n in graph.node if n.op_type == "Conv")


def test_a_scale_of_a_channel_is_its_step():
    with folder() as d:
        out = os.path.join(d, "out.onnx")
        export(SAMPLE, DATA, ["qdq"], [*GRIDS, "--limit", "60", "--recover", "match"], out)
        model = onnx.load(out)
        stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        nodes = [n for n in model.graph.node if n.op_type == "DequantizeLinear"]
        steps = [stored[n.input[1]] for n in nodes]
        assert nodes and all(s.ndim == 1 and len(np.unique(s)) > 1 for s in steps)
        assert all(np.abs(stored[n.input[0]].astype(int)).max() <= 7 for n in nodes)


# --- C and Verilog -----------------------------------------------------------------------------------

def repaired(d, arguments):
    """{tensor: values} of the repaired network, and what it adds to each layer's outputs."""
    out = os.path.join(d, "fake.onnx")
    code, _, err = run("quantize", SAMPLE, "--data", DATA, *arguments, "-o", out)
    assert code == 0, err
    mended, plain = ({t.name: numpy_helper.to_array(t) for t in onnx.load(p).graph.initializer} for p in (out, SAMPLE))
    added = {}
    for node in onnx.load(SAMPLE).graph.node:
        if len(node.input) > 2:
            added[node.input[1]] = mended[node.input[2]] - plain[node.input[2]]
    return mended, added


def close(got, wanted):
    return len(got) == len(wanted) and np.allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_c_header_has_scales_and_shifts():
    for setting in (GRIDS, ["--method", "kmeans", "--bits", "3"]):
        with folder() as d:
            arguments = [*setting, "--limit", "60", "--recover", "match"]
            values, added = repaired(d, arguments)
            header, source = os.path.join(d, "w.h"), os.path.join(d, "main.c")
            export(SAMPLE, DATA, ["c"], arguments, header)
            names = re.findall(r"static inline const char \*(\w+)_name\(void\)", open(header).read())
            with open(source, "w") as f:
                f.write('#include "w.h"\n#include <stdio.h>\nint main(void) {\n')
                for name in names:
                    f.write(f'  puts({name}_name());\n  for (size_t i = 0; i < {name}_count(); i++)\n'
                            f'    printf("%.9g ", (double){name}_value(i));\n  puts("");\n'
                            f'  for (size_t i = 0; i < sizeof {name}_shift / sizeof *{name}_shift; i++)\n'
                            f'    printf("%.9g ", (double){name}_bias(i));\n  puts("");\n')
                f.write("  return 0;\n}\n")
            subprocess.run(["gcc", "-std=c99", "-Wall", "-Werror", source, "-o", os.path.join(d, "main")], check=True)
            out = subprocess.run([os.path.join(d, "main")], check=True, stdout=subprocess.PIPE).stdout.decode()
            lines = out.split("\n")
            assert len(names) == 12
            for i in range(0, 3 * len(names), 3):
                got, shifts = (np.array(lines[i + k].split(), np.float32) for k in (1, 2))
                assert same(got, values[lines[i]].ravel()), lines[i]
                assert close(shifts, added[lines[i]]), lines[i]


def test_mem_has_scales_and_shifts():
    for setting in (GRIDS, ["--method", "kmeans", "--bits", "3"]):
        with folder() as d:
            arguments = [*setting, "--limit", "60", "--recover", "match"]
            values, added = repaired(d, arguments)
            out = os.path.join(d, "mem")
            export(SAMPLE, DATA, ["mem"], arguments, out)
            for entry in json.load(open(os.path.join(out, "layers.json"))):
                codes = [int(line, 16) for line in open(os.path.join(out, entry["codes"]))]
                got = mem_numbers(out, entry, np.array(codes))
                assert same(got, values[entry["tensor"]].ravel()), entry["tensor"]
                assert close(np.array(entry["shift"], np.float32), added[entry["tensor"]]), entry["tensor"]


def mem_numbers(out, entry, codes):
    """Two's complement codes times the steps of their channels, or levels times scales."""
    words = open(os.path.join(out, entry["steps" if entry["signed"] else "levels"])).read().split()
    numbers = np.array([struct.unpack(">f", bytes.fromhex(word))[0] for word in words], np.float32)
    _, channels, inner = entry["outer_channels_inner"]
    channel = np.arange(len(codes)) // inner % channels
    if entry["signed"]:
        codes = np.where(codes >> (entry["bits"] - 1), codes - (1 << entry["bits"]), codes)
        return numbers[channel] * (codes - entry["zero_point"]).astype(np.float32)
    return numbers[codes] * np.array(entry["scale"], np.float32)[channel]


# --- what is said ------------------------------------------------------------------------------------

def test_targets_without_biases_say_so():
    with folder() as d:
        arguments = [*GRIDS, "--limit", "60", "--recover", "match"]
        for format in ("aimet", "ort", "coreml", "litert", "nncf"):
            said = export(SAMPLE, DATA, [format], arguments, os.path.join(d, format + ".x"))
            assert "the bias that repair changes" in said and "`fake`" in said, (format, said)
            code, _, err = run("export", SAMPLE, "--data", DATA, *arguments, "--format", format, "--strict",
                               "-o", os.path.join(d, "none"))
            assert code == 2 and "--strict" in err and not os.path.exists(os.path.join(d, "none")), err
        for format in ("fake", "qonnx", "qdq", "codebook", "c", "mem"):
            said = export(SAMPLE, DATA, [format], arguments, os.path.join(d, format + ".y"))
            assert "bias that repair" not in said, (format, said)
        encodings = json.load(open(os.path.join(d, "aimet.x")))["param_encodings"]
        values, _ = repaired(d, arguments)
        for tensor, entries in encodings.items():
            assert len(entries) > 1, "one scale for all channels"
            for channel, entry in enumerate(entries):
                codes = values[tensor][channel].ravel() / np.float32(entry["scale"])
                assert np.abs(codes - np.round(codes)).max() < 1e-3, tensor


def test_a_config_repairs_exports_too():
    with folder() as d:
        config, a, b = (os.path.join(d, n) for n in ("c.json", "a.onnx", "b.onnx"))
        arguments = ["--method", "kmeans", "--limit", "60", "--recover", "match"]
        code, _, err = run("tune", SAMPLE, "--data", DATA, *arguments, "--widths", "3", "--target-bits", "3.9", "-o", config)
        assert code == 0, err
        assert run("export", SAMPLE, "--config", config, "--format", "codebook", "-o", a)[0] == 0
        export(SAMPLE, DATA, ["codebook"], [*arguments, "--bits", "3"], b)
        assert open(a, "rb").read() == open(b, "rb").read()
        refused(2, "export", SAMPLE, "--data", DATA, "--format", "fake", "-o", a, says=("--recover",))


main(__name__)
