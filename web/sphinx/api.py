"""Say in the reference of each function where the book first uses it."""

import functools
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

CODE_CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r"^from (mnist_lessons[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)


@functools.cache
def first_uses(source: Path, pages: tuple[str, ...]) -> dict[str, str]:
    """Return the page that first imports each name of the package, by the name in full."""
    found: dict[str, str] = {}
    for page in pages:
        for cell in CODE_CELL.findall((source / f"{page}.md").read_text()):
            for module, names in IMPORT.findall(cell):
                for name in re.findall(r"\w+", names):
                    found.setdefault(f"{module}.{name}", page)
    return found


def add_first_use(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Add the line, as a link, to what the docstring says."""
    # The first page shows digits before anything is explained.
    pages = tuple(page for page in app.config.external_site_map if page != app.config.root_doc)
    page = first_uses(Path(app.srcdir), pages).get(name)
    if page:
        lines += ["", f"Taught in :doc:`/{page}`.", ""]


def skip_fields(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of named tuples: their class says what they are, Python says "alias for field 0"."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for docstrings."""
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-docstring", add_first_use, priority=400)  # before napoleon writes its fields
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
