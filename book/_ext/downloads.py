"""Make what readers take away from the built site: the book as one PDF, the site as one zip.

    python book/_ext/downloads.py    _build/html/mnist-lessons.pdf and mnist-lessons.zip

The PDF is the built pages in reading order, as one page of HTML, printed by Chromium: twice, because the table of
contents needs the page numbers that only the first printing tells.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

from build import BUILD, SITE, documents_in_toc

PDF = SITE / "mnist-lessons.pdf"
ZIP = SITE / "mnist-lessons.zip"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS_TO_PRINT = 300


def main() -> None:
    """Make both, unless they are newer than the site."""
    stamp = BUILD / "site.key"
    if not stamp.is_file():
        sys.exit("downloads: there is no site yet; build it with: make book")
    made = [file.stat().st_mtime if file.is_file() else 0 for file in (PDF, ZIP)]
    if min(made) > stamp.stat().st_mtime:
        return print("Downloads: up to date")
    pack()
    print(f"Downloads: {ZIP.name}, {ZIP.stat().st_size / 1e6:.1f} MB")
    pages = typeset([name.removesuffix(".md") for name in documents_in_toc()])
    print(f"Downloads: {PDF.name}, {pages} pages, {PDF.stat().st_size / 1e6:.1f} MB")


def pack() -> None:
    """Write the whole site into one zip, in a folder of its own, the same bytes for the same site."""
    part = ZIP.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(file for file in SITE.rglob("*") if file.is_file()):
            if file not in {PDF, ZIP, part}:
                entry = zipfile.ZipInfo(f"mnist-lessons/{file.relative_to(SITE).as_posix()}")
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    part.replace(ZIP)


def typeset(pages: list[str]) -> int:
    """Write the PDF and return how many pages it has."""
    body = [chapter(page, set(pages)) for page in pages]
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        source, printed = Path(folder, "book.html"), Path(folder, "book.pdf")
        source.write_text(whole(body, {}))
        print_page(source, printed)
        source.write_text(whole(body, page_numbers(printed, body)))
        print_page(source, printed)
        shutil.move(printed, PDF)
    return len(PdfReader(PDF).pages)


def chapter(page: str, pages: set[str]) -> Tag:
    """Return a page's text with ids of its own and links that lead to where their targets are in the whole."""
    soup = BeautifulSoup((SITE / f"{page}.html").read_text(), "html.parser")
    text = soup.select_one("main article")
    for drop in text.select("script, .headerlink, .only-dark, .facts, [popover]"):
        drop.decompose()
    for term in text.select("button.term"):
        term.name, term.attrs = "span", {}
    for folded in text.select("details"):
        folded["open"] = ""
    for element in text.select("[id]"):
        element["id"] = anchor(page, element["id"])
    text["id"] = anchor(page)
    for image in text.select("img[src]"):
        image["src"] = (SITE / page).parent.joinpath(image["src"]).resolve().as_uri()
        image.attrs.pop("loading", None)
    for link in text.select("a[href]"):
        link["href"] = target(page, link["href"], pages)
    return text


def anchor(page: str, name: str = "") -> str:
    """Return the id that an element of a page has in the whole."""
    return f"{page.replace('/', '-')}--{name}" if name else page.replace("/", "-")


def target(page: str, address: str, pages: set[str]) -> str:
    """Return where a link leads from the PDF: into the book, or for what is not in it to the published site."""
    if re.match(r"[a-z]+:", address):
        return address
    path, _, name = address.partition("#")
    other = page if not path else os.path.normpath(Path(page).parent / path).removesuffix(".html")
    if other in pages:
        return f"#{anchor(other, name)}"
    canonical = BeautifulSoup((SITE / f"{page}.html").read_text(), "html.parser").select_one('link[rel="canonical"]')
    site = canonical["href"].removesuffix(f"{page}.html")
    return f"{site}{os.path.normpath(Path(page).parent / path)}"


def whole(body: list[Tag], numbers: dict[str, int]) -> str:
    """Return the book as one page of HTML: title, contents with the page numbers that are known, chapters."""
    entries = "".join(
        f'<li><a href="#{text["id"]}"><span>{title(text)}</span><span>{numbers.get(text["id"], "")}</span></a></li>'
        for text in body[1:]
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title(body[0])}</title>
<link rel="stylesheet" href="{(SITE / "_static" / "site.css").as_uri()}">
<link rel="stylesheet" href="{(Path(__file__).parent.parent / "_static" / "book.css").as_uri()}"></head>
<body class="printed"><main>{body[0]}
<nav class="printed-contents"><h2>Contents</h2><ol>{entries}</ol></nav>
{"".join(map(str, body[1:]))}</main></body></html>"""


def title(text: Tag) -> str:
    """Return a chapter's title as HTML-safe text."""
    return text.select_one("h1").get_text(" ", strip=True).replace("&", "&amp;").replace("<", "&lt;")


def page_numbers(printed: Path, body: list[Tag]) -> dict[str, int]:
    """Return the page, from 1, on which each chapter of a printed book starts."""
    reader = PdfReader(printed)
    places = reader.named_destinations
    return {
        text["id"]: reader.get_destination_page_number(places[name]) + 1
        for text in body
        for name in (text["id"], f"/{text['id']}")
        if name in places
    }


def print_page(source: Path, printed: Path) -> None:
    """Print a file with headless Chromium, with an outline and tags for screen readers."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"downloads: the PDF needs a browser; expected one of {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [f"--user-data-dir={profile}", "--no-pdf-header-footer", "--generate-pdf-document-outline"]
        command += [f"--print-to-pdf={printed}", source.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_PRINT)
    if not printed.is_file():
        sys.exit(f"downloads: {browser} printed nothing:\n{done.stderr}")


if __name__ == "__main__":
    main()
