#!/usr/bin/python3
"""`bitdial tune` against a plain dynamic programme over bytes on what `bitdial quantize` says of every
layer at every width; the config that it writes; layers that are held; what it refuses."""
import json
import os

import numpy as np

from tap import SAMPLE, SHARED, TOP, folder, main, need, refused, run, run_json

KMEANS = ("--method", "kmeans")
RESNET = os.path.join(SHARED, "models", "resnet20_cifar10_folded.onnx")
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


def kl(model, config, *settings):
    return run_json("eval", model, "--data", CIFAR, "--normalize", "imagenet", "--limit", 300, "--json",
                    *settings, *(("--config", config) if config else ()))["kl"]


def test_at_three_bits_the_divergence_is_at_most_two_fifths_of_equal_bits():
    need(RESNET, CIFAR)
    with folder() as d:
        path = os.path.join(d, "c.json")
        run_json("tune", RESNET, *KMEANS, "--target-bits", 3, "-o", path, "--json")
        assert kl(RESNET, path) <= 0.4 * kl(RESNET, None, *KMEANS, "--bits", 3)


if __name__ == "__main__":
    main(__name__)
