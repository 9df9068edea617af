#!/usr/bin/python3
"""Start of the real program in a real pseudo-terminal: `--version`, and the first frame that lists
the layers of a 98 MB model, from the exec to the bytes on the terminal. Medians of several runs."""
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "bitdial")
RUNS = 9


def version():
    start = time.perf_counter()
    subprocess.run([PROGRAM, "--version"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def first_frame(model, text):
    """Seconds from fork to the moment when `text` has been written to the terminal."""
    start = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
        os.execv(PROGRAM, [PROGRAM, model, "--read-only"])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    seen = b""
    while text not in seen:
        if not select.select([fd], [], [], 20)[0]:
            sys.exit("no frame within 20 s")
        seen += os.read(fd, 65536)
    took = time.perf_counter() - start
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    os.close(fd)
    return took


def line(what, seconds, target):
    ms = sorted(1000 * s for s in seconds)
    print(f"{what:44} median {statistics.median(ms):7.1f} ms   min {ms[0]:7.1f}   max {ms[-1]:7.1f}"
          f"   to reach: < {target} ms")


line("bitdial --version", [version() for _ in range(RUNS)], 40)
line("first frame, 98 MB model (ResNet-50)",
     [first_frame(os.environ["BIG_MODEL"], b"conv1.weight") for _ in range(RUNS)], 300)
