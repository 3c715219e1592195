"""How long a chapter takes to read, counted from what its page shows; others find it as `minutes` in its metadata.

A minute for 200 words, for each figure, for each table, and for 15 lines of code. What is folded is not counted, nor
are formulas and what cells print.
"""

import math
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

import toc
from markup import is_table, is_within

WORDS_A_MINUTE, LINES_A_MINUTE = 200, 15
# Whatever holds no sentences: a figure or table has a minute of its own, captions included.
NOT_PROSE = (nodes.raw, nodes.literal_block, nodes.math, nodes.math_block, nodes.comment, nodes.table, nodes.figure)
FOLDED = {"cell_input": {"hide-input", "hide-cell"}, "cell_output": {"hide-output", "hide-cell"}}


def is_folded(node: nodes.Node) -> bool:
    """Tell whether a node is in a fold: a part of a cell that its tags hide, or an admonition of class dropdown."""
    classes: set[str] = set()
    while node.parent is not None:
        node = node.parent
        classes |= set(node.get("classes", ()))
        metadata: dict[str, Any] = node.get("cell_metadata", {})
        tags = set(metadata.get("tags", ()))
        if any(part in classes and tags & hiding for part, hiding in FOLDED.items()):
            return True
    return "dropdown" in classes


def reading_minutes(document: nodes.document) -> int:
    """Return how many minutes a page takes, rounded up."""
    shown = [node for node in document.findall() if not is_folded(node)]
    texts = (node for node in shown if isinstance(node, nodes.Text) and not is_within(node, *NOT_PROSE))
    words = sum(len(text.split()) for text in texts)
    tables = sum(map(is_table, shown))
    figures = sum(isinstance(node, nodes.figure) for node in shown)
    code = (node for node in shown if isinstance(node, nodes.literal_block) and "output" not in node["classes"])
    lines = sum(len(block.astext().splitlines()) for block in code)
    return math.ceil(words / WORDS_A_MINUTE + figures + tables + lines / LINES_A_MINUTE)


def note_minutes(app: Sphinx, document: nodes.document) -> None:
    """Keep the minutes of a chapter."""
    page = app.env.docname
    if page in {f"book/{name}" for name in toc.chapters()}:
        app.env.metadata[page]["minutes"] = reading_minutes(document)


def setup(app: Sphinx) -> dict[str, bool]:
    """Wait for each page that is read."""
    app.connect("doctree-read", note_minutes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
