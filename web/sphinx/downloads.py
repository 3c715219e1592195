"""Make what readers take away from the built site: the book as PDF and as EPUB, the site as one zip, a handout.

python web/sphinx/downloads.py    _build/html/mnist-lessons.pdf, .epub and .zip, mnist-exercises.pdf
"""

import os
import re
import sys
import zipfile
from html import escape
from pathlib import Path

import addresses
import epub
import handout
import offline
import pdf
import published
import toc
from folders import BUILD, SITE
from manuscript import manuscript
from mnist_lessons.store import moved_when_whole, write_atomically

PDF, EPUB, ZIP = (SITE / f"mnist-lessons.{kind}" for kind in ("pdf", "epub", "zip"))
HANDOUT = SITE / "mnist-exercises.pdf"
FILES = PDF, EPUB, ZIP, HANDOUT


def main() -> None:
    """Make all of them, unless those that are there are of this site."""
    site, stamp = BUILD / "site.key", BUILD / "downloads.key"
    if not site.is_file():
        sys.exit("downloads: there is no site yet; build it with: make book")
    source = published.identify_book()
    key = site.read_text(encoding="utf-8") + repr(source)
    if all(file.is_file() for file in (*FILES, stamp)) and stamp.read_text(encoding="utf-8") == key:
        return print("Downloads: up to date")
    pages = [SITE / f"{page}.html" for page in toc.pages()]
    pack(pages)
    say(ZIP)
    texts = manuscript()
    epub.write(EPUB, texts, source)
    say(EPUB)
    count = pdf.write(PDF, texts)
    say(PDF, f"{count} pages, ")
    say(HANDOUT, f"{handout.write(HANDOUT, texts)} pages, ")
    for page in pages:
        write_atomically(page, with_links(page, f"{os.path.relpath(SITE, page.parent)}/"))
    offline.write_list()
    write_atomically(stamp, key)


def say(file: Path, more: str = "") -> None:
    """Print what was made."""
    print(f"Downloads: {file.name}, {more}{file.stat().st_size / 1e6:.1f} MB", flush=True)


def pack(pages: list[Path]) -> None:
    """Write the whole site into one zip, in a folder of its own, the same bytes for the same site."""
    with (
        moved_when_whole(ZIP, ZIP.with_suffix(".part")) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file in sorted(file for file in SITE.rglob("*") if file.is_file()):
            if file not in {*FILES, part, SITE / offline.LIST}:
                entry = zipfile.ZipInfo(f"mnist-lessons/{file.relative_to(SITE).as_posix()}")
                entry.compress_type = zipfile.ZIP_DEFLATED
                # None of these files is in the zip, so its pages offer them at the published address.
                content = with_links(file, addresses.read().site) if file in pages else file.read_bytes()
                archive.writestr(entry, content)


def with_links(page: Path, folder: str) -> str:
    """Return a page with links to these files that lead to a folder, whose address ends with a slash."""
    files = "|".join(re.escape(file.name) for file in FILES)
    return re.sub(
        rf'href="[^"]*?({files})"', lambda found: f'href="{escape(folder)}{found[1]}"', page.read_text(encoding="utf-8")
    )


if __name__ == "__main__":
    main()
