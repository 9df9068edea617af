#!/usr/bin/python3
"""Inference against ONNX Runtime (npm): the same samples, the same number of threads, the same run."""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conformance"))
import ort  # noqa: E402
from engine_models_test import MODELS, filled  # noqa: E402
from tap import Skip, run_json  # noqa: E402

SCRIPT = r"""
const fs = require("fs"), ort = require("onnxruntime-node");
const job = JSON.parse(fs.readFileSync(0, "utf8"));
(async () => {
  const session = await ort.InferenceSession.create(job.model, {
    intraOpNumThreads: job.threads, interOpNumThreads: 1, executionMode: "sequential",
    logSeverityLevel: 4 });
  const bytes = fs.readFileSync(job.file), size = job.dims.reduce((a, b) => a * b, 1);
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const one = i => session.run({ [job.input]: new ort.Tensor("float32", all.subarray(i * size, (i + 1) * size), job.dims) });
  for (let i = 0; i < 3; i++) await one(i % job.samples);
  const start = process.hrtime.bigint();
  for (let i = 0; i < job.samples; i++) await one(i);
  console.log(Number(process.hrtime.bigint() - start) / 1e9);
})();
"""


def runtime_seconds(model, name, x, threads):
    with tempfile.NamedTemporaryFile(suffix=".bin") as f:
        f.write(x.tobytes())
        f.flush()
        job = {"model": model, "threads": threads, "input": name, "dims": [1] + list(x.shape[1:]),
               "samples": len(x), "file": f.name}
        environment = dict(os.environ, NODE_PATH=os.path.join(ort.home(), "node_modules"))
        done = subprocess.run(["node", "-e", SCRIPT], input=json.dumps(job).encode(), env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return float(done.stdout)


def our_seconds(model, x, threads):
    with tempfile.TemporaryDirectory() as d:
        np.save(os.path.join(d, "x.npy"), x)
        return run_json("run", model, "--data", os.path.join(d, "x.npy"), "--threads", threads,
                        "-o", os.path.join(d, "o.npz"), "--json")["seconds"]


def measure(label, model, name, shape, samples):
    x = np.random.default_rng(1).normal(size=(samples, *shape)).astype(np.float32)
    for threads in (1, 2):
        ours, theirs = [], []
        for _ in range(5):  # in turns, so that other work on the machine meets both
            theirs.append(runtime_seconds(model, name, x, threads) / samples)
            ours.append(our_seconds(model, x, threads) / samples)
        print(f"{label:14} {threads} thread{'s' if threads > 1 else ' '} bitdial {1e3 * min(ours):7.2f} ms, "
              f"ONNX Runtime {1e3 * min(theirs):7.2f} ms: {min(theirs) / min(ours):5.2f}x", flush=True)


def main():
    try:
        ort.home()
    except Skip as why:
        print(f"skipped: {why}")
        return
    if not os.path.isdir(MODELS):
        print("skipped: the models are not here")
        return
    with tempfile.TemporaryDirectory() as d:
        resnet = filled(os.path.join(MODELS, "light", "light_resnet50.onnx"), d)
        measure("ResNet-50", resnet, "gpu_0/data_0", (3, 224, 224), 20)
        measure("SqueezeNet", os.path.join(MODELS, "squeezenet1.1_imagenet.onnx"), "data", (3, 224, 224), 100)
        measure("MobileNetV2", os.path.join(MODELS, "mobilenetv2_backbone_imagenet.onnx"), "data", (3, 224, 224),
                100)
        measure("ResNet-20", os.path.join(MODELS, "resnet20_cifar10_folded.onnx"), "input", (3, 32, 32), 1000)


main()
