"""What the search knows: the text of each section and each term, beside the library that looks in them.

`sections.js` is one script, since pages opened from a folder cannot read data; search.js says what it holds. Stems are
those of Sphinx's own search.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.search.en import SearchEnglish

import toc
from contents import number, title
from files import MODULES
from folders import ROOT
from markup import is_within

PAGES: dict[str, dict[str, Any]] = {}
TERMS: list[dict[str, Any]] = []
SYNONYMS = ROOT / "book" / "synonyms.yml"
# A glossary's entries are found one by one.
NOT_PROSE = (nodes.raw, nodes.math, nodes.math_block, nodes.comment, nodes.footnote_reference, addnodes.glossary)
# Where something is taught comes before where it is practiced, and that before where it is listed.
REFERENCE = ("api", "bibliography", "claims", "figures", "glossary", "verify")


def drop_own_index(app: Sphinx) -> None:
    """Keep Sphinx from making the index of its own search, and with it the page that we add."""
    cast(StandaloneHTMLBuilder, app.builder).search = False
    PAGES.clear()
    TERMS.clear()


def add_search_page(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Add the page that shows what was found."""
    return [("search", {}, "search.html")]


def note_page(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Keep for the search what the page says, before its terms become buttons."""
    place = number(app.env, page).strip()
    descriptions = [node["content"] for node in doctree.findall(nodes.meta) if node.get("name") == "description"]
    PAGES[page] = {
        "title": title(app.env, page),
        "label": f"Chapter {place}" if place else "",
        "summary": " ".join([app.env.metadata[page].get("summary", ""), *descriptions]),
        "address": app.builder.get_target_uri(page),
        "kind": kind(page, is_chapter=bool(place)),
        "sections": list(sections(app, page, doctree)),
    }
    TERMS.extend(terms(app, page, doctree))


def kind(page: str, *, is_chapter: bool) -> str:
    """Return what a page is for, which decides how early it comes among others that say the same."""
    *_, folder, name = f"/{page}".split("/")
    if is_chapter:
        return "chapter"
    return "exercise" if folder == "exercises" and name != "index" else "reference" if name in REFERENCE else "page"


def sections(app: Sphinx, page: str, doctree: nodes.document) -> Iterator[dict[str, str]]:
    """Yield what the search knows of each section: title, address and text."""
    for section in doctree.findall(nodes.section):
        own = [node for node in section.children if not isinstance(node, nodes.section | nodes.title)]
        words = (text.astext() for node in own for text in node.findall(nodes.Text) if not is_within(text, *NOT_PROSE))
        place = "" if section.parent is doctree else f"#{section['ids'][0]}"
        yield {
            "title": next(section.findall(nodes.title)).astext(),
            "address": app.builder.get_target_uri(page) + place,
            "text": re.sub(r" (?=[,.;:?!)])", "", " ".join(" ".join(words).split())),
        }


def terms(app: Sphinx, page: str, doctree: nodes.document) -> Iterator[dict[str, Any]]:
    """Yield what the search knows of each term: its names, its address and definition, and the pages that teach it."""
    here = app.builder.get_target_uri(page)
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            names = list(item.findall(nodes.term))
            text, *taught = re.split(r"\s*\bTaught in\b", next(item.findall(nodes.definition)).astext())
            links = [urljoin(here, link["refuri"]) for link in item.findall(nodes.reference) if "refuri" in link]
            yield {
                "names": [name.astext() for name in names],
                "address": f"{here}#{names[0]['ids'][0]}",
                "text": " ".join(text.split()),
                "taught": [link for link in links if "#" not in link] if taught else [],
            }


def book() -> dict[str, Any]:
    """Return all that is searched, in reading order.

    A section whose title stands on many pages, as "Check yourself", is marked.
    """
    pages = [PAGES[page] for page in toc.pages()]
    on = Counter(name for page in pages for name in {section["title"] for section in page["sections"]})
    for section in (section for page in pages for section in page["sections"]):
        section["shared"] = on[section["title"]] > 2
    return {"pages": pages, "terms": TERMS, "synonyms": synonyms()}


def synonyms() -> dict[str, list[str]]:
    """Return what the book calls that which readers may call otherwise."""
    listed = yaml.safe_load(SYNONYMS.read_text(encoding="utf-8"))
    return {str(typed): meant if isinstance(meant, list) else [meant] for typed, meant in listed.items()}


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Write what is searched."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    shutil.copyfile(MODULES / "minisearch" / "dist" / "umd" / "index.js", out / "_static" / "minisearch.js")
    if PAGES.keys() < app.env.found_docs:
        return  # only some pages were written: the search goes on with what it knew
    data = json.dumps(book(), ensure_ascii=False)
    script = f"{SearchEnglish.js_stemmer_code}\nwindow.Stemmer = Stemmer;\nwindow.bookText = {data};\n"
    (out / "sections.js").write_text(script, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for the resolved pages and for the end."""
    app.connect("builder-inited", drop_own_index)
    app.connect("html-collect-pages", add_search_page)
    app.connect("doctree-resolved", note_page, priority=400)
    app.connect("build-finished", write_index, priority=850)  # after files.py has cleared the folder
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
