#!/usr/bin/python3
"""scikit-learn's KMeans (n_init=1, one thread) and bitdial on the same 2.36 M weights, 16 clusters:
the whole process of bitdial, model reading included, is timed on one thread."""
import os
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is loaded
import numpy as np  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402

sys.path.insert(0, "tests/conformance")
from sklearn_test import write_model  # noqa: E402
from tap import PROGRAM, folder  # noqa: E402
import json  # noqa: E402


def best_of(count, work):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        result = work()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times), result


def ours(model, init):
    done = subprocess.run([PROGRAM, "quantize", model, "--method", "kmeans", "--bits", "4", "--init",
                           init, "--threads", "1", "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["layers"][0]


def main():
    rng = np.random.default_rng(1)
    w = rng.normal(0, 0.02, (2304, 1024)).astype(np.float32)
    points = w.reshape(-1, 1)
    theirs, fit = best_of(1, lambda: KMeans(16, n_init=1, random_state=1).fit(points))
    with folder() as d:
        path = os.path.join(d, "m.onnx")
        write_model(path, w)
        for init in ("pso", "optimal"):
            ms, layer = best_of(3, lambda: ours(path, init))
            print(f"  bitdial {init}, whole process, proved: {ms:.0f} ms; scikit-learn {theirs:.0f} ms, "
                  f"{theirs / ms:.1f} times that; its SSE is {fit.inertia_ / layer['sse_cluster']:.4f} "
                  f"times the optimum's")


main()
