"""``tables``: write the tables and pages of a folder of grades again."""

import argparse
from typing import TYPE_CHECKING

from coursegrader.commands import WIDE, add_grades, add_tables, given_tables, warn

if TYPE_CHECKING:
    from coursegrader.commands import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    tables = commands.add_parser(
        "tables",
        help="write tables and pages again, without grading",
        description="Write the tables and pages of GRADES again, from its records. Nothing is graded.",
        **WIDE,
    )
    add_grades(tables)
    add_tables(tables)
    tables.set_defaults(run=_tables)


def _tables(options: argparse.Namespace) -> int:
    from coursegrader.gradebook import Gradebook

    book = Gradebook.open(options.grades)
    with book.locked():
        book.remember_tables(given_tables(options))
        book.write_tables(tell=lambda line: warn([line]))
    print(f"written: {options.grades / 'summary.html'}")
    return 0
