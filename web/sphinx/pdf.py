"""Print the book as one PDF: the manuscript as one page of HTML, printed by Chromium.

Only a printing tells which page everything is on, so it is printed again until the page numbers in the text are right.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path

from bs4 import Tag
from pypdf import PdfReader

import browser
import toc
from folders import BUILD, ROOT, SITE
from manuscript import anchor, title
from mnist_lessons.store import moved_when_whole

THEME = ROOT / "web" / "theme"
SECONDS_TO_PRINT = 600
PRINTINGS = 6
# A page with fewer lines looks empty.
LINES = 12


def write(file: Path, texts: Mapping[str, Tag]) -> int:
    """Write the PDF and return how many pages it has."""
    *chapters, appendix = book = list(texts.values())
    parts = {anchor(part.pages[0]): part for part in toc.parts()}
    for identity, part in parts.items():
        texts[identity]["data-part"] = part.caption
    appendix["data-part"] = "Appendix"
    # Pages such as those of exercises, which have no number, follow each other where there is room.
    first = [texts[identity] for identity, part in parts.items() if len(part.pages) > 1]
    for text in [*filter(is_numbered, chapters), *first, appendix]:
        text["class"] = "starts-page"
    numbers: dict[str, int] = {}
    with moved_when_whole(file, file.with_suffix(".part")) as printed:
        for _ in range(PRINTINGS):
            print_html(whole(book, numbers), printed)
            reader = PdfReader(printed)
            before, numbers = numbers, page_numbers(reader)
            if not run_on(book, reader, numbers) and numbers == before:
                break
        else:
            sys.exit(f"pdf: the page numbers still change after {PRINTINGS} printings")
    return len(reader.pages)


def whole(book: list[Tag], numbers: dict[str, int]) -> str:
    """Return the book as one page of HTML: title, contents, chapters, with the page numbers that are known."""
    entries = ""
    for text in book[1:]:
        part = str(text.get("data-part", ""))
        entries += f'<li class="part">{escape(part)}</li>' if part else ""
        place = f'<span data-page="{text["id"]}"></span>'
        entries += f'<li><a href="#{text["id"]}"><span>{title(text)}</span>{place}</a></li>'
    contents = f'<nav class="printed-contents"><h2>Contents</h2><ol>{entries}</ol></nav>'
    page = document(title(book[0]), f"{book[0]}\n{contents}\n{''.join(map(str, book[1:]))}")
    # Three digits hold the place of a number that is not known yet.
    return re.sub(r'(<span data-page="([^"]+)">)', lambda found: f"{found[1]}{numbers.get(found[2], '000')}", page)


def document(heading: str, text: str, *styles: Path) -> str:
    """Return a page of HTML to be printed, with the styles of the site, of books, and more."""
    files = (SITE / "_static" / "site.css", THEME / "book.css", *styles)
    links = "".join(f'<link rel="stylesheet" href="{file.as_uri()}">' for file in files)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{heading}</title>{links}</head>
<body class="printed"><main>{text}</main></body></html>"""


def is_numbered(text: Tag) -> bool:
    """Tell whether a text is a numbered chapter."""
    return text.select_one("h1 .section-number") is not None


def page_numbers(reader: PdfReader) -> dict[str, int]:
    """Return the page, from 1, of everything in a printed book that a link leads to."""
    return {
        name.removeprefix("/"): number + 1
        for name, place in reader.named_destinations.items()
        if (number := reader.get_destination_page_number(place)) is not None
    }


def run_on(book: list[Tag], reader: PdfReader, numbers: dict[str, int]) -> bool:
    """Let a chapter follow on the same page where the page before would look empty; tell whether there was one."""
    found = False
    for text in book[1:]:
        *before, _ = reader.pages[numbers[str(text["id"])] - 2].extract_text().splitlines()  # without the page number
        if "starts-page" in (text.get("class") or "") and len(before) < LINES:
            text["class"], found = "", True
    return found


def print_html(page: str, printed: Path) -> None:
    """Print a page of HTML with headless Chromium, with an outline and tags for screen readers."""
    found = browser.find()
    if found is None:
        sys.exit(f"pdf: no PDF: {browser.NONE}")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder, tempfile.TemporaryDirectory() as profile:
        source = Path(folder, "page.html")
        source.write_text(page, encoding="utf-8")
        command = [found, *browser.FLAGS, f"--user-data-dir={profile}"]
        command += ["--no-pdf-header-footer", "--generate-pdf-document-outline"]
        command += [f"--print-to-pdf={printed}", source.as_uri()]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=SECONDS_TO_PRINT)
    if not printed.is_file():
        sys.exit(f"pdf: {found} printed nothing:\n{done.stderr}")
