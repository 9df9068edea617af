#!/usr/bin/python3
"""ONNX's own operator tests (libonnx-testdata): each is right, or refused by name and listed here."""
import concurrent.futures
import glob
import os
import re

import numpy as np
import onnx
import onnx.numpy_helper

from tap import folder, main, need, run

DATA = "/usr/share/libonnx-testdata/data"
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
LEAST = 400  # that must be right

# Operators that are not written, and why.
STRINGS, SEQUENCES, TRAINING = "strings", "sequences and optionals", "training"
RANDOM, SIGNALS, RARE = "random numbers", "signal processing", "not met in a network yet"
OPERATORS = {
    "StringNormalizer": STRINGS, "TfIdfVectorizer": STRINGS,
    "SequenceInsert": SEQUENCES, "SequenceAt": SEQUENCES, "SequenceLength": SEQUENCES,
    "SequenceEmpty": SEQUENCES, "SequenceConstruct": SEQUENCES, "SequenceMap": SEQUENCES,
    "SequenceErase": SEQUENCES, "SplitToSequence": SEQUENCES, "ConcatFromSequence": SEQUENCES,
    "Optional": SEQUENCES, "OptionalHasElement": SEQUENCES, "OptionalGetElement": SEQUENCES,
    "NegativeLogLikelihoodLoss": TRAINING, "SoftmaxCrossEntropyLoss": TRAINING,
    "ai.onnx.preview.training.Momentum": TRAINING, "ai.onnx.preview.training.Adam": TRAINING,
    "ai.onnx.preview.training.Adagrad": TRAINING, "ai.onnx.preview.training.Gradient": TRAINING,
    "RandomUniformLike": RANDOM, "Bernoulli": RANDOM,
    "DFT": SIGNALS, "STFT": SIGNALS, "MelWeightMatrix": SIGNALS, "HannWindow": SIGNALS,
    "HammingWindow": SIGNALS, "BlackmanWindow": SIGNALS,
    "NonMaxSuppression": RARE, "RoiAlign": RARE, "Det": RARE,
    "Scan": "of opset 8, with a batch axis of its own",
}
# Tests that are refused for another reason: a pattern of what bitdial says, and why that is so.
OTHERS = [
    (r"training mode", TRAINING),
    (r"input like takes", "the data have another shape than the model says"),
    (r"of type string|for string", STRINGS),
    (r"test_identity_(opt|sequence)", SEQUENCES),
]


def read(path):
    tensor = onnx.TensorProto()
    with open(path, "rb") as f:
        tensor.ParseFromString(f.read())
    return onnx.numpy_helper.to_array(tensor)


def close(ours, theirs, loose_type):
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, not {theirs.shape}"
    if loose_type or theirs.dtype.kind in "fV" or ours.dtype != theirs.dtype:
        loose = 2e-2 if loose_type or theirs.dtype.itemsize < 4 else 1e-3
        good = np.allclose(ours.astype(np.float64), theirs.astype(np.float64), rtol=loose,
                           atol=loose * 1e-2, equal_nan=True)
    else:
        good = np.array_equal(ours, theirs)
    return None if good else "values differ"


def bfloat16(array):
    """Patterns of bfloat16 as floats (numpy has no such type)."""
    return (array.astype(np.uint32) << 16).view(np.float32)


def one(path):
    """(test, "right" | "refused" | "wrong", text) of a test folder."""
    name = os.path.relpath(path, DATA)
    model = os.path.join(path, "model.onnx")
    outputs = [o for o in onnx.load(model).graph.output]
    said = ""
    for data in sorted(glob.glob(os.path.join(path, "test_data_set_*"))):
        with folder() as d:
            out = os.path.join(d, "out.npz")
            inputs = ["--data", data] if os.path.exists(os.path.join(data, "input_0.pb")) else []
            code, _, err = run("run", model, *inputs, "-o", out, "--threads", "1")
            if code == 2:
                return name, "refused", err.strip()
            if code != 0:
                return name, "wrong", f"exit {code}: {err}"
            with np.load(out) as archive:
                for number, port in enumerate(outputs):
                    theirs = read(os.path.join(data, f"output_{number}.pb"))
                    if port.type.tensor_type.elem_type == 16:
                        theirs = bfloat16(theirs) if theirs.dtype == np.uint16 else theirs
                    trouble = close(archive[port.name], theirs, port.type.tensor_type.elem_type == 16)
                    if trouble:
                        return name, "wrong", f"{port.name}: {trouble}"
        said = "right"
    return (name, "right", "") if said else (name, "refused", "has no data")


RESULTS = []


def all_results():
    need(DATA)
    if not RESULTS:
        paths = [os.path.dirname(p) for kind in KINDS for p in
                 sorted(glob.glob(os.path.join(DATA, kind, "*", "model.onnx")))]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            RESULTS.extend(pool.map(one, paths))
    return RESULTS


def test_none_is_wrong():
    wrong = [f"{name}: {text}" for name, verdict, text in all_results() if verdict == "wrong"]
    assert not wrong, "\n" + "\n".join(wrong)


def test_enough_are_right():
    right = sum(verdict == "right" for _, verdict, _ in all_results())
    print(f"# {right} of {len(RESULTS)} right")
    assert right >= LEAST, right


def unlisted(text):
    match = re.search(r"not written at opset \d+: (.*)$", text)
    if match:
        names = re.findall(r"([A-Za-z.]+) \(\d+, first", match.group(1))
        return [n for n in names if n not in OPERATORS] if names else [text]
    return [] if any(re.search(pattern, text) for pattern, _ in OTHERS) else [text]


def test_every_refusal_is_listed():
    strange = [f"{name}: {text}" for name, verdict, text in all_results()
               if verdict == "refused" and unlisted(text)]
    assert not strange, "\n" + "\n".join(strange)


def test_the_list_has_nothing_else():
    refused_texts = [text for _, verdict, text in all_results() if verdict == "refused"]
    print(f"# {len(refused_texts)} refused")
    said = "\n".join(refused_texts)
    assert [n for n in OPERATORS if not re.search(rf"\b{re.escape(n)} \(", said)] == []
    assert [pattern for pattern, _ in OTHERS if not re.search(pattern, said)] == []


if __name__ == "__main__":
    main(__name__)
