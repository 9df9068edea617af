#!/usr/bin/python3
"""Loops that are compiled for several processors, chosen when the program starts, give the same bytes
on all of them: on emulated ones without AVX and with AVX2, against this machine's own."""
import os
import platform
import shutil
import subprocess

from tap import BUILD, PROGRAM, SAMPLE, Skip, folder, main

SETTINGS = (("--method", "kmeans", "--bits", "5", "--prune", "0.4"),
            ("--method", "two-stage-refined", "--bits", "3", "--grid", "affine"),
            ("--method", "kmeans", "--bits", "4", "--granularity", "group:32"))


def quantized(out, settings, *before):
    done = subprocess.run([*before, PROGRAM, "quantize", SAMPLE, *settings, "--json", "-o", out],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode == 0, done.stderr[-500:]
    with open(out, "rb") as file:
        return done.stdout, file.read()


def need_copies():
    if platform.machine() != "x86_64":
        raise Skip("only x86-64 has such copies")
    if "sanitize" in BUILD:
        raise Skip("under sanitizers there is one copy alone")


def same_on(processor):
    need_copies()
    if not shutil.which("qemu-x86_64"):
        raise Skip("no qemu-x86_64: apt-get install qemu-user")
    with folder() as d:
        for settings in SETTINGS:
            own = quantized(os.path.join(d, "own.onnx"), settings)
            other = quantized(os.path.join(d, "other.onnx"), settings, "qemu-x86_64", "-cpu", processor)
            assert own == other, (processor, settings)


def test_without_vectors_of_256_bits():
    same_on("Nehalem")


def test_with_avx2():
    same_on("Haswell")


def test_the_program_has_code_for_each():
    need_copies()
    names = subprocess.run(["nm", PROGRAM], stdout=subprocess.PIPE, check=True).stdout.decode()
    for clone in ("avx2", "avx512f", "default"):
        assert any(line.endswith("." + clone) for line in names.splitlines()), clone


main(__name__)
