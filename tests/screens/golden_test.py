#!/usr/bin/python3
"""Every golden screen, drawn again."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import goldens  # noqa: E402


def main():
    failed = 0
    for number, (size, look) in enumerate(goldens.cases(), 1):
        try:
            differing = goldens.difference(size, look)
        except (OSError, RuntimeError) as why:
            differing = [str(why)]
        print(("not ok" if differing else "ok"), number, f"- the screens at {size[0]}x{size[1]}, {look}")
        for line in differing[:40]:
            print("#", line)
        failed += bool(differing)
    print(f"1..{number}")
    sys.exit(1 if failed else 0)


main()
