"""``assignment``: list exercises, check them, build an assignment."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from coursegrader import preload
from coursegrader.commands import WIDE, check_isolation, positive, warn
from coursegrader.exercises import ASSIGNMENT_FILE, Exercise, read_exercises

if TYPE_CHECKING:
    from coursegrader.check import Checked
    from coursegrader.commands import Commands


def add(commands: "Commands", *, source: Path) -> None:
    """Add the command; `source` is the default folder of exercises."""
    assignment = commands.add_parser("assignment", help="list and check exercises, build an assignment", **WIDE)
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
    check = actions.add_parser(
        "check",
        help="check that right answers pass the tests and wrong ones do not",
        description="Grade the solution, the stub, mutants of the solution, and the answers in right.check.md and\n"
        "wrong.check.md beside the exercises. Exit code 1 if something is not in order.",
        **WIDE,
    )
    check.add_argument("--exercises", metavar="ID", nargs="+", help="ids of exercises, or of chapters (default: all)")
    check.add_argument(
        "--draws", metavar="N", type=positive, default=200, help="how often to draw for right answers (default: 200)"
    )
    check.add_argument("--unsafe", action="store_true", help="check even if code cannot be isolated here")
    check.set_defaults(run=_check)
    for command in (listing, build, check):
        command.set_defaults(default_source=source)
        command.add_argument(
            "--source",
            metavar="DIR",
            type=Path,
            action="append",
            default=[],
            help=f"a folder of exercises; may be repeated (default: {source})",
        )


def _folders(options: argparse.Namespace) -> list[Path]:
    folders: list[Path] = options.source or [options.default_source]
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"--source: expected a folder of exercises, got {folder}")
    return folders


def _read_sources(options: argparse.Namespace) -> list[Exercise]:
    found = [exercise for folder in _folders(options) for exercise in read_exercises(folder)]
    if not found:
        folders = ", ".join(map(str, _folders(options)))
        raise ValueError(f"--source: expected MyST notebooks with exercises, found none in {folders}")
    return found


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
    from coursegrader.files import exposed, locked, make_folder, warnings
    from coursegrader.roster import read_roster

    chosen = _choose(options)
    source = options.out / "source" / options.name
    wide = [file for file in (options.out / ASSIGNMENT_FILE, source / f"{options.name}.ipynb") if exposed(file)]
    if missing := [exercise.id for exercise in chosen if exercise.variant and not options.variants]:
        raise ValueError(f"{missing[0]} has variants: name the class list with --variants FILE")
    people = read_roster(options.variants).people if options.variants else []
    make_folder(options.out)
    with locked(options.out):
        release, file = build_assignment(options.name, chosen, options.out, people=people)
    warn(f"{file}: until now, other users could open this file, and it holds solutions" for file in wide)
    warn(warnings([options.out, source.parent, source], "solutions"))
    print(f"for students: {release}\nkeep:         {file}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from coursegrader import check
    from coursegrader.forkserver import Forkserver, environment
    from coursegrader.variants import samples

    chosen = _choose(options) if options.exercises else _read_sources(options)
    items = list(dict.fromkeys(item for exercise in chosen for item in exercise.preload))
    check_isolation(options.program, unsafe=options.unsafe, items=items, paths=_folders(options))
    os.environ.update(environment())  # before anything imports Keras
    answers = {file: _read_answers(options, file) for file in (check.RIGHT_FILE, check.WRONG_FILE)}
    print(f"{'':32} draws right wrong  mutants that lose points")
    faulty = 0
    with Forkserver(unsafe=options.unsafe) as forkserver:
        preload.load(items)
        for exercise in chosen:
            if exercise.rubric:
                print(f"{exercise.id:32} is marked by hand")
                continue
            right, wrong = (answers[file].get(exercise.id, []) for file in answers)
            drawn = samples(exercise)
            draws = max(1, options.draws // len(drawn))
            checked = [check.check_exercise(one, forkserver, right=right, wrong=wrong, draws=draws) for one in drawn]
            faulty += any(one.faults for one in checked)
            _print_checked(next((one for one in checked if one.faults), checked[0]))
    print(f"{len(chosen) - faulty} of {len(chosen)} exercises are in order")
    return 1 if faulty else 0


def _read_answers(options: argparse.Namespace, name: str) -> dict[str, list[str]]:
    """Return the answers in the files of that name, by exercise; raise if they name one that there is not."""
    from coursegrader.check import read_answers

    found: dict[str, list[str]] = {}
    for folder in _folders(options):
        answers = read_answers(folder / name)
        if unknown := sorted(answers.keys() - {exercise.id for exercise in read_exercises(folder)}):
            raise ValueError(f"{folder / name}: there is no exercise {unknown[0]} in this folder")
        found |= answers
    return found


def _print_checked(checked: "Checked") -> None:
    lost = checked.mutants - len(checked.survivors)
    mutants = f"{lost:4} of {checked.mutants}" if checked.mutants else ""
    print(f"{checked.id:32} {checked.draws:5} {checked.right:5} {checked.wrong:5}  {mutants}", flush=True)
    for survivor in checked.survivors:
        print(f"    full marks with: {survivor}")
    for fault in checked.faults:
        print(f"    NOT IN ORDER: {fault}")
