"""Find the browser that prints the book, takes pictures of it and tests it.

python web/sphinx/browser.py    print where it is
"""

import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NONE = f"no browser is installed; expected one of {', '.join(NAMES)} (on Debian and Ubuntu: apt-get install chromium)"
# A fresh profile beside these: nothing of a person's own browser, and no word to anyone outside.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """Return the path of an installed browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


if __name__ == "__main__":
    print(find() or sys.exit(f"browser: {NONE}"))
