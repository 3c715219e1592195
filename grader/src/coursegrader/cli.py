"""The command line: build assignments and grade them."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from coursegrader.exercises import ASSIGNMENT_FILE, Exercise, load, read_exercises
from coursegrader.platforms import PLATFORMS

if TYPE_CHECKING:  # slow to import, and not needed for help
    from coursegrader.roster import Roster
    from coursegrader.submissions import Submission

EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130
_EXIT_CODES = """exit codes:
  0  done
  1  stopped by an error, which is printed
  2  the command line is wrong
  3  graded, but grading itself failed for some submissions: run the same command again
130  interrupted (Ctrl-C): run the same command again to resume
"""


def main(
    arguments: Sequence[str] | None = None, *, program: str = "coursegrader", source: str | Path = "exercises"
) -> int:
    """Run the command; return its exit code.

    Parameters
    ----------
    arguments
        The command line; by default that of the process.
    program, source
        The command's name and its default folder of exercises, for a course that has a command of its own.
    """
    if arguments is None and {sys.getfilesystemencoding(), sys.stdout.encoding.lower()} != {"utf-8"}:
        _restart_in_utf8()
    options = _parser(program, Path(source)).parse_args(arguments)
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        code: int = options.run(options)
    except (ValueError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, before)
    return code


def _restart_in_utf8() -> NoReturn:
    """Run this command again in Python's UTF-8 mode: the locale's encoding cannot spell every student's name."""
    # Without a locale, Python 3.11 also reads UTF-8 where it looks up the folders of editable packages.
    dropped = {"LANG", "LC_ALL", "LC_CTYPE", "PYTHONCOERCECLOCALE", "PYTHONIOENCODING"}
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], variables)


def _interrupt(*_: object) -> None:
    """Exit at once: files are written atomically, and everything that was started ends with this process."""
    print("\ninterrupted", file=sys.stderr)
    os._exit(EXIT_INTERRUPTED)


def _parser(program: str, source: Path) -> argparse.ArgumentParser:
    wide: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": _EXIT_CODES}
    parser = argparse.ArgumentParser(prog=program, description="Build and grade assignments.", **wide)
    parser.set_defaults(program=program, default_source=source)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    assignment = commands.add_parser("assignment", help="list exercises, build an assignment", **wide)
    actions = assignment.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the exercises there are", **wide)
    listing.set_defaults(run=_list)
    build = actions.add_parser(
        "build",
        help="write the students' notebook and the assignment file",
        description="Write DIR/release (give it to students), DIR/source and DIR/assignment.json (keep them).",
        **wide,
    )
    build.add_argument("name", metavar="NAME", help="the assignment's name, without spaces")
    build.add_argument("--exercises", metavar="ID", nargs="+", required=True, help="ids of exercises, or of chapters")
    build.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write")
    build.set_defaults(run=_build)
    for command in (listing, build):
        command.add_argument(
            "--source",
            metavar="DIR",
            type=Path,
            action="append",
            default=[],
            help=f"a folder of exercises; may be repeated (default: {source})",
        )

    grade = commands.add_parser(
        "grade",
        help="grade what students handed in",
        description="Grade folders, zip archives from platforms, and notebooks. Run again, it resumes; with other\n"
        "submissions and the same --out, it adds to the tables.",
        **wide,
    )
    grade.add_argument("submissions", metavar="SUBMISSIONS", nargs="+", type=Path, help="folders, archives, notebooks")
    grade.add_argument("--assignment", metavar="DIR", type=Path, required=True, help="what `assignment build` wrote")
    grade.add_argument("--out", metavar="DIR", type=Path, required=True, help="where grades and feedback go")
    grade.add_argument("--roster", metavar="FILE", type=Path, help="a class list (CSV) that your platform exported")
    grade.add_argument(
        "--platform",
        choices=PLATFORMS,
        default="",
        help="what exported the submissions; plain if students or you chose the names (default: what all names show)",
    )
    where = grade.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", metavar="N", type=_positive, default=1, help="processes on this machine (default: 1)"
    )
    where.add_argument("--scheduler", metavar="ADDRESS", help="grade on a Dask cluster, e.g. tls://10.0.0.5:8786")
    grade.add_argument("--unsafe", action="store_true", help="grade even if students' code cannot be isolated here")
    grade.set_defaults(run=_grade)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got {text!r}")
    return int(text)


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


def _build(options: argparse.Namespace) -> int:
    from coursegrader.assignment import build_assignment
    from coursegrader.files import exposed, warnings

    known = _read_sources(options)
    chosen = []
    for name in options.exercises:
        found = [exercise for exercise in known if name in (exercise.id, exercise.chapter)]
        if not found:
            raise ValueError(
                f"--exercises: {name} is neither an exercise nor a chapter; see: {options.program} assignment list"
            )
        chosen += found
    source = options.out / "source" / options.name
    wide = [file for file in (options.out / ASSIGNMENT_FILE, source / f"{options.name}.ipynb") if exposed(file)]
    release, file = build_assignment(options.name, chosen, options.out)
    _warn(f"{file}: until now, other users could open this file, and it holds solutions" for file in wide)
    _warn(warnings([options.out, source.parent, source], "solutions"))
    print(f"for students: {release}\nkeep:         {file}")
    return 0


def _grade(options: argparse.Namespace) -> int:
    from coursegrader import files, runner, sandbox
    from coursegrader.roster import read_roster
    from coursegrader.submissions import find_submissions

    file = options.assignment / ASSIGNMENT_FILE
    try:
        name, exercises = load(file)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file}: expected the file that `{options.program} assignment build` wrote") from error
    _check_isolation(options, sandbox, [item for exercise in exercises for item in exercise.preload])
    if options.scheduler:
        runner.check_address(options.scheduler)
    _warn(files.warnings([file], "solutions"))
    roster = read_roster(options.roster) if options.roster else None
    submissions = find_submissions(
        options.submissions,
        assignment=name,
        exercises=exercises,
        platform=options.platform,
        tell=lambda line: _warn([line]),
    )
    files.make_folder(options.out)  # marks are private
    _warn(files.warnings([options.out], "marks"))
    made_with = runner.describe(file.read_bytes(), exercises, unsafe=options.unsafe)
    earlier = _read_records(options.out / "records")
    records, failed = _grade_all(options, submissions, exercises, made_with)
    _warn(f"not graded, because grading itself failed: {student}: {failed[student]}" for student in failed)
    _warn(_changes(records, earlier))
    others, unsafe = _others(earlier, {*failed, *(record["student"] for record in records)}, made_with)
    _write_tables(options, name, records + others, dict.fromkeys(failed, "Not graded yet.") | unsafe, roster)
    print(f"graded {len(records)} of {len(submissions)}: {options.out / 'summary.html'}")
    return EXIT_INCOMPLETE if failed else 0


def _grade_all(
    options: argparse.Namespace,
    submissions: "list[Callable[[], Submission]]",
    exercises: list[Exercise],
    made_with: dict[str, str],
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the records, and for students whose grading failed the reason."""
    from tqdm import tqdm

    from coursegrader import runner

    graded = runner.grade_all(
        submissions,
        exercises,
        options.out / "records",
        made_with=made_with,
        workers=options.workers,
        scheduler=options.scheduler,
        unsafe=options.unsafe,
    )
    records, failed = [], {}
    for student, record, problem in tqdm(graded, total=len(submissions), unit="submission"):
        if record is None:
            failed[student] = problem
        else:
            records.append(record)
    return records, failed


def _write_tables(
    options: argparse.Namespace,
    name: str,
    records: list[dict[str, Any]],
    ungraded: dict[str, str],
    roster: "Roster | None",
) -> None:
    from coursegrader import report
    from coursegrader.roster import match_people

    worksheet = None
    if roster:
        records, absent, scores = match_people(roster, records, ungraded)
        ungraded = ungraded | absent
        worksheet = roster.filled(scores)
        most = roster.maximum()
        if records and most not in (None, records[0]["max_score"]):
            print(
                f"{options.roster}: the maximum grade in Moodle is {most:g}, and the assignment has "
                f"{records[0]['max_score']} points; set it to that in Moodle before you upload moodle.csv",
                file=sys.stderr,
            )
    report.write_reports(records, options.out, assignment=name, ungraded=ungraded, worksheet=worksheet)


def _read_records(folder: Path) -> list[dict[str, Any]]:
    """Return the records of earlier runs."""
    records = []
    for file in sorted(folder.glob("*.json")):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(record, dict) and {"student", "file", "digest", "score", "questions"} <= set(record):
            records.append(record)
    return records


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


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


def _others(
    earlier: list[dict[str, Any]], students: set[str], made_with: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the records of earlier runs of students who are not in this one, by id or else by name.

    Those that were made without isolation, where this run has it, are no records but only students and a remark.
    """
    from coursegrader.platforms import split_label
    from coursegrader.runner import explain

    numbers = {split_label(student)[1] for student in students} - {""}
    found, unsafe = [], {}
    for record in earlier:
        made_before = record.get("made_with", {})
        if record["student"] in students or split_label(record["student"])[1] in numbers:
            continue
        reason = explain(made_before, made_with)
        if made_with["isolation"] == "on" and made_before.get("isolation") != "on":
            unsafe[record["student"]] = f"Graded earlier, which does not count, because {reason}."
            continue
        if reason:
            record = {**record, "problem": f"Graded earlier, and since then {reason}. {record['problem']}".strip()}
        found.append(record)
    return found, unsafe


def _check_isolation(options: argparse.Namespace, sandbox, items: list[str]) -> None:  # type: ignore[no-untyped-def]
    """Refuse to grade if students' code cannot be isolated, or could read the submissions or marks."""
    if options.scheduler is None and (reason := sandbox.other_system()):
        raise ValueError(reason)
    if options.unsafe:
        print(f"{options.program}: --unsafe: students' code can read your files and use your network", file=sys.stderr)
        return
    if options.scheduler is None and (obstacle := sandbox.obstacle()):
        raise ValueError(
            f"students' code cannot be isolated here: {obstacle}. To grade without isolation, use --unsafe"
        )
    readable = sandbox.readable_paths(tuple(items))
    for path in [options.assignment, options.out, *options.submissions, *filter(None, [options.roster])]:
        if any(path.resolve().is_relative_to(folder) for folder in readable):
            raise ValueError(f"{path}: students' code can read this folder; move it elsewhere")
