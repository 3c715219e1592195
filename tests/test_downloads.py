"""What readers take away: the book as one PDF, the site as one zip. The EPUB has a file of its own."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

import addresses
import downloads
import offline
import pdf
import toc
from manuscript import book_pages, manuscript

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
NAMES = [file.name for file in downloads.FILES]
PAGES = [SITE / f"{page}.html" for page in toc.pages()]
A4_WIDTH = 595  # points
MARGIN = 22 / 25.4 * 72

pytestmark = pytest.mark.browser


class Line(NamedTuple):
    """A printed line: where it begins, in points from the left, and what it says without spaces."""

    left: float
    text: str


FEW = [  # their contents fill no second page, on which the first chapter would begin
    toc.Part("A first classifier", True, ["book/data", "book/exercises/data", "book/exercises/train"]),
    toc.Part("Look up", False, ["book/instructors/grading", "book/instructors/cluster"]),
]


@pytest.fixture(scope="module", params=["a few pages", pytest.param("all pages", marks=pytest.mark.weekly)])
def book(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PdfReader]:
    """Return the printed book. Printing takes a second for each five pages, and has to be repeated."""
    folder = tmp_path_factory.mktemp("printed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "BUILD", folder)
        if request.param == "a few pages":
            patch.setattr(toc, "parts", lambda: FEW)
        pdf.write(folder / "book.pdf", manuscript())
        yield PdfReader(folder / "book.pdf")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Return the zip of the site, as it was before it was written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downloads, "ZIP", tmp_path_factory.mktemp("packed") / downloads.ZIP.name)
        downloads.pack(PAGES)
        with zipfile.ZipFile(downloads.ZIP) as archive:
            yield archive


@pytest.fixture(scope="module")
def pages(book: PdfReader) -> list[list[Line]]:
    """The lines of each page, from top to bottom, without the page number."""
    return [lines_of(page) for page in book.pages]


@pytest.fixture(scope="module")
def texts(pages: list[list[Line]]) -> list[str]:
    """What each page says, without spaces."""
    return ["".join(line.text for line in page) for page in pages]


@pytest.fixture(scope="module")
def contents(book: PdfReader) -> list[tuple[str, int]]:
    """The lines of the table of contents, as (title, page number)."""
    text = "\n".join(page.extract_text() for page in book.pages[:10])
    listed = text[text.index("\nContents\n") : text.index("\nAppendix\n") + 40]
    return [(squeezed(title), int(number)) for title, number in re.findall(r"^(\S.*) (\d+)$", listed, re.M)]


@pytest.fixture(scope="module")
def tags(book: Any) -> tuple[set[str], set[int]]:
    """The kinds of element that a screen reader meets, and the pages that have a figure."""
    places = {page.indirect_reference.idnum: place for place, page in enumerate(book.pages)}
    kinds, with_figure, to_do = set(), set(), [(book.trailer["/Root"]["/StructTreeRoot"], False)]
    while to_do:
        element, in_figure = to_do.pop()
        kinds.add(element.get("/S"))
        in_figure |= element.get("/S") == "/Figure"
        if in_figure and "/Pg" in element:
            with_figure.add(places[element.raw_get("/Pg").idnum])
        inside = element.get("/K", [])
        inside = [part.get_object() for part in (inside if isinstance(inside, list) else [inside])]
        to_do += [(part, in_figure) for part in inside if not isinstance(part, int)]
    return kinds, with_figure


def test_contents_list_every_page_with_its_number(contents: list[tuple[str, int]], texts: list[str]) -> None:
    titles = [of_site(name).select("h1")[0].get_text() for name in book_pages()[1:]]
    assert [title for title, _ in contents] == [*(squeezed(title.removesuffix("#")) for title in titles), "Answers"]
    for title, number in contents:
        assert title in texts[number - 1]
        if title[0].isdigit():
            assert texts[number - 1].startswith(title)


def test_pdf_has_an_outline(book: PdfReader) -> None:
    entries = [squeezed(entry.title) for entry in flat(book.outline)]
    title = squeezed(of_site("book/data").select("h1")[0].get_text().removesuffix("#"))
    assert any(title in entry for entry in entries)
    assert len(entries) > 30


def test_internal_links_of_the_pdf_have_a_target(book: PdfReader) -> None:
    places = set(book.named_destinations)
    inside = [link["/Dest"] for page in book.pages for link in links_of(page) if "/Dest" in link]
    assert len(inside) > 50
    assert {str(name) for name in inside if isinstance(name, str)} <= places


def test_no_control_is_printed(pages: list[list[Line]], tags: tuple[set[str], set[int]]) -> None:
    soups = [of_site(name) for name in book_pages()]
    buttons = [button for soup in soups for button in soup.select("article button:not(.term)")]
    # The title of a box that can be folded heads its text.
    titled = ":not(details.admonition > summary)"
    folds = [label for soup in soups for label in soup.select(f"summary:not(:has(span)){titled}, summary span")]
    labels = {squeezed(label.get_text()) for label in buttons + folds} - {"Hint"}
    labels = {label for label in labels if not label.startswith("Code:")}
    assert {"Check", "Showasolution", "Hidethesolution", "Answerstoquestion1"} <= labels
    assert not labels & {line.text for page in pages for line in page}
    assert "/Figure" in tags[0]
    assert "/Form" not in tags[0]


def test_answers_are_in_the_appendix_on_the_pages_that_questions_name(
    contents: list[tuple[str, int]], pages: list[list[Line]], texts: list[str]
) -> None:
    first = contents[-1][1] - 1
    body, appendix = "".join(texts[:first]), "".join(texts[first:])
    soups = [of_site(name) for name in book_pages()]
    told = [answer for soup in soups for answer in soup.select(".ml-guess details, li.ml-quiz-right")]
    solutions = [fold for soup in soups for fold in soup.select("details:has(.collapsed)") if is_solution(fold)]
    solved = [fold.select("pre")[0] for fold in solutions]
    assert min(len(told), len(solved)) >= 6
    recalled = [fold for soup in soups for fold in soup.select("details.answers")]
    for answers, link, back in (
        (told, "Answer", r"(?:Guess|Question)\d+"),
        (solved, "Solution", ".*”"),
        (recalled, r"Compareyour\w+", "Question"),
    ):
        there = numbers_after(f"{link}onpage", pages[:first])
        assert len(there) == len(numbers_after(f"{back}onpage", pages[first:])) == len(answers)
        for answer, number in zip(answers, there, strict=True):
            # The number of a note, which follows a word joiner, stands on a line of its own.
            lines = answer.find_all(string=re.compile(r"\w{3}.{40}"))
            for words in [squeezed(line) for line in lines if not line.endswith("\N{WORD JOINER}")]:
                assert words not in body
                assert words in appendix
                assert words in "".join(texts[number - 1 : number + 1])


def test_no_page_is_nearly_empty(pages: list[list[Line]], tags: tuple[set[str], set[int]]) -> None:
    _, with_figure = tags
    assert not [place + 1 for place, page in enumerate(pages) if len(page) < 12 and place not in with_figure]


def test_text_fills_the_width_of_the_page(book: PdfReader) -> None:
    rights = sorted(float(link["/Rect"][2]) for page in book.pages for link in links_of(page))
    assert A4_WIDTH - MARGIN - 20 < rights[-5] <= rights[-1] < A4_WIDTH - MARGIN + 1


def test_code_of_100_characters_fits_and_longer_lines_wrap_with_an_indent(pages: list[list[Line]]) -> None:
    printed = [line for page in pages for line in page]
    places: dict[str, list[tuple[Line, Line]]] = {}
    for line, following in zip(printed, [*printed[1:], Line(0, "")], strict=True):
        places.setdefault(line.text[:40], []).append((line, following))
    wrapped = 0
    for code in (
        line for name in book_pages() for block in of_site(name).select("pre") for line in lines_of_code(block)
    ):
        whole = squeezed(code)
        found = places.get(whole[:40], [])
        if not any(line.text == whole for line, _ in found):
            assert len(code) > 100, code
            indents = [rest.left - line.left for line, rest in found if whole.startswith(line.text + rest.text)]
            assert indents, code
            assert max(indents) > 10, code  # a shorter line that begins alike may end where this one is wrapped
            wrapped += 1
    assert wrapped


def test_zip_holds_the_site_in_one_folder(packed: zipfile.ZipFile) -> None:
    assert packed.testzip() is None
    there = {f"mnist-lessons/{file.relative_to(SITE).as_posix()}" for file in SITE.rglob("*") if file.is_file()}
    left_out = {f"mnist-lessons/{name}" for name in [*NAMES, offline.LIST]}
    assert set(packed.namelist()) == there - left_out


@pytest.mark.parametrize(("page", "names"), [("book/index", NAMES[:3]), ("book/instructors/index", NAMES[3:])])
def test_pages_link_downloads_beside_them_and_in_the_zip_at_the_published_address(
    packed: zipfile.ZipFile, page: str, names: list[str]
) -> None:
    beside, published = (
        {link["href"] for link in BeautifulSoup(text, "html.parser").select("main a")}
        for text in (downloads.with_links(SITE / f"{page}.html", "../"), packed.read(f"mnist-lessons/{page}.html"))
    )
    for name in names:
        assert f"../{name}" in beside
        assert f"{addresses.read().site}{name}" in published


def of_site(name: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / name).with_suffix(".html").read_text(encoding="utf-8"), "html.parser")


def is_solution(fold: Tag) -> bool:
    return fold.select(".collapsed")[0].get_text() == "Show a solution"


def lines_of_code(block: Any) -> list[Any]:
    return [line for line in block.get_text().splitlines() if len(line) > 60]


def numbers_after(words: Any, pages: list[list[Line]]) -> list[int]:
    found = [re.fullmatch(rf"{words}(\d+)", line.text) for page in pages for line in page]
    return [int(match[1]) for match in found if match]


def lines_of(page: Any) -> list[Line]:
    """Return the lines of a page; what stands at the same height is one line."""
    found: dict[int, list[tuple[float, str]]] = {}

    def note(text: str, matrix: Any, own: Any, font: Any, size: Any) -> None:
        if text.strip():
            height = round(own[5] * matrix[3] + matrix[5])
            near = next((other for other in (height, height - 1, height + 1) if other in found), height)
            found.setdefault(near, []).append((own[4] * matrix[0] + matrix[4], text))

    page.extract_text(visitor_text=note)
    rows = [sorted(found[height]) for height in sorted(found, reverse=True)]
    return [Line(row[0][0], squeezed("".join(text for _, text in row))) for row in rows][:-1]


def links_of(page: Any) -> list[Any]:
    return [link.get_object() for link in page.get("/Annots", [])]


def flat(outline: Any) -> Iterator[Any]:
    for entry in outline:
        yield from flat(entry) if isinstance(entry, list) else [entry]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)
