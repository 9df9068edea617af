#!/usr/bin/python3
"""Saving: whatever happens on the way, the old file or the new one is there, whole; what cannot be
written is one line, changes nothing and leaves nothing behind."""
import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import time

import onnx
from onnx import numpy_helper

from tap import PROGRAM, SAMPLE, Skip, folder, main, run, run_json, without_progress

# The sanitizers' program takes longer to write the same files by the same calls.
SANITIZED = b"__asan_init" in open(PROGRAM, "rb").read()
KILLS = int(os.environ.get("KILLS", "60" if SANITIZED else "300"))
dice = random.Random(8)


def digest(path):
    """Of a model with its data files; raises where it is not whole."""
    model = onnx.load(path)
    return hashlib.sha256(b"".join(numpy_helper.to_array(t).tobytes() for t in model.graph.initializer)).hexdigest()


def kill_at_random(command, most, **options):
    """Runs a command and ends it with SIGKILL after a random time; True where it was still alive."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             **options)
    try:
        child.wait(dice.random() * most)
        return False
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return True


def test_kill_leaves_the_old_config_or_the_new():
    with folder() as d:
        model, script = os.path.join(d, "m.onnx"), os.path.join(d, "s.txt")
        shutil.copy(SAMPLE, model)
        with open(script, "w") as f:
            f.write(":bits 3\n:w\n:bits 4\n:w\n" * 20)
        config = model + ".bitdial.json"
        command = [PROGRAM, model, "--script", script, "--threads", "1"]
        start = time.monotonic()
        subprocess.run(command, check=True)
        span, killed = time.monotonic() - start, 0
        for _ in range(KILLS // 2):
            killed += kill_at_random(command, span)
            layer = json.load(open(config))["layers"][0]  # whole, and one of the two
            assert layer["bits"] in (3, 4), layer
        assert killed > KILLS // 8
        assert run("quantize", model, "--config", config)[0] == 0
        subprocess.run(command, check=True)  # the next save takes away what stands aside
        assert sorted(os.listdir(d)) == ["m.onnx", "m.onnx.bitdial.json", "s.txt"], os.listdir(d)


def test_kill_leaves_the_old_model_or_the_new():
    with folder() as d:
        model, out = os.path.join(d, "m.onnx"), os.path.join(d, "out.onnx")
        onnx.save_model(onnx.load(SAMPLE), model, save_as_external_data=True, location="w.bin", size_threshold=64)
        data, states = open(os.path.join(d, "w.bin"), "rb").read(), set()
        for bits in "34":
            assert run("quantize", model, "--bits", bits, "-o", out)[0] == 0
            states.add(digest(out))
        assert len(states) == 2
        start = time.monotonic()
        assert run("quantize", model, "--bits", "3", "-o", out)[0] == 0
        span, killed = time.monotonic() - start, 0
        for i in range(KILLS // 2):
            command = [PROGRAM, "quantize", model, "--bits", "34"[i % 2], "-o", out]
            killed += kill_at_random(command, span * 1.2)
            assert digest(out) in states
        assert killed > KILLS // 8
        onnx.checker.check_model(out)
        assert run("quantize", model, "--bits", "3", "-o", out)[0] == 0
        assert not [name for name in os.listdir(d) if name.startswith(".")], os.listdir(d)
        assert open(os.path.join(d, "w.bin"), "rb").read() == data


def ways(d):
    """Commands that write PATH: (command without a path, exit code)."""
    model = os.path.join(d, "m.onnx")
    shutil.copy(SAMPLE, model)
    outside = os.path.join(d, "outside.onnx")
    onnx.save_model(onnx.load(SAMPLE), outside, save_as_external_data=True, location="w.bin", size_threshold=64)

    def script(path):
        with open(os.path.join(d, "s.txt"), "w") as f:
            f.write("-\n:w %s\n" % path)
        return [model, "--script", os.path.join(d, "s.txt")]

    yield lambda path: ["quantize", model, "-o", path], (1,)
    yield lambda path: ["quantize", outside, "-o", path], (1, 2)
    yield lambda path: ["report", model, "-o", path], (1,)
    yield script, (2,)


def fails(command, codes, **options):
    done = subprocess.run([PROGRAM, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          **options)
    err = without_progress(done.stderr.decode())
    assert done.returncode in codes and err.count("\n") == 1 and err.startswith("bitdial: "), (command, done)
    return err


@contextlib.contextmanager
def mounted(*options):
    """A small file system in memory, where root may mount one."""
    with folder() as d:
        if subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", d], stderr=subprocess.DEVNULL).returncode:
            raise Skip("no file system may be mounted here")
        try:
            yield d
        finally:
            subprocess.run(["umount", d], check=True)


def test_full_disk():
    with folder() as d, mounted("-o", "size=64k") as small:
        old = os.path.join(small, "old")
        for make, codes in ways(d):
            with open(old, "w") as f:
                f.write("old")
            with contextlib.suppress(OSError), open(os.path.join(small, "filler"), "wb") as f:
                f.write(b"x" * (1 << 20))
            err = fails(make(old), codes)
            assert "disk is full" in err, err
            assert open(old).read() == "old" and sorted(os.listdir(small)) == ["filler", "old"]


def test_read_only_file_system():
    with folder() as d, mounted("-o", "size=64k") as small:
        with open(os.path.join(small, "old"), "w") as f:
            f.write("old")
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        for make, codes in ways(d):
            assert "permission" in fails(make(os.path.join(small, "old")), codes)
            assert "permission" in fails(make(os.path.join(small, "new")), codes)
        assert os.listdir(small) == ["old"]


def as_somebody():
    """What makes a child of ours one that has no rights of its own."""
    if os.geteuid() != 0:
        return {}
    return {"user": 65534, "group": 65534, "extra_groups": []}


def test_without_permission():
    with folder() as d, folder() as target:
        os.chmod(d, 0o777)
        done = subprocess.run([PROGRAM, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_somebody()) \
            if os.access(PROGRAM, os.X_OK) else None
        if not done or done.returncode:
            raise Skip("the program cannot be run by somebody else here")
        for make, codes in ways(d):
            for name in os.listdir(d):
                os.chmod(os.path.join(d, name), 0o644)
            os.chmod(target, 0o755 if os.geteuid() == 0 else 0o555)
            assert "permission" in fails(make(os.path.join(target, "new")), codes, **as_somebody())
            assert os.listdir(target) == []
            os.chmod(target, 0o777)
            old = os.path.join(target, "old")  # the folder may be written, the file may not
            with open(old, "w") as f:
                f.write("old")
            os.chmod(old, 0o444)
            assert "permission" in fails(make(old), codes, **as_somebody())
            assert open(old).read() == "old" and os.listdir(target) == ["old"]
            os.remove(old)


def test_something_in_the_way():
    with folder() as d, folder() as target:
        os.makedirs(os.path.join(target, "is_folder/full"))
        os.symlink("loop", os.path.join(target, "loop"))
        before = sorted(os.listdir(target))
        for make, codes in ways(d):
            for path, says in (("is_folder", "is_folder"), ("loop", "loop"), ("none/new", "folder"),
                               ("n" * 300, "too long"), ("is_folder/" + "n" * 256, "too long"), ("d" * 200 + "/n", "folder")):
                err = fails(make(os.path.join(target, path)), codes + (2,))
                assert says in err, (path, err)
                assert sorted(os.listdir(target)) == before
        for name in ("x" * 255, "ü" * 127):  # the longest that there are
            path = os.path.join(target, name)
            assert run("quantize", SAMPLE, "-o", path)[0] == 0
            os.remove(path)
        assert sorted(os.listdir(target)) == before


def test_two_at_once_give_one_of_the_two():
    with folder() as d:
        model, out = os.path.join(d, "m.onnx"), os.path.join(d, "out.onnx")
        onnx.save_model(onnx.load(SAMPLE), model, save_as_external_data=True, location="w.bin", size_threshold=64)
        states = set()
        for bits in "34":
            assert run("quantize", model, "--bits", bits, "-o", out)[0] == 0
            states.add(digest(out))
        for _ in range(10):
            both = [subprocess.Popen([PROGRAM, "quantize", model, "--bits", bits, "-o", out], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE) for bits in "34"]
            ends = [(child.wait(), child.stderr.read()) for child in both]
            for child in both:
                child.stderr.close()
            # Where both want the same name for their data, one of them gives way.
            assert 0 in [code for code, _ in ends], ends
            assert all(code == 0 or b"in the way" in err for code, err in ends), ends
            assert digest(out) in states


main(__name__)
