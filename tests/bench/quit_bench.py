#!/usr/bin/python3
"""Leaving while jobs run: from the key to the end of the process, in a real pseudo-terminal, on the
98 MB model, and on one layer of 25 million weights with importance. A moment is chosen at random in
each phase, the same in every run of the benchmark. CPU time, over all threads, is what a busy
machine does not change."""
import fcntl
import os
import pty
import random
import select
import statistics
import struct
import sys
import termios
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "bitdial")
MODEL = os.environ["BIG_MODEL"]
RUNS = 9


def take(fd, seconds):
    """Reads for so long; what came. None: the other side has left."""
    seen, end = b"", time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        if not select.select([fd], [], [], left)[0]:
            break
        try:
            seen += os.read(fd, 65536)
        except OSError:
            return None
    return seen


def wait_for(fd, text):
    seen = b""
    while text not in seen:
        more = take(fd, 0.01)
        if more is None:
            sys.exit("it left by itself")
        seen = (seen + more)[-100000:]


def cpu_of(pid):
    """Seconds that a process has computed (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def leave(model, options, ready, keys, delay):
    """Seconds, and those of the processor, from the last key of `keys`, typed `delay` after `ready` was
    seen, to the end."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
        os.execv(PROGRAM, [PROGRAM, model, "--read-only", *options])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    wait_for(fd, ready)
    if keys:
        os.write(fd, keys)
    take(fd, delay)
    start, before = time.perf_counter(), cpu_of(pid)
    os.write(fd, b":quit!\r")
    while take(fd, 1) is not None:
        pass
    _, _, used = os.wait4(pid, 0)
    took = time.perf_counter() - start
    os.close(fd)
    return took, used.ru_utime + used.ru_stime - before


def images(path):
    np.save(path, np.random.default_rng(1).standard_normal((64, 3, 224, 224)).astype(np.float32))
    return path


def wide(folder):
    """(a model of one layer of 25 million weights, what each of them counts for)"""
    dice, side = np.random.default_rng(2), 5000
    weights = dice.standard_normal((side, side)).astype(np.float32)
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, side]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "wide.weight"], ["y"])], "g", port[:1], port[1:],
                              [numpy_helper.from_array(weights, "wide.weight")])
    model, importance = os.path.join(folder, "wide.onnx"), os.path.join(folder, "wide.npz")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), model)
    np.savez(importance, **{"wide.weight": dice.random((side, side)).astype(np.float32)})
    return model, importance


def line(what, times):
    ms = sorted(1000 * s for s, _ in times)
    print(f"{what:44} median {statistics.median(ms):7.1f} ms   min {ms[0]:7.1f}   max {ms[-1]:7.1f}"
          f"   most CPU {1000 * max(cpu for _, cpu in times):7.1f}   to reach: < 200 ms", flush=True)


def main():
    chosen = random.Random(1)
    data = images(os.path.join(os.path.dirname(MODEL), "images.npy"))
    every = b"g" + b" j" * 54 + b"-----"  # all layers, 3 bits
    for what, options, keys, most in (("leaving while it reads and indexes", [], b"", 0.7),
                                      ("leaving while it proves", [], every, 2),
                                      ("leaving while the network is compiled", ["--data", data], b"", 1),
                                      ("leaving while the network runs", ["--data", data], every, 6)):
        line(what, [leave(MODEL, options, b"conv1.weight", keys, chosen.uniform(0, most)) for _ in range(RUNS)])
    model, importance = wide(os.path.dirname(MODEL))
    line("leaving while a weighted layer is indexed",
         [leave(model, ["--importance", importance], b"wide.weight", b"", chosen.uniform(0, 3)) for _ in range(RUNS)])


main()
