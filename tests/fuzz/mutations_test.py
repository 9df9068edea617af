#!/usr/bin/python3
"""2,000 fixed mutations of hostile bytes, through every fuzz target (MUTATIONS=100000 for more)."""
import glob
import os
import subprocess
import sys

BUILD = os.environ.get("BUILD", "build")
TOTAL = int(os.environ.get("MUTATIONS", "2000"))

targets = sorted(os.path.basename(path)[:-7] for path in glob.glob("tests/fuzz/*_fuzz.c"))
print(f"1..{len(targets)}", flush=True)
failed = 0
for number, name in enumerate(targets, 1):
    program = os.path.join(BUILD, "tests/fuzz", name + "_mutate")
    done = subprocess.run([program, str(-(-TOTAL // len(targets))), f"tests/fuzz/seeds/{name}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    good = done.returncode == 0
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {name}: {done.stdout.decode().strip()}", flush=True)
    if not good:
        print("# exit", done.returncode, "\n# " + done.stderr.decode("utf-8", "replace")[-4000:].replace("\n", "\n# "))
sys.exit(1 if failed else 0)
