#!/usr/bin/python3
"""What quantizing costs in accuracy and what repair wins back: the README's table.

repair_table.py [NETWORK…] [--points 4:0,4:50] [--methods kmeans]: every method at every point (bits : percent pruned),
unrepaired, matched and reconstructed, on samples that were not calibrated on (the last 256 are, of
every network but SqueezeNet, where half of its 100 images are too few to keep: the error bar says so).
Writes one Markdown table for each network. Other networks than the sample stand in ../shared.
--keep FILE keeps what was measured, one line of JSON each: a run that was broken off goes on with it,
and --print makes the tables of what is there."""
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


class Kept:
    """What was measured before, by its command's arguments without the program and the threads."""

    def __init__(self, path):
        self.path, self.found = path, {}
        if path and os.path.exists(path):
            with open(path) as f:
                self.found = dict(map(tuple, map(json.loads, f)))

    def add(self, key, figures):
        self.found[key] = figures
        if self.path:
            with open(self.path, "a") as f:
                f.write(json.dumps([key, figures]) + "\n")


def measure(name, method, bits, prune, recovery, asked, kept):
    """Top-1 of float and quantized in percent, and the standard error, on the same samples for all;
    None where it is only to be printed and was not measured."""
    model, data, labels, more = network = NETWORKS[name]
    samples = scored(network, asked.limit)
    key = f"{name} {samples} {method} {bits} {prune} {recovery}"
    if key in kept.found or asked.print:
        return kept.found.get(key)
    command = [PROGRAM, "eval", model, "--data", data, "--labels", labels, "--method", method, "--bits",
               str(bits), "--prune", str(prune / 100), "--json", *more]
    # Unrepaired, the samples that repair would keep for itself are scored no more than there.
    if recovery == "none":
        command += ["--limit", str(samples)]
    else:
        command += ["--recover", recovery, "--limit", str(samples + calibration(network, asked.limit))]
    if asked.threads:
        command += ["--threads", str(asked.threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    found = json.loads(done.stdout)
    kept.add(key, [100 * found[kind]["top1"] for kind in ("float", "quantized")] +
             [100 * found["quantized"]["top1_error"]])
    return kept.found[key]


def all_samples(network, limit):
    with open(network[1], "rb") as f:
        head = f.read(256)
    samples = int(head[head.index(b"'shape': (") + 10:].split(b",")[0])
    return min(samples, limit) if limit else samples


def calibration(network, limit):
    return min(CALIBRATION, all_samples(network, limit) // 2)


def scored(network, limit):
    return all_samples(network, limit) - calibration(network, limit)


def table(name, points, asked, kept):
    print(f"\n{name}, {scored(NETWORKS[name], asked.limit)} samples\n")
    print("| top-1 %, bits / pruned | " + " | ".join(f"{b} / {p} %" if p else f"{b}" for b, p in points) + " |")
    print("|---" * (len(points) + 1) + "|")
    real = error = 0
    for title, method in METHODS.items():
        if method not in asked.methods.split(","):
            continue
        for recovery in RECOVERIES:
            cells = []
            for bits, prune in points:
                figures = measure(name, method, bits, prune, recovery, asked, kept)
                real, value, one = figures or (real, float("nan"), 0)
                error = max(error, one)
                cells.append(f"{value:.1f}" if figures else "")
            print(f"| {title if recovery == 'none' else '… ' + recovery} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nfloat {real:.1f}; one standard error is at most {error:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", default=["resnet20", "sample", "mnist-8", "squeezenet"])
    parser.add_argument("--methods", default=",".join(METHODS.values()), help="some of them")
    parser.add_argument("--points", default=None, help="bits:percent,…")
    parser.add_argument("--limit", type=int, default=0, help="samples, calibration included (default: all)")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--keep", help="a file to keep what was measured in, and to go on with")
    parser.add_argument("--print", action="store_true", help="only what --keep holds")
    asked = parser.parse_args()
    kept = Kept(asked.keep)
    points = [tuple(int(n) for n in p.split(":")) for p in asked.points.split(",")] if asked.points else POINTS
    for name in asked.networks:
        if os.path.exists(NETWORKS[name][0]):
            table(name, points, asked, kept)
        else:
            print(f"{name}: not here", file=sys.stderr)


main()
