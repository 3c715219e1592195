"""What can be typed after the name of the program: one module a command, and here what several of them need.

Each module has ``add(commands)``, which adds the command with its options to the parser, and a function that runs it,
given the options, and returns the exit code.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coursegrader.exercises import Exercise
    from coursegrader.gradebook import Gradebook

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130
# Tables that an instructor gives, with the text of their options.
TABLES = {
    "roster": "a class list (CSV) that your platform exported",
    "dates": "a table (CSV) of deadlines, extensions and what late work costs",
    "groups": "a table (CSV) of groups, which are marked once",
}
# Options of every parser.
WIDE: dict[str, Any] = {
    "formatter_class": argparse.RawDescriptionHelpFormatter,
    "epilog": """exit codes:
  0  done
  1  stopped by an error, which is printed
  2  the command line is wrong
  3  graded, but grading itself failed for some submissions: run the same command again
130  interrupted (Ctrl-C): run the same command again to resume
""",
}


def add_grades(parser: argparse.ArgumentParser) -> None:
    """Add the argument of every command that works on a folder of grades."""
    parser.add_argument("grades", metavar="GRADES", type=Path, help="a folder that `grade --out` wrote")


def add_tables(parser: argparse.ArgumentParser) -> None:
    """Add the options for tables that an instructor gives, which a folder of grades remembers."""
    for kind, about in TABLES.items():
        parser.add_argument(f"--{kind}", metavar="FILE", type=Path, help=about)


def given_tables(options: argparse.Namespace) -> dict[str, Path]:
    """Return the tables among the options of `add_tables` that were given, by kind."""
    return {kind: file for kind in TABLES if (file := getattr(options, kind))}


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where answers run."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", metavar="N", type=positive, default=1, help="processes on this machine (default: 1)"
    )
    where.add_argument("--scheduler", metavar="ADDRESS", help="grade on a Dask cluster, e.g. tls://10.0.0.5:8786")


def positive(text: str) -> int:
    """Return a positive whole number, for the value of an option.

    Raises
    ------
    argparse.ArgumentTypeError
        The text is something else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got {text!r}")
    return int(text)


def choose_questions(exercises: "list[Exercise]", question: str | None) -> list[str]:
    """Return the ids of all questions, or of the one that an option names.

    Raises
    ------
    ValueError
        The assignment has no such question.
    """
    known = [exercise.id for exercise in exercises]
    if question is not None and question not in known:
        raise ValueError(f"--question: expected one of {', '.join(known)}, got {question!r}")
    return known if question is None else [question]


def collect(
    graded: Iterable[tuple[str, dict[str, Any] | None, str]], total: int
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the records that `runner.grade_all` yields, and a reason for each student whose grading itself failed.

    Shows the progress, and a line for each of the latter.
    """
    from tqdm import tqdm

    records, failed = [], {}
    for student, record, problem in tqdm(graded, total=total, unit="submission"):
        if record is None:
            failed[student] = problem
        else:
            records.append(record)
    warn(f"not graded, because grading itself failed: {student}: {failed[student]}" for student in failed)
    return records, failed


def warn(lines: Iterable[str]) -> None:
    """Print lines to stderr."""
    for line in lines:
        print(line, file=sys.stderr)


def check_isolation_again(program: str, book: "Gradebook", *, scheduler: str | None = None) -> None:
    """Refuse to run what is in a folder of grades again, unless it can be isolated as when it was graded.

    Raises
    ------
    ValueError
        It says what is in the way.
    """
    file, _, exercises = book.assignment()
    about = book.about
    check_isolation(
        program,
        unsafe=about["unsafe"],
        items=[item for exercise in exercises for item in exercise.preload],
        paths=[file.parent, book.folder, *map(Path, about["submissions"])],
        scheduler=scheduler,
    )


def check_isolation(
    program: str, *, unsafe: bool, items: list[str], paths: Iterable[Path], scheduler: str | None = None
) -> None:
    """Refuse to run students' code if it cannot be isolated, or could read what is private.

    Parameters
    ----------
    program
        The command's name, for messages.
    unsafe
        Allow it nevertheless, with a warning.
    items
        What the exercises preload: students' code can read these packages.
    paths
        What it must not be able to read.
    scheduler
        The address of the cluster that it runs on, None if it runs on this machine.

    Raises
    ------
    ValueError
        It says what is in the way.
    """
    from coursegrader import sandbox

    here = scheduler is None
    if scheduler:
        from coursegrader.runner import check_address

        check_address(scheduler)
    if here and (reason := sandbox.other_system()):
        raise ValueError(reason)
    if unsafe:
        warn([f"{program}: --unsafe: students' code can read your files and use your network"])
        return
    if here and (obstacle := sandbox.obstacle()):
        raise ValueError(
            f"students' code cannot be isolated here: {obstacle}. To grade without isolation, use --unsafe"
        )
    readable = sandbox.readable_paths(tuple(items))
    for path in paths:
        if any(path.resolve().is_relative_to(folder) for folder in readable):
            raise ValueError(f"{path}: students' code can read this folder; move it elsewhere")
