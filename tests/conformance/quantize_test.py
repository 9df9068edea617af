#!/usr/bin/python3
"""`quantize`: what it says (JSON) against what it writes (ONNX), and both against numpy twins that
are written from the method's definition alone."""
import math
import os

import numpy as np
import onnx
from onnx import numpy_helper

from tap import SAMPLE, SHARED, Skip, folder, main, need, run, run_json

SETTINGS = [
    {"bits": 4},
    {"bits": 3, "prune": 0.5, "method": "kmeans"},
    {"bits": 2, "prune": 0.8, "method": "kmeans", "zero": "mask", "init": "optimal"},
    {"bits": 4, "prune": 0.3, "method": "two-stage", "grid": "affine"},
    {"bits": 3, "prune": 0.25, "method": "two-stage", "zero": "mask"},
    {"bits": 5, "method": "linear", "grid": "signed"},
    {"bits": 3, "prune": 0.5, "method": "linear", "grid": "affine"},
    {"bits": 1, "method": "two-stage"},
    {"bits": 1, "prune": 0.5, "method": "linear"},
    {"bits": 8, "prune": 1},
    {"bits": 32, "prune": 0.4},
]


def flags(setting):
    return [word for key, value in setting.items() for word in ("--" + key, str(value))]


def weights_of(path):
    """Every float tensor of the main graph by name, as stored."""
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def quantized(setting, model=SAMPLE, extra=()):
    with folder() as d:
        out = os.path.join(d, "out.onnx")
        result = run_json("quantize", model, *flags(setting), *extra, "-o", out, "--json")
        return result, weights_of(out), open(out, "rb").read()


def pruned_mask(w, ratio):
    """The first round(p·n, half up) weights in the order (|w|, positive before negative, index)."""
    n = w.size
    order = np.lexsort((np.arange(n), w < 0, np.abs(w)))
    mask = np.zeros(n, bool)
    mask[order[:int(math.floor(ratio * n + 0.5))]] = True
    return mask


def close(a, b, tolerance=1e-9):
    return abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-300)


def test_json_agrees_with_the_written_model():
    before = weights_of(SAMPLE)
    for setting in SETTINGS:
        result, after, _ = quantized(setting)
        for layer in result["layers"]:
            w = before[layer["tensor"]].astype(np.float64).ravel()
            q = after[layer["tensor"]].astype(np.float64).ravel()
            error = ((w - q) ** 2).sum()
            assert close(layer["sse"], error, 1e-6) or error < 1e-20, (setting, layer, error)
            parts = layer["sse_prune"] + layer["sse_cluster"] + layer["sse_map"]
            assert close(parts, layer["sse"], 1e-9) or error < 1e-20, (setting, layer)
            assert close(layer["max_error"], np.abs(w - q).max(), 1e-9), (setting, layer)
            if error > 1e-20:
                assert abs(layer["sqnr_db"] - 10 * math.log10((w ** 2).sum() / error)) < 1e-5
            mask = pruned_mask(before[layer["tensor"]].ravel(), setting.get("prune", 0))
            assert layer["pruned"] == mask.sum()
            assert (q[mask] == 0).all()
            assert close(layer["sse_prune"], (w[mask] ** 2).sum(), 1e-9)
            if setting["bits"] < 32:
                assert layer["levels"] == len(np.unique(q)), (setting, layer)
                room = 2 ** setting["bits"] + (setting.get("zero") == "mask")
                assert layer["levels"] <= room
            else:
                assert (q[~mask] == w[~mask]).all() and layer["levels"] is None


def test_totals_are_the_sums():
    for setting in SETTINGS[:3]:
        result = run_json("quantize", SAMPLE, *flags(setting), "--json")
        layers, total = result["layers"], result["total"]
        count = {l["tensor"]: weights_of(SAMPLE)[l["tensor"]].size for l in layers}
        n = sum(count.values())
        assert total["weights"] == n == result["model"]["weights"]
        assert total["bytes_float"] == 4 * n
        assert total["bytes"] == sum(l["bytes"] for l in layers)
        assert close(total["ratio"], total["bytes_float"] / total["bytes"])
        assert close(total["bits_per_weight"],
                     sum(l["bits_per_weight"] * count[l["tensor"]] for l in layers) / n)
        assert close(total["entropy_bits"],
                     sum(l["entropy_bits"] * count[l["tensor"]] for l in layers) / n)


def stored_bits(layer, w, setting):
    """The size by the definition: codes, mask, codebook or step."""
    n, b, method = w.size, layer["bits"], layer["method"]
    zeros = int((pruned_mask(w, layer["prune"]) | (w == 0)).sum())
    mask = layer["zero"] == "mask"
    bits = n + (n - zeros) * b if mask else n * b
    if method == "kmeans":
        return bits + 32 * (layer["levels"] - (mask and zeros > 0))
    return bits + 32 + (b if layer["grid"] == "affine" else 0)


def test_bytes_and_entropy_by_definition():
    before = weights_of(SAMPLE)
    for setting in SETTINGS[:9]:
        result, after, _ = quantized(setting)
        for layer in result["layers"]:
            w, q = before[layer["tensor"]].ravel(), after[layer["tensor"]].ravel()
            bits = stored_bits(layer, w, setting)
            assert layer["bytes"] == math.ceil(bits / 8), (setting, layer, bits / 8)
            assert close(layer["bits_per_weight"], bits / w.size) or \
                close(layer["bits_per_weight"], 8 * layer["bytes"] / w.size)
            if layer["zero"] == "mask" and layer["method"] != "kmeans":
                continue  # a survivor on the zero level is a symbol of its own: not seen in q
            share = np.unique(q, return_counts=True)[1] / q.size
            assert close(layer["entropy_bits"] + 1e-12, -(share * np.log2(share)).sum() + 1e-12, 1e-6)


def linear_twin(w, mask, bits, grid):
    w, q = w.astype(np.float64), np.zeros(w.size)
    keep = ~mask
    if grid == "signed":
        top = 2 ** (bits - 1) - 1
        step = np.abs(w).max() / top
        q[keep] = np.clip(np.round(w[keep] / step), -top, top) * step
    else:
        low, high = min(w.min(), 0), max(w.max(), 0)
        step = (high - low) / (2 ** bits - 1)
        zero = np.floor(-low / step + 0.5)
        q[keep] = (np.clip(np.round(w[keep] / step + zero), 0, 2 ** bits - 1) - zero) * step
    return q.astype(np.float32)


def test_linear_is_min_max():
    before = weights_of(SAMPLE)
    for bits in (2, 3, 5, 8):
        for grid in ("signed", "affine"):
            for prune in (0, 0.4):
                setting = {"bits": bits, "method": "linear", "grid": grid, "prune": prune}
                result, after, _ = quantized(setting)
                for layer in result["layers"]:
                    w = before[layer["tensor"]].ravel()
                    twin = linear_twin(w, pruned_mask(w, prune), bits, grid)
                    q = after[layer["tensor"]].ravel()
                    same = np.isclose(twin, q, rtol=1e-5, atol=1e-9)
                    # at the very middle of two levels either is right
                    tie = np.isclose(np.abs(twin - w), np.abs(q - w), rtol=1e-4)
                    assert (same | tie).all(), (setting, layer["tensor"])


def optimal_clusters(values, k):
    """The least SSE of k clusters of sorted values: the O(k n²) dynamic programme."""
    v = np.sort(values.astype(np.float64))
    n = v.size
    s, q = np.concatenate([[0], np.cumsum(v)]), np.concatenate([[0], np.cumsum(v * v)])
    i = np.arange(n + 1)
    count = i[None, :] - i[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = q[None, :] - q[:, None] - (s[None, :] - s[:, None]) ** 2 / count
    cost[count <= 0] = np.inf
    best = cost[0].copy()
    for _ in range(k - 1):
        best = np.minimum(best, (best[:, None] + cost).min(axis=0))
    return max(best[n], 0)


def test_clustering_is_the_proved_optimum_on_small_tensors():
    before = weights_of(SAMPLE)
    for setting in ({"bits": 2}, {"bits": 4}, {"bits": 3, "prune": 0.5}, {"bits": 5, "zero": "mask", "prune": .2}):
        for init in ("optimal", "pso"):
            full = dict(setting, method="kmeans", init=init)
            result = run_json("quantize", SAMPLE, *flags(full), "--json")
            for layer in result["layers"]:
                w = before[layer["tensor"]].ravel()
                if w.size > 700:
                    continue
                mask = pruned_mask(w, setting.get("prune", 0)) | (w == 0)
                k = 2 ** setting["bits"] - (mask.any() and setting.get("zero") != "mask")
                best = optimal_clusters(w[~mask], k)
                assert layer["proved"], layer
                assert close(layer["sse_cluster"], layer["optimum_ratio"] * best, 1e-6), (full, layer, best)
                assert layer["optimum_ratio"] >= 1 - 1e-9
                if init == "optimal":
                    assert layer["optimum_ratio"] <= 1 + 1e-9, layer


def two_stage_grid(centroids, bits, grid):
    if grid == "signed":
        top = 2 ** (bits - 1) - 1
        return np.abs(centroids).max() / top * np.arange(-top, top + 1)
    low, high = min(centroids.min(), 0), max(centroids.max(), 0)
    step = (high - low) / (2 ** bits - 1)
    return step * (np.arange(2 ** bits) - np.floor(-low / step + 0.5))


def test_two_stage_maps_each_cluster_to_its_nearest_level():
    before = weights_of(SAMPLE)
    for bits, grid, prune in ((4, "signed", 0), (4, "affine", 0), (3, "signed", 0.5), (3, "affine", .5)):
        base = {"bits": bits, "prune": prune, "grid": grid, "seed": 7}
        _, clusters, _ = quantized(dict(base, method="kmeans"))
        _, mapped, _ = quantized(dict(base, method="two-stage"))
        for name, w in before.items():
            if not name.endswith("weight"):
                continue
            c, m, w = clusters[name].ravel(), mapped[name].ravel(), w.ravel()
            keep = ~(pruned_mask(w, prune) | (w == 0))
            grid_levels = two_stage_grid(np.unique(c[keep]).astype(np.float64), bits, grid)
            for centroid in np.unique(c[keep]):
                took = np.unique(m[keep & (c == centroid)])
                assert took.size == 1, (name, centroid, took)
                gap = np.abs(grid_levels - centroid)
                assert abs(took[0] - centroid) <= gap.min() * (1 + 1e-5) + 1e-7, (name, centroid, took)


def test_only_the_weights_change():
    models = [SAMPLE]
    if os.path.isdir(os.path.join(SHARED, "models")):
        models += [os.path.join(SHARED, "models", f) for f in
                   ("resnet20_cifar10_bn.onnx", "dtln_1.onnx", "mnist-8.onnx", "ultraface-RFB-320.onnx")]
    for path in models:
        layers = {l["tensor"] for l in run_json("layers", path, "--json")["layers"] if not l["refused"]}
        with folder() as d:
            out = os.path.join(d, "out.onnx")
            assert run("quantize", path, "--bits", "3", "-o", out)[0] == 0
            a, b = onnx.load(path), onnx.load(out)
            original = {t.name: t for t in a.graph.initializer}
            changed = 0
            for tensor in b.graph.initializer:
                if tensor.name in layers:
                    changed += tensor != original[tensor.name]
                    tensor.CopyFrom(original[tensor.name])
            assert changed > 0
            assert b.SerializeToString() == a.SerializeToString() == open(path, "rb").read(), path


def test_bits_32_writes_the_same_file():
    with folder() as d:
        out = os.path.join(d, "out.onnx")
        assert run("quantize", SAMPLE, "--bits", "32", "-o", out)[0] == 0
        assert open(out, "rb").read() == open(SAMPLE, "rb").read()


def test_layer_globs_and_order():
    names = [l["tensor"] for l in run_json("layers", SAMPLE, "--json")["layers"]]
    result = run_json("quantize", SAMPLE, "--json", "--bits", "5", "--layer", "*:bits=4",
                      "--layer", names[0] + ":bits=7,prune=0.25", "--layer", names[-1] + ":bits=32")
    bits = {l["tensor"]: l["bits"] for l in result["layers"]}
    assert bits[names[0]] == 7 and bits[names[-1]] == 32
    assert all(bits[name] == 4 for name in names[1:-1])
    assert result["layers"][0]["prune"] == 0.25


def test_same_seed_same_bytes_on_any_number_of_threads():
    first = None
    for threads in (1, 2, 8, 2):
        setting = {"bits": 4, "prune": 0.5, "seed": 3}
        result, _, data = quantized(setting, extra=("--threads", threads))
        key = (data, str(result["layers"]))
        assert first is None or key == first
        first = key


def test_float16_levels_are_float16():
    with folder() as d:
        values = np.random.default_rng(5).standard_normal((40, 50)).astype(np.float16)
        weight = numpy_helper.from_array(values, "w16")
        node = onnx.helper.make_node("MatMul", ["x", "w16"], ["y"], name="m")
        info = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph([node], "g", [info("x", onnx.TensorProto.FLOAT16, ["N", 40])],
                                       [info("y", onnx.TensorProto.FLOAT16, ["N", 50])], [weight])
        path = os.path.join(d, "half.onnx")
        onnx.save(onnx.helper.make_model(graph, ir_version=7), path)
        result, after, _ = quantized({"bits": 3, "method": "kmeans"}, model=path)
        q = after["w16"].astype(np.float64)
        assert after["w16"].dtype == np.float16
        error = ((values.astype(np.float64) - q) ** 2).sum()
        assert close(result["layers"][0]["sse"], error, 1e-9)
        assert len(np.unique(q)) == 8


def test_refused_layers_are_left_as_they_are_and_named_once():
    need(os.path.join(SHARED, "models", "silero_vad.onnx"))
    path = os.path.join(SHARED, "models", "silero_vad.onnx")
    code, out, err = run("quantize", path, "--bits", "4", "--json")
    assert code == 0 and err.count("\n") == 1 and "left as they are" in err, err


def test_nan_in_a_layer_refuses_that_layer_alone():
    model = onnx.load(SAMPLE)
    weight = next(t for t in model.graph.initializer if len(t.dims) == 4)
    values = numpy_helper.to_array(weight).copy()
    values.flat[3] = np.nan
    weight.raw_data = values.tobytes()
    with folder() as d:
        path, out = os.path.join(d, "nan.onnx"), os.path.join(d, "out.onnx")
        onnx.save(model, path)
        layers = {l["tensor"]: l for l in run_json("layers", path, "--json")["layers"]}
        assert "NaN" in layers[weight.name]["refused"]
        code, _, err = run("quantize", path, "--bits", "3", "-o", out)
        assert code == 0 and weight.name in err and err.count("\n") == 1
        after = weights_of(out)
        assert after[weight.name].tobytes() == values.tobytes()
        assert sum(len(np.unique(v)) <= 8 for v in after.values()) >= len(layers) - 1


main(__name__)
