"""The few lines that every Python test needs: TAP, the program, crafted models."""
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", "build")
PROGRAM = os.path.abspath(os.path.join(TOP, BUILD, "bitdial"))
SAMPLE = os.path.join(TOP, "samples", "fashion.onnx")
SHARED = os.path.join(os.path.dirname(TOP), "shared")


class Skip(Exception):
    """Raised by a test that cannot run here."""


def main(module):
    """Runs every function test_* of a module in order; prints TAP; exits 1 where one failed. Does
    nothing where the module was only imported."""
    if module != "__main__":
        return
    tests = [f for name, f in vars(sys.modules[module]).items() if name.startswith("test_")]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__[5:].replace("_", " ")
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception:  # a failed check or a broken program: the rest still runs
            failed += 1
            print(f"not ok {number} - {name}")
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)
    sys.exit(1 if failed else 0)


def run(*arguments, stdin=subprocess.DEVNULL, env=None, cwd=None, timeout=300):
    """(exit code, standard output, standard error) of bitdial."""
    environment = dict(os.environ, **(env or {}))
    done = subprocess.run([PROGRAM, *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=environment, cwd=cwd, timeout=timeout)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def run_json(*arguments, **options):
    code, out, err = run(*arguments, **options)
    assert code == 0, f"exit {code}: {err}"
    return json.loads(out)


def without_progress(err):
    """Standard error without the lines that a busy machine shows after two seconds."""
    return "".join(line for line in err.splitlines(True) if not re.match(r"\d+ of \d+ \w+ done", line))


def refused(code, *arguments, says=(), **options):
    """Checks that bitdial exits with that code and says one line that holds all of `says`."""
    got, out, err = run(*arguments, **options)
    err = without_progress(err)
    assert got == code, f"{arguments}: exit {got}, not {code}: {err}"
    assert err.count("\n") == 1 and err.startswith("bitdial: "), f"{arguments}: not one line: {err!r}"
    for word in [says] if isinstance(says, str) else says:
        assert word in err, f"{arguments}: {word!r} is not in {err!r}"
    return err


def folder():
    """A temporary folder, as a context that gives its path."""
    return tempfile.TemporaryDirectory(prefix="bitdial-test-")


def need(*paths):
    for path in paths:
        if not os.path.exists(path):
            raise Skip(f"{os.path.basename(path)} is not here")
