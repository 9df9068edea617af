#!/usr/bin/python3
"""A dial turned → the new accuracy of the whole network on the terminal: ResNet-20 on 200 images, and
the sample on its own 1,000. From the key to the moment when the first line says the figures of the new
settings on all samples; the dial of the layer that most, some or nearly none of the network follows."""
import os
import re
import statistics
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "screens"), os.path.join(TOP, "tests", "conformance")]
from tap import SHARED  # noqa: E402
from terminal import Terminal  # noqa: E402

PROGRAM = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "bitdial"))
TURNS = 8


def settled(text):
    """The figures, if they are those of the settings on all samples; else None."""
    line = text.splitlines()[0]
    found = re.search(r"top-1 [\d.]+ → ([\d.]+) % ±[\d.]+ +KL ([\d.]+)", line)
    return found.group(0) if found and not re.search(r"\d/\d|~", line) else None


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def turns(terminal, keys):
    """Seconds that each of several turns takes, `-` and `+` by turns; the program's CPU time for one."""
    seconds, began = [], cpu_seconds(terminal.process.pid)
    for number in range(TURNS):
        before, start = settled(terminal.text()), time.perf_counter()
        terminal.type(keys[number % 2])
        while settled(terminal.text()) in (None, before):
            if time.perf_counter() - start > 30:
                sys.exit("no figures within 30 s:\n" + terminal.text())
            terminal.pump(0.004)
        seconds.append(time.perf_counter() - start)
    return seconds, (cpu_seconds(terminal.process.pid) - began) / TURNS


def measure(what, model, arguments, layers):
    terminal = Terminal([PROGRAM, model, "--read-only", *arguments], columns=200, rows=50)
    terminal.wait(settled, "the first figures")
    terminal.type("*b4\r")
    terminal.wait(lambda text: "4 bits" in text or settled(text), "the next figures")
    terminal.pump(3)
    terminal.wait(settled, "the next figures")
    for place, keys in (("first", "g"), ("middle", "g" + "j" * (layers // 2)), ("last", "G")):
        terminal.type(keys)
        terminal.pump(0.3)
        seconds, cpu = turns(terminal, "-+")
        took = sorted(1000 * s for s in seconds)
        print(f"{what:28} {place:6} layer: median {statistics.median(took):6.0f} ms   min {took[0]:6.0f}"
              f"   max {took[-1]:6.0f}   (CPU {1000 * cpu:4.0f} ms)   to reach: < 500 ms", flush=True)
    terminal.close()


def main():
    sample, data = os.path.join(TOP, "samples", "fashion"), os.path.join(SHARED, "data")
    measure("sample, 1,000 images", sample + ".onnx", ["--data", sample + "_x.npy", "--labels", sample + "_y.npy"], 6)
    model = os.path.join(SHARED, "models", "resnet20_cifar10_folded.onnx")
    if not os.path.exists(model):
        print("skipped: ResNet-20 is not here")
        return
    images = os.path.join(data, "cifar10_jpeg_3000_")
    measure("ResNet-20, 200 images", model, ["--data", images + "x.npy", "--labels", images + "y.npy", "--limit", "200",
                                             "--normalize", "imagenet"], 20)


main()
