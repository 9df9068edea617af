#!/usr/bin/python3
"""`bitdial sweep` and `bitdial merge`: the figures of single points against ONNX Runtime and numpy; shards,
threads, kills and resumes give the whole's bytes; wrong and stale files are refused with the reason."""
import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import onnx
import onnx.numpy_helper

import ort
from tap import PROGRAM, SAMPLE, Skip, TOP, folder, main, refused, run, run_json

X = os.path.join(TOP, "samples", "fashion_x.npy")
Y = os.path.join(TOP, "samples", "fashion_y.npy")
KMEANS = ("--method", "kmeans")


def sweep(path, *arguments, model=SAMPLE, samples=60, code=0):
    got, out, err = run("sweep", model, "--data", X, "--labels", Y, "--limit", samples, *KMEANS, "-o", path,
                        *arguments)
    assert got == code, f"exit {got}: {err}"
    return out


def points(path):
    """{(tensor, bits, prune): figures}"""
    return {(layer["tensor"], p["bits"], p["prune"]): p
            for layer in json.load(open(path))["layers"] for p in layer["points"]}


def read(path):
    with open(path, "rb") as f:
        return f.read()


# --- figures -----------------------------------------------------------------------------------------

def with_output_of(model, tensor, path):
    """The model with the output of the tensor's node as its second output."""
    m = onnx.load(model)
    node = next(n for n in m.graph.node if tensor in n.input)
    m.graph.output.append(onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None))
    onnx.save(m, path)


def runtime(model, x):
    name = onnx.load(model).graph.input[0].name
    answers = ort.run_all([(model, {name: row[None]}) for row in x])
    for answer in answers:
        if isinstance(answer, str):
            raise AssertionError(answer)
    keys = list(answers[0])
    return [np.stack([a[k].reshape(-1) for a in answers]).astype(np.float64) for k in keys]


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def decibel(real, other):
    return 10 * np.log10((real ** 2).sum() / ((real - other) ** 2).sum())


def test_points_are_what_onnx_runtime_says():
    x = np.load(X)[:40].astype(np.float32)
    y = np.load(Y)[:40]
    picks = [("conv3.weight", 2, 0), ("block2.dw.weight", 3, 0.5), ("fc2.weight", 4, 0), ("stem.weight", 2, 0.5)]
    with folder() as d:
        out = os.path.join(d, "s.json")
        sweep(out, "--widths", "2,3,4", "--prunes", "0,50%", samples=40)
        got = points(out)
        assert len(got) == 12 * 6
        for tensor, bits, prune in picks:
            real, other = os.path.join(d, "real.onnx"), os.path.join(d, "other.onnx")
            quantized = os.path.join(d, "q.onnx")
            said = run_json("quantize", SAMPLE, "--bits", 32, "--layer",
                            f"{tensor}:method=kmeans,bits={bits},prune={prune}", "-o", quantized, "--json")
            with_output_of(SAMPLE, tensor, real)
            with_output_of(quantized, tensor, other)
            (z, *local), (q, *local_q) = runtime(real, x), runtime(other, x)
            p, log_p, log_q = np.exp(log_softmax(z)), log_softmax(z), log_softmax(q)
            kl = (p * (log_p - log_q)).sum(axis=1)
            point = got[tensor, bits, prune]
            right = (q.argmax(axis=1) == y).astype(float)
            # The last layer's own output is the network's.
            own, own_q = (local[0], local_q[0]) if local else (z, q)
            expected = {"kl": kl.mean(), "kl_error": kl.std(ddof=1) / np.sqrt(len(x)), "top1": right.mean(),
                        "top1_error": right.std(ddof=1) / np.sqrt(len(x)), "output_sqnr_db": decibel(z, q),
                        "local_sqnr_db": decibel(own, own_q)}
            for key, value in expected.items():
                assert abs(point[key] - value) <= 1e-3 * abs(value) + 1e-6, (tensor, key, point[key], value)
            layer = next(l for l in said["layers"] if l["tensor"] == tensor)
            assert abs(point["relative_sse"] - 10 ** (-layer["sqnr_db"] / 10)) <= 1e-9


def test_each_point_is_what_eval_says():
    with folder() as d:
        model, out = os.path.join(d, "fixed.onnx"), os.path.join(d, "s.json")
        m = onnx.load(SAMPLE)
        for port in (m.graph.input[0], m.graph.output[0]):
            port.type.tensor_type.shape.dim[0].dim_value = 4  # a fixed batch, which 30 samples do not fill
        onnx.save(m, model)
        sweep(out, "--widths", "2,32", model=model, samples=30)
        whole = json.load(open(out))
        assert whole["samples"] == 30 and whole["format"] == "bitdial-sensitivity"
        for tensor in ("block1.pw.weight", "fc1.weight"):
            e = run_json("eval", model, "--data", X, "--labels", Y, "--limit", 30, "--bits", 32, "--layer",
                         f"{tensor}:method=kmeans,bits=2", "--json")
            point = points(out)[tensor, 2, 0]
            assert abs(point["kl"] - e["kl"]) < 1e-9 and abs(point["kl_error"] - e["kl_error"]) < 1e-9
            assert point["top1"] == e["quantized"]["top1"] and whole["float"]["top1"] == e["float"]["top1"]
            exact = points(out)[tensor, 32, 0]
            assert exact["kl"] == 0 and exact["output_sqnr_db"] is None and exact["relative_sse"] == 0


def local_errors(model, data, limit, *settings):
    """{tensor: dB} of `eval`, and of how many samples."""
    e = run_json("eval", model, "--data", data, "--limit", limit, *settings, "--json")
    return {layer["tensor"]: layer["local_sqnr_db"] for layer in e["layers"]}, e["local_samples"]


def with_lstm(path):
    """x·W → LSTM → y: two layers that one node reads, and one before them."""
    r = np.random.default_rng(3)
    tensors = {"m": (6, 8), "w": (1, 20, 8), "r": (1, 20, 5)}
    helper, F = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "m"], ["h"]),
         helper.make_node("LSTM", ["h", "w", "r"], ["y"], hidden_size=5, layout=1)], "g",
        [helper.make_tensor_value_info("x", F, [1, 3, 6])], [helper.make_tensor_value_info("y", F, None)],
        [onnx.numpy_helper.from_array(r.standard_normal(s).astype(np.float32), n) for n, s in tensors.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)]), path)


def test_local_errors_of_eval_are_those_of_the_sweep():
    with folder() as d:
        model, out, lstm, x = (os.path.join(d, n) for n in ("fixed.onnx", "s.json", "lstm.onnx", "x.npy"))
        m = onnx.load(SAMPLE)
        for port in (m.graph.input[0], m.graph.output[0]):
            port.type.tensor_type.shape.dim[0].dim_value = 4
        onnx.save(m, model)
        with_lstm(lstm)
        np.save(x, np.random.default_rng(4).standard_normal((20, 3, 6)).astype(np.float32))
        for model, data, limit in ((SAMPLE, X, 9), (model, X, 30), (lstm, x, 20)):
            code, _, err = run("sweep", model, "--data", data, "--limit", limit, *KMEANS, "--widths", 3, "-o", out)
            assert code == 0, err
            expected = {tensor: p["local_sqnr_db"] for (tensor, _, _), p in points(out).items()}
            # All layers are at 3 bits, and each is measured with the others float.
            got, samples = local_errors(model, data, limit, *KMEANS, "--bits", 3)
            assert samples == limit and got.keys() == expected.keys() and len(got) >= 3
            for tensor, value in got.items():
                assert abs(value - expected[tensor]) < 1e-9, (model, tensor, value, expected[tensor])
        one = ("--bits", 32, "--layer", "fc1.weight:bits=4")
        some, samples = local_errors(SAMPLE, X, 100, *one)
        assert samples == 32 and [t for t, db in some.items() if db is not None] == ["fc1.weight"]
        assert (some, samples) == local_errors(SAMPLE, X, 100, *one, "--threads", 1)


def test_without_labels_and_classes_there_is_no_top1_and_no_kl():
    with folder() as d:
        out, model = os.path.join(d, "s.json"), os.path.join(d, "m.onnx")
        m = onnx.load(SAMPLE)
        m.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info(m.graph.node[0].output[0], 1, None))
        onnx.save(m, model)  # its only output is a picture
        code, _, err = run("sweep", model, "--data", X, "--limit", 5, "--widths", 3, "-o", out)
        assert code == 0, err
        for (tensor, _, _), p in points(out).items():
            assert p["kl"] is None and p["top1"] is None
            assert (p["output_sqnr_db"] is not None) == (tensor == "stem.weight"), (tensor, p)


# --- shards, threads, kills --------------------------------------------------------------------------

def test_four_shards_through_gnu_parallel_are_the_whole():
    if not shutil.which("parallel"):
        raise Skip("GNU parallel is not here")
    with folder() as d:
        whole, merged = os.path.join(d, "whole.json"), os.path.join(d, "merged.json")
        sweep(whole, samples=20)
        done = subprocess.run(["parallel", "--will-cite", "-j2", PROGRAM, "sweep", SAMPLE, "--data", X, "--labels", Y,
                               "--limit", "20", *KMEANS, "--threads", "1", "--shard", "{}/4", "-o",
                               os.path.join(d, "s{}.json"), ":::", "1", "2", "3", "4"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, HOME=d))
        assert done.returncode == 0, done.stderr.decode()
        shards = [os.path.join(d, f"s{i}.json") for i in (3, 1, 4, 2)]
        assert sum(len(points(s)) for s in shards) == len(points(whole)) == 84
        code, _, err = run("merge", *shards, "-o", merged)
        assert code == 0, err
        assert read(merged) == read(whole)


def start(path, samples, *arguments):
    return subprocess.Popen([PROGRAM, "sweep", SAMPLE, "--widths", "2,4", "--data", X, "--labels", Y, "--limit", str(samples), *KMEANS,
                             "-o", path, "--threads", "2", *arguments], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


def stop_midway(path, samples, how, *arguments):
    """Sends a signal once the file is there; returns (exit code, samples in the file)."""
    process = start(path, samples, *arguments)
    while not os.path.exists(path) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(how)
    err = process.communicate()[1].decode()
    return process.returncode, json.load(open(path))["samples"], err


def test_what_is_killed_and_resumed_is_the_whole():
    samples = 150
    with folder() as d:
        whole, path = os.path.join(d, "whole.json"), os.path.join(d, "s.json")
        sweep(whole, "--widths", "2,4", samples=samples)
        code, done, _ = stop_midway(path, samples, signal.SIGKILL)
        assert code == -signal.SIGKILL and 0 < done < samples, (code, done)
        seen = points(path)["stem.weight", 2, 0]
        assert seen["kl"] > 0, seen  # figures of what was done, for anyone to use
        sweep(path, "--widths", "2,4", "--resume", samples=samples)
        assert read(path) == read(whole)
        os.remove(path)
        code, done, err = stop_midway(path, samples, signal.SIGINT)
        assert code == 130 and 0 < done < samples, (code, done)
        assert f"holds {done} of 150 samples: go on with --resume" in err, err
        sweep(path, "--widths", "2,4", "--resume", "--threads", 1, samples=samples)
        assert read(path) == read(whole)
        sweep(path, "--widths", "2,4", "--resume", samples=samples)  # nothing is left to do
        assert read(path) == read(whole)


def test_the_slurm_script_makes_the_shards():
    with folder() as d:
        os.symlink(PROGRAM, os.path.join(d, "bitdial"))
        merged, whole = os.path.join(d, "merged.json"), os.path.join(d, "whole.json")
        for task in "1", "2":
            environment = dict(os.environ, PATH=d + ":" + os.environ["PATH"], SLURM_ARRAY_TASK_ID=task,
                               SLURM_ARRAY_TASK_COUNT="2", SLURM_CPUS_PER_TASK="1")
            subprocess.run(["bash", os.path.join(TOP, "samples", "sweep.slurm"), SAMPLE, os.path.join(d, "out"),
                            "--data", X, "--labels", Y, "--limit", "3", "--widths", "3", *KMEANS], check=True,
                           env=environment, stdout=subprocess.DEVNULL)
        run("merge", os.path.join(d, "out", "1.json"), os.path.join(d, "out", "2.json"), "-o", merged)
        sweep(whole, "--widths", "3", samples=3)
        assert read(merged) == read(whole)


# --- refusals ----------------------------------------------------------------------------------------

def test_another_sweep_is_not_gone_on_with():
    with folder() as d:
        path = os.path.join(d, "s.json")
        sweep(path, "--widths", "2,3", samples=5)
        ask = ["sweep", SAMPLE, "--data", X, "--labels", Y, "--limit", 5, "--widths", "2,3", *KMEANS, "-o", path,
               "--resume"]

        def but(option, value):
            return [value if ask[i - 1] == option else word for i, word in enumerate(ask)]

        other = np.load(Y)
        other[2] = (other[2] + 1) % 10
        np.save(os.path.join(d, "y.npy"), other)
        before = read(path)
        refused(2, *but("--widths", "2,4"), says=("s.json", "--widths"))
        refused(2, *but("--limit", 6), says="number of samples")
        refused(2, *but("--method", "linear"), says="method kmeans, not linear")
        refused(2, *but("--labels", os.path.join(d, "y.npy")), says="other data or labels")
        refused(2, *ask, "--scale-input", "0.5", says="other data or labels")
        refused(2, *ask, "--shard", "1/2", says="--shard")
        m = onnx.load(SAMPLE)
        m.producer_name = "somebody else"
        onnx.save(m, os.path.join(d, "m.onnx"))
        refused(2, "sweep", os.path.join(d, "m.onnx"), *ask[2:], says="another model")
        assert read(path) == before


def test_merge_wants_all_shards_of_one_sweep():
    with folder() as d:
        a, b, c, other = (os.path.join(d, name) for name in ("a.json", "b.json", "c.json", "other.json"))
        out = os.path.join(d, "out.json")
        for i, path in enumerate((a, b, c), 1):
            sweep(path, "--widths", "2,3", "--shard", f"{i}/3", samples=3)
        sweep(other, "--widths", "2,3", samples=4)
        refused(2, "merge", a, b, "-o", out, says="shard 3 of 3 is missing")
        refused(2, "merge", a, b, c, c, "-o", out, says=("at 2 bits", "two of the files"))
        refused(2, "merge", a, b, other, "-o", out, says="another number of samples")
        refused(2, "merge", "-o", out, says="needs the shards")
        refused(2, "merge", a, b, c, says="-o")
        half = json.load(open(a))
        half["samples"] = 1
        json.dump(half, open(c, "w"))
        refused(2, "merge", a, b, c, "-o", out, says=("c.json", "sums"))
        for text, says in (("", "JSON"), ("[]", "no sensitivity file"), ('{"format":"bitdial-sensitivity"}', "version"),
                           (json.dumps(dict(half, version=2)), "version"), (json.dumps(dict(half, samples=3, layers=3)), "layers"),
                           (json.dumps(dict(half, samples=-1)), "samples"), (read(b).decode()[:900], "JSON")):
            with open(c, "w") as f:
                f.write(text)
            refused(2, "merge", a, c, "-o", out, says=("c.json", says))
        assert not os.path.exists(out)


def made(path, nodes, weights):
    port = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "g", [port("x", onnx.TensorProto.FLOAT, ["N", 4])], [port("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in weights.items()])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=7), path)


def test_what_cannot_be_run_is_refused_first():
    with folder() as d:
        node, model, out = onnx.helper.make_node, os.path.join(d, "m.onnx"), os.path.join(d, "s.json")
        made(model, [node("MatMul", ["x", "w"], ["a"]), node("Rumble", ["a"], ["b"], name="odd"),
                     node("Rumble", ["b"], ["y"], name="odder")], {"w": np.eye(4)})
        # no data there either: it is not even looked for
        refused(2, "sweep", model, "--data", os.path.join(d, "none.npy"), "-o", out, says=("Rumble", "odd", "2"))
        made(model, [node("MatMul", ["x", "w"], ["a"]), node("Sqrt", ["a"], ["y"], name="root")], {"w": np.eye(4)})
        np.save(os.path.join(d, "x.npy"), -np.ones((3, 4), np.float32))
        refused(2, "sweep", model, "--data", os.path.join(d, "x.npy"), "-o", out, says=("root", "NaN"))


def test_usage():
    refused(2, "sweep", SAMPLE, "-o", "s.json", says="--data")
    refused(2, "sweep", SAMPLE, "--data", X, says="-o")
    for shard in ("0/2", "3/2", "1", "1/2x", "a/b", "1/99999"):
        refused(2, "sweep", SAMPLE, "--data", X, "-o", "s.json", "--shard", shard, says=("--shard", shard))
    refused(2, "sweep", SAMPLE, "--data", X, "-o", "s.json", "--prunes", "0,2", says="--prunes 0,2")
    with folder() as d:
        refused(1, "sweep", SAMPLE, "--data", X, "--limit", 3, "-o", os.path.join(d, "no", "s.json"), says="s.json")
        assert os.listdir(d) == []


if __name__ == "__main__":
    main(__name__)
