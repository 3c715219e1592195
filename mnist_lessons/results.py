"""Record the numbers of a run, so that prose, build and readers all use the same ones."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

LEDGER_KEY = "mnist_lessons"


def record(
    name: str,
    value: float | str,
    *,
    interval: tuple[float, float] | None = None,
    seeds: Sequence[int] | int | None = None,
) -> None:
    """Record a number of this run under a name.

    In a notebook that the book executes, prose shows it with the role ``{glue:text}`` (the output is in
    the form of ``myst_nb.glue``), and the build writes it to ``results.json``. Elsewhere nothing is shown.

    Parameters
    ----------
    name
        Lower-case words joined by underscores, unique in the chapter.
    value
        A finite number, or a short text.
    interval
        Lower and upper end of a 95 % interval, in the unit of `value`.
    seeds
        The seeds that `value` rests on, or how many there were.

    Raises
    ------
    ValueError
        The name is not of that form, or a number is not finite.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"name: expected lower-case words joined by underscores, got {name!r}")
    entry: dict[str, Any] = {"name": name, "value": _plain(value)}
    if interval is not None:
        entry["interval"] = [_plain(end) for end in interval]
    if seeds is not None:
        entry["seeds"] = _plain(seeds) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    _display(name, entry)


def _plain(value: Any) -> float | int | str:
    """Return a NumPy or Python scalar as a plain one that JSON and format strings take."""
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, int | float | str):
        raise ValueError(f"value: expected a number or a text, got {type(value).__name__}")
    if isinstance(plain, float) and not np.isfinite(plain):
        raise ValueError(f"value: expected a finite number, got {plain}")
    return plain


def _display(name: str, entry: dict[str, Any]) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is None:
        return
    prefix = "application/papermill.record/"
    display(
        {prefix + "text/plain": repr(entry["value"])},
        raw=True,
        metadata={"scrapbook": {"name": name, "mime_prefix": prefix}, LEDGER_KEY: entry},
    )


class Table:
    """Rows of numbers, shown as a typeset table in a notebook and as aligned text elsewhere.

    Parameters
    ----------
    rows
        One sequence of cells a row; text and formatted numbers are shown as they are, but for typeset minus signs in
        HTML. The first cell heads its row.
    columns
        The heads of the columns.
    caption
        What the table shows, in one sentence.
    sortable
        Whether readers of the site may sort the rows by pressing the head of a column.

    Raises
    ------
    ValueError
        A row has another number of cells than there are columns.
    """

    def __init__(
        self, rows: Sequence[Sequence[object]], *, columns: Sequence[str], caption: str, sortable: bool = False
    ) -> None:
        self.rows = [[str(cell) for cell in row] for row in rows]
        self.columns = list(columns)
        self.caption = caption
        self.sortable = sortable
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"rows: expected {len(self.columns)} cells a row, got {len(row)} in {row}")

    def __repr__(self) -> str:
        widths = [max(map(len, cells)) for cells in zip(self.columns, *self.rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in [self.columns, *self.rows]
        ]
        return "\n".join([self.caption, *lines])

    def _repr_html_(self) -> str:
        import html

        def escape(cell: str) -> str:
            return html.escape(re.sub(r"(?<![\w.,)-])-(?=\d)", "\N{MINUS SIGN}", cell))

        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in self.columns)
        body = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(c)}</td>" for c in row[1:]) + "</tr>"
            for row in self.rows
        )
        kind = "ml-table ml-sortable" if self.sortable else "ml-table"
        return (
            f'<table class="{kind}"><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
