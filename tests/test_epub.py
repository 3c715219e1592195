"""The book as an EPUB: what reading systems and screen readers need of it. `make audit-epub` holds it to all rules."""

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urldefrag, urlsplit
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

import epub
import published
import toc
from folders import SITE
from manuscript import manuscript

PARTS = [
    toc.Part("A first classifier", True, ["book/compile"]),
    toc.Part("Practice", False, ["book/exercises/compile"]),
    toc.Part("Look up", False, ["book/glossary"]),
]
XHTML, OPF = "{http://www.w3.org/1999/xhtml}", "{http://www.idpf.org/2007/opf}"
PACKAGE = "book/package.opf"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Return an EPUB of a few pages; it is written twice, into two files."""
    folder = tmp_path_factory.mktemp("epub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toc, "parts", lambda: PARTS)
        texts, source = manuscript(), published.identify_book()
        for name in ("book.epub", "again.epub"):
            epub.write(folder / name, texts, source)
    with zipfile.ZipFile(folder / "book.epub") as archive:
        yield archive


@pytest.fixture(scope="module")
def documents(book: zipfile.ZipFile) -> dict[str, ElementTree.Element]:
    """Return the documents by name; one that is not well-formed is an error here."""
    return {name: ElementTree.fromstring(book.read(name)) for name in book.namelist() if name.endswith((".xhtml", "f"))}


def test_epub_begins_with_its_type_and_lists_each_file_once(
    book: zipfile.ZipFile, documents: dict[str, ElementTree.Element]
) -> None:
    kind, container, *others = book.namelist()
    assert (kind, book.getinfo(kind).compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert container == "META-INF/container.xml"
    items = documents[PACKAGE].findall(f".//{OPF}item")
    assert sorted([PACKAGE, *(f"book/{item.get('href')}" for item in items)]) == sorted(others)
    spine = [entry.get("idref") for entry in documents[PACKAGE].iter(f"{OPF}itemref")]
    assert sorted(map(str, spine)) == sorted(str(i.get("id")) for i in items if str(i.get("href")).endswith("xhtml"))


def test_same_sources_give_the_same_epub(book: zipfile.ZipFile) -> None:
    first, again = (PurePosixPath(str(book.filename)).with_name(name) for name in ("book.epub", "again.epub"))
    with open(first, "rb") as one, open(again, "rb") as two:
        assert one.read() == two.read()


def test_links_of_the_epub_lead_to_a_place_in_it_and_pictures_have_a_text(
    book: zipfile.ZipFile, documents: dict[str, ElementTree.Element]
) -> None:
    pages = {name.removeprefix("book/"): page for name, page in documents.items() if name != PACKAGE}
    ids = {name: [e.get("id") for e in page.iter() if e.get("id")] for name, page in pages.items()}
    links, pictures = 0, 0
    for name, page in pages.items():
        assert len(set(ids[name])) == len(ids[name])
        for link in page.iter(f"{XHTML}a"):
            address, fragment = urldefrag(link.get("href", ""))
            if not urlsplit(address).scheme:
                assert (address or name) in pages
                assert not fragment or fragment in ids[address or name]
                links += 1
        for picture in page.iter(f"{XHTML}img"):
            assert f"book/{picture.get('src')}" in book.namelist()
            assert picture.get("alt")
            pictures += 1
    assert links > 100
    assert pictures > 5


def test_contents_of_the_epub_list_parts_pages_and_sections(documents: dict[str, ElementTree.Element]) -> None:
    contents = documents["book/contents.xhtml"].findall(f".//{XHTML}nav")[0]
    assert [span.text for span in contents.iter(f"{XHTML}span")] == [part.caption for part in PARTS]
    listed = [link.get("href", "") for link in contents.iter(f"{XHTML}a")]
    pages = [f"book-{name}.xhtml" for name in ("index", "compile", "exercises-compile", "glossary")]
    assert [link for link in listed if "#" not in link] == [*pages, "answers.xhtml"]
    assert any(link.startswith("book-compile.xhtml#") for link in listed)


def test_epub_has_no_controls_and_its_answers_in_the_appendix(book: zipfile.ZipFile) -> None:
    site = BeautifulSoup((SITE / "book" / "compile.html").read_text(encoding="utf-8"), "html.parser")
    for tex in site.select("annotation"):
        tex.decompose()
    told = [answer.get_text() for answer in site.select("li.ml-quiz-right, .ml-guess-answer")]
    chapter, appendix = (
        BeautifulSoup(book.read(f"book/{name}.xhtml"), "html.parser") for name in ("book-compile", "answers")
    )
    assert not chapter.select("button, input, form, fieldset, details, script, [popover], .only-dark")
    assert len(told) > 5
    for answer in told:
        assert squeezed(answer) in squeezed(appendix.get_text())
        assert squeezed(answer) not in squeezed(chapter.get_text())
    assert len(chapter.select('a[role="doc-noteref"]')) > 5
    assert chapter.select("math[alttext]")
    assert not chapter.select("annotation")


def test_epub_says_what_it_is_and_how_accessible(documents: dict[str, ElementTree.Element]) -> None:
    about = documents[PACKAGE].findall(f"{OPF}metadata/*")
    values: dict[str, list[str]] = {}
    for entry in about:
        values.setdefault(entry.get("property") or entry.tag.partition("}")[2], []).append(str(entry.text))
    assert values["identifier"][0].startswith("urn:uuid:")
    assert values["language"] == ["en"]
    assert {"MathML", "alternativeText", "structuralNavigation"} <= set(values["schema:accessibilityFeature"])
    for name in ("accessMode", "accessModeSufficient", "accessibilityHazard", "accessibilitySummary"):
        assert values[f"schema:{name}"]
    assert values["dcterms:conformsTo"] == ["EPUB Accessibility 1.1 - WCAG 2.1 Level AA"]
    assert values["dcterms:modified"][0].endswith("Z")
    assert values["a11y:certifiedBy"] == values["creator"]


def squeezed(text: str) -> str:
    return "".join(text.split())
