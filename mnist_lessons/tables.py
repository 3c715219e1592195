"""Tables: rows of numbers, stored as CSV and shown typeset."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]

STORED = Path(__file__).parent / "stored"


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


def load_table(name: str) -> list[Row]:
    """Return the rows of a table in the package's ``stored`` folder; how it was made stands in ``NAME.json``."""
    return load_rows(STORED / f"{name}.csv")


def load_rows(file: Path) -> list[Row]:
    """Read rows that `save_rows` wrote: what reads as a number is one, several with spaces between are a tuple."""
    with file.open(newline="", encoding="utf-8") as stream:
        return [{key: _parse(text) for key, text in row.items()} for row in csv.DictReader(stream)]


def save_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV; sequences become their members with spaces between, numbers keep five digits."""

    def cell(value: Any) -> Any:
        if isinstance(value, float | np.floating):
            return f"{value:.5g}"
        return " ".join(str(cell(part)) for part in value) if isinstance(value, tuple | list) else value

    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)


def _parse(text: str) -> Any:
    parts = text.split(" ")
    try:
        numbers = tuple(int(part) if part.lstrip("-").isdigit() else float(part) for part in parts)
    except ValueError:
        return text
    return numbers if len(numbers) > 1 else numbers[0]
