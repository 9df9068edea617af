#!/usr/bin/python3
"""Draws the pictures of the README, .github/NAME.svg: runs a script on the sample and paints the screen that
it saves in the colours of a theme. Blocks and rules are shapes, so that no font matters."""
import json
import os
import re
import subprocess
import sys
import tempfile
from html import escape

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from goldens import HERE, PROGRAM, TOP  # noqa: E402

COLUMNS, ROWS = 120, 32
PICTURES = {  # name: (script, title)
    "screen": ("picture.script", "bitdial on its sample network"),
    "convergence": ("convergence.script", "how the starts of K-means end, against the proved optimum"),
}
CELL_WIDTH, CELL_HEIGHT, FONT, BASE = 8.4, 17, 14, 13  # pixels; BASE: the line that letters stand on
FOREGROUND, BACKGROUND = "#d8d8d8", "#101014"  # of a terminal's "default"
NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "grey", "bright-red", "bright-green",
         "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan", "bright-white"]
SIXTEEN = ["#000000", "#cd3131", "#0dbc79", "#e5e510", "#2472c8", "#bc3fbc", "#11a8cd", "#e5e5e5", "#666666", "#f14c4c",
           "#23d18b", "#f5f543", "#3b8eea", "#d670d6", "#29b8db", "#ffffff"]
FROM_BELOW = {chr(0x2580 + n): n / 8 for n in range(1, 9)}
FROM_LEFT = {chr(0x2590 - n): n / 8 for n in range(1, 8)}
SIDES = {"╹": "U", "╻": "D", "┃": "UD", "╸": "L", "┛": "UL", "┓": "DL", "┫": "UDL", "╺": "R", "┗": "UR", "┏": "DR",
         "┣": "UDR", "━": "LR", "┻": "ULR", "┳": "DLR", "╋": "UDLR"}
HEAVY = 2  # pixels of an outline
SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}


def colour(value, default):
    """A theme's colour as #RRGGBB."""
    if value in (None, "default"):
        return default
    if isinstance(value, str):
        return value if value.startswith("#") else SIXTEEN[NAMES.index(value)]
    if value < 16:
        return SIXTEEN[value]
    if value >= 232:
        return "#" + f"{8 + 10 * (value - 232):02x}" * 3
    steps = (0, 95, 135, 175, 215, 255)
    cube = value - 16
    return "#%02x%02x%02x" % (steps[cube // 36], steps[cube // 6 % 6], steps[cube % 6])


def letters():
    """Letter → role, from the one table (viewers/roles.h)."""
    with open(os.path.join(TOP, "viewers/roles.h"), encoding="utf-8") as header:
        return {letter: role for role, letter in re.findall(r'X\(\w+, "(\w+)", \'(.)\'\)', header.read())}


def read_theme(name):
    """Role → {"fg", "bg", "bold"}, colours as #RRGGBB."""
    with open(os.path.join(TOP, "themes", name + ".json"), encoding="utf-8") as file:
        theme = json.load(file)
    roles = {**(read_styles(theme["extends"]) if "extends" in theme else {}), **theme["roles"]}
    text = roles.get("text", {})
    look = {}
    for role in letters().values():
        style = roles.get(role, {})
        fg = colour(style.get("fg", text.get("fg")), FOREGROUND)
        bg = colour(style.get("bg", text.get("bg")), BACKGROUND)
        look[role] = {"fg": bg if style.get("reverse") else fg, "bg": fg if style.get("reverse") else bg,
                      "bold": style.get("bold", False)}
    return look


def read_styles(name):
    with open(os.path.join(TOP, "themes", name + ".json"), encoding="utf-8") as file:
        return json.load(file)["roles"]


def shoot(script):
    """The screen that a script saves: a list of rows of (glyph, role)."""
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "LINES": str(ROWS), "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAM, "--script", os.path.join(HERE, script)], cwd=folder, env=environment,
                       stdin=subprocess.DEVNULL, check=True)
        with open(os.path.join(folder, "screen"), encoding="utf-8") as file:
            lines = file.read().split("\n")
    role_of = letters()
    return [[(glyph, role_of[letter]) for glyph, letter in zip(lines[1 + y].ljust(COLUMNS), lines[2 + ROWS + y])]
            for y in range(ROWS)]


def rectangle(x, y, width, height, fill, opacity=1.0):
    faint = f' opacity="{opacity}"' if opacity < 1 else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.2f}" fill="{fill}"{faint}/>'


def outline(sides, x, y, width, fill):
    """A run of one piece of an outline: from the middle of the cell to the sides that it joins."""
    middle, centre, half = x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2, HEAVY / 2
    if sides == "LR":
        return rectangle(x, centre - half, width, HEAVY, fill)
    parts = []
    for start in range(round(width / CELL_WIDTH)):
        left = middle + start * CELL_WIDTH
        top = y if "U" in sides else centre - half
        bottom = y + CELL_HEIGHT if "D" in sides else centre + half
        parts.append(rectangle(left - half, top, HEAVY, bottom - top, fill))
        if "L" in sides:
            parts.append(rectangle(left - CELL_WIDTH / 2, centre - half, CELL_WIDTH / 2, HEAVY, fill))
        if "R" in sides:
            parts.append(rectangle(left, centre - half, CELL_WIDTH / 2, HEAVY, fill))
    return "".join(parts)


def shape(glyph, x, y, width, fill):
    """A run of one glyph as a shape; None: it is text."""
    if glyph in FROM_BELOW:
        height = CELL_HEIGHT * FROM_BELOW[glyph]
        return rectangle(x, y + CELL_HEIGHT - height, width, height, fill)
    if glyph in FROM_LEFT:
        return rectangle(x, y, CELL_WIDTH * FROM_LEFT[glyph], CELL_HEIGHT, fill)
    if glyph in SHADES:
        return rectangle(x, y, width, CELL_HEIGHT, fill, SHADES[glyph])
    if glyph in SIDES:
        return outline(SIDES[glyph], x, y, width, fill)
    if glyph == "─":
        return rectangle(x, y + CELL_HEIGHT / 2 - 0.5, width, 1, fill)
    if glyph == "│":
        return rectangle(x + CELL_WIDTH / 2 - 0.5, y, 1, CELL_HEIGHT, fill)
    return None


def text(run, x, y, width, style):
    bold = ' font-weight="bold"' if style["bold"] else ""
    return (f'<text x="{x:.1f}" y="{y + BASE:.1f}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs" '
            f'fill="{style["fg"]}"{bold}>{escape(run)}</text>')


def is_text(glyph):
    return glyph != " " and shape(glyph, 0, 0, 0, "") is None


def runs(row):
    """Neighbours of one role: words of text, or one glyph repeated. Yields (column, text, role)."""
    start = 0
    for column in range(1, len(row) + 1):
        if column < len(row):
            (before, role), (now, role_now) = row[column - 1], row[column]
            if role == role_now and (before == now or (is_text(before) and is_text(now))):
                continue
        yield start, "".join(glyph for glyph, _ in row[start:column]), row[start][1]
        start = column


def paint(screen, look):
    base = look["text"]["bg"]
    parts = [rectangle(0, 0, COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT, base)]
    for number, row in enumerate(screen):
        y = number * CELL_HEIGHT
        for column, run, role in runs(row):
            style, x, width = look[role], column * CELL_WIDTH, len(run) * CELL_WIDTH
            if style["bg"] != base:
                parts.append(rectangle(x, y, width, CELL_HEIGHT, style["bg"]))
            if run.isspace():
                continue
            drawn = shape(run[0], x, y, width, style["fg"]) if run == run[0] * len(run) else None
            parts.append(drawn or text(run, x, y, width, style))
    return parts


def write(name, script, title):
    parts = paint(shoot(script), read_theme("dark"))
    width, height = COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -8 {width + 16:.0f} {height + 16:.0f}" '
            f'font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT}" '
            f'xml:space="preserve"><title>{escape(title)}</title>'
            f'<rect x="-8" y="-8" width="{width + 16:.0f}" height="{height + 16:.0f}" rx="8" fill="{BACKGROUND}"/>')
    path = os.path.join(TOP, ".github", name + ".svg")
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + "\n" + "\n".join(parts) + "\n</svg>\n")
    print("drew", os.path.relpath(path, TOP), f"({os.path.getsize(path) // 1024} KiB)")


if __name__ == "__main__":
    for picture, (its_script, its_title) in PICTURES.items():
        write(picture, its_script, its_title)
