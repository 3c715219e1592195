"""What a figure offers beside its picture: to be enlarged, heard, and taken along as SVG and, with its table, as CSV.

A figure's table is what the next cell puts out, if it is folded as the numbers of a figure are (remove-input,
hide-output). Where the table stands elsewhere, the header of the figure's cell says where, above or below:

    table: above

The buttons are hidden where no script runs; the files are links and work everywhere.
"""

import csv
import io
import re
from html import escape
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.osutil import relative_uri

from markup import files_where, is_table, raw_html
from pictures import address_of

FILES = "_downloads"
NUMBER = re.compile(r"\N{MINUS SIGN}?\d{1,3}(,\d{3})+(\.\d+)?$|\N{MINUS SIGN}(?=\d)")
HEARD = re.compile(r"(about |<|≈)?\s*-?\d[\d,]*(\.\d+)?(e[-+]?\d+)?( ?%)?(\s*[±(*].*)?$", re.IGNORECASE)


class FigureError(SphinxError):
    """A figure's table is not where its cell says."""

    category = "figure"


def add_tools(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put under each figure of a page what it offers."""
    if app.builder.format != "html":
        return
    digits = app.env.toc_fignumbers.get(page, {}).get("figure", {})
    here = app.builder.get_target_uri(page)
    for figure in list(doctree.findall(nodes.figure)):
        image = next(figure.findall(nodes.image), None)
        if image is None or not figure["ids"]:
            continue
        name = figure["ids"][0]
        title = f"figure {'.'.join(map(str, digits[name]))}" if name in digits else "this figure"
        files = [address_of(app, page, image)]
        table, numbers = table_of(figure, doctree, page), ""
        if table is not None:
            rows = cells_of(table)
            write_csv(Path(app.outdir, FILES, f"{name}.csv"), rows)
            files.append(relative_uri(here, f"{FILES}/{name}.csv"))
            numbers = identify(table, name) if can_be_heard(rows) else ""
        tools = tools_html(title, name, files, numbers=numbers)
        figure.parent.insert(figure.parent.index(figure) + 1, raw_html(tools))


def tools_html(title: str, name: str, files: list[str], *, numbers: str) -> str:
    """Return the row under a figure.

    Parameters
    ----------
    title
        What the figure is called within a sentence.
    name
        Its identifier, which names the files that readers get.
    files
        Addresses of the files to download, the picture first.
    numbers
        The identifier of its table; empty where nothing can be heard.
    """

    def button(what: str, more: str = "") -> str:
        return f'<button type="button" data-figure="{what.lower()}" aria-label="{what} {title}"{more}>{what}</button>'

    def link(address: str) -> str:
        suffix = Path(address).suffix
        kind = suffix[1:].upper()
        return f'<a href="{escape(address)}" download="{name}{suffix}" aria-label="{kind} of {title}">{kind}</a>'

    tools = [button("Enlarge")]
    if numbers:
        tools.append(button("Hear", f' aria-expanded="false" data-table="{numbers}"'))
    tools += map(link, files)
    return f'<div class="ml-figure-tools" role="group" aria-label="Tools for {title}">{"".join(tools)}</div>'


def table_of(figure: nodes.figure, document: nodes.document, page: str) -> nodes.Element | None:
    """Return the table with a figure's numbers, if it has one.

    Raises
    ------
    FigureError
        The figure's cell names a place without a table.
    """
    cell: Any = figure
    while cell is not None and "cell" not in cell.get("classes", ()):
        cell = cell.parent
    if cell is None:
        return None
    where = cell.get("cell_metadata", {}).get("table")
    if where is None:
        after: Any = cell.next_node(descend=False, siblings=True)
        metadata: dict[str, Any] = after.get("cell_metadata", {}) if isinstance(after, nodes.Element) else {}
        tags = metadata.get("tags", [])
        return next(iter(after.findall(is_table)), None) if {"remove-input", "hide-output"} <= {*tags} else None
    found: list[Any] = list(document.findall(lambda node: node is figure or is_table(node)))
    at = found.index(figure)
    tables: list[nodes.Element] = {"above": found[:at][::-1], "below": found[at + 1 :]}.get(where, [])
    if not tables:
        raise FigureError(f"{page}: {figure['ids'][0]}: expected a table above or below, got none at table: {where}")
    return tables[0]


def identify(table: nodes.Element, figure: str) -> str:
    """Return the identifier of a table; one without gets it from its figure."""
    if isinstance(table, nodes.table):
        if not table["ids"]:
            table["ids"].append(f"{figure}-numbers")
        return str(table["ids"][0])
    html = table.astext()
    if given := re.search(r'<table id="([^"]+)"', html):
        return given[1]
    table[:] = [nodes.Text(html.replace("<table", f'<table id="{figure}-numbers"', 1))]
    return f"{figure}-numbers"


def cells_of(table: nodes.Element) -> list[list[str]]:
    """Return the rows of a table, its heads first, with numbers as programs read them."""
    if isinstance(table, nodes.table):
        rows = [[cell.astext() for cell in row.findall(nodes.entry)] for row in table.findall(nodes.row)]
    else:
        soup = BeautifulSoup(table.astext(), "html.parser")
        rows = [[cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])] for row in soup.find_all("tr")]
    return [[plain(cell) for cell in row] for row in rows]


def plain(cell: str) -> str:
    """Return a cell's text; minus signs become hyphens, and a number alone loses its thousands separators."""
    return NUMBER.sub(lambda found: found[0].replace("\N{MINUS SIGN}", "-").replace(",", ""), cell)


def can_be_heard(rows: list[list[str]]) -> bool:
    """Tell whether a column of a table, other than the first, holds numbers; hear.js reads them alike."""
    columns = zip(*(row[1:] for row in rows[1:]), strict=False)
    return any(2 * sum(bool(HEARD.match(cell)) for cell in column) > len(column) for column in columns)


def write_csv(file: Path, rows: list[list[str]]) -> None:
    """Write rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.getvalue(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for the resolved pages."""
    app.connect("doctree-resolved", add_tools)
    app.connect("html-page-context", files_where(nodes.figure, script="figures.js"))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
