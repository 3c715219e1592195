"""HTML that this book's extensions write themselves, and the mending of what others write."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from bs4 import Tag
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective


def raw_html(text: str) -> nodes.raw:
    """Return HTML as a node."""
    return nodes.raw("", text, format="html")


def inline(directive: SphinxDirective, text: str, error: type[SphinxError]) -> list[nodes.Node]:
    """Return one line of MyST as nodes; whatever the parser says of it is an error."""
    parsed, messages = directive.parse_inline(text)
    if messages:
        raise error(f"{directive.env.docname}: {messages[0].astext()} in {text!r}")
    return parsed


def files_where(kind: type[nodes.Element], *, script: str, style: str = "") -> Callable[..., None]:
    """Return a listener that loads a script and a style on the pages that have a kind of node, and only there."""

    def add(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
        if doctree is not None and next(doctree.findall(kind), None) is not None:
            app.add_js_file(script, loading_method="defer")
            if style:
                app.add_css_file(style)

    return add


def fingerprint(*texts: str) -> str:
    """Return eight hexadecimal digits that are others where the words of a text are others."""
    return hashlib.sha256(repr([text.split() for text in texts]).encode()).hexdigest()[:8]


def is_table(node: nodes.Node) -> bool:
    """Tell whether a node is a table, in Markdown or as a cell puts it out."""
    return isinstance(node, nodes.table) or (isinstance(node, nodes.raw) and "<table" in node.astext())


def is_within(node: nodes.Node, *kinds: type) -> bool:
    """Tell whether a node is inside one of these kinds."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def first(text: Tag, selector: str) -> Tag:
    """Return the first element in a text that a selector names."""
    found = text.select_one(selector)
    if found is None:
        raise LookupError(f"expected {selector} in {str(text)[:200]}")
    return found


def tidy(html: str) -> str:
    """Return a page without what extensions write that is wrong or that nothing here uses."""
    # sphinx-thebe's scripts, written even where Thebe is off.
    html = re.sub(
        r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName.*?</script>', "", html, flags=re.S
    )
    # docutils gives entries of the bibliography roles that are out of date, and a list that has no items.
    html = html.replace(' role="doc-biblioentry"', "").replace(
        '<div role="list" class="citation-list">', '<div class="citation-list">'
    )
    # A corner of a table that heads nothing is no header.
    html = re.sub(r"<th\b[^>]*>(?:<p>)?\s*(?:</p>)?</th>", "<td></td>", html)
    # Parameters one a line come as lists of definitions, inside what is to be defined.
    html = re.sub(
        r'<dt class="sig.*?</dt>', lambda found: re.sub(r"<(/?)d[ld]>", r"<\1span>", found[0]), html, flags=re.S
    )
    # myst-nb names every fold alike, over the text that says what it holds, and puts paragraphs where none may stand.
    html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    return re.sub(r'<p class="(collapsed|expanded) admonition-title">(.*?)</p>', r'<span class="\1">\2</span>', html)


def tidy_body(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Mend a page's body."""
    if "body" in context and doctree is not None:
        context["body"] = tidy(context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for each page."""
    app.connect("html-page-context", tidy_body, priority=900)  # after every extension that writes into it
    app.connect("html-page-context", files_where(nodes.literal_block, script="code.js"))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
