"""``similarity``: show which answers are alike."""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from coursegrader.commands import WIDE, add_grades, warn

if TYPE_CHECKING:
    from coursegrader.commands import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    similarity = commands.add_parser(
        "similarity",
        help="show which answers are alike",
        description="Write a page with the answers in GRADES whose code is alike, side by side. It does not say why\n"
        "they are alike. Nothing is graded, and no mark changes.",
        **WIDE,
    )
    add_grades(similarity)
    similarity.add_argument(
        "--out", metavar="FILE", type=Path, help="the page to write (default: similarity.html in GRADES)"
    )
    similarity.set_defaults(run=_similarity)


def _similarity(options: argparse.Namespace) -> int:
    from coursegrader.files import write
    from coursegrader.gradebook import Gradebook
    from coursegrader.similarity import compare
    from coursegrader.similarity_page import make_page

    book = Gradebook.open(options.grades)
    _, name, exercises = book.assignment()
    records = book.records()
    if without := [record["student"] for record in records if not any("answer" in q for q in record["questions"])]:
        warn([f"{len(without)} records hold no code, since an older version made them: run `grade` again"])
    comparison = compare(records, exercises)
    file = options.out or options.grades / "similarity.html"
    with contextlib.nullcontext() if options.out else book.locked():
        write(file, make_page(comparison, assignment=name), root=file.parent, private=True)
    _, count = comparison.matches(most=0)
    print(f"{len(comparison.students)} people, {count} matches: {file}")
    return 0
