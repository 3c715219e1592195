"""A deck of slides for each chapter, made of what the chapter shows, where marks in its Markdown say so.

A mark is a comment, which is nothing in the page and in notebooks::

    % slide: A small batch is rough and cheap
    % note: Somebody will ask

    :::{guess} ...

A slide shows the block after its mark: a paragraph, a list, a guess, a figure, a table, a formula, or code. Without a
title, it has the one of its section. ``% slide 1-2: Title`` takes the first two sentences, items or rows; ``% also``
adds the block after it, and ``% answer`` adds it when the next key is pressed, as the answer to a guess. ``% note``
puts that item of the chapter's section in ``book/instructors/notes.md`` beside the slide; the rest of that section goes
to the first and the last slide.

The deck is ``book/NAME.slides.html`` beside the chapter, so that addresses of pictures and pages hold in both.
"""

import re
from collections.abc import Iterator
from copy import copy
from html import escape
from typing import Any, NamedTuple, cast

from bs4 import BeautifulSoup, Comment, Tag
from bs4.element import NavigableString, PageElement
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.errors import SphinxError
from sphinx.util import logging

import toc
from contents import number, parts, short_title, title
from manuscript import markup
from markup import first, raw_html
from text import keep_units

NOTES = "book/instructors/notes"
KIND = r"(slide|also|answer|note)\b"
MARK = re.compile(KIND + r"(?: (\d+)(?:-(\d+))?)?(?:: (.+))?")
# What can be read in the last row; choices are short lines.
WORDS, WORDS_OF_A_GUESS, ROWS, LINES = 45, 68, 6, 18
NOT_SHOWN = ".headerlink, .ml-claim, [popover], .ml-figure-tools, script, .backrefs"
logger = logging.getLogger(__name__)


class SlideError(SphinxError):
    """A mark is not in order."""

    category = "Slide error"


class Mark(NamedTuple):
    """A mark: what it asks for, which parts of the block (from 1; none for all), and its words."""

    kind: str
    parts: range | None
    words: str


def read_marks(text: str) -> list[Mark]:
    """Return the marks that a comment holds, one a line; none where it is a comment of another kind.

    Raises
    ------
    SlideError
        A line begins like a mark and goes on differently.
    """
    marks = []
    for line in text.strip().splitlines():
        if MARK.match(line.strip()):
            found = MARK.fullmatch(line.strip())
            if not found or (found[1] == "note" and not found[4]):
                expected = "'slide: TITLE', 'slide 1-2: TITLE', 'also', 'answer' or 'note: WORDS'"
                raise SlideError(f"expected {expected}, got {line!r}")
            begin = int(found[2] or 0)
            marks.append(Mark(found[1], range(begin, int(found[3] or begin) + 1) if begin else None, found[4] or ""))
    return marks


def keep_marks(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Let marks get into a chapter's page, from where `take_slides` takes them."""
    if not is_chapter(page):
        return
    for comment in list(doctree.findall(nodes.comment)):
        if MARK.match(comment.astext()):
            comment.replace_self(raw_html(f"<!--{comment.astext()}-->"))


def is_chapter(page: str) -> bool:
    """Tell whether a page may have slides."""
    return page.removeprefix("book/") in toc.chapters()


def take_slides(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Take marks out of a chapter's page, and keep what they show."""
    if not is_chapter(page) or doctree is None:
        return
    context["slides"] = context["pathto"](f"{page}.slides")
    try:
        slides = app.slides[page] = list(read_slides(context["body"], page.rpartition("/")[2]))  # type: ignore[attr-defined]
    except SlideError as error:
        logger.warning("%s", error, location=page)
        return
    for fault in (fault for slide in slides for fault in slide.faults()):
        logger.warning("%s", fault, location=page)
    context["body"] = re.sub(rf"<!--{KIND}.*?-->\n?", "", context["body"], flags=re.S)


# What a slide shows ---------------------------------------------------------------------------------------------


class Slide:
    """A slide: its title, what it shows, the guess's explanation, and the words of the notes that belong to it."""

    def __init__(self, title: str) -> None:
        self.title, self.told = title, ""
        self.shown: list[Tag] = []
        self.notes: list[str] = []

    def faults(self) -> Iterator[str]:
        """Yield what is too much to be read in the last row."""
        text = BeautifulSoup("".join(map(str, self.shown)), "html.parser")
        rows = len(text.select("tbody tr"))
        lines = sum(pre.get_text().strip().count("\n") + 1 for pre in text.select("pre"))
        limit = WORDS_OF_A_GUESS if text.select_one(".step") else WORDS
        for other in text.select("table, pre, math, figcaption, .question ~ .step"):
            other.decompose()
        words = len(text.get_text(" ").split())
        for what, count, most in [("words", words, limit), ("rows", rows, ROWS), ("lines of code", lines, LINES)]:
            if count > most:
                yield f"slide {self.title!r}: {count} {what}; expected at most {most}"


def read_slides(body: str, name: str) -> Iterator[Slide]:
    """Yield the slides of a chapter from the HTML of its page."""
    slide = None
    soup = BeautifulSoup(body, "html.parser")
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        for mark in read_marks(comment):
            if mark.kind == "slide":
                if slide:
                    yield slide
                slide = Slide(mark.words.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") or heading(comment))
            if slide is None:
                raise SlideError(f"a mark {mark.kind!r} stands before the first slide")
            if mark.kind == "note":
                slide.notes.append(mark.words)
            else:
                show(slide, block_after(comment, slide.title), mark, name)
    if slide:
        yield slide


def heading(comment: PageElement) -> str:
    """Return the title of the section that a mark stands in."""
    section = comment.find_parent("section")
    found = copy(section.find(re.compile("h[1-6]"))) if section else None
    if not isinstance(found, Tag):
        raise SlideError("a mark stands outside of all sections")
    for drop in found.select(".headerlink, .section-number"):
        drop.decompose()
    return found.get_text(" ", strip=True)


def block_after(comment: PageElement, title: str) -> Tag:
    """Return what a mark shows."""
    for block in comment.find_next_siblings():
        if isinstance(block, Tag) and not (block.name == "span" and not block.get_text(strip=True)):
            if block.name == "section":
                break
            return block
    raise SlideError(f"slide {title!r}: expected a block after its mark in the same section, got none")


def show(slide: Slide, block: Tag, mark: Mark, name: str) -> None:
    """Add a block, or parts of it, to a slide."""
    block = copy(block)
    for drop in block.select(NOT_SHOWN):
        drop.decompose()
    if block.select_one(".ml-guess-question"):
        shown = question(block)
        slide.told = "".join(map(str, first(block, "details").find_all("p", recursive=False)[1:]))
    elif block.has_attr("data-widget") or block.name == "details":
        raise SlideError(f"slide {slide.title!r}: a widget or a fold cannot be shown")
    else:
        drawn = block.select_one("figure") or block.select_one("table")
        found = [drawn] if drawn else block.select(".highlight") or [block]
        shown = [select(each, mark.parts, slide.title) for each in found]
    for part in shown:
        tidy(part, name)
        if mark.kind == "answer":
            part["class"] = " ".join([*part.get_attribute_list("class"), "step"])
    slide.shown += shown


def question(guess: Tag) -> list[Tag]:
    """Return a guess as a question, its choices, and its answer, which is a step of its own."""
    asked, answer = first(guess, "legend"), first(guess, ".ml-guess-answer")
    asked.name, asked["class"], answer["class"] = "p", "question", "step"
    options = guess.select(".ml-guess-option > span")
    if not options:
        return [asked, answer]
    for option in options:
        first(option, "b").decompose()
    items = "".join(f"<li>{option.decode_contents().strip()}</li>" for option in options)
    return [asked, markup(f'<ol type="A" class="choices">{items}</ol>'), answer]


def select(block: Tag, parts: range | None, title: str) -> Tag:
    """Return a block with some of its sentences, items or rows."""
    if parts is None:
        return block
    if block.name == "p":
        found = sentences(block)
        count = len(found)
        block.clear()
        block.extend([each for sentence in found[parts.start - 1 : parts.stop - 1] for each in (*sentence, " ")])
    else:
        items = block.select("tbody tr") if block.name == "table" else block.find_all("li", recursive=False)
        count = len(items)
        for index, item in enumerate(items, 1):
            if index not in parts:
                item.decompose()
    if parts.stop - 1 > count:
        raise SlideError(f"slide {title!r}: asks for part {parts.stop - 1} of {count}")
    return block


def sentences(paragraph: Tag) -> list[list[Any]]:
    """Return the contents of a paragraph, sentence by sentence; the Markdown has one a line."""
    found: list[list[Any]] = [[]]
    for each in list(paragraph.contents):
        if isinstance(each, NavigableString):
            line, *more = each.split("\n")
            found[-1].append(line)
            found += [[rest] for rest in more]
        else:
            found[-1].append(each)
    return found


def tidy(shown: Tag, name: str) -> None:
    """Take from a block what belongs to its page: ids, buttons, and addresses within the page."""
    for element in [shown, *shown.find_all(True)]:
        for attribute in ("id", "tabindex", "aria-labelledby"):
            element.attrs.pop(attribute, None)
        if element.name == "button":
            element.name, element.attrs = "span", {}
        if str(element.get("href", "")).startswith("#"):
            element["href"] = f"{name}.html{element['href']}"


# Decks ------------------------------------------------------------------------------------------------------------


class Notes:
    """The instructors' notes on one chapter."""

    def __init__(self, html: str) -> None:
        self.text = BeautifulSoup(html, "html.parser")
        for link in self.text.select("a"):
            link.unwrap()

    def take(self, words: str) -> str:
        """Return the item that begins with these words, and leave it out of the rest."""
        for item in self.text.select("li"):
            if " ".join(item.get_text().split()).lstrip("“").replace("’", "'").startswith(words):
                return f"<p>{item.extract().decode_contents()}</p>"
        raise SlideError(f"{NOTES}.md has no item that begins with {words!r}")

    def rest(self) -> tuple[str, str]:
        """Return what stands before the questions, and the questions."""
        for several in self.text.select("ul"):
            if not several.li:
                label = several.find_previous_sibling("p")
                several.decompose()
                if label:
                    label.decompose()
        before, mark, after = str(self.text).partition("<p><strong>Questions")
        return before, mark + after


def notes_of(app: Sphinx) -> dict[str, str]:
    """Return the notes on each chapter as HTML, by the chapter's title."""
    builder = cast(StandaloneHTMLBuilder, app.builder)
    doctree = app.env.get_and_resolve_doctree(NOTES, builder)
    return {
        heading.astext(): "".join(
            keep_units(builder.render_partial(part)["fragment"]) for part in heading.parent.children[1:]
        )
        for heading in doctree.findall(nodes.title)
    }


def decks(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield a page of slides for each chapter that was written."""
    notes = notes_of(app) if app.slides else {}  # type: ignore[attr-defined]
    for page, slides in app.slides.items():  # type: ignore[attr-defined]
        name = title(app.env, page)
        if name not in notes:
            raise SlideError(f"{NOTES}.md: expected a section {name!r}")
        yield f"{page}.slides", deck(app, page, slides, Notes(notes[name])), "slides.html"


def deck(app: Sphinx, page: str, slides: list[Slide], notes: Notes) -> dict[str, Any]:
    """Return what the template shows."""
    told = [slide.told + "".join(map(notes.take, slide.notes)) for slide in slides]
    before, questions = notes.rest()
    opening = f'<p class="lead">{escape(str(app.env.metadata[page].get("summary", "")))}</p>'
    if told:
        told[-1] += questions
    return {
        "slides": [
            {"title": title(app.env, page), "shown": opening, "notes": before},
            *(
                {"title": slide.title, "shown": "".join(map(str, slide.shown)), "notes": text}
                for slide, text in zip(slides, told, strict=True)
            ),
        ],
        "deck_of": f"Chapter {number(app.env, page).strip()}: {short_title(app.env, page)}",
        "deck_page": page.rpartition("/")[2] + ".html",
    }


def deck_list(app: Sphinx, page: str) -> str:
    """Return links to the slides of all chapters, part by part."""
    found = ""
    for caption, pages in parts(app.env):
        links = [deck_link(app, page, other) for other in pages if is_chapter(other)]
        if links:
            found += f'<p><strong>{escape(caption)}</strong></p><ul class="decks">{"".join(links)}</ul>'
    return found


def deck_link(app: Sphinx, page: str, chapter: str) -> str:
    """Return an item with a link to the slides of a chapter."""
    address = escape(app.builder.get_relative_uri(page, f"{chapter}.slides"))
    return f'<li><a href="{address}">{number(app.env, chapter)}{escape(short_title(app.env, chapter))}</a></li>'


def start(app: Sphinx) -> None:
    """Begin with no slides."""
    app.slides = {}  # type: ignore[attr-defined]


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for each page."""
    app.connect("builder-inited", start)
    app.connect("doctree-resolved", keep_marks)
    app.connect("html-page-context", take_slides, priority=950)  # what the page shows in the end
    app.connect("html-collect-pages", decks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
