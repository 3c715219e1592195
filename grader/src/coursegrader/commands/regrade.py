"""``regrade``: grade again what a folder of grades holds, and list whose mark changes."""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursegrader.commands import (
    EXIT_INCOMPLETE,
    WIDE,
    add_grades,
    add_workers,
    check_isolation_again,
    choose_questions,
    collect,
    warn,
)

if TYPE_CHECKING:  # slow to import, and not needed for help
    from coursegrader.commands import Commands
    from coursegrader.gradebook import Gradebook
    from coursegrader.submissions import Submission


def add(commands: "Commands") -> None:
    """Add the command."""
    regrade = commands.add_parser(
        "regrade",
        help="grade again, after a test was repaired, and list whose mark changes",
        description="Grade again the submissions that GRADES has records of, with the assignment as it is now, and\n"
        "list whose mark changes and why. With --compare, no mark is written yet. The same command\n"
        "without it takes over what was compared.",
        **WIDE,
    )
    add_grades(regrade)
    regrade.add_argument("--question", metavar="ID", help="grade this question only, and take over the others' results")
    regrade.add_argument("--student", metavar="LABEL", action="append", help="only this one; may be repeated")
    regrade.add_argument("--compare", action="store_true", help="list what would change, and write no mark")
    add_workers(regrade)
    regrade.set_defaults(run=_regrade)


def _regrade(options: argparse.Namespace) -> int:
    from coursegrader.gradebook import Gradebook

    book = Gradebook.open(options.grades)
    with book.locked():
        return _compare(options, book)


def _compare(options: argparse.Namespace, book: "Gradebook") -> int:
    """Grade again, list the changes, and write them unless they are only to be compared; return the exit code."""
    from coursegrader import overrides
    from coursegrader.comparison import compare, describe_changes
    from coursegrader.gradebook import PENDING

    before = book.records()
    if options.student:
        before = [overrides.find_record(before, student) for student in options.student]
    pending = options.grades / PENDING / (options.question or "all")
    now, failed = _grade_into(pending, options, book, before)
    changes = compare(book.decided(before), book.decided(now))
    for line in describe_changes(changes):
        print(line)
    marks = sum(change.before != change.now for change in changes)
    if options.compare:
        print(f"{marks} of {len(now)} marks would change; the same command without --compare writes them")
        return EXIT_INCOMPLETE if failed else 0
    for record in now:
        book.replace(record)
    if not failed:
        shutil.rmtree(options.grades / PENDING)
    book.write_tables(tell=lambda line: warn([line]))
    print(f"{marks} of {len(now)} marks have changed: {options.grades / 'summary.html'}")
    return EXIT_INCOMPLETE if failed else 0


def _grade_into(
    folder: Path, options: argparse.Namespace, book: "Gradebook", before: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Grade into a folder of results that do not count yet; return the records, and reasons for those that failed."""
    from coursegrader import files, runner
    from coursegrader.gradebook import RECORDS
    from coursegrader.variants import load_variants

    file, _, exercises = book.assignment()
    about = book.about
    check_isolation_again(options.program, book, scheduler=options.scheduler)
    made_with = runner.describe(file, exercises, about["unsafe"])
    chosen = choose_questions(exercises, options.question)
    own = book.exercises_of(record["student"] for record in before)
    known = {}
    for record in before:
        valid = runner.still_valid(record, own[record["student"]], made_with)
        known[record["student"]] = {name: result for name, result in valid.items() if name not in chosen}
    if others := [student for student in known if len(known[student]) < len(exercises) - len(chosen)]:
        warn([f"other questions, too, are graded again for {len(others)} students, because their results do not hold"])
    secret = book.folder / RECORDS / runner.SECRET
    files.write(folder / runner.SECRET, secret.read_text(encoding="utf-8"), root=folder, private=True)
    graded = runner.grade_all(
        map(_reader, book.graded([record["student"] for record in before], missing=_tell_missing)),
        exercises,
        folder,
        made_with=made_with,
        known=known,
        workers=options.workers,
        scheduler=options.scheduler,
        unsafe=about["unsafe"],
        variants=load_variants(file),
    )
    return collect(graded, len(before))


def _reader(submission: "Submission") -> "Callable[[], Submission]":
    return lambda: submission


def _tell_missing(student: str) -> None:
    warn([f"left as it is, because what was graded is no longer there: {student}"])
