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


def test_a_repair_that_is_not_made_is_said():
    with folder() as d:
        model, path = copy_sample(d), os.path.join(d, "c.json")
        out = os.path.join(d, "out.onnx")
        code, _, err = run("tune", model, "--target-bits", "3", "-o", path)
        assert code == 0, err
        with open(path) as f:
            config = json.load(f)
        for repair, said in ((None, False), ({"how": "none"}, False), ({"how": "match"}, True)):
            if repair:
                config["recover"] = repair
            with open(path, "w") as f:
                json.dump(config, f)
            for command in (["export", model, "--format", "fake", "-o", out], ["quantize", model]):
                code, _, err = run(*command, "--config", path)
                assert code == 0 and ("repair" in err) == said, (command, repair, err)


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
