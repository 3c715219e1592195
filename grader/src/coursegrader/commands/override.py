"""``override``: set the points of an answer by hand, with a reason."""

import argparse
from typing import TYPE_CHECKING

from coursegrader.commands import WIDE, add_grades, warn

if TYPE_CHECKING:
    from coursegrader.commands import Commands
    from coursegrader.gradebook import Gradebook


def add(commands: "Commands") -> None:
    """Add the command."""
    override = commands.add_parser(
        "override",
        help="set the points of an answer by hand, with a reason",
        description="Let --points count for an answer in place of those of its tests, until --remove. They survive\n"
        "grading again, and the student reads the reason. Without options, list what was decided so far.",
        **WIDE,
    )
    add_grades(override)
    override.add_argument("--student", metavar="LABEL", help="as in grades.csv; the id or the name is enough")
    override.add_argument("--question", metavar="ID", help="the id of the question")
    what = override.add_mutually_exclusive_group()
    what.add_argument("--points", metavar="P", type=float, help="the points that count")
    what.add_argument("--remove", action="store_true", help="let those of the tests count again")
    override.add_argument("--reason", metavar="TEXT", help="why, for the student and for later")
    override.set_defaults(run=_override)


def _override(options: argparse.Namespace) -> int:
    from coursegrader import overrides
    from coursegrader.gradebook import Gradebook

    book = Gradebook.open(options.grades)
    given = [options.student, options.question, options.points, options.remove or None, options.reason]
    if given == [None] * len(given):
        return _list(book)
    if None in (options.student, options.question, options.reason) or (options.points is None and not options.remove):
        raise ValueError("expected --student, --question, --reason, and one of --points and --remove")
    with book.locked():
        record = overrides.find_record(book.records(), options.student)
        decision = overrides.decide(record, options.question, points=options.points, reason=options.reason)
        book.marks()  # what is in the way of the tables is in the way of the decision
        overrides.add(options.grades, decision)
        book.write_tables(tell=lambda line: warn([line]))
    print(f"written: {options.grades / 'summary.html'}")
    return 0


def _list(book: "Gradebook") -> int:
    """Print the journal, the oldest decision first."""
    from coursegrader import overrides
    from coursegrader.calls import printable
    from coursegrader.platforms import identity

    journal = overrides.read(book.folder)
    known = {identity(record["student"]) for record in book.records()}
    holding = overrides.current(journal)
    for decision in journal:
        points = "removed" if decision.points is None else f"{decision.points:g} points"
        notes = [] if decision in holding or decision.points is None else ["replaced since"]
        notes += [] if identity(decision.student) in known else ["this student has no record now"]
        about = f"{decision.time} {decision.student}, {decision.question}: {points}"
        print(printable(f"{about}{' (' if notes else ''}{', '.join(notes)}{')' if notes else ''}: {decision.reason}"))
    return 0
