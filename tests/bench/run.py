#!/usr/bin/python3
"""`make bench`: runs every benchmark, one after the other, and prints what they measured.

A benchmark is BUILD/tests/bench/*_bench or tests/bench/*_bench.py. Words as arguments choose those
whose path holds one of them. Times are milliseconds of this machine, now; compare ratios."""
import glob
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", "build")


def main():
    os.chdir(TOP)
    sys.path.insert(0, "tests/bench")
    import big_model
    environment = dict(os.environ, BUILD=BUILD,
                       BIG_MODEL=big_model.write(os.path.join(BUILD, "bench", "resnet50.onnx")))
    programs = [[p] for p in sorted(glob.glob(os.path.join(BUILD, "tests/bench/*_bench")))]
    programs += [["/usr/bin/python3", p] for p in sorted(glob.glob("tests/bench/*_bench.py"))]
    failed = 0
    for command in programs:
        if sys.argv[1:] and not any(word in command[-1] for word in sys.argv[1:]):
            continue
        print(f"== {os.path.relpath(command[-1])}", flush=True)
        failed += subprocess.run(command, env=environment).returncode != 0
    sys.exit(1 if failed else 0)


main()
