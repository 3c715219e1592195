"""Text as a page shows it: no line ends before a unit, and what is folded opens without a script."""

import re
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from markup import raw_html

CODE_OR_PERCENT = re.compile(r"(<(pre|code|annotation)\b.*?</\2>)|(\d(?:</\w+>)*) %", re.DOTALL)


def keep_units(html: str) -> str:
    """Return HTML in which no line breaks between a number and its percent sign; code stays as it is."""
    return CODE_OR_PERCENT.sub(lambda found: found[1] or f"{found[3]}\u00a0%", html)


def finish_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Keep units in a page's text, whatever has written it, and in its summary."""
    if "body" in context:
        context["body"] = keep_units(context["body"])
    if context.get("meta"):
        context["meta"] = {**context["meta"], "summary": keep_units(str(context["meta"].get("summary", "")))}


def fold_dropdowns(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn an admonition of class dropdown into a native <details>, which needs no script."""
    for node in [node for node in doctree.findall(nodes.admonition) if "dropdown" in node["classes"]]:
        head = next(node.findall(nodes.title))
        node.remove(head)
        kind = "admonition answers" if "answers" in node["classes"] else "admonition"
        start = f'<details class="{kind}"><summary>{escape(head.astext())}</summary>'
        place = node.parent.index(node)
        node.parent[place : place + 1] = [raw_html(start), *node.children, raw_html("</details>")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for the resolved pages."""
    app.connect("html-page-context", finish_page)
    app.connect("doctree-resolved", fold_dropdowns)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
