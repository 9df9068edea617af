#!/usr/bin/python3
"""What quantizing costs in accuracy and what repair wins back: the README's table.

repair_table.py [NETWORK…] [--points 4:0,4:50] [--methods kmeans]: every method at every point (bits : percent pruned),
unrepaired, matched and reconstructed, on samples that were not calibrated on (the last 256 are, of
every network but SqueezeNet, where half of its 100 images are too few to keep: the error bar says so).
Writes one Markdown table for each network. Other networks than the sample stand in ../shared."""
import argparse
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("BITDIAL", os.path.join(TOP, os.environ.get("BUILD", "build"), "bitdial"))
MODELS = os.path.join(os.path.dirname(TOP), "shared", "models")
DATA = os.path.join(os.path.dirname(TOP), "shared", "data")
SAMPLES = os.path.join(TOP, "samples")
# name: model, samples, labels, more
NETWORKS = {
    "resnet20": (f"{MODELS}/resnet20_cifar10_folded.onnx", f"{DATA}/cifar10_jpeg_3000_x.npy",
                 f"{DATA}/cifar10_jpeg_3000_y.npy", ["--normalize", "imagenet"]),
    "sample": (f"{SAMPLES}/fashion.onnx", f"{SAMPLES}/fashion_x.npy", f"{SAMPLES}/fashion_y.npy", []),
    "mnist-8": (f"{MODELS}/mnist-8.onnx", f"{DATA}/mnist_2000_x.npy", f"{DATA}/mnist_2000_y.npy", []),
    "squeezenet": (f"{MODELS}/squeezenet1.1_imagenet.onnx", f"{DATA}/imagenet_100_x.npy",
                   f"{DATA}/imagenet_100_y.npy", ["--normalize", "imagenet"]),
}
METHODS = {"min–max": "linear", "linear-mse": "linear-mse", "K-means": "kmeans",
           "two-stage (the paper)": "two-stage", "two-stage-refined": "two-stage-refined"}
RECOVERIES = ["none", "match", "reconstruct"]
POINTS = [(bits, prune) for prune in (0, 50, 80) for bits in (8, 5, 4, 3, 2)]
CALIBRATION = 256


def measure(network, method, bits, prune, recovery):
    """Top-1 of float and quantized in percent, and the standard error, on the same samples for all."""
    model, data, labels, more = network
    command = [PROGRAM, "eval", model, "--data", data, "--labels", labels, "--method", method, "--bits",
               str(bits), "--prune", str(prune / 100), "--json", *more]
    # Unrepaired, the samples that repair would keep for itself are scored no more than there.
    if recovery == "none":
        command += ["--limit", str(scored(network))]
    else:
        command += ["--recover", recovery]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    found = json.loads(done.stdout)
    return [100 * found[key]["top1"] for key in ("float", "quantized")] + \
           [100 * found["quantized"]["top1_error"]]


def scored(network):
    with open(network[1], "rb") as f:
        head = f.read(256)
    samples = int(head[head.index(b"'shape': (") + 10:].split(b",")[0])
    return samples - min(CALIBRATION, samples // 2)


def table(name, points, methods):
    network = NETWORKS[name]
    print(f"\n{name}, {scored(network)} samples\n")
    print("| top-1 %, bits / pruned | " + " | ".join(f"{b} / {p} %" if p else f"{b}" for b, p in points) + " |")
    print("|---" * (len(points) + 1) + "|")
    real = error = 0
    for title, method in METHODS.items():
        if method not in methods:
            continue
        for recovery in RECOVERIES:
            cells = []
            for bits, prune in points:
                real, value, one = measure(network, method, bits, prune, recovery)
                error = max(error, one)
                cells.append(f"{value:.1f}")
            print(f"| {title if recovery == 'none' else '… ' + recovery} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nfloat {real:.1f}; one standard error is at most {error:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", default=["resnet20", "sample", "mnist-8", "squeezenet"])
    parser.add_argument("--methods", default=",".join(METHODS.values()), help="some of them")
    parser.add_argument("--points", default=None, help="bits:percent,…")
    asked = parser.parse_args()
    points = [tuple(int(n) for n in p.split(":")) for p in asked.points.split(",")] if asked.points else POINTS
    for name in asked.networks:
        if os.path.exists(NETWORKS[name][0]):
            table(name, points, asked.methods.split(","))
        else:
            print(f"{name}: not here", file=sys.stderr)


main()
