"""Terms explained in place: the first use of each on a page opens what the glossary says of it."""

import functools
import re
from html import escape
from typing import Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment

from formulas import typeset
from markup import is_within, raw_html


@functools.cache
def definitions(env: BuildEnvironment) -> dict[str, str]:
    """Return as HTML each term and what the glossary says of it without where it is taught, by the term's anchor."""
    objects = cast(StandardDomain, env.get_domain("std")).objects
    glossaries = {page for (kind, _), (page, _) in objects.items() if kind == "term"}
    found: dict[str, str] = {}
    for page in glossaries:
        for item in env.get_doctree(page).findall(nodes.definition_list_item):
            text = next(next(item.findall(nodes.definition)).findall(nodes.paragraph))
            for term in item.findall(nodes.term):
                said = f"<p><strong>{escape(term.astext())}</strong></p><p>{definition(text)}</p>"
                found |= dict.fromkeys(term["ids"], said)
    return found


def definition(paragraph: nodes.paragraph) -> str:
    """Return a glossary's sentences up to "Taught in", with their formulas typeset and without citations."""
    html = ""
    for node in paragraph.children:
        if isinstance(node, addnodes.pending_xref) and node["refdomain"] == "cite":
            html = html.rstrip()
            continue
        if isinstance(node, nodes.math):
            html += typeset(node.astext(), display=False)
            continue
        text, *rest = re.split(r"\s*\bTaught in\b", node.astext(), maxsplit=1)
        html += f"<code>{escape(text)}</code>" if isinstance(node, nodes.literal) else escape(text)
        if rest:
            break
    return html


def explain_terms(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn a term's first use on a page into a button that opens its definition; the browser does the rest.

    A popover needs no script, closes with Escape, and is reached by keyboard and touch.
    """
    known = definitions(app.env)
    seen: dict[str, str] = {}
    for reference in list(doctree.findall(nodes.reference)):
        word = reference.next_node(nodes.inline)
        name = (reference.get("refuri") or "").partition("#")[2]
        if word is None or "std-term" not in word["classes"] or name not in known or name in seen:
            continue
        if is_within(reference, nodes.title, nodes.caption, nodes.term):
            continue
        seen[name] = reference["refuri"]
        text = escape(reference.astext())
        button = f'<button type="button" class="term" popovertarget="about-{name}">{text}</button>'
        parent, place = reference.parent, reference.parent.index(reference)
        # Firefox breaks a line between a button and the comma after it.
        for after in parent[place + 1 : place + 2]:
            if isinstance(after, nodes.Text) and (comma := re.match(r"[.,;:?!)’”]+", after)):
                button = f'<span class="unbroken">{button}{comma[0]}</span>'
                parent.replace(after, nodes.Text(after[comma.end() :]))
        parent.replace(reference, raw_html(button))
    doctree += [
        raw_html(
            f'<div class="about-term" id="about-{name}" popover>{known[name]}'
            f'<p><a href="{escape(address)}">In the glossary</a></p></div>'
        )
        for name, address in seen.items()
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for the resolved pages."""
    app.connect("doctree-resolved", explain_terms)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
