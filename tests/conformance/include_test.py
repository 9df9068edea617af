#!/usr/bin/python3
"""The house rules that a machine can check: includes point one way, functions and files are short,
public names begin with bd_.

    base ← model, quant ← engine ← study ← session ← export ← viewers ← tui

An arrow means: what stands right of it may include it, and everything left of it. model and quant do
not see each other. Only tui/screen.c sees curses."""
import glob
import os
import re
import subprocess

from tap import BUILD, TOP, folder, main

SEES = {"base": set()}
SEES["model"] = SEES["quant"] = {"base"}
SEES["engine"] = SEES["model"] | {"model", "quant"}
SEES["study"] = SEES["engine"] | {"engine"}
SEES["session"] = SEES["study"] | {"study"}
SEES["export"] = SEES["session"] | {"session"}
SEES["viewers"] = SEES["export"] | {"export"}
SEES["tui"] = SEES["viewers"] | {"viewers"}

SCREEN = "tui/screen.c"
FUNCTION_LINES, FILE_LINES, COLUMNS = 60, 500, 100
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def sources(top):
    """Paths of the house's own files, relative to top."""
    found = []
    for room in ("core/*", "viewers", "tui", "tui/commands"):
        for kind in ("*.c", "*.h", "*.cc"):
            found += glob.glob(os.path.join(top, room, kind))
    return sorted(os.path.relpath(path, top) for path in found)


def text_of(top, path):
    with open(os.path.join(top, path), encoding="utf-8") as f:
        return f.read()


def room_of(path):
    """"core/model/model.h" → "model"; None for what is not of the house."""
    parts = path.split("/")
    if parts[0] == "core" and len(parts) > 2:
        return parts[1]
    return parts[0] if parts[0] in ("viewers", "tui") and len(parts) > 1 else None


def wrong_includes(top):
    """One line for each include that points the wrong way."""
    wrong = []
    for path in sources(top):
        room = room_of(path)
        if room not in SEES:
            wrong.append(f"{path}: {room} is no room of the house")
            continue
        for name in INCLUDE.findall(text_of(top, path)):
            other = room_of(name)
            if re.match(r"n?curses|term\.h|panel\.h|menu\.h|form\.h", os.path.basename(name)) \
                    and not other and path != SCREEN:
                wrong.append(f"{path}: includes {name}: only {SCREEN} sees curses")
            if other and other != room and other not in SEES[room]:
                wrong.append(f"{path}: includes {name}: {room} does not see {other}")
            if other is None and os.path.exists(os.path.join(top, os.path.dirname(path), name)):
                wrong.append(f"{path}: includes {name}: name it from the top")
    return wrong


def code_only(text):
    """The text with comments and the insides of literals blanked; lines stay where they are."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    pattern = r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    text = re.sub(pattern, blank, text, flags=re.DOTALL)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.MULTILINE)


def functions(text):
    """(name, first line, number of lines) of each function that is defined at the top level."""
    found, depth, head = [], 0, 0
    lines = code_only(text).split("\n")
    for number, line in enumerate(lines):
        for char in line:
            if depth == 0 and (char == "}" or re.match(r"namespace\b|extern\b[^(]*{", line)):
                head = number + 1  # a namespace's own braces are none of a function
            elif char == "{":
                if depth == 0:
                    opened = (head, number)
                depth += 1
            elif char == "}":
                depth -= 1
                if depth == 0:
                    name = function_name(" ".join(lines[opened[0]:opened[1] + 1]))
                    if name:
                        found.append((name, opened[0] + 1, number - opened[0] + 1))
        if depth == 0 and (line.rstrip().endswith((";", "}")) or not line.strip()):
            head = number + 1
    return found


def function_name(head):
    """The name that "static int f(void) {" defines; None where it defines a type or an array."""
    head = head[:head.index("{")]
    match = re.search(r"(\w+)\s*\([^=]*\)\s*(?:const\s*)?$", head)
    return match.group(1) if match and "=" not in head[:match.start()] else None


def long_functions(top):
    return [f"{path}:{line}: {name} takes {count} lines, not at most {FUNCTION_LINES}"
            for path in sources(top) if path.endswith((".c", ".cc"))
            for name, line, count in functions(text_of(top, path)) if count > FUNCTION_LINES]


def long_files(top):
    lines = {path: text_of(top, path).count("\n") for path in sources(top)}
    return [f"{path}: {count} lines, not at most {FILE_LINES}"
            for path, count in lines.items() if count > FILE_LINES]


def wide_lines(top):
    return [f"{path}:{number}: {len(line)} columns, not at most {COLUMNS}"
            for path in sources(top)
            for number, line in enumerate(text_of(top, path).split("\n"), 1) if len(line) > COLUMNS]


def unguarded_headers(top):
    """Headers whose guard is not BD_ROOM_NAME_H."""
    wrong = []
    for path in sources(top):
        guard = "BD_" + re.sub(r"\W", "_", re.sub(r"^core/", "", path)).upper()
        if path.endswith(".h") and f"#ifndef {guard}\n#define {guard}\n" not in text_of(top, path):
            wrong.append(f"{path}: its guard is not {guard}")
    return wrong


def public_names(objects):
    """Names that object files give to the linker and that do not begin with bd_."""
    listed = subprocess.run(["nm", "-A", "-g", "--defined-only", *objects], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=True).stdout.decode()
    wrong = []
    for line in listed.splitlines():
        path, rest = line.split(":", 1)
        fields = rest.split()
        kind, name = fields[-2], fields[-1]
        if kind in "TDBRC" and not re.match(r"bd_|__?(asan|ubsan|tsan|odr_asan|start|stop)|main$", name):
            wrong.append(f"{path}: the public name {name} does not begin with bd_")
    return wrong


def none_of(wrong):
    assert not wrong, "\n" + "\n".join(wrong)


def plant(top, path, text):
    """Writes one file of a made-up house."""
    full = os.path.join(top, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as f:
        f.write(text)


def test_includes_point_one_way():
    assert len(sources(TOP)) > 20
    none_of(wrong_includes(TOP))


def test_functions_take_at_most_60_lines():
    none_of(long_functions(TOP))


def test_files_take_at_most_500_lines():
    none_of(long_files(TOP))


def test_lines_take_at_most_100_columns():
    none_of(wide_lines(TOP))


def test_headers_are_guarded():
    none_of(unguarded_headers(TOP))


def test_public_names_begin_with_bd():
    objects = [os.path.join(TOP, BUILD, re.sub(r"\.c$", ".o", path))
               for path in sources(TOP) if path.endswith(".c")]
    objects = [path for path in objects if os.path.exists(path)]
    assert objects, "nothing is built"
    none_of(public_names(objects))


def test_a_wrong_include_is_found():
    allowed = {"core/base/a.c": "core/base/a.h", "core/quant/a.c": "core/base/a.h",
               "core/engine/a.c": "core/quant/a.h", "core/study/a.h": "core/model/a.h",
               "core/session/a.c": "core/study/a.h", "core/export/a.c": "core/session/a.h",
               "viewers/a.c": "core/session/a.h", "tui/a.c": "viewers/a.h",
               "tui/commands/a.c": "tui/commands/b.h", "tui/screen.c": "curses.h",
               "core/model/a.c": "search.h"}
    forbidden = {"core/base/b.c": "core/model/a.h", "core/quant/b.c": "core/model/a.h",
                 "core/model/b.c": "core/quant/a.h", "core/model/b.h": "ncursesw/curses.h",
                 "core/model/b.cc": "core/engine/a.h", "core/engine/b.c": "core/study/a.h",
                 "core/study/b.h": "core/session/a.h", "core/session/b.c": "core/export/a.h",
                 "core/export/b.c": "viewers/a.h", "core/session/c.c": "tui/a.h",
                 "viewers/b.c": "tui/a.h", "viewers/b.h": "curses.h", "tui/b.c": "ncurses.h",
                 "tui/screen.h": "curses.h", "tui/commands/b.c": "term.h", "core/base/c.c": "b.h",
                 "core/new/a.c": "core/base/a.h"}
    with folder() as d:
        plant(d, "core/base/b.h", "")
        for path, name in allowed.items():
            plant(d, path, f'// a file\n#include "{name}"\n#include <stdio.h>\n')
        none_of(wrong_includes(d))
        for path, name in forbidden.items():
            plant(d, path, f'# include <{name}>\n')
            wrong = wrong_includes(d)
            assert len(wrong) == 1 and wrong[0].startswith(path + ":"), (path, name, wrong)
            os.remove(os.path.join(d, path))


def test_a_long_function_is_found():
    body = "".join(f"  call({i}); // {{\n" for i in range(58))
    with folder() as d:
        plant(d, "core/base/a.c", "static const int table[] = {\n" + "  1,\n" * 100 + "};\n\n"
              "int fits(int a,\n         int b) {\n" + body[:-len("  call(57); // {\n")] + "}\n")
        none_of(long_functions(d))
        plant(d, "core/base/b.c", '#define X {\n\nvoid long_one(void) {\n  say("}");\n' + body + "}\n")
        assert long_functions(d) == ["core/base/b.c:3: long_one takes 61 lines, not at most 60"], \
            long_functions(d)


def test_other_faults_are_found():
    with folder() as d:
        plant(d, "core/base/a.h", "// no guard\n")
        plant(d, "core/base/b.c", "\n" * 501 + "x" * 101)
        assert len(unguarded_headers(d)) == 1 and len(long_files(d)) == 1 and len(wide_lines(d)) == 1
        source, built = os.path.join(d, "c.c"), os.path.join(d, "c.o")
        plant(d, "c.c", "int bd_fine; int stray(void) { return 0; }\nstatic int own; int *bd_p = &own;\n")
        subprocess.run([*os.environ.get("CC", "gcc").split(), "-c", source, "-o", built], check=True)
        assert len(public_names([built])) == 1 and "stray" in public_names([built])[0]


main(__name__)
