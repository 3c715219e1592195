"""Lead from each function in the reference to where the book first uses it, and from the text to the reference."""

import functools
import re
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment

from markup import is_within

CODE_CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r"^from (mnist_lessons[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)


@functools.cache
def first_uses(source: Path, pages: tuple[str, ...]) -> dict[str, str]:
    """Return the page that first imports each name of the package, by the name in full."""
    found: dict[str, str] = {}
    for page in pages:
        for cell in CODE_CELL.findall((source / f"{page}.md").read_text(encoding="utf-8")):
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


def link_helpers(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn the first mention of each function of the package into a link to what the reference says of it."""
    known = helpers(app.env)
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext().split("(")[0].strip()
        home, anchor = known.get(name, ("", ""))
        if not home or home == page or is_within(literal, nodes.title, nodes.caption, nodes.reference, nodes.term):
            continue
        address = f"{app.builder.get_relative_uri(page, home)}#{anchor}"
        literal.parent.replace(
            literal, nodes.reference("", "", literal.deepcopy(), refuri=address, internal=True, classes=["helper"])
        )
        known = {other: place for other, place in known.items() if place != (home, anchor)}


@functools.cache
def helpers(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """Return page and anchor of what the reference describes, by its name, also in short where only one has it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for full, thing in cast(PythonDomain, env.get_domain("py")).objects.items():
        parts = full.split(".")
        # A module's short name is a word like any other.
        for start in range(1 if thing.objtype == "module" else len(parts)):
            found.setdefault(".".join(parts[start:]), []).append((thing.docname, thing.node_id))
    return {name: places[0] for name, places in found.items() if len(places) == 1}


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for docstrings and for the resolved pages."""
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-docstring", add_first_use, priority=400)  # before napoleon writes its fields
    app.connect("doctree-resolved", link_helpers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
