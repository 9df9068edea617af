#!/usr/bin/python3
"""Drives the explorer at random in a pseudo-terminal: edits, undoes, resizes, changes panels, stops,
quits while jobs run, starts again. Prints its seed; SEED= and SECONDS= set it and how long (60).
Exits 1 where an explorer crashes, hangs, or leaves with another code than it should; what it wrote
before it died (a sanitizer's report) is shown."""
import os
import random
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from explorer import Place  # noqa: E402

KEYS = list("++--[]{}mi") * 3 + list("jkjkGguuuL t123456789><oz0nNSvPxs") + ["\x12", "\t", "\x1b[Z", "\x1b[6~", "\x1b"]
LINES = (":method kmeans\r", ":method linear-mse\r", ":init random\r", ":grid affine\r", ":zero mask\r", "/pw\r", "f\r",
         "a4\r", "a\x1b", "e\x1b", ":sensitivity\r", ":frontier\r", ":graph\r", ":channels\r", ":compare\r",
         ":bits 3\r", ":prune 50%\r", ":set seed 9\r", "\r\x1b", "?\x1b", "y", "w", ":load\r", "fdw\r")


def one_run(place, chosen, seconds):
    """One explorer, until its time is over or chance ends it."""
    options = [] if chosen.random() < 0.5 else ["--data", "samples/fashion_x.npy", "--labels", "samples/fashion_y.npy"]
    terminal = place.open(*options, columns=120, rows=40)
    end = time.monotonic() + seconds * chosen.uniform(0.1, 1)
    end += 1
    while b"1049h" not in terminal.raw and terminal.process.poll() is None:
        terminal.pump(0.01, look=False)
    while time.monotonic() < end and terminal.process.poll() is None:
        terminal.flood("".join(chosen.choices(KEYS, k=chosen.randint(1, 12))).encode())
        if chosen.random() < 0.15:
            terminal.flood(chosen.choice(LINES).encode())
        if chosen.random() < 0.1:
            terminal.set_size(*chosen.choice(((80, 24), (120, 40), (200, 60), (1, 1), (70, 20))))
        if chosen.random() < 0.02:
            terminal.flood(b"\x1a")
        terminal.pump(chosen.choice((0, 0.001, 0.01, 0.2)), look=False)
    number = chosen.choice((0, signal.SIGTERM, signal.SIGHUP))
    if number and terminal.process.poll() is None:
        terminal.kill(number)
    elif terminal.process.poll() is None:
        terminal.set_size(80, 24)
        terminal.flood(b"\x1b\x1b")
        terminal.pump(0.3, look=False)
        terminal.flood(b":quit!\r")
    code = terminal.wait_exit(look=False)
    report = re.search(rb"(?:Sanitizer|runtime error):.*", terminal.raw, re.DOTALL)
    assert not report, report.group(0)[:20000].decode(errors="replace")
    assert code == -number, f"exit {code}, expected {-number}"


def rush(seconds, seed):
    chosen, end = random.Random(seed), time.monotonic() + seconds
    print(f"# seed {seed}", flush=True)
    with Place() as place:
        while (left := end - time.monotonic()) > 0:
            one_run(place, chosen, min(left, 8))
            place.terminals.pop().close()


if __name__ == "__main__":
    try:
        rush(float(os.environ.get("SECONDS", "60")), int(os.environ.get("SEED", time.time_ns() % 10**6)))
    except AssertionError as wrong:
        sys.exit(f"rush: {wrong}")
