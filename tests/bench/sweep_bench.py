#!/usr/bin/python3
"""A sensitivity sweep against one ONNX Runtime session (npm) for each configuration: the same samples, one
thread, the same run. Seconds of the processor a configuration, so that other work on the machine does not count."""
import json
import os
import resource
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conformance"))
import ort  # noqa: E402
from engine_models_test import MODELS  # noqa: E402
from tap import PROGRAM, SAMPLE, Skip, TOP, run, run_json  # noqa: E402

SCRIPT = r"""
const fs = require("fs"), ort = require("onnxruntime-node");
const job = JSON.parse(fs.readFileSync(0, "utf8"));
(async () => {
  const bytes = fs.readFileSync(job.file), size = job.dims.reduce((a, b) => a * b, 1);
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (const model of job.models) {
    const session = await ort.InferenceSession.create(model, {
      intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: "sequential", logSeverityLevel: 4 });
    for (let i = 0; i < job.samples; i++)
      await session.run({ [job.input]: new ort.Tensor("float32", all.subarray(i * size, (i + 1) * size), job.dims) });
    await session.release();
  }
})();
"""
WIDTHS = "2,4,8"


def processor_seconds(command, **options):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def runtime_seconds(models, name, x, d):
    """Of one configuration: the process with these models, less what it takes with none."""
    x.tofile(os.path.join(d, "x.bin"))
    environment = dict(os.environ, NODE_PATH=os.path.join(ort.home(), "node_modules"))

    def job(some):
        text = {"models": some, "input": name, "dims": [1] + list(x.shape[1:]), "samples": len(x),
                "file": os.path.join(d, "x.bin")}
        return processor_seconds(["node", "-e", SCRIPT], input=json.dumps(text).encode(), env=environment)
    return (job(models) - job([])) / len(models)


def measure(label, model, name, shape, samples, layers):
    with tempfile.TemporaryDirectory() as d:
        x = np.random.default_rng(1).normal(size=(samples, *shape)).astype(np.float32)
        np.save(os.path.join(d, "x.npy"), x)
        tensors = [l["tensor"] for l in run_json("layers", model, "--json")["layers"]]
        configurations = []  # some layers, evenly over the depth: the network's cost is that of all of it
        for i in np.linspace(0, len(tensors) - 1, layers).round().astype(int):
            path = os.path.join(d, f"{i}.onnx")
            code, _, err = run("quantize", model, "--bits", 32, "--layer", f"{tensors[i]}:method=kmeans,bits=4",
                               "-o", path)
            assert code == 0, err
            configurations.append(path)
        theirs = runtime_seconds(configurations, name, x, d)
        points = len(tensors) * len(WIDTHS.split(","))
        ours = processor_seconds([PROGRAM, "sweep", model, "--data", os.path.join(d, "x.npy"), "--widths", WIDTHS,
                                  "--method", "kmeans", "--threads", "1", "-o", os.path.join(d, "s.json")]) / points
        print(f"{label:12} {points} configurations, {samples} samples: bitdial {1e3 * ours:7.1f} ms, "
              f"ONNX Runtime {1e3 * theirs:7.1f} ms a configuration: {theirs / ours:5.2f}x", flush=True)


def main():
    try:
        ort.home()
    except Skip as why:
        print(f"skipped: {why}")
        return
    measure("sample", SAMPLE, "image", (1, 28, 28), 200, 6)
    if not os.path.isdir(MODELS):
        print("skipped: the other models are not here")
        return
    measure("ResNet-20", os.path.join(MODELS, "resnet20_cifar10_folded.onnx"), "input", (3, 32, 32), 100, 6)
    measure("SqueezeNet", os.path.join(MODELS, "squeezenet1.1_imagenet.onnx"), "data", (3, 224, 224), 8, 6)


main()
