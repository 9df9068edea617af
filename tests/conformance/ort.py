"""ONNX Runtime as a second judge: onnxruntime-node, fetched with npm into the build folder."""
import json
import os
import shutil
import subprocess
import tempfile

import numpy as np

from tap import BUILD, TOP, Skip

VERSION = "1.30.0"


def home():
    """The folder that holds onnxruntime-node; Skip where it cannot be had."""
    folder = os.path.abspath(os.path.join(TOP, BUILD.split(os.sep)[0] if BUILD.startswith("build") else BUILD,
                                          "npm"))
    if os.path.isdir(os.path.join(folder, "node_modules", "onnxruntime-node")):
        return folder
    if not shutil.which("npm") or not shutil.which("node"):
        raise Skip("ONNX Runtime needs node and npm")
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder,
                           "onnxruntime-node@" + VERSION], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    if done.returncode != 0:
        raise Skip("npm cannot fetch onnxruntime-node")
    return folder


def run_all(jobs, threads=1):
    """jobs: (model path, {name: array}). For each, {name: array} or the error as text."""
    folder = home()
    with tempfile.TemporaryDirectory(prefix="bitdial-ort-") as d:
        asked = []
        for number, (model, inputs) in enumerate(jobs):
            feeds = {}
            for name, array in inputs.items():
                array = np.asarray(array)
                path = os.path.join(d, f"in.{number}.{len(feeds)}")
                with open(path, "wb") as f:
                    f.write(array.tobytes())
                feeds[name] = {"type": str(array.dtype), "dims": list(array.shape), "file": path}
            asked.append({"model": os.path.abspath(model), "threads": threads, "inputs": feeds,
                          "out": os.path.join(d, f"out.{number}")})
        script = os.path.join(TOP, "tests", "conformance", "ort.js")
        environment = dict(os.environ, NODE_PATH=os.path.join(folder, "node_modules"))
        done = subprocess.run(["node", script], input=json.dumps({"jobs": asked}).encode(), env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=900)
        if done.returncode != 0 or not done.stdout:
            raise Skip("ONNX Runtime does not run here: " + done.stderr.decode()[-200:].replace("\n", " "))
        answers = []
        for answer in json.loads(done.stdout):
            if "error" in answer:
                answers.append(answer["error"])
                continue
            outputs = {}
            for name, said in answer["outputs"].items():
                with open(said["file"], "rb") as f:
                    outputs[name] = np.frombuffer(f.read(), said["type"]).reshape(said["dims"])
            answers.append(outputs)
        return answers


def worst(ours, theirs):
    """The greatest difference, relative to the greatest value of each of the tensors."""
    assert list(ours) == list(theirs) or set(ours) == set(theirs), (list(ours), list(theirs))
    most = 0.0
    for name in theirs:
        a, b = ours[name].astype(np.float64), theirs[name].astype(np.float64)
        assert a.shape == b.shape, (name, a.shape, b.shape)
        if not a.size:
            continue
        assert np.array_equal(np.isfinite(a), np.isfinite(b)), f"{name}: not finite in other places"
        good = np.isfinite(b)
        if good.any():
            most = max(most, float(np.max(np.abs(a - b)[good]) / (np.max(np.abs(b[good])) + 1e-12)))
    return most
