"""Lists that the site writes itself at the place of a directive, when all pages are known."""

import re
from collections.abc import Iterator
from html import escape
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

import bank
from claims import claim_list
from contents import number, parts, title
from markup import raw_html
from pictures import address_of
from review import chapters_read, kept_data
from slides import deck_list


class listing(nodes.General, nodes.Element):  # noqa: N801, docutils names nodes so
    """The place of a list that is known only when all pages are read."""


class Listing(SphinxDirective):
    """``{way-through}``: the chapters; ``{reading-time}``, ``{figure-list}`` and others: what is in them."""

    def run(self) -> list[nodes.Node]:
        """Mark the place."""
        return [listing(kind=self.name)]


def way_through(app: Sphinx, page: str) -> str:
    """Return parts and chapters with their minutes and summaries; pages without minutes are left out."""
    blocks = []
    for index, (caption, pages) in enumerate(parts(app.env), 1):
        chapters = [other for other in pages if "minutes" in app.env.metadata[other]]
        if not chapters:
            continue
        total = sum(int(app.env.metadata[other]["minutes"]) for other in chapters)
        items = "".join(_chapter(app, page, other) for other in chapters)
        blocks.append(
            f'<div class="part"><p id="part-{index}"><strong>{escape(caption)}</strong>'
            f' <span>{_hours(total)}</span></p><ul aria-labelledby="part-{index}">{items}</ul></div>'
        )
    return f'<div class="way">{"".join(blocks)}</div>'


def reading_time(app: Sphinx, page: str) -> str:
    """Return how many chapters there are and how long they take."""
    pages = [other for _, pages in parts(app.env) for other in pages]
    minutes = [int(app.env.metadata[other]["minutes"]) for other in pages if "minutes" in app.env.metadata[other]]
    return f"<p>{len(minutes)} chapters, {_hours(sum(minutes))}</p>"


def _chapter(app: Sphinx, page: str, other: str) -> str:
    about = app.env.metadata[other]
    return (
        f'<li><a href="{escape(app.builder.get_relative_uri(page, other))}">'
        f"{number(app.env, other)}{escape(title(app.env, other))}</a> <span>{about['minutes']} min</span>"
        f"<p>{escape(str(about.get('summary', '')))}</p></li>"
    )


def _hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest))


def figure_list(app: Sphinx, page: str) -> str:
    """Return every numbered figure with its picture and caption, in reading order."""
    labels = cast(StandardDomain, app.env.get_domain("std")).labels
    found = [
        (other, name, f"Figure {'.'.join(map(str, digits))}")
        for other in _reading_order(app.env, app.config.root_doc)
        for name, digits in app.env.toc_fignumbers.get(other, {}).get("figure", {}).items()
    ]
    # Captions know each other by label.
    numbers = {label: text for label, (*place, _) in labels.items() for *at, text in found if place == at}
    captions = {tuple(place): _named(caption, numbers) for *place, caption in labels.values()}
    pictures = {other: _pictures(app, page, other) for other in {other for other, *_ in found}}
    items = "".join(
        f"<li>{pictures[other].get(name, '')}"
        f'<a href="{escape(app.builder.get_relative_uri(page, other))}#{name}">{text}</a>'
        f" {escape(captions.get((other, name), ''))}</li>"
        for other, name, text in found
    )
    return f'<ul class="figure-index">{items}</ul>'


def _pictures(app: Sphinx, page: str, other: str) -> dict[str, str]:
    """Return the pictures of another page's figures, by the figures' identifiers; `pictures.py` adds their sizes."""
    return {
        identifier: "".join(
            f'<img src="{escape(address_of(app, page, image))}" alt="{escape(image["alt"])}"'
            f' class="{" ".join(image["classes"])}">'
            for image in figure.findall(nodes.image)
        )
        for figure in app.env.get_doctree(other).findall(nodes.figure)
        for identifier in figure["ids"]
    }


def _named(caption: str, numbers: dict[str, str]) -> str:
    return re.sub(r"\bfig-[\w-]+", lambda label: numbers.get(label[0], label[0]), str(caption))


def _reading_order(env: BuildEnvironment, page: str) -> Iterator[str]:
    yield page
    for child in env.toctree_includes.get(page, []):
        yield from _reading_order(env, child)


def take_away(app: Sphinx, page: str) -> str:
    """Return links to the book as PDF and EPUB and to the site as one zip, as `downloads.py` publishes them."""
    book = f"{escape(app.config.html_baseurl)}mnist-lessons"
    return (
        f'<ul><li><a href="{book}.pdf">The book as one PDF</a>, to print or to read on paper.</li>'
        f'<li><a href="{book}.epub">The book as an EPUB</a>, for e-readers and phones: lines wrap to the screen, in the'
        " size and color of type that you choose.</li>"
        f'<li><a href="{book}.zip">The site as one zip</a>: unpack it and open'
        " <code>index.html</code>. Drawing, formulas and search work without an internet connection.</li>"
        '<li id="keep" hidden></li></ul>'
    )


def handout_link(app: Sphinx, page: str) -> str:
    """Return a link to the handout of exercises, as `downloads.py` publishes it."""
    address = f"{escape(app.config.html_baseurl)}mnist-exercises.pdf"
    return f'<p><a href="{address}">The exercises as a handout</a>, to print: tasks and points, with room to write.</p>'


def question_bank(app: Sphinx, page: str) -> str:
    """Return links to the questions of all quizzes as files for learning platforms, as `bank.py` writes them."""
    words = {
        bank.MOODLE: "Questions for Moodle",
        bank.QTI_12: "Questions for Canvas and other platforms that read QTI 1.2",
        bank.QTI_21: "Questions for platforms that read QTI 2.1",
        bank.GIFT: "Questions as GIFT, a text to read and to edit",
    }
    top = "../" * page.count("/")
    items = "".join(f'<li><a href="{top}{name}" download>{says}</a></li>' for name, says in words.items())
    return f"<ul>{items}</ul>"


LISTINGS = {
    "way-through": way_through,
    "reading-time": reading_time,
    "figure-list": figure_list,
    "claim-list": claim_list,
    "take-away": take_away,
    "deck-list": deck_list,
    "handout": handout_link,
    "question-bank": question_bank,
    "chapters-read": chapters_read,
    "kept-data": kept_data,
}


def fill_listings(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Write each list now that every page is known."""
    for node in list(doctree.findall(listing)):
        node.replace_self(raw_html(LISTINGS[node["kind"]](app, page)))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives and wait for the resolved pages."""
    app.add_node(listing)
    for name in LISTINGS:
        app.add_directive(name, Listing)
    app.connect("doctree-resolved", fill_listings)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
