"""Make what readers take away from the built site: the book as one PDF, the site as one zip.

    python web/sphinx/downloads.py    _build/html/mnist-lessons.pdf and mnist-lessons.zip

The PDF is the built pages in reading order, as one page of HTML, printed by Chromium. Folds are open, controls are
gone, and the answers to quizzes and exercises are in an appendix. Only a printing tells which page everything is on, so
it is printed again until the page numbers in the text are right.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

import addresses
import browser
import published
import toc
from folders import BUILD, ROOT, SITE
from mnist_lessons.store import moved_when_whole, write_atomically

PDF = SITE / "mnist-lessons.pdf"
ZIP = SITE / "mnist-lessons.zip"
SECONDS_TO_PRINT = 600
PRINTINGS = 6
# A page with fewer lines looks empty.
LINES = 12
HANGING_INDENT = 4
NOT_ON_PAPER = (
    "script, .headerlink, .only-dark, .facts, [popover]:not(.ml-check), .ml-check > p:last-child, #take-it-with-you, "
    ".ml-quiz-question :is(button, [role]), .ml-guess-act, .ml-guess-question [role]"
    ", .by-platform, .ml-figure-tools, .figure-index img"
)
# What the site says about itself and what is true on paper.
ON_PAPER = {
    "below it, a solution that stays closed until you open it": "at the end of the book, a solution",
    "The code after the solution tests it": "The code below the hint tests your solution",
    "Each has a hint, tests, and a solution that stays closed until you open it. The page of the exercises opens as a "
    "notebook, too, with places for your answers.": "Each has a hint and tests, and a solution at the end of the book.",
    "to which every page links": addresses.read().repository,
    "; the link Report a problem at the foot of each page leads there": f" ({addresses.read().repository}/issues)",
}


def main() -> None:
    """Make both, unless those that are there are of this site."""
    site, stamp = BUILD / "site.key", BUILD / "downloads.key"
    if not site.is_file():
        sys.exit("downloads: there is no site yet; build it with: make book")
    key = site.read_text(encoding="utf-8") + repr(published.identify_book())
    if all(file.is_file() for file in (PDF, ZIP, stamp)) and stamp.read_text(encoding="utf-8") == key:
        return print("Downloads: up to date")
    home = SITE / f"{toc.home()}.html"
    pack(home)
    print(f"Downloads: {ZIP.name}, {ZIP.stat().st_size / 1e6:.1f} MB")
    pages = typeset()
    print(f"Downloads: {PDF.name}, {pages} pages, {PDF.stat().st_size / 1e6:.1f} MB")
    write_atomically(home, with_links(home, f"{os.path.relpath(SITE, home.parent)}/"))
    write_atomically(stamp, key)


# The site as one zip ---------------------------------------------------------------------------------------------


def pack(home: Path) -> None:
    """Write the whole site into one zip, in a folder of its own, the same bytes for the same site."""
    with (
        moved_when_whole(ZIP, ZIP.with_suffix(".part")) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file in sorted(file for file in SITE.rglob("*") if file.is_file()):
            if file not in {PDF, ZIP, part}:
                entry = zipfile.ZipInfo(f"mnist-lessons/{file.relative_to(SITE).as_posix()}")
                entry.compress_type = zipfile.ZIP_DEFLATED
                # Neither file is in the zip, so its first page offers them at the published address.
                archive.writestr(entry, with_links(file, addresses.read().site) if file == home else file.read_bytes())


def with_links(home: Path, folder: str) -> str:
    """Return the first page with links to PDF and zip that lead to a folder, whose address ends with a slash."""
    files = "|".join(re.escape(file.name) for file in (PDF, ZIP))
    return re.sub(
        rf'href="[^"]*?({files})"', lambda found: f'href="{escape(folder)}{found[1]}"', home.read_text(encoding="utf-8")
    )


# The book as one PDF ---------------------------------------------------------------------------------------------


def typeset() -> int:
    """Write the PDF and return how many pages it has."""
    parts, pages = toc.parts(), toc.pages()
    site = addresses.read().site
    texts = {page: chapter(page, set(pages), site) for page in pages}
    appendix = answers(texts)
    for part in parts:
        texts[part.pages[0]]["data-part"] = part.caption
    book = [*texts.values(), appendix]
    # Pages such as those of exercises, which have no number, follow each other where there is room.
    first = [texts[part.pages[0]] for part in parts if len(part.pages) > 1]
    for text in [*filter(is_numbered, book), *first, appendix]:
        text["class"] = "starts-page"
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        source, printed = Path(folder, "book.html"), Path(folder, "book.pdf")
        numbers: dict[str, int] = {}
        for _ in range(PRINTINGS):
            source.write_text(whole(book, numbers), encoding="utf-8")
            print_page(source, printed)
            reader = PdfReader(printed)
            before, numbers = numbers, page_numbers(reader)
            if not run_on(book, reader, numbers) and numbers == before:
                break
        else:
            sys.exit(f"downloads: the page numbers still change after {PRINTINGS} printings; look at {source.name}")
        shutil.move(printed, PDF)
    return len(reader.pages)


def chapter(page: str, pages: set[str], site: str) -> Tag:
    """Return a page's text as it is on paper, with ids of its own and links that lead to their targets in the whole."""
    soup = BeautifulSoup((SITE / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    text = first(soup, "main article")
    for drop in text.select(NOT_ON_PAPER):
        drop.decompose()
    for term in text.select("button.term"):
        term.name, term.attrs = "span", {}
    for mark in text.select("button.ml-claim"):
        mark.name, mark.attrs = "span", {name: mark[name] for name in ("class", "id", "data-number")}
    for note in text.select(".ml-check"):
        del note["popover"]
    for button in text.select("button"):
        button.unwrap()
    for element in text.select("[id]"):
        element["id"] = anchor(page, str(element["id"]))
    text["id"] = anchor(page)
    # Where a heading moves to the next page, what is before it in its section would stay, and links would lead there.
    for heading in text.select("section > span:first-child + :is(h1, h2, h3)"):
        heading.insert(0, first(heading.parent or soup, "span"))
    for image in text.select("img[src]"):
        image["src"] = (SITE / page).parent.joinpath(str(image["src"])).resolve().as_uri()
        image.attrs.pop("loading", None)
    for link in text.select("a[href]"):
        link["href"] = target(page, str(link["href"]), pages, site)
    for place in text.select(".ml-widget"):
        print_widget(place, f"{site}{page}.html")
    for question in text.select(".ml-quiz-question, .ml-guess-question"):
        print_question(question)
    for folded in text.select("details"):
        unfold(folded)
    for block in text.select("div.highlight > pre, .ml-check pre"):
        hang(block)
    for words in text.find_all(string=re.compile("|".join(map(re.escape, ON_PAPER)))):
        words.replace_with(re.sub("|".join(map(re.escape, ON_PAPER)), lambda found: ON_PAPER[found[0]], words))
    return text


def first(text: Tag, selector: str) -> Tag:
    """Return the first element in a text that a selector names."""
    found = text.select_one(selector)
    if found is None:
        raise LookupError(f"expected {selector} in {str(text)[:200]}")
    return found


def anchor(page: str, name: str = "") -> str:
    """Return the id that an element of a page has in the whole."""
    return f"{page.replace('/', '-')}--{name}" if name else page.replace("/", "-")


def target(page: str, link: str, pages: set[str], site: str) -> str:
    """Return where a link leads from the PDF: into the book, or for what is not in it to the published site."""
    if re.match(r"[a-z]+:", link):
        return link
    path, _, name = link.partition("#")
    other = page if not path else os.path.normpath(Path(page).parent / path).removesuffix(".html")
    if other in pages:
        return f"#{anchor(other, name)}"
    return f"{site}{os.path.normpath(Path(page).parent / path)}"


def print_widget(place: Tag, link: str) -> None:
    """Say where a widget can be tried, in place of the remark that it needs JavaScript."""
    paragraph = first(place, "p")
    for words in paragraph.find_all(string=re.compile("JavaScript")):
        rest = re.sub(r"[^.]*JavaScript[^.]*\.\s*(Without it, )?", "", words)
        words.replace_with(rest[:1].upper() + rest[1:])
    paragraph.insert(0, markup(f'<span>Try it on the site: <a href="{link}">{link.partition("//")[2]}</a>. </span>'))


def print_question(question: Tag) -> None:
    """Make a question of a quiz or a guess a question with lettered options."""
    question.name = "div"
    first(question, "legend").name = "p"
    for option in question.select("label"):
        option.name = "p"
        first(option, "input").decompose()


def unfold(folded: Tag) -> None:
    """Put what a fold holds in its place, under what its label says of it unless that has a caption of its own."""
    label = first(folded, "summary")
    says = (label.select_one(".collapsed") or label).get_text(" ", strip=True).removeprefix("Show ")
    folded.name, folded["class"] = "div", {"a solution": "solution", "Hint": "hint"}.get(says, "unfolded")
    if folded.select_one("caption"):
        label.decompose()
    else:
        label.replace_with(markup(f'<p class="label">{escape(says[:1].upper() + says[1:])}</p>'))


def hang(block: Tag) -> None:
    """Make each line of code an element of its own, which goes on further right where it is too long for the page."""
    # Pygments closes its elements at the end of each line.
    lines = block.decode_contents().rstrip("\n").split("\n")
    made = ""
    for line, words in zip(lines, block.get_text().split("\n"), strict=False):
        indent = len(words) - len(words.lstrip()) + HANGING_INDENT
        made += f'<span class="line" style="padding-left:{indent}ch;text-indent:-{indent}ch">{line}\n</span>'
    block.replace_with(markup(f"<pre>{made}</pre>"))


def markup(text: str) -> Tag:
    """Return the element that a text of HTML holds, or all that it holds."""
    soup = BeautifulSoup(text, "html.parser")
    only = soup.contents[0] if len(soup.contents) == 1 else soup
    return only.extract() if isinstance(only, Tag) else soup


def answers(texts: dict[str, Tag]) -> Tag:
    """Move the answers out of the texts into an appendix, chapter by chapter, with links there and back."""
    appendix = markup('<article id="answers" data-part="Appendix"><h1>Answers</h1></article>')
    by_name: dict[str, list[Tag]] = {}
    for page, text in texts.items():
        by_name.setdefault(Path(page).name, []).append(text)
    for group in by_name.values():
        found = [answer for text in group for answer in [*quiz_answers(text), *solutions(text)]]
        if found:
            section = markup(f"<section><h2>{title(group[0])}</h2></section>")
            section.extend(found)
            appendix.append(section)
    return appendix


def quiz_answers(text: Tag) -> Iterator[Tag]:
    """Yield what a chapter says of the options of each question, and leave a link in its place."""
    for number, question in enumerate(text.select(".ml-quiz-question"), 1):
        yield moved(first(question, ".unfolded"), "Answer", str(question["id"]), f"Question {number}, asked")


def solutions(text: Tag) -> Iterator[Tag]:
    """Yield the solution of each exercise, and leave a link in its place."""
    for solution in text.select(".solution"):
        exercise, cell = solution.find_parent("section"), solution.find_parent(class_="cell")
        assert exercise is not None
        assert cell is not None
        words = f"“{escape(first(exercise, 'h2').get_text(strip=True))}”, set"
        yield moved(cell, "Solution", str(exercise["id"]), words)


def moved(answer: Tag, name: str, question: str, words: str) -> Tag:
    """Return an answer with a link back to its question, and put a link to it where it was."""
    identity = f"{question}--answer"
    answer.replace_with(paged(name, identity))
    first(answer, ".label").replace_with(paged(words, question))
    answer["id"], answer["class"] = identity, "answer"
    return answer


def paged(words: str, identity: str) -> Tag:
    """Return a line with a link that also names the page that it leads to."""
    link = f'<a href="#{identity}">{words} on page <span data-page="{identity}"></span></a>'
    return markup(f'<p class="paged">{link}</p>')


def whole(book: list[Tag], numbers: dict[str, int]) -> str:
    """Return the book as one page of HTML: title, contents, chapters, with the page numbers that are known."""
    entries = ""
    for text in book[1:]:
        part = str(text.get("data-part", ""))
        entries += f'<li class="part">{escape(part)}</li>' if part else ""
        place = f'<span data-page="{text["id"]}"></span>'
        entries += f'<li><a href="#{text["id"]}"><span>{title(text)}</span>{place}</a></li>'
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title(book[0])}</title>
<link rel="stylesheet" href="{(SITE / "_static" / "site.css").as_uri()}">
<link rel="stylesheet" href="{(ROOT / "web" / "theme" / "static" / "book.css").as_uri()}"></head>
<body class="printed"><main>{book[0]}
<nav class="printed-contents"><h2>Contents</h2><ol>{entries}</ol></nav>
{"".join(map(str, book[1:]))}</main></body></html>"""
    # Three digits hold the place of a number that is not known yet.
    return re.sub(r'(<span data-page="([^"]+)">)', lambda found: f"{found[1]}{numbers.get(found[2], '000')}", page)


def title(text: Tag) -> str:
    """Return a chapter's title as HTML-safe text."""
    return escape(first(text, "h1").get_text(" ", strip=True), quote=False)


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


def print_page(source: Path, printed: Path) -> None:
    """Print a file with headless Chromium, with an outline and tags for screen readers."""
    found = browser.find()
    if found is None:
        sys.exit(f"downloads: no PDF: {browser.NONE}")
    with tempfile.TemporaryDirectory() as profile:
        command = [found, *browser.FLAGS, f"--user-data-dir={profile}"]
        command += ["--no-pdf-header-footer", "--generate-pdf-document-outline"]
        command += [f"--print-to-pdf={printed}", source.as_uri()]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=SECONDS_TO_PRINT)
    if not printed.is_file():
        sys.exit(f"downloads: {found} printed nothing:\n{done.stderr}")


if __name__ == "__main__":
    main()
