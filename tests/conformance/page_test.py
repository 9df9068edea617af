#!/usr/bin/python3
"""`report --html`: one page that strict parsers take, whose numbers are those of the other commands, which
needs nothing from anywhere else, and in which no name can be more than a name."""
import math
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

from names_test import NAMES, tame, wanted, write
from tap import SAMPLE, Skip, folder, main, need, refused, run, run_json

H, SVG = "{http://www.w3.org/1999/xhtml}", "{http://www.w3.org/2000/svg}"
SETTINGS = ("--bits", "4", "--prune", "30%", "--layer", "fc1*:bits=3,method=kmeans", "--layer", "stem*:bits=8,zero=mask,prune=0.1",
            "--layer", "conv3*:granularity=channel", "--layer", "fc2*:bits=32")
NUMBERS = ("bits", "prune", "sqnr_db", "optimum_ratio", "levels", "bits_per_weight", "entropy_bits", "bytes")
PARTS = ("sse", "sse_prune", "sse_cluster", "sse_map", "max_error")
HOSTILE = NAMES + [b"<script>document.title='owned'</script>", b"</title></style></script><b>", b"]]>&amp;&lt;",
                   b"a' onclick='x", b'" autofocus onfocus="x', "\ufffe\U0001ffff\ufdd0".encode(), b"<!-- --!> <![CDATA["]


def page(*arguments, **options):
    """(the tree, the text) of a page, by a parser that forgives nothing."""
    code, out, err = run("report", *arguments, "--html", **options)
    assert code == 0, err
    return ElementTree.fromstring(out), out


def part(tree, name):
    return next(e for e in tree.iter() if e.get("id") == name)


def numbers(element):
    return {e.get("class"): float(e.get("value")) for e in element.iter(H + "data")}


def same(got, want, key):
    """A number that is null in JSON stands as text alone in the page. (cJSON drops a last digit.)"""
    if want[key] is None:
        assert key not in got, (key, got[key])
    else:
        assert math.isclose(got[key], want[key], rel_tol=1e-15), (key, got[key], want[key])


def test_layers_and_totals_are_those_of_quantize():
    tree, _ = page(SAMPLE, *SETTINGS)
    want = run_json("quantize", SAMPLE, *SETTINGS, "--json")
    rows = part(tree, "layers").findall(f".//{H}tbody/{H}tr")
    assert len(rows) == len(want["layers"]) == 12
    for i, (row, layer) in enumerate(zip(rows, want["layers"])):
        got = numbers(row)
        assert row.find(f"{H}th/{H}a").text == layer["tensor"] and layer["method"] in "".join(row.itertext())
        for key in NUMBERS:
            same(got, layer, key)
        assert row.findall(f".//{SVG}svg/{SVG}path"), "no small picture"
        article = part(tree, f"layer-{i + 1}")
        got, text = numbers(article), "".join(article.itertext())
        for key in PARTS:
            same(got, layer, key)
        assert f"granularity {layer['granularity']}" in text and f"seed {layer['seed']}" in text
    got = numbers(part(tree, "total"))
    for key in ("weights", "bytes_float", "bytes", "ratio", "bits_per_weight", "entropy_bits", "sqnr_db"):
        same(got, want["total"], key)


def test_the_map_holds_what_quantize_gives_at_every_width():
    settings = ("--prune", "30%", "--method", "two-stage-refined")
    tree, _ = page(SAMPLE, "--bits", "3", *settings)
    rows = part(tree, "map").findall(f".//{H}tbody/{H}tr")
    cells = part(tree, "map").findall(f".//{SVG}g")
    assert len(rows) == 12 and len(cells) == 96
    for bits in range(1, 9):
        want = run_json("quantize", SAMPLE, "--bits", str(bits), *settings, "--json")["layers"]
        for i, (row, layer) in enumerate(zip(rows, want)):
            got = numbers(row.findall(H + "td")[bits - 1])
            same(got, layer, "sqnr_db")
            same(got, layer, "bytes")
            cell = cells[8 * i + bits - 1]
            title = cell.find(SVG + "title").text
            assert title.startswith(f"{layer['tensor']} at {bits} bit") and f"{layer['sqnr_db']:.1f}dB".replace("-", "−") in title
            assert abs(float(cell.find(SVG + "text").text.replace("−", "-")) - layer["sqnr_db"]) <= 0.5
            assert ("now" in cell.get("class").split()) == (bits == 3)


def test_the_frontier_holds_what_tune_and_quantize_give():
    settings = ("--prune", "30%", "--method", "kmeans")
    tree, _ = page(SAMPLE, "--bits", "3", "--layer", "fc1*:bits=5", *settings)
    rows = [("".join(r.find(H + "th").itertext()), numbers(r), r) for r in part(tree, "frontier").findall(f".//{H}tbody/{H}tr")]
    assert len(rows) == 8 + 25 + 1 == len(part(tree, "frontier").findall(f".//{SVG}g"))

    def check(got, layers):
        relative = [0 if x["sqnr_db"] is None else 10 ** (-x["sqnr_db"] / 10) for x in layers]
        assert math.isclose(got["bytes"], sum(x["bytes"] for x in layers), rel_tol=1e-12)
        assert math.isclose(got["relative_sse"], sum(relative) / len(layers), rel_tol=1e-9), (got, relative)
    for bits in (1, 3, 8):
        name, got, _ = rows[bits - 1]
        assert name.startswith(f"{bits} bit")
        check(got, run_json("quantize", SAMPLE, "--bits", str(bits), *settings, "--json")["layers"])
    assert rows[-1][0] == "as it is set"
    check(rows[-1][1], run_json("quantize", SAMPLE, "--bits", "3", "--layer", "fc1*:bits=5", *settings, "--json")["layers"])
    with folder() as d:
        for name, got, _ in (rows[10], rows[20], rows[30]):
            assert name == "allocated, the best there is"
            tuned = run_json("tune", SAMPLE, *settings, "--target-size", str(math.ceil(got["bytes"])), "--json",
                             "-o", os.path.join(d, "c.json"))
            assert tuned["optimal"] and math.isclose(tuned["cost"] / 12, got["relative_sse"], rel_tol=1e-9), (tuned["cost"], got)
    line = sorted((got["bytes"], got["relative_sse"]) for _, got, row in rows if row.findall(H + "td")[-1].text)
    assert len(line) > 5 and all(a[1] > b[1] for a, b in zip(line, line[1:]))
    for _, got, _ in rows:  # nothing beats the line
        assert any(b <= got["bytes"] and e <= got["relative_sse"] for b, e in line)


def test_the_page_needs_nothing_from_elsewhere():
    tree, text = page(SAMPLE)
    ids = {e.get("id") for e in tree.iter()} - {None}
    for e in tree.iter():
        assert e.tag not in (H + "link", H + "img", H + "iframe", H + "object", H + "base"), e.tag
        for name, value in e.attrib.items():
            assert name not in ("src", "srcset", "action") and not name.startswith("on"), (name, value)
            if name.endswith("href"):
                assert value[0] == "#" and value[1:] in ids, value
    plain = text.replace("http://www.w3.org/1999/xhtml", "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]|url\(|@import", plain)
    with_hash = run_json("layers", SAMPLE, "--json")["model"]["sha256"]
    version = run("--version")[1].strip()
    assert with_hash in text and version in text


def test_strict_html():
    try:
        import html5lib
    except ImportError as why:
        raise Skip("python3-html5lib is not installed") from why
    with folder() as d:
        for path in (SAMPLE, write(os.path.join(d, "hostile.onnx"), HOSTILE)):
            html5lib.HTMLParser(strict=True).parse(page(path)[1].encode())


def test_names_stay_names():
    with folder() as d:
        path = write(os.path.join(d, "<b>&'\" m.onnx"), HOSTILE)
        tree, text = page(path, "--bits", "3")
        rows = part(tree, "layers").findall(f".//{H}tbody/{H}tr")
        listed = [x["tensor"] for x in run_json("layers", path, "--json")["layers"]]
        names = [row.find(f"{H}th/{H}a").text for row in rows]
        assert len(names) == len(HOSTILE) and listed[:len(NAMES)] == wanted()
        for name, want in zip(names, listed):
            tame(name)
            if want.isprintable() and want.isascii():
                assert name == want, (name, want)
        assert names[HOSTILE.index("\ufffe\U0001ffff\ufdd0".encode())] == r"\uFFFE\u1FFFF\uFDD0"
        assert len(tree.findall(f".//{H}script")) == 1 and len(tree.findall(f".//{H}style")) == 1
        assert tree.find(f"{H}head/{H}title").text == "<b>&'\" m.onnx · bitdial"
        assert "'\\''" in part(tree, "command").text  # a shell reads it back


def test_refused_layers_say_why():
    with folder() as d:
        import numpy as np
        from onnx import TensorProto, helper, numpy_helper
        bad = np.ones((4, 4), np.float32)
        bad[1, 2] = np.nan
        nodes = [helper.make_node("MatMul", ["x", "w<1>"], ["y"]), helper.make_node("MatMul", ["y", "v"], ["z"])]
        port = helper.make_tensor_value_info
        graph = helper.make_graph(nodes, "g", [port("x", TensorProto.FLOAT, [1, 4])], [port("z", TensorProto.FLOAT, [1, 4])],
                                  [numpy_helper.from_array(bad, "w<1>"), numpy_helper.from_array(np.eye(4, dtype=np.float32), "v")])
        path = os.path.join(d, "m.onnx")
        with open(path, "wb") as f:
            f.write(helper.make_model(graph).SerializeToString())
        tree, _ = page(path)
        rows = part(tree, "layers").findall(f".//{H}tbody/{H}tr")
        assert "NaN" in "".join(rows[0].itertext()) and numbers(rows[1])["bits"] == 8
        assert "cannot be quantized" in "".join(part(tree, "map").itertext())


def test_no_layers_and_the_model_itself():
    with folder() as d:
        from onnx import TensorProto, helper
        port = helper.make_tensor_value_info
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [port("x", TensorProto.FLOAT, [1])],
                                  [port("y", TensorProto.FLOAT, [1])])
        path = os.path.join(d, "m.onnx")
        with open(path, "wb") as f:
            f.write(helper.make_model(graph).SerializeToString())
        tree, _ = page(path)
        assert not part(tree, "layers").findall(f".//{H}tbody/{H}tr")
        refused(2, "report", path, "--html", "-o", path, says="model itself")
        refused(2, "layers", path, "--html", says="--html")


def test_a_browser_shows_it():
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        raise Skip("chromium is not installed")
    with folder() as d:
        path, out = write(os.path.join(d, "m.onnx"), HOSTILE), os.path.join(d, "page.html")
        assert run("report", path, "--html", "-o", out)[0] == 0
        done = subprocess.run([browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={d}/profile",
                               "--virtual-time-budget=1000", "--dump-dom", "file://" + out], capture_output=True, timeout=120,
                              check=False, text=True)
        if "<main>" not in done.stdout:
            raise Skip("chromium does not start here")
        assert 'class="sort live"' in done.stdout, "the script did not run"
        assert "<title>m.onnx · bitdial</title>" in done.stdout and done.stdout.count("<script") == 1


main(__name__)
