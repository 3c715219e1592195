"""What readers take away: the book as one PDF, the site as one zip."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader

import addresses
import downloads

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"


@pytest.fixture(scope="module")
def made():
    """`make test` has built the site; this makes what belongs beside it."""
    if not any(map(shutil.which, downloads.BROWSERS)):
        pytest.skip("the PDF needs a browser, and none is installed")
    subprocess.run([sys.executable, str(ROOT / "book/_ext/downloads.py")], check=True, capture_output=True)


@pytest.fixture(scope="module")
def book(made):
    return PdfReader(downloads.PDF)


@pytest.fixture(scope="module")
def contents(book):
    """The lines of the table of contents, as (title, page number)."""
    texts = [printed(page) for page in book.pages[:10]]
    first = next(number for number, text in enumerate(texts) if text.startswith("Contents\n"))
    return re.findall(r"^(.+?) (\d+)$", "\n".join(texts[first:]), re.M)[: len(pages()) - 1]


def test_the_contents_name_every_page_and_where_it_starts(book, contents):
    listed = [BeautifulSoup((SITE / name).with_suffix(".html").read_text(), "html.parser").h1 for name in pages()[1:]]
    assert len(contents) == len(listed)
    for heading, (title, number) in zip(listed, contents, strict=True):
        words = heading.get_text(" ", strip=True).removesuffix("#")
        assert squeezed(title) == squeezed(words)
        assert squeezed(printed(book.pages[int(number) - 1])).startswith(squeezed(words))


def test_there_is_an_outline(book):
    names = [squeezed(entry.title) for entry in flat(book.outline)]
    assert any("Trainthenetwork" in name for name in names)
    assert len(names) > 100


def test_links_inside_the_book_have_a_target(book):
    places = set(book.named_destinations)
    inside = [
        link.get_object()["/Dest"]
        for page in book.pages
        for link in page.get("/Annots", [])
        if "/Dest" in link.get_object()
    ]
    assert len(inside) > 200
    assert {str(name) for name in inside if isinstance(name, str)} <= places


def test_no_line_of_code_is_cut(book):
    """A long line goes on in the next one, so its end is there too."""
    text = squeezed("".join(page.extract_text() for page in book.pages))
    for name in pages():
        page = BeautifulSoup((SITE / name).with_suffix(".html").read_text(), "html.parser")
        for block in page.select("article div.highlight pre")[:10]:
            for line in filter(lambda line: len(line) > 90, block.get_text().splitlines()):
                assert squeezed(line)[-20:] in text, line


def test_the_zip_is_the_site_in_one_folder(made):
    with zipfile.ZipFile(downloads.ZIP) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    there = {f"mnist-lessons/{file.relative_to(SITE).as_posix()}" for file in SITE.rglob("*") if file.is_file()}
    assert names == there - {f"mnist-lessons/{file.name}" for file in (downloads.PDF, downloads.ZIP)}


def test_the_first_page_offers_both_at_the_published_address():
    first = BeautifulSoup((SITE / "book" / "index.html").read_text(), "html.parser")
    links = {link["href"] for link in first.select("#take-it-with-you a[href]")}
    assert {addresses.read().site + file.name for file in (downloads.PDF, downloads.ZIP)} <= links


def pages():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


def printed(page):
    """Return the text of a page without its number, which comes first."""
    return page.extract_text().split("\n", 1)[1]


def flat(outline):
    for entry in outline:
        yield from flat(entry) if isinstance(entry, list) else [entry]


def squeezed(text):
    return re.sub(r"\s+", "", text)
