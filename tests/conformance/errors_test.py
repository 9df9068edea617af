#!/usr/bin/python3
"""Bad usage and bad input: one line that says what, where and what to do; exit 1 or 2; no stray file."""
import os
import stat
import subprocess

from tap import PROGRAM, SAMPLE, Skip, folder, main, refused, run, without_progress


def test_missing_file():
    refused(2, "layers", "nowhere.onnx", says=("nowhere.onnx", "no such file"))


def test_directory_as_model():
    with folder() as d:
        refused(2, "layers", d, says="is a directory")


def test_empty_file():
    with folder() as d:
        path = os.path.join(d, "empty.onnx")
        open(path, "w").close()
        refused(2, "quantize", path, says=("empty.onnx", "empty"))


def test_truncated_model():
    data = open(SAMPLE, "rb").read()
    with folder() as d:
        path = os.path.join(d, "cut.onnx")
        for size in (1, 10, 1000, len(data) // 2, len(data) - 1):
            with open(path, "wb") as f:
                f.write(data[:size])
            refused(2, "layers", path, says="cut.onnx")


def test_foreign_file():
    refused(2, "report", __file__, says="errors_test.py")


def test_no_permission():
    with folder() as d:
        path = os.path.join(d, "secret.onnx")
        with open(path, "wb") as f:
            f.write(b"x")
        os.chmod(path, 0)
        if not os.access(path, os.R_OK):
            refused(2, "layers", path, says="no permission")
            return
        os.chmod(d, 0o755)  # root reads everything: ask as somebody else
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", PROGRAM]
        if subprocess.run(nobody + ["--version"], stdout=subprocess.DEVNULL).returncode:
            raise Skip("nobody else may run the program where it is")
        done = subprocess.run(nobody + ["layers", path], stderr=subprocess.PIPE)
        assert done.returncode == 2 and b"no permission" in done.stderr, done


def test_bits_99():
    refused(2, "quantize", SAMPLE, "--bits", "99", says=("bits", "99", "8"))


def test_bits_of_other_kinds():
    for value in ("0", "-1", "9", "3.5", "nan", "", "4x", "1e1"):
        refused(2, "quantize", SAMPLE, "--bits", value, says="bits")


def test_prune_of_other_kinds():
    for value in ("nan", "-0.1", "1.1", "inf", "", "half", "101%"):
        refused(2, "quantize", SAMPLE, "--prune=" + value, says="prune")


def test_unknown_choice_lists_the_known():
    refused(2, "quantize", SAMPLE, "--method", "magic", says=("magic", "kmeans", "two-stage", "linear"))
    refused(2, "quantize", SAMPLE, "--granularity", "channels", says="tensor")


def test_unknown_option_names_the_nearest():
    refused(2, "quantize", SAMPLE, "--bit-s", "3", says=("--bit-s", "--bits"))
    refused(2, "--frobnicate", says="--frobnicate")
    refused(2, "layers", SAMPLE, "--bits", "3", says="--bits")


def test_options_of_other_commands():
    for option in ("--data", "--recover", "--target-bits", "--sensitivity", "--shard"):
        refused(2, "quantize", SAMPLE, option, "x", says=option)


def test_option_without_value():
    refused(2, "quantize", SAMPLE, "--bits", says=("--bits", "value"))


def test_command_without_model():
    refused(2, "quantize", says="needs a model")


def test_two_models():
    refused(2, "quantize", SAMPLE, "other.onnx", says="other.onnx")


def test_glob_that_matches_nothing_names_the_nearest():
    refused(2, "quantize", SAMPLE, "--layer", "fc1.weigth:bits=3", says=("fc1.weigth", "fc1.weight"))


def test_layer_without_fields():
    for text in ("fc1.weight", "fc1.weight:bits", ":bits=3", "fc1.weight:bits=99", "fc1.weight:size=3"):
        refused(2, "quantize", SAMPLE, "--layer", text, says="--layer")


def test_threads_out_of_range():
    for value in ("0", "-2", "many", "1000"):
        refused(2, "quantize", SAMPLE, "--threads", value, says="--threads")


def test_explorer_without_terminal():
    refused(2, SAMPLE, says=("terminal", "report"))


def test_output_that_cannot_be_written():
    with folder() as d:
        refused(1, "quantize", SAMPLE, "-o", os.path.join(d, "none", "out.onnx"), says="folder")
        refused(1, "quantize", SAMPLE, "-o", d, says=d)
        refused(1, "quantize", SAMPLE, "-o", "/dev/full", says="disk is full")
        refused(1, "report", SAMPLE, "-o", os.path.join(d, "none", "report.txt"), says="folder")
        assert os.listdir(d) == []


def test_the_model_is_never_written_over():
    import shutil
    with folder() as d:
        path, link = os.path.join(d, "model.onnx"), os.path.join(d, "link.onnx")
        shutil.copy(SAMPLE, path)
        os.symlink("model.onnx", link)
        for out in (path, link):
            refused(2, "quantize", path, "-o", out, says="model itself")
            refused(2, "report", path, "-o", out, says="model itself")
        assert open(path, "rb").read() == open(SAMPLE, "rb").read()
        assert sorted(os.listdir(d)) == ["link.onnx", "model.onnx"]


def test_a_dangling_link_is_followed():
    with folder() as d:
        link = os.path.join(d, "link.txt")
        os.symlink("new.txt", link)
        assert run("report", SAMPLE, "-o", link)[0] == 0
        assert os.path.islink(link) and os.path.getsize(os.path.join(d, "new.txt")) > 1000


def test_unknown_commands_and_flags_with_values():
    refused(2, "frobnicate", SAMPLE, says=("frobnicate", "no such command"))
    refused(2, "layers", SAMPLE, "--json=1", says="takes no value")
    refused(2, "quantize", SAMPLE, "-o", "", says="path")
    refused(2, "quantize", SAMPLE, "-o", "-", "--json", says="standard output")


def test_full_disk_behind_standard_output():
    with open("/dev/full", "w") as full:
        for command in (("layers", SAMPLE), ("layers", SAMPLE, "--json"), ("report", SAMPLE),
                        ("quantize", SAMPLE, "--json"), ("--version",)):
            from tap import PROGRAM
            done = subprocess.run([PROGRAM, *command], stdout=full, stderr=subprocess.PIPE)
            assert done.returncode == 1, (command, done.returncode, done.stderr)
            assert without_progress(done.stderr.decode()).count("\n") == 1, done.stderr


def test_output_keeps_mode_and_link():
    with folder() as d:
        real, link = os.path.join(d, "real.onnx"), os.path.join(d, "link.onnx")
        open(real, "w").close()
        os.chmod(real, 0o640)
        os.symlink("real.onnx", link)
        code, _, err = run("quantize", SAMPLE, "-o", link)
        assert code == 0, err
        assert os.path.islink(link) and os.path.getsize(real) > 1000
        assert stat.S_IMODE(os.stat(real).st_mode) == 0o640
        assert sorted(os.listdir(d)) == ["link.onnx", "real.onnx"]


def test_help_and_version():
    for arguments in (("--help",), ("-h",), ("layers", "--help"), ("quantize", "--help"),
                      ("report", "--help"), ("--version",)):
        code, out, err = run(*arguments)
        assert code == 0 and out and not err, (arguments, code, err)
    out = run("quantize", "--help")[1]
    for word in ("--bits", "--method", "two-stage", "--layer", "-o", "--json"):
        assert word in out, word
    assert "--script" not in out


def test_interrupt_exits_130():
    import signal
    import time
    from tap import PROGRAM
    with folder() as d:
        import big
        path = big.write(d)
        child = subprocess.Popen([PROGRAM, "quantize", path, "--bits", "8", "-o", os.path.join(d, "o.onnx")],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
        assert child.returncode == 130, (child.returncode, err)
        assert sorted(os.listdir(d)) == ["big.onnx"], os.listdir(d)


main(__name__)
