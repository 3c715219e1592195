"""``assignment``: list exercises, build an assignment."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from coursegrader.commands import WIDE, warn
from coursegrader.exercises import ASSIGNMENT_FILE, Exercise, read_exercises

if TYPE_CHECKING:
    from coursegrader.commands import Commands


def add(commands: "Commands", *, source: Path) -> None:
    """Add the command; `source` is the default folder of exercises."""
    assignment = commands.add_parser("assignment", help="list exercises, build an assignment", **WIDE)
    actions = assignment.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the exercises there are", **WIDE)
    listing.set_defaults(run=_list)
    build = actions.add_parser(
        "build",
        help="write the students' notebook and the assignment file",
        description="Write DIR/release (give it to students), DIR/source and DIR/assignment.json (keep them).",
        **WIDE,
    )
    build.add_argument("name", metavar="NAME", help="the assignment's name, without spaces")
    build.add_argument("--exercises", metavar="ID", nargs="+", required=True, help="ids of exercises, or of chapters")
    build.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write")
    build.add_argument(
        "--variants",
        metavar="FILE",
        type=Path,
        help="a class list (CSV) that your platform exported: everybody on it gets other values",
    )
    build.set_defaults(run=_build)
    for command in (listing, build):
        command.set_defaults(default_source=source)
        command.add_argument(
            "--source",
            metavar="DIR",
            type=Path,
            action="append",
            default=[],
            help=f"a folder of exercises; may be repeated (default: {source})",
        )


def _read_sources(options: argparse.Namespace) -> list[Exercise]:
    folders = options.source or [options.default_source]
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"--source: expected a folder of exercises, got {folder}")
    return [exercise for folder in folders for exercise in read_exercises(folder)]


def _list(options: argparse.Namespace) -> int:
    for exercise in _read_sources(options):
        print(f"{exercise.id:32} {exercise.points:3} points {exercise.minutes:4} min  {exercise.title}")
    return 0


def _choose(options: argparse.Namespace) -> list[Exercise]:
    """Return the exercises that the command line names by their ids or chapters."""
    known = _read_sources(options)
    chosen = []
    for name in options.exercises:
        found = [exercise for exercise in known if name in (exercise.id, exercise.chapter)]
        if not found:
            raise ValueError(
                f"--exercises: {name} is neither an exercise nor a chapter; see: {options.program} assignment list"
            )
        chosen += found
    return chosen


def _build(options: argparse.Namespace) -> int:
    from coursegrader.assignment import build_assignment
    from coursegrader.files import exposed, warnings
    from coursegrader.roster import read_roster

    chosen = _choose(options)
    source = options.out / "source" / options.name
    wide = [file for file in (options.out / ASSIGNMENT_FILE, source / f"{options.name}.ipynb") if exposed(file)]
    if missing := [exercise.id for exercise in chosen if exercise.variant and not options.variants]:
        raise ValueError(f"{missing[0]} has variants: name the class list with --variants FILE")
    people = read_roster(options.variants).people if options.variants else []
    release, file = build_assignment(options.name, chosen, options.out, people=people)
    warn(f"{file}: until now, other users could open this file, and it holds solutions" for file in wide)
    warn(warnings([options.out, source.parent, source], "solutions"))
    print(f"for students: {release}\nkeep:         {file}")
    return 0
