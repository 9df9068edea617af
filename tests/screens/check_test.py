#!/usr/bin/python3
"""What the explorer says of a model that ONNX's checker has not judged: that it has not, and why."""
import os
import sys

import onnx

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from explorer import PROGRAM, Skip, leaves, main, test, wait_for_bits  # noqa: E402


def change(place, ir=None, opset=None):
    model = onnx.load(place.model)
    model.ir_version = ir or model.ir_version
    model.opset_import[0].version = opset or model.opset_import[0].version
    with open(place.model, "wb") as f:
        f.write(model.SerializeToString())


def goes_on(terminal):
    terminal.type("-")
    wait_for_bits(terminal, 7)
    terminal.type(":q!\r")
    leaves(terminal, 0)


def says(terminal, words):
    """Long lines of the footer wrap."""
    terminal.wait(lambda text: words in " ".join(text.split()), words)


@test
def a_newer_opset_is_said(place):
    change(place, opset=99)
    terminal = place.start()
    says(terminal, "opset 99 is newer")
    goes_on(terminal)


@test
def a_newer_ir_version_is_said(place):
    change(place, ir=99)
    terminal = place.start()
    says(terminal, "IR version 99 is newer")
    goes_on(terminal)


@test
def a_check_without_room_is_said(place):
    if b"__asan_init" in open(PROGRAM, "rb").read():
        raise Skip("the sanitizers' own memory does not fit under a ceiling")
    terminal = place.start("--memory", "200M")
    says(terminal, "not checked by ONNX's checker")
    goes_on(terminal)


main()
