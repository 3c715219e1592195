"""Find the browser that prints the book, takes pictures of it and tests it.

python web/sphinx/browser.py    print where it is
"""

import json
import shutil
import sys
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
NONE = f"no browser is installed; expected one of {', '.join(NAMES)} (on Debian and Ubuntu: apt-get install chromium)"
# A fresh profile beside these: nothing of a person's own browser, and no word to anyone outside.
FLAGS: list[str] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def find() -> str | None:
    """Return the path of an installed browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


if __name__ == "__main__":
    print(find() or sys.exit(f"browser: {NONE}"))
