#!/usr/bin/python3
"""`bitdial tune` against a plain dynamic programme over bytes on what `bitdial quantize` says of every
layer at every width; the config that it writes; layers that are held; what it refuses."""
import json
import os

import numpy as np
import onnx

from tap import SAMPLE, SHARED, TOP, folder, main, need, refused, run, run_json

KMEANS = ("--method", "kmeans")
RESNET = os.path.join(SHARED, "models", "resnet20_cifar10_folded.onnx")
X = os.path.join(TOP, "samples", "fashion_x.npy")
Y = os.path.join(TOP, "samples", "fashion_y.npy")
CIFAR = os.path.join(SHARED, "data", "cifar10_jpeg_3000_x.npy")


def menus(model, widths, *settings):
    """By layer, by width: (bytes, SSE over the energy)."""
    by_width = [run_json("quantize", model, "--json", *settings, "--bits", b)["layers"] for b in widths]
    names = [layer["tensor"] for layer in by_width[0]]

    def relative(layer):
        return 0 if layer["sse"] == 0 else 10 ** (-layer["sqnr_db"] / 10)
    return names, [[(layers[i]["bytes"], relative(layers[i])) for layers in by_width]
                   for i in range(len(names))]


def least_cost(rows, limit):
    """best[b]: the least cost in at most b bytes."""
    best = np.zeros(limit + 1)
    for row in rows:
        fresh = np.full(limit + 1, np.inf)
        for size, cost in row:
            if size <= limit:
                fresh[size:] = np.minimum(fresh[size:], best[:limit + 1 - size] + cost)
        best = fresh
    return best[limit]


def chosen(result):
    return {layer["tensor"]: layer["bits"] for layer in result["layers"]}


def test_is_the_best_that_a_programme_over_bytes_finds():
    widths = [2, 3, 4, 5, 6, 7, 8]
    names, rows = menus(SAMPLE, widths, *KMEANS)
    for limit in (33000, 40960, 47777, 61000):
        result = run_json("tune", SAMPLE, *KMEANS, "--target-size", limit, "--json")
        got = sum(rows[names.index(n)][b - 2][1] for n, b in chosen(result).items())
        size = sum(rows[names.index(n)][b - 2][0] for n, b in chosen(result).items())
        assert result["optimal"] and size == result["total"]["bytes"] <= limit, (size, result["total"])
        assert abs(got - least_cost(rows, limit)) <= 1e-9 * got, (limit, got)
        assert abs(result["cost"] - got) <= 1e-9 * got, (result["cost"], got)


def test_sizes_count_codebooks():
    # 432 weights or fewer: a codebook of 8 bits outweighs its codes, so more bits are no gain there.
    names, rows = menus(SAMPLE, [2, 4, 8], *KMEANS)
    result = run_json("tune", SAMPLE, *KMEANS, "--target-bits", 3.3, "--widths", "8,2,4,4", "--json")
    total = result["total"]
    assert set(chosen(result).values()) <= {2, 4, 8}, chosen(result)
    limit = int(3.3 * total["weights"] / 8)
    assert total["bytes"] <= limit
    assert abs(result["cost"] - least_cost(rows, limit)) <= 1e-9 * result["cost"]


def test_the_config_is_what_quantize_takes():
    with folder() as d:
        path = os.path.join(d, "c.json")
        result = run_json("tune", SAMPLE, *KMEANS, "--prune", 0.3, "--target-bits", 4, "-o", path, "--json")
        again = run_json("quantize", SAMPLE, "--config", path, "--json")
        assert chosen(result) == chosen(again)
        assert again["total"] == result["total"] == json.load(open(path))["results"], again["total"]
        assert all(l["prune"] == 0.3 and l["method"] == "kmeans" for l in again["layers"])


def test_what_is_held_stays():
    with folder() as d:
        path, out = os.path.join(d, "c.json"), os.path.join(d, "out.json")
        run("tune", SAMPLE, "--target-bits", 4, "-o", path)
        config = json.load(open(path))
        first, second = config["layers"][0], config["layers"][1]
        first.update(bits=7, locked=True)
        json.dump(config, open(path, "w"))
        result = run_json("tune", SAMPLE, "--config", path, "--layer", second["tensor"] + ":prune=0.1,bits=6",
                          "--target-bits", 3, "--json", "-o", out)
        assert chosen(result)[first["tensor"]] == 7 and chosen(result)[second["tensor"]] == 6
        held = [l["tensor"] for l in result["layers"] if l["locked"]]
        assert held == [first["tensor"], second["tensor"]], held
        assert [l["tensor"] for l in json.load(open(out))["layers"] if l.get("locked")] == held


def test_one_line_where_it_cannot_be():
    refused(2, "tune", SAMPLE, says=("one budget", "--target-bits"))
    refused(2, "tune", SAMPLE, "--target-bits", 3, "--target-size", "1M", says="one budget")
    refused(2, "tune", SAMPLE, "--target-size", "5KiB", says=("no allocation fits 5120 bytes", "the least is"))
    for option, value in (("--target-bits", "0"), ("--target-bits", "nan"), ("--target-bits", "3x"),
                          ("--target-size", "-4"), ("--target-size", "x"), ("--target-size", "")):
        refused(2, "tune", SAMPLE, option, value, says=option)
    refused(2, "tune", SAMPLE, "--target-bits", 3, "--widths", "2,9", says=("--widths 2,9", "bits"))
    with folder() as d:
        refused(1, "tune", SAMPLE, "--target-bits", 4, "-o", os.path.join(d, "no", "c.json"), says="c.json")
        assert os.listdir(d) == []


# --- with a sweep and with data ------------------------------------------------------------------------

def sweep(path, *arguments):
    code, _, err = run("sweep", SAMPLE, *KMEANS, "--data", X, "--labels", Y, "--limit", 40, "--widths", "2,3,4,6",
                       "-o", path, *arguments)
    assert code == 0, err
    return json.load(open(path))


def test_each_objective_is_kept_as_small_as_can_be():
    with folder() as d:
        path = os.path.join(d, "s.json")
        swept = sweep(path)
        names, rows = menus(SAMPLE, [2, 3, 4, 6], *KMEANS)
        limit = 42000
        for objective in ("kl", "local", "top1"):
            costs = {"kl": lambda p: p["kl"], "local": lambda p: 10 ** (-p["local_sqnr_db"] / 10),
                     "top1": lambda p: swept["float"]["top1"] - p["top1"]}[objective]
            priced = [[(size, costs(p)) for (size, _), p in zip(row, layer["points"])]
                      for row, layer in zip(rows, swept["layers"])]
            if objective == "top1":  # noise: no width loses less than a wider one, none gains
                priced = [[(size, max(0, *(c for _, c in row[i:]))) for i, (size, _) in enumerate(row)] for row in priced]
            result = run_json("tune", SAMPLE, *KMEANS, "--sensitivity", path, "--objective", objective, "--widths",
                              "2,3,4,6", "--target-size", limit, "--json")
            assert result["objective"] == objective and result["measured"] == []
            assert abs(result["cost"] - least_cost(priced, limit)) <= 1e-9, objective
            # Within a loss: no smaller size keeps it.
            if objective == "local":
                continue
            loss = run_json("tune", SAMPLE, *KMEANS, "--sensitivity", path, "--objective", objective, "--widths",
                            "2,3,4,6", "--max-loss", 0.05, "--json")
            size = loss["total"]["bytes"]
            assert loss["cost"] <= 0.05 and loss["bound"] == size
            assert least_cost(priced, size - 1) > 0.05 - 1e-9, (objective, size)


def test_candidates_are_measured_and_the_best_is_taken():
    data = ("--data", X, "--labels", Y, "--limit", 100)
    with folder() as d:
        path, config = os.path.join(d, "s.json"), os.path.join(d, "c.json")
        sweep(path)
        result = run_json("tune", SAMPLE, *KMEANS, "--sensitivity", path, "--objective", "kl", "--widths", "2,3,4,6",
                          "--target-bits", 2.7, *data, "-o", config, "--json")
        measured = result["measured"]
        assert [m["objective"] for m in measured] == ["kl", "relative", "local"]
        best = min(measured, key=lambda m: m["kl"])
        assert [m["chosen"] for m in measured] == [m is best for m in measured]
        assert result["objective"] == best["objective"] and result["total"]["bytes"] == best["bytes"]
        e = run_json("eval", SAMPLE, "--config", config, *data, "--json")
        assert abs(e["kl"] - best["kl"]) < 1e-9 and e["quantized"]["top1"] == best["top1"]


def test_a_loss_is_kept_on_the_data():
    data = ("--data", X, "--labels", Y, "--limit", 60)
    with folder() as d:
        config = os.path.join(d, "c.json")
        result = run_json("tune", SAMPLE, *KMEANS, "--objective", "kl", "--max-loss", 0.05, "--widths", "2,3,4,6",
                          *data, "-o", config, "--json")  # swept on the way
        kept = [m for m in result["measured"] if m["kl"] <= 0.05]
        assert result["total"]["bytes"] == min(m["bytes"] for m in kept)
        lost = [m["bytes"] for m in result["measured"] if m["kl"] > 0.05]
        assert lost and max(lost) > 0.97 * result["total"]["bytes"], (lost, result["total"]["bytes"])
        assert run_json("eval", SAMPLE, "--config", config, *data, "--json")["kl"] <= 0.05


def test_stale_sweeps_are_refused_with_the_reason():
    with folder() as d:
        path, other = os.path.join(d, "s.json"), os.path.join(d, "m.onnx")
        sweep(path)
        ask = ("--sensitivity", path, "--objective", "kl", "--target-bits", 4)
        m = onnx.load(SAMPLE)
        m.doc_string = "changed since"
        onnx.save(m, other)
        refused(2, "tune", other, *KMEANS, *ask, says=("s.json", "another model or an earlier state of it", "sha256"))
        refused(2, "tune", SAMPLE, *ask, says=("stem.weight", "method kmeans, the settings say two-stage"))
        refused(2, "tune", SAMPLE, *KMEANS, *ask, says=("s.json", "at 5 bits", "--widths"))
        refused(2, "tune", SAMPLE, *KMEANS, "--prune", 0.5, *ask, says="prune 0.5")
        sweep(path, "--shard", "1/2")
        refused(2, "tune", SAMPLE, *KMEANS, *ask, says=("shard 1 of 2", "bitdial merge"))
        refused(2, "tune", SAMPLE, "--objective", "kl", "--target-bits", 4, says=("needs a sweep", "--data"))
        refused(2, "tune", SAMPLE, "--objective", "best", "--target-bits", 4, says="--objective best")
        refused(2, "tune", SAMPLE, "--max-loss", 0.1, says="needs a sweep")
        refused(2, "tune", SAMPLE, "--max-loss", 0.1, "--objective", "local", says="--max-loss is in KL or top-1")
        refused(2, "tune", SAMPLE, "--max-loss", "-1", says="--max-loss -1")


# --- the figure ----------------------------------------------------------------------------------------

def kl(model, *settings):
    return run_json("eval", model, "--data", CIFAR, "--normalize", "imagenet", "--limit", 300, "--json",
                    *settings)["kl"]


def test_at_three_bits_the_divergence_is_at_most_two_fifths_of_equal_bits():
    need(RESNET, CIFAR)
    data = ("--data", CIFAR, "--normalize", "imagenet", "--limit", 24)
    with folder() as d:
        path, sensitivity = os.path.join(d, "c.json"), os.path.join(d, "s.json")
        equal = kl(RESNET, *KMEANS, "--bits", 3)
        code, _, err = run("sweep", RESNET, *KMEANS, *data, "-o", sensitivity)
        assert code == 0, err
        for objective in ("relative", "kl"):
            result = run_json("tune", RESNET, *KMEANS, "--target-bits", 3, "--objective", objective,
                              "--sensitivity", sensitivity, "-o", path, "--json")
            assert result["objective"] == objective and result["total"]["bits_per_weight"] <= 3
            assert kl(RESNET, "--config", path) <= 0.4 * equal, objective


if __name__ == "__main__":
    main(__name__)
