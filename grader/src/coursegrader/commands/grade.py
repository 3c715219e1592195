"""``grade``: grade what students handed in."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursegrader.commands import (
    EXIT_INCOMPLETE,
    WIDE,
    add_tables,
    add_workers,
    check_isolation,
    collect,
    given_tables,
    warn,
)
from coursegrader.platforms import PLATFORMS

if TYPE_CHECKING:  # slow to import, and not needed for help
    from coursegrader.commands import Commands
    from coursegrader.exercises import Exercise
    from coursegrader.gradebook import Gradebook
    from coursegrader.submissions import Submission


def add(commands: "Commands") -> None:
    """Add the command."""
    grade = commands.add_parser(
        "grade",
        help="grade what students handed in",
        description="Grade folders, zip archives from platforms, and notebooks. Run again, it resumes; with other\n"
        "submissions and the same --out, it adds to the tables.",
        **WIDE,
    )
    grade.add_argument("submissions", metavar="SUBMISSIONS", nargs="+", type=Path, help="folders, archives, notebooks")
    grade.add_argument("--assignment", metavar="DIR", type=Path, required=True, help="what `assignment build` wrote")
    grade.add_argument("--out", metavar="DIR", type=Path, required=True, help="where grades and feedback go")
    add_tables(grade)
    grade.add_argument(
        "--platform",
        choices=PLATFORMS,
        default="",
        help="what exported the submissions; plain if students or you chose the names (default: what all names show)",
    )
    add_workers(grade)
    grade.add_argument("--unsafe", action="store_true", help="grade even if students' code cannot be isolated here")
    grade.set_defaults(run=_grade)


def _grade(options: argparse.Namespace) -> int:
    from coursegrader import files
    from coursegrader.gradebook import Gradebook, read_assignment
    from coursegrader.submissions import find_submissions

    file, name, exercises = read_assignment(options.assignment)
    check_isolation(
        options.program,
        unsafe=options.unsafe,
        items=[item for exercise in exercises for item in exercise.preload],
        paths=[options.assignment, options.out, *options.submissions, *given_tables(options).values()],
        scheduler=options.scheduler,
    )
    _check_place(options.out, options.submissions)
    warn(files.warnings([file], "solutions"))
    submissions = find_submissions(
        options.submissions,
        assignment=name,
        exercises=exercises,
        platform=options.platform,
        tell=lambda line: warn([line]),
    )
    book = Gradebook(options.out)
    with book.locked():
        return _grade_into(book, submissions, file, exercises, options)


def _check_place(out: Path, submissions: list[Path]) -> None:
    """Refuse a folder of grades among the submissions: run again, it would be one of them."""
    for path in submissions:
        if out.resolve().is_relative_to(path.resolve()):
            raise ValueError(f"--out: expected a folder outside the submissions, got {out}, which is in {path}")


def _grade_into(
    book: "Gradebook",
    submissions: "list[Callable[[], Submission]]",
    file: Path,
    exercises: "list[Exercise]",
    options: argparse.Namespace,
) -> int:
    """Grade submissions with the assignment in a file, and write the tables; return the exit code."""
    from coursegrader import files, runner
    from coursegrader.gradebook import RECORDS
    from coursegrader.variants import load_variants

    book.remember(
        options.assignment,
        options.submissions,
        platform=options.platform,
        unsafe=options.unsafe,
        tables=given_tables(options),
    )
    warn(files.warnings([options.out], "marks"))
    earlier = book.records()
    graded = runner.grade_all(
        submissions,
        exercises,
        options.out / RECORDS,
        made_with=runner.describe(file, exercises, options.unsafe),
        workers=options.workers,
        scheduler=options.scheduler,
        unsafe=options.unsafe,
        variants=load_variants(file),
    )
    records, failed = collect(graded, len(submissions))
    warn(_changes(records, earlier))
    book.finish([record["student"] for record in records], failed=list(failed))
    book.write_tables(tell=lambda line: warn([line]))
    print(f"graded {len(records)} of {len(submissions)}: {options.out / 'summary.html'}")
    return EXIT_INCOMPLETE if failed else 0


def _changes(records: list[dict[str, Any]], earlier: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each reason why students were graded again, and for each score that is another one."""
    from coursegrader.runner import explain

    before = {record["student"]: record for record in earlier}
    reasons: dict[str, list[str]] = {}
    changed = []
    for record in records:
        student, score = record["student"], record["score"]
        old = before.get(student, record)
        reason = explain(old.get("made_with", {}), record["made_with"]) if old is not record else ""
        if not reason and old["digest"] != record["digest"]:
            reason = "something else was handed in"
        if reason:
            reasons.setdefault(reason, []).append(student)
        if old["score"] != score:
            changed.append(f"{student}: {score} points; an earlier run gave {old['score']}")
    for reason, students in reasons.items():
        more = f" and {len(students) - 3} more" if len(students) > 3 else ""
        yield f"graded again, because {reason}: {', '.join(students[:3])}{more}"
    yield from changed
