"""Text as a page shows it: no line ends before a unit, and what is folded opens without a script."""

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from markup import is_within, raw_html


def keep_units(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Never break a line between a number and its per cent sign."""
    for text in list(doctree.findall(nodes.Text)):
        if " %" in text and not is_within(text, nodes.literal, nodes.literal_block, nodes.raw, nodes.math):
            text.parent.replace(text, nodes.Text(text.replace(" %", "\u00a0%")))


def fold_dropdowns(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn an admonition of class dropdown into a native <details>, which needs no script."""
    for node in [node for node in doctree.findall(nodes.admonition) if "dropdown" in node["classes"]]:
        head = next(node.findall(nodes.title))
        node.remove(head)
        start = f'<details class="admonition"><summary>{escape(head.astext())}</summary>'
        place = node.parent.index(node)
        node.parent[place : place + 1] = [raw_html(start), *node.children, raw_html("</details>")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for the resolved pages."""
    app.connect("doctree-resolved", keep_units)
    app.connect("doctree-resolved", fold_dropdowns)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
