#!/usr/bin/python3
"""The config file: written by the explorer, read back to the same state, refused by another model."""
import json
import os
import shutil

import numpy as np
import onnx
from onnx import numpy_helper

from tap import SAMPLE, folder, main, refused, run, run_json


def explore(model, lines, d, *arguments):
    script = os.path.join(d, "script.txt")
    with open(script, "w") as f:
        f.write("\n".join(lines) + "\n")
    code, out, err = run(model, "--script", script, *arguments, cwd=d)
    assert code == 0, err
    return out


def copy_sample(d, name="model.onnx"):
    path = os.path.join(d, name)
    shutil.copy(SAMPLE, path)
    return path


def results(model, *arguments):
    result = run_json("quantize", model, "--json", *arguments)
    return result["layers"], result["total"]


def test_w_writes_what_the_dials_say():
    with folder() as d:
        model = copy_sample(d)
        names = [l["tensor"] for l in run_json("layers", model, "--json")["layers"]]
        explore(model, ["-", "-", "-", "]", "}", "j", ":method kmeans", "L", ":wait", "w"], d)
        config = json.load(open(model + ".bitdial.json"))
        assert config["format"] == "bitdial-config" and config["version"] == 1
        by_name = {l["tensor"]: l for l in config["layers"]}
        assert list(by_name) == names
        assert by_name[names[0]]["bits"] == 5 and abs(by_name[names[0]]["prune"] - 0.06) < 1e-12
        assert "bits" not in by_name[names[1]] and by_name[names[1]]["method"] == "kmeans"
        assert by_name[names[1]]["locked"] is True
        import hashlib
        assert config["model"]["sha256"] == hashlib.sha256(open(model, "rb").read()).hexdigest()
        for tensor in onnx.load(model).graph.initializer:
            if tensor.name in by_name:
                own = hashlib.sha256(numpy_helper.to_array(tensor).astype("<f4").tobytes()).hexdigest()
                assert by_name[tensor.name]["sha256"] == own
        got, total = results(model, "--config", model + ".bitdial.json")
        want, _ = results(model, "--layer", names[0] + ":bits=5,prune=0.06",
                          "--layer", names[1] + ":method=kmeans")
        assert got == want
        for key, value in config["results"].items():
            assert abs(value - total[key]) <= 1e-9 * abs(value), key


def test_reading_gives_the_same_state():
    with folder() as d:
        model = copy_sample(d)
        explore(model, ["-", "-", "]", "j", "m", "i", "j", ":set grid affine", ":set zero mask", "L",
                        ":set seed 9", ":wait", ":w"], d)
        first = open(model + ".bitdial.json").read()
        explore(model, [":wait", ":w"], d, "--config", model + ".bitdial.json")
        assert open(model + ".bitdial.json").read() == first


def test_unknown_keys_are_kept():
    with folder() as d:
        model = copy_sample(d)
        path = model + ".bitdial.json"
        explore(model, ["-", ":wait", ":w"], d)
        config = json.load(open(path))
        config["note"] = {"by": "me"}
        config["layers"][2]["comment"] = "keep"
        config["model"]["origin"] = "lab"
        json.dump(config, open(path, "w"))
        explore(model, ["j", "-", ":wait", ":w"], d, "--config", path)
        after = json.load(open(path))
        assert after["note"] == {"by": "me"} and after["layers"][2]["comment"] == "keep"
        assert after["model"]["origin"] == "lab"
        assert after["layers"][1]["bits"] == 7 and after["layers"][0]["bits"] == 7


DATA = os.path.join(os.path.dirname(SAMPLE), "fashion_x.npy")
HARD = ["--method", "kmeans", "--bits", "3", "--prune", "0.5"]


def repaired(d, model, *arguments):
    """The bytes of the repaired model, and what was said."""
    out = os.path.join(d, "out.onnx")
    code, _, err = run("quantize", model, *arguments, "-o", out)
    assert code == 0, err
    return open(out, "rb").read(), err


def test_a_repair_is_made_again_from_its_config():
    with folder() as d:
        model, path = copy_sample(d), os.path.join(d, "c.json")
        shutil.copy(DATA, os.path.join(d, "calibration.npy"))
        arguments = ["--limit", "300", *HARD, "--recover", "match"]
        want, _ = repaired(d, model, "--data", DATA, *arguments)
        plain, _ = repaired(d, model, *HARD)
        code, _, err = run("tune", model, "--data", DATA, *arguments, "--widths", "3", "--target-bits", "3.5",
                           "-o", path)
        assert code == 0, err
        config = json.load(open(path))
        calibration = config["recover"]["calibration"]
        assert config["recover"]["how"] == "match" and calibration["file"] == DATA, calibration
        assert (calibration["first"], calibration["samples"]) == (150, 150), calibration
        got, err = repaired(d, model, "--config", path)
        assert got == want and "calibrated on 150 samples" in err, err
        calibration["file"] = "calibration.npy"  # beside the config
        json.dump(config, open(path, "w"))
        assert repaired(d, model, "--config", path)[0] == want
        assert repaired(d, model, "--config", path, "--recover", "none")[0] == plain
        other, _ = repaired(d, model, "--config", path, "--recover", "reconstruct")
        assert other not in (want, plain)
        more, _ = repaired(d, model, "--config", path, "--calibration", DATA)
        assert more not in (want, plain, other)
        scored = run_json("eval", model, "--config", path, "--data", os.path.join(d, "calibration.npy"),
                          "--limit", 300, "--json")
        assert scored["recover"] == "match"
        assert scored["samples"] == 150, "what was calibrated on was scored: the file beside the config"
        calibration["file"] = DATA
        json.dump(config, open(path, "w"))
        scored = run_json("eval", model, "--config", path, "--data", DATA, "--limit", 300, "--json")
        assert scored["samples"] == 150, "what was calibrated on was scored"


def test_other_calibration_data_are_refused():
    with folder() as d:
        model, path, data = copy_sample(d), os.path.join(d, "c.json"), os.path.join(d, "x.npy")
        x = np.load(DATA)[:40]
        np.save(data, x)
        code, _, err = run("tune", model, "--data", data, *HARD, "--recover", "match", "--normalize", "unit",
                           "--widths", "3", "--target-bits", "3.5", "-o", path)
        assert code == 0, err
        config = json.load(open(path))
        calibration = config["recover"]["calibration"]
        assert abs(calibration["scale_input"] - 1 / 255) < 1e-15 and calibration["samples"] == 20
        x[0, 0, 0, 0] += 1  # is not among the samples that were calibrated on
        np.save(data, x)
        assert run("quantize", model, "--config", path)[0] == 0
        x[30, 0, 0, 0] += 1
        np.save(data, x)
        refused(2, "quantize", model, "--config", path, says=("other samples", "--calibration"))
        np.save(data, x[:25])
        refused(2, "quantize", model, "--config", path, says=("25 samples", "--calibration"))
        os.unlink(data)
        refused(2, "quantize", model, "--config", path, says=("x.npy", "--calibration"))
        for bad in ({"how": "most"}, {"how": "match", "calibration": {"file": data, "first": -1}},
                    {"how": "match", "calibration": {"mean": "x"}}, {"how": 3},
                    {"how": "match", "calibration": {"scale_input": 0}}):
            config["recover"] = bad
            json.dump(config, open(path, "w"))
            refused(2, "quantize", model, "--config", path, says=("recover",))


def test_the_explorer_keeps_the_repair():
    with folder() as d:
        model, path = copy_sample(d), os.path.join(d, "c.json")
        code, _, err = run("tune", model, "--data", DATA, *HARD, "--recover", "match", "--limit", "40",
                           "--widths", "3", "--target-bits", "3.5", "-o", path)
        assert code == 0, err
        before = json.load(open(path))["recover"]
        explore(model, ["-", ":wait", ":w"], d, "--config", path)
        after = json.load(open(path))
        assert after["recover"] == before and after["layers"][0]["bits"] == 2


def test_another_model_is_refused_with_the_tensors_that_differ():
    with folder() as d:
        model = copy_sample(d)
        explore(model, ["-", ":wait", ":w"], d)
        changed = onnx.load(model)
        weight = next(t for t in changed.graph.initializer if len(t.dims) == 4)
        values = numpy_helper.to_array(weight).copy()
        values.flat[0] += 1
        weight.raw_data = values.tobytes()
        other = os.path.join(d, "other.onnx")
        onnx.save(changed, other)
        refused(2, "quantize", other, "--config", model + ".bitdial.json",
                says=("another model", weight.name))


def test_renamed_tensors_are_refused_with_the_nearest_name():
    with folder() as d:
        model = copy_sample(d)
        explore(model, ["-", ":wait", ":w"], d)
        changed = onnx.load(model)
        weight = next(t for t in changed.graph.initializer if len(t.dims) == 4)
        old, new = weight.name, weight.name + "_v2"
        weight.name = new
        for node in changed.graph.node:
            node.input[:] = [new if i == old else i for i in node.input]
        other = os.path.join(d, "other.onnx")
        onnx.save(changed, other)
        refused(2, "quantize", other, "--config", model + ".bitdial.json", says=(old, "nearest", new))


def test_a_model_with_more_layers_is_refused():
    with folder() as d:
        model = copy_sample(d)
        explore(model, ["-", ":wait", ":w"], d)
        path = model + ".bitdial.json"
        config = json.load(open(path))
        left_out = config["layers"].pop()
        config["model"]["sha256"] = "0" * 64
        json.dump(config, open(path, "w"))
        refused(2, "quantize", model, "--config", path, says=("not listed", left_out["tensor"]))
        config["layers"].append(left_out)
        del config["layers"][0]["sha256"]
        json.dump(config, open(path, "w"))
        refused(2, "quantize", model, "--config", path, says=config["layers"][0]["tensor"])
        del config["model"]["sha256"]  # written by hand: names are enough
        json.dump(config, open(path, "w"))
        assert run("quantize", model, "--config", path)[0] == 0


def test_a_model_that_changed_while_open_is_not_saved_for():
    with folder() as d:
        model = copy_sample(d)
        script = os.path.join(d, "s.txt")
        before, after = os.path.join(d, "before"), os.path.join(d, "after")
        os.mkfifo(before)
        os.mkfifo(after)
        with open(script, "w") as f:
            f.write("-\n:wait\n:save-screen %s\n:save-screen %s\n:w\n" % (before, after))
        import subprocess
        from tap import PROGRAM
        child = subprocess.Popen([PROGRAM, model, "--script", script], stderr=subprocess.PIPE)
        open(before).read()
        with open(model, "r+b") as f:
            f.seek(100)
            f.write(b"changed")
        open(after).read()  # the explorer stood there until now
        err = child.communicate(timeout=60)[1].decode()
        assert child.returncode == 2 and "has changed" in err, (child.returncode, err)
        assert not os.path.exists(model + ".bitdial.json")


def test_the_same_weights_in_another_file_are_taken():
    with folder() as d:
        model = copy_sample(d)
        explore(model, ["-", ":wait", ":w"], d)
        changed = onnx.load(model)
        changed.producer_name = "somebody else"
        other = os.path.join(d, "other.onnx")
        onnx.save(changed, other)
        assert results(other, "--config", model + ".bitdial.json")[0] == \
            results(model, "--config", model + ".bitdial.json")[0]


def rename(model, old, new):
    for tensor in model.graph.initializer:
        if tensor.name == old:
            tensor.name = new
    for node in model.graph.node:
        node.input[:] = [new if i == old else i for i in node.input]


def test_force_match_says_what_was_taken_and_dropped():
    with folder() as d:
        model = copy_sample(d)
        names = [l["tensor"] for l in run_json("layers", model, "--json")["layers"]]
        explore(model, [":bits 3", "j", ":bits 4", "j", ":bits 5", ":wait", ":w"], d)
        config = model + ".bitdial.json"
        changed = onnx.load(model)
        rename(changed, names[0], "new\x1b[2J")
        weight = next(t for t in changed.graph.initializer if t.name == names[1])
        values = numpy_helper.to_array(weight).copy()
        values.flat[0] += 1
        weight.raw_data = values.tobytes()
        other = os.path.join(d, "other.onnx")
        onnx.save(changed, other)
        refused(2, "quantize", other, "--config", config, says="another model")
        refused(2, "quantize", other, "--force-match", says="--config")
        code, out, err = run("quantize", other, "--config", config, "--force-match", "--json")
        lines = dict(line.removeprefix("bitdial: " + config + ": ").split(": ", 1) for line in err.splitlines())
        assert code == 0 and "\x1b" not in err, err
        assert lines["taken by name"].split(", ") == names[1:]
        assert lines["with other weights now"] == names[1]
        assert lines["dropped, no such layer here"] == names[0]
        assert lines["not in the config, left at its defaults"] == "new\\x1B[2J"
        bits = [l["bits"] for l in json.loads(out)["layers"]]
        assert bits == [8, 4, 5] + [8] * (len(names) - 3)
        # It is this model's config once it is saved: without a flag, and without what was dropped.
        explore(other, [":wait", ":w"], d, "--config", config, "--force-match")
        saved = config if json.load(open(config))["model"]["file"].endswith("other.onnx") else other + ".bitdial.json"
        assert names[0] not in [l["tensor"] for l in json.load(open(saved))["layers"]]
        assert [l["bits"] for l in run_json("quantize", other, "--config", saved, "--json")["layers"]] == bits
        # Where everything fits there is nothing to say.
        assert run("quantize", other, "--config", saved, "--force-match")[2] == ""


def test_bad_configs_are_refused_in_one_line():
    with folder() as d:
        model = copy_sample(d)
        explore(model, ["-", ":wait", ":w"], d)
        good = json.load(open(model + ".bitdial.json"))
        path = os.path.join(d, "bad.json")

        def bad(change, says):
            config = json.loads(json.dumps(good))
            change(config)
            json.dump(config, open(path, "w"))
            refused(2, "quantize", model, "--config", path, says=("bad.json",) + says)

        bad(lambda c: c.update(format="other"), ("no bitdial config",))
        bad(lambda c: c.update(version=2), ("version",))
        bad(lambda c: c.pop("layers"), ("layers",))
        bad(lambda c: c["layers"][0].update(bits=99), ("bits", "99"))
        bad(lambda c: c["layers"][0].update(prune=1.5), ("prune",))
        bad(lambda c: c["layers"][0].update(method="magic"), ("magic",))
        bad(lambda c: c["layers"][0].update(bits=[3]), ("bits",))
        bad(lambda c: c["layers"][0].update(tensor=5), ("layer",))
        bad(lambda c: c["defaults"].update(bits="four"), ("four",))
        with open(path, "w") as f:
            f.write('{"format": "bitdial-config",\n"version": 1,\n oops')
        refused(2, "quantize", model, "--config", path, says=("line 3",))
        refused(2, "quantize", model, "--config", os.path.join(d, "none.json"), says="no such file")


def test_saving_is_whole_or_not_at_all():
    with folder() as d:
        model = copy_sample(d)
        script = os.path.join(d, "s.txt")
        with open(script, "w") as f:
            f.write("-\n:wait\n:w %s/none/x.json\n" % d)
        code, _, err = run(model, "--script", script, cwd=d)
        assert code == 2 and "s.txt:3" in err and "folder" in err, (code, err)
        assert sorted(os.listdir(d)) == ["model.onnx", "s.txt"]


def test_read_only_writes_nothing():
    with folder() as d:
        model = copy_sample(d)
        script = os.path.join(d, "s.txt")
        with open(script, "w") as f:
            f.write("-\n:wait\n:w\n")
        code, _, err = run(model, "--read-only", "--script", script, cwd=d)
        assert code == 2 and "read-only" in err, (code, err)
        assert sorted(os.listdir(d)) == ["model.onnx", "s.txt"]


main(__name__)
