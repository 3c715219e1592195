"""Chapters with the outputs of their last run: building a page executes nothing."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat.v4 import new_output
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from execute import executed_file, is_notebook
from toc import pages

logger = logging.getLogger(__name__)
CHANGED = "This cell has changed since it was last run.\n"


def read_with_outputs(text: str, page: str) -> nbformat.NotebookNode:
    """Return a page's source as a notebook with the outputs of its last run.

    While somebody writes, cells may have changed since: these are marked, and keep the old outputs if they have a
    counterpart.
    """
    notebook = read_myst_markdown_notebook(text, add_source_map=True)
    try:
        executed = nbformat.read(executed_file(f"{page}.md"), as_version=4)
    except (FileNotFoundError, ValueError):
        executed = nbformat.v4.new_notebook()
    new, old = code_cells(notebook), code_cells(executed)
    changed = 0
    matches = SequenceMatcher(None, [cell.source for cell in old], [cell.source for cell in new], autojunk=False)
    for kind, start, end, first, last in matches.get_opcodes():
        changed += (last - first) * (kind != "equal")
        for index in range(first, last):
            if end - start == last - first:
                ran = old[start + index - first]
                new[index].outputs, new[index].execution_count = ran.outputs, ran.execution_count
            if kind != "equal":
                new[index].outputs = [*new[index].outputs, new_output("stream", text=CHANGED)]
    if changed:
        logger.warning(
            "%d of %d code cells have changed since they were last run; to run them: make book ONLY=%s",
            changed,
            len(new),
            page.removeprefix("book/"),
            location=page,
        )
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells of a notebook that are code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def read_chapters(app: Sphinx) -> None:
    """Have MyST-NB read each chapter with its outputs."""
    readers = {
        f"{page}.md": (f"{__name__}.{read_with_outputs.__name__}", {"page": page})
        for page in pages()
        if is_notebook(f"{page}.md")
    }
    env: Any = app.env
    env.mystnb_config = env.mystnb_config.copy(custom_formats=readers)


def depend_on_outputs(app: Sphinx, page: str, source: list[str]) -> None:
    """Have a page built again when its chapter has been executed."""
    if is_notebook(f"{page}.md"):
        app.env.note_dependency(str(executed_file(f"{page}.md")))


def add_outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Return the pages to read again whether or not they have changed."""
    pages: list[str] = app.config.read_again
    return pages


def setup(app: Sphinx) -> dict[str, Any]:
    """Take the place of MyST-NB's own cache."""
    app.add_config_value("read_again", [], "")
    app.connect("builder-inited", read_chapters, priority=600)  # after MyST-NB has made its configuration
    app.connect("source-read", depend_on_outputs)
    app.connect("env-get-outdated", add_outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
