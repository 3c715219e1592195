"""What the search knows: a text of each section and each term, beside the library that looks in them."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

from contents import title
from files import MODULES
from markup import is_within

SECTIONS: dict[str, list[dict[str, str]]] = {}
# A glossary's entries are found one by one.
NOT_PROSE = (nodes.raw, nodes.math, nodes.math_block, nodes.comment, nodes.footnote_reference, addnodes.glossary)


def drop_own_index(app: Sphinx) -> None:
    """Keep Sphinx from making the index of its own search, and with it the page that we add."""
    cast(StandaloneHTMLBuilder, app.builder).search = False


def add_search_page(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Add the page that shows what was found."""
    return [("search", {}, "search.html")]


def note_sections(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Keep for the search what the page says, before its terms become buttons."""
    SECTIONS[page] = list(searchable(app, page, doctree))


def searchable(app: Sphinx, page: str, doctree: nodes.document) -> Iterator[dict[str, str]]:
    """Yield what the search knows of each section: address, title, page, text and kind."""
    for section in doctree.findall(nodes.section):
        own = [node for node in section.children if not isinstance(node, nodes.section | nodes.title)]
        words = (text.astext() for node in own for text in node.findall(nodes.Text) if not is_within(text, *NOT_PROSE))
        is_page = section.parent is doctree
        yield {
            "address": app.builder.get_target_uri(page) + ("" if is_page else f"#{section['ids'][0]}"),
            "title": next(section.findall(nodes.title)).astext(),
            "page": "" if is_page else title(app.env, page),
            "text": re.sub(r" (?=[,.;:?!)])", "", " ".join(" ".join(words).split())),
            "kind": "chapter" if "minutes" in app.env.metadata[page] else "page",
        }
    for term in doctree.findall(nodes.term):
        if term["ids"] and isinstance(term.parent.parent.parent, addnodes.glossary):
            text = next(term.parent.findall(nodes.definition)).astext()
            address = f"{app.builder.get_target_uri(page)}#{term['ids'][0]}"
            found = {"address": address, "title": term.astext(), "page": title(app.env, page)}
            yield found | {"text": text, "kind": "term"}


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Write what is searched."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    shutil.copyfile(MODULES / "minisearch" / "dist" / "umd" / "index.js", out / "_static" / "minisearch.js")
    if SECTIONS.keys() < app.env.found_docs:
        return  # only some pages were written: the search goes on with what it knew
    entries = [entry for page in sorted(SECTIONS) for entry in SECTIONS[page]]
    (out / "sections.js").write_text(
        f"window.bookSections = {json.dumps(entries, ensure_ascii=False)};\n", encoding="utf-8"
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for the resolved pages and for the end."""
    app.connect("builder-inited", drop_own_index)
    app.connect("html-collect-pages", add_search_page)
    app.connect("doctree-resolved", note_sections, priority=400)
    app.connect("build-finished", write_index, priority=850)  # after files.py has cleared the folder
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
