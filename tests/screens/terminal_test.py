#!/usr/bin/python3
"""The explorer in a real pseudo-terminal: start, dials, resize, suspend, every way out."""
import os
import random
import re
import shlex
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from explorer import (PROGRAM, edit_and_wait_until_kept, kept, leaves, main, one_line, test,  # noqa: E402
                      wait_for_bits)

COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:[349][0-7]|10[0-7]|[34]8)(?:;\d+)*m")


@test
def quits_at_once_without_edits(place):
    terminal = place.start()
    terminal.type("q")
    leaves(terminal, 0)


@test
def an_interrupt_in_a_prompt_or_form_asks_first(place):
    for keys in ("/", ":", "\r", "?"):
        terminal = place.start()
        terminal.type("-")
        wait_for_bits(terminal, 7)
        terminal.type(keys)
        terminal.type("\x03")
        terminal.wait_for("unsaved edits")
        terminal.type("q")
        leaves(terminal, 0)


@test
def a_config_that_was_not_read_is_replaced_at_the_second_asking(place):
    terminal = place.start()
    terminal.type("-")
    wait_for_bits(terminal, 7)
    terminal.type("w")
    terminal.wait_for("saved")
    terminal.type("q")
    leaves(terminal, 0)
    first = open(place.config()).read()
    terminal = place.start()
    terminal.wait_for(":load takes it in")
    terminal.type("--w")
    terminal.wait_for("once more replaces it")
    assert open(place.config()).read() == first
    terminal.type("w")
    terminal.wait_for("saved")
    assert open(place.config()).read() != first
    terminal.type("q")
    leaves(terminal, 0)


@test
def a_dial_is_shown_with_its_result(place):
    terminal = place.start()
    terminal.wait_for("4.0")
    terminal.type("----")
    wait_for_bits(terminal, 4)
    terminal.wait_until_gone(" job")
    terminal.type("u")
    terminal.wait_for("undone: bits")
    terminal.type("q")
    terminal.wait_for("unsaved edits:")
    terminal.type("q")
    leaves(terminal, 0)


@test
def leaving_asks_and_can_stay_or_save(place):
    terminal = place.start()
    terminal.type("-q")
    terminal.wait_for("unsaved edits:")
    terminal.type("\x1b")
    terminal.wait_until_gone("unsaved edits:")
    terminal.type("q")
    terminal.wait_for("unsaved edits:")
    assert not os.path.exists(place.config())
    terminal.type("w")
    leaves(terminal, 0)
    assert os.path.exists(place.config())


@test
def an_edit_undone_is_no_edit(place):
    terminal = place.start()
    terminal.type("-uq")
    leaves(terminal, 0)


@test
def follows_every_size(place):
    terminal = place.start()
    for columns, rows, words in ((120, 40, "error"), (5, 2, "needs"), (40, 12, "needs 60×16, has 40×12"),
                                 (1, 1, "n"), (200, 60, "error"), (80, 24, "histogram")):
        terminal.resize(columns, rows)
        terminal.wait_for(words)
    terminal.type("q")
    leaves(terminal, 0)


@test
def too_small_takes_q_alone_and_asks_once(place):
    terminal = place.start()
    terminal.type("-")
    terminal.wait_for(" *")
    terminal.resize(50, 10)
    terminal.wait_for("needs 60×16, has 50×10")
    terminal.type("w-")
    terminal.type("q")
    terminal.wait_for("unsaved edits: q again leaves")
    assert not os.path.exists(place.config())
    terminal.type("q")
    leaves(terminal, 0)


@test
def stops_and_goes_on_under_a_shell(place):
    terminal = place.open(command=["/bin/bash", "--norc", "--noprofile", "-i"], environment={"PS1": "shell> "})
    terminal.wait_for("shell>")
    at_prompt = terminal.modes()
    terminal.type(shlex.join([PROGRAM, place.model]) + "\n")
    terminal.wait_for("histogram")
    terminal.type("\x1a")
    terminal.wait_for("Stopped")
    terminal.pump(0.1)
    assert terminal.modes() == at_prompt, "the shell got another terminal back"
    assert set(terminal.restored()) <= {"terminal modes", "bracketed paste"}, terminal.restored()
    terminal.type("fg\n")
    terminal.wait_for("histogram")
    terminal.type("-")
    wait_for_bits(terminal, 7)
    terminal.type("qq")
    terminal.wait_for("shell>")
    assert "alternate screen" not in terminal.restored()
    terminal.type("echo code=$?\n")
    terminal.wait_for("code=0")


def ends_by(place, number):
    terminal = place.start()
    terminal.type("-")
    terminal.wait_for(" *")
    terminal.kill(number)
    leaves(terminal, -number)
    return terminal


@test
def sigterm_leaves_the_terminal_clean(place):
    ends_by(place, signal.SIGTERM)


@test
def control_s_stops_nothing(place):
    terminal = place.start()
    terminal.type("\x13")
    terminal.type("-")
    wait_for_bits(terminal, 7)
    terminal.type("\x13u")
    wait_for_bits(terminal, 8)
    terminal.kill(signal.SIGTERM)
    leaves(terminal, -signal.SIGTERM)


@test
def sighup_leaves_the_terminal_clean(place):
    ends_by(place, signal.SIGHUP)


@test
def unsaved_edits_survive_sigterm(place):
    ends_by(place, signal.SIGTERM)
    terminal = place.start()
    terminal.wait_for(":rescue")
    terminal.type(":rescue\r")
    wait_for_bits(terminal, 7)
    terminal.type("w")
    terminal.wait_for("saved")
    terminal.type("q")
    leaves(terminal, 0)
    terminal = place.start()
    terminal.pump(0.3)
    assert ":rescue" not in terminal.text()


@test
def unsaved_edits_survive_a_crash_and_a_kill(place):
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
        terminal = place.start()
        edit_and_wait_until_kept(terminal, place, "--")
        terminal.kill(number)
        assert terminal.wait_exit() == -number
        terminal = place.start()
        terminal.wait_for(":rescue")
        terminal.type(":rescue\r")
        wait_for_bits(terminal, 6)
        terminal.type("qq")
        leaves(terminal, 0)
        assert kept(place) == []


@test
def edits_that_the_user_left_are_not_offered(place):
    terminal = place.start()
    edit_and_wait_until_kept(terminal, place, "-")
    terminal.type("qq")
    leaves(terminal, 0)
    assert os.listdir(os.path.join(place.folder, "state/bitdial/rescue")) == []


@test
def two_explorers_keep_their_own_edits(place):
    first, second = place.start(), place.start()
    edit_and_wait_until_kept(first, place, "-")
    edit_and_wait_until_kept(second, place, "---", 2)
    third = place.start()  # those two still run: nothing is offered
    third.pump(0.3)
    assert ":rescue" not in third.text()
    first.kill(signal.SIGKILL)
    first.wait_exit()
    fourth = place.start()
    fourth.wait_for(":rescue")
    fourth.type(":rescue\r")
    wait_for_bits(fourth, 7)
    fifth = place.start()  # the fourth has them
    fifth.pump(0.3)
    assert ":rescue" not in fifth.text()
    second.kill(signal.SIGTERM)
    leaves(second, -signal.SIGTERM)
    for terminal in (third, fifth):
        terminal.type("q")
        leaves(terminal, 0)
    sixth = place.start()
    sixth.wait_for(":rescue")
    sixth.type(":rescue\r")
    wait_for_bits(sixth, 5)


@test
def edits_of_another_state_of_the_model_are_told(place):
    ends_by(place, signal.SIGTERM)
    with open(place.model, "r+b") as model:
        data = bytearray(model.read())
        data[len(data) // 2] ^= 1  # a weight
        model.seek(0)
        model.write(data)
    terminal = place.start(columns=160)
    terminal.wait_for(":rescue")
    terminal.type(":rescue\r")
    terminal.wait_for("another model")
    terminal.type("q")
    leaves(terminal, 0)


@test
def a_crash_leaves_the_terminal_clean(place):
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT):
        terminal = place.start()
        terminal.kill(number)
        leaves(terminal, -number)


@test
def interrupt_is_130(place):
    terminal = place.start()
    terminal.type("\x03")
    leaves(terminal, 130)


@test
def interrupt_asks_where_edits_are_not_saved(place):
    terminal = place.start()
    terminal.type("-")
    terminal.wait_for(" *")
    terminal.type("\x03")
    terminal.wait_for("unsaved edits:")
    terminal.type("\x03")
    leaves(terminal, 130)


@test
def a_terminal_that_goes_away_ends_it(place):
    terminal = place.start()
    os.close(terminal.master)
    assert terminal.process.wait(20) == -signal.SIGHUP
    terminal.master = os.open("/dev/null", os.O_RDONLY)


@test
def the_mouse_selects_and_scrolls(place):
    terminal = place.start()
    terminal.type("\x1b[<0;10;6M\x1b[<0;10;6m")  # the third layer
    terminal.wait(lambda text: text.splitlines()[5].startswith("▸"), "the third layer in hand")
    terminal.type("\x1b[<65;10;5M")
    terminal.wait(lambda text: not text.splitlines()[5].startswith("▸") or "▸" in text, "the wheel")
    terminal.type("\x1b[<0;10;16M\x1b[<0;10;16m")  # the histogram
    terminal.wait_for("o log")
    terminal.type("q")
    leaves(terminal, 0)


@test
def no_mouse_leaves_it_to_the_terminal(place):
    terminal = place.start("--no-mouse")
    terminal.pump(0.1)
    assert b"1000h" not in terminal.raw
    terminal.type("q")
    leaves(terminal, 0)


@test
def pasted_text_goes_to_a_prompt_only(place):
    terminal = place.start()
    terminal.type("\x1b[200~---q\x1b[201~")
    terminal.type(":\x1b[200~bits 3\x1b[201~")
    terminal.wait_for(":bits 3")
    assert " *" not in terminal.text().splitlines()[0]
    terminal.type("\r")
    wait_for_bits(terminal, 3)
    terminal.type(":q!\r")
    leaves(terminal, 0)


@test
def arrows_and_escape_are_told_apart(place):
    terminal = place.start()
    terminal.type("\x1bOB\x1bOB")
    terminal.wait(lambda text: text.splitlines()[5].startswith("▸"), "two down")
    terminal.type(":bi")
    terminal.wait_for(":bi")
    terminal.type("\x1b")
    terminal.wait_until_gone(":bi")
    terminal.type("q")
    leaves(terminal, 0)


@test
def copies_through_the_terminal(place):
    terminal = place.start()
    terminal.type("y")
    terminal.wait_for("copied:")
    assert b"\x1b]52;c;" in terminal.raw
    terminal.type("q")
    leaves(terminal, 0)


@test
def remembers_theme_and_commands(place):
    terminal = place.start()
    terminal.type(":theme light\r")
    terminal.wait_for("theme light")
    terminal.type("q")
    leaves(terminal, 0)
    with open(os.path.join(place.folder, "state/bitdial/state.json"), encoding="utf-8") as state:
        assert '"light"' in state.read()
    terminal = place.start()
    terminal.type(":\x1bOA")
    terminal.wait_for(":theme light")
    terminal.type("\x1b")
    terminal.wait_until_gone(":theme light")
    terminal.type("t")
    terminal.wait_for("theme ")
    terminal.type("q")
    leaves(terminal, 0)


@test
def read_only_writes_nothing(place):
    before = sorted(os.listdir(place.folder))
    terminal = place.start("--read-only")
    terminal.type("t-w")
    terminal.wait_for("nothing is written")
    terminal.type("qq")
    leaves(terminal, 0)
    assert sorted(os.listdir(place.folder)) == before


@test
def no_colour_means_none(place):
    for terminal in (place.start("--no-color"), place.start(environment={"NO_COLOR": "1"}), place.start(term="vt100")):
        terminal.pump(0.2)
        terminal.type("q")
        leaves(terminal, 0)
        assert not COLOUR.search(terminal.raw), COLOUR.search(terminal.raw)


@test
def another_locale_gets_ascii(place):
    terminal = place.start(environment={"LC_ALL": "C"})
    terminal.pump(0.2)
    assert all(byte < 128 for byte in terminal.raw)
    terminal.type("q")
    leaves(terminal, 0)


@test
def no_keys_break_it(place):
    names = ["\x1bOA", "\x1bOB", "\t", "\r", "\x1b", "\x7f", " ", "\x1b[5~", "\x1b[6~", "\x12", "\x15", "é",
             "\x1b[<0;20;5M", "\x1b[<64;20;5M", "\x1b[<65;20;15M", "\x1b[200~ab\x1b[201~", "\x1b[3~"]
    names += "+-[]{}mibp:/nNfLutyYjkhlgGzZo0123456789<>S?=.%abcdefghijklmnopqrstvx"
    chosen = random.Random(1)
    terminal = place.start("--read-only")
    for _ in range(800):
        terminal.type(chosen.choice(names))
        if chosen.random() < 0.02:
            terminal.resize(*chosen.choice([(80, 24), (120, 40), (5, 2), (60, 16), (1, 1), (100, 16)]))
        terminal.pump(0.001)
        if terminal.process.poll() is not None:  # it was told to quit
            break
    terminal.resize(80, 24)
    while terminal.process.poll() is None:
        for key in ("\x1b", "\x1b", "q", "q"):
            terminal.pump(0.1)
            if terminal.process.poll() is None:
                terminal.type(key)
    leaves(terminal, 0)


@test
def a_wrong_theme_is_one_line(place):
    one_line(place.open("--theme", "no-such", columns=200), 2, "'no-such'")


@test
def no_terminal_is_one_line(place):
    done = subprocess.run([PROGRAM, place.model], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "bitdial report" in done.stderr, done.stderr


main()
