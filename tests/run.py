#!/usr/bin/python3
"""Runs every test and closes with `N passed, N failed, N skipped`.

Each test is a program that prints TAP: the unit tests (cmocka) in BUILD/tests/unit, and the Python
programs tests/*/*_test.py. `# SKIP` (or `# skip`) after an `ok` counts as skipped. A program that
dies, exits non-zero without a `not ok`, or prints no result at all counts as one failure.
BUILD: the build folder, or several: then everything is run for each, the builds side by side, and
counted together.
Arguments: words; only programs whose path holds one of them are run."""
import glob
import os
import re
import subprocess
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILDS = os.environ.get("BUILD", "build").split()
LIMIT = float(os.environ.get("TEST_TIMEOUT", "1200"))
RESULT = re.compile(r"^(ok|not ok)\b(.*)$")


def programs(build):
    units = sorted(glob.glob(os.path.join(build, "tests/unit/*_test")))
    scripts = sorted(glob.glob("tests/*/*_test.py"))
    return [[os.path.abspath(unit)] for unit in units] + [["/usr/bin/python3", s] for s in scripts]


def run(command, build):
    """(passed, failed, skipped, output) of one test program."""
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", BUILD=build)
    # libasan 12 misreads thread-local memory of libraries (OpenBLAS, oneDNN) and crashes at the end.
    environment.setdefault("ASAN_OPTIONS", "intercept_tls_get_addr=0")
    try:
        done = subprocess.run(command, cwd=TOP, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
        text, code = done.stdout.decode("utf-8", "replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        text, code = (late.stdout or b"").decode("utf-8", "replace") + "\ntimed out", 1
    passed = failed = skipped = 0
    for line in text.splitlines():
        match = RESULT.match(line)
        if not match:
            continue
        # cmocka says `not ok … # SKIP` of a test that called skip()
        if re.search(r"# *skip", match.group(2), re.IGNORECASE):
            skipped += 1
        elif match.group(1) == "not ok":
            failed += 1
        else:
            passed += 1
    if failed == 0 and (code != 0 or passed + skipped == 0):
        failed = 1
        text += f"\n(exit {code})"
    return passed, failed, skipped, text


def show(name, passed, failed, skipped, text):
    out = [f"{'FAILED' if failed else 'ok':7}{name}: {passed} passed, {failed} failed, {skipped} skipped"]
    out += ["       " + line for line in text.splitlines() if re.search(r"# *skip", line, re.IGNORECASE)]
    if failed:
        out += ["    | " + line for line in text.splitlines()[-60:]]
    print("\n".join(out) + "\n", end="", flush=True)


def run_all(build, wanted, total):
    """Adds [passed, failed, skipped] of the programs that are wanted."""
    for command in programs(build):
        if wanted and not any(word in command[-1] for word in wanted):
            continue
        passed, failed, skipped, text = run(command, build)
        total[:] = [a + b for a, b in zip(total, (passed, failed, skipped))]
        name = os.path.relpath(command[-1], TOP)
        if len(BUILDS) > 1 and not name.startswith(build + "/"):
            name = f"{build}: {name}"
        show(name, passed, failed, skipped, text)


def main():
    os.chdir(TOP)
    totals = [[0, 0, 0] for _ in BUILDS]
    workers = [threading.Thread(target=run_all, args=(build, sys.argv[1:], total))
               for build, total in zip(BUILDS, totals)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    total = [sum(each) for each in zip(*totals)]
    print("%d passed, %d failed, %d skipped" % tuple(total))
    sys.exit(1 if total[1] or not sum(total) else 0)


main()
