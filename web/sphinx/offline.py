"""The list of what a reader's browser keeps of the site on request, and the worker that answers from it.

`web/theme/static/offline.js` downloads what the list names. A worker answers for its own folder and those in it, so it
is at the site's root.
"""

import hashlib
import json
import shutil
from pathlib import Path

import changes
from files import CARDS
from folders import ROOT, SITE
from mnist_lessons.store import write_atomically

LIST = "offline.json"
WORKER = "sw.js"
# Files to take away or for other programs; no page needs them to be read.
NOT_KEPT = {".epub", ".inv", ".ipynb", ".json", ".md", ".pdf", ".txt", ".xml", ".zip"}


def write_list(site: Path = SITE) -> None:
    """Write hash and bytes of each file that a page may need, and put the worker beside the list."""
    kept = [file for file in sorted(site.rglob("*")) if file.is_file() and is_kept(file.relative_to(site))]
    files = {file.relative_to(site).as_posix(): describe(file) for file in kept}
    write_atomically(site / LIST, json.dumps({"version": changes.version(), "files": files}, ensure_ascii=False) + "\n")
    shutil.copyfile(ROOT / "web" / "theme" / WORKER, site / WORKER)


def is_kept(name: Path) -> bool:
    """Tell whether a page may need a file of the site, by its path in it."""
    return not (name.suffix in NOT_KEPT or name.name in {WORKER, ".buildinfo"} or {"_sources", CARDS} & set(name.parts))


def describe(file: Path) -> tuple[str, int]:
    """Return the first half of a file's SHA-256 in hexadecimal, and its size in bytes."""
    content = file.read_bytes()
    return hashlib.sha256(content).hexdigest()[:32], len(content)
