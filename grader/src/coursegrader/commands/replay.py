"""``replay``: run the tests of one student again, and show all that happened."""

import argparse
import signal
from typing import TYPE_CHECKING

from coursegrader.commands import EXIT_INTERRUPTED, WIDE, add_grades, check_isolation_again, choose_questions, warn

if TYPE_CHECKING:
    from coursegrader.commands import Commands


def add(commands: "Commands") -> None:
    """Add the command."""
    replay = commands.add_parser(
        "replay",
        help="run one student's tests again, and show all that happened",
        description="Run the tests of one student again, with the same draws, and print for each what was called\n"
        "with what, what came, and what was expected. Hidden tests are shown, too. No mark changes.",
        **WIDE,
    )
    add_grades(replay)
    replay.add_argument("--student", metavar="LABEL", required=True, help="as in grades.csv; the id or name is enough")
    replay.add_argument("--question", metavar="ID", help="only this question (default: all)")
    replay.add_argument(
        "--shell", action="store_true", help="open a prompt in which the student's functions can be called"
    )
    replay.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    from coursegrader import overrides, runner
    from coursegrader.gradebook import Gradebook
    from coursegrader.replay import Job, replay

    book = Gradebook.open(options.grades)
    record = overrides.find_record(book.records(), options.student)
    file, _, exercises = book.assignment()
    questions = choose_questions(exercises, options.question)
    about = book.about
    check_isolation_again(options.program, book)
    reason = runner.explain(record.get("made_with", {}), runner.describe(file, exercises, about["unsafe"]))
    warn([f"this can differ from the record: {reason}"] if reason else [])
    found = list(book.graded([record["student"]]))
    if not found:
        raise ValueError(f"{options.grades}: what was graded for {options.student} is no longer in the submissions")
    student = record["student"]
    job = Job(found[0], record, book.exercises_of([student])[student], questions, prompt=options.shell)
    return _explain(replay(job, unsafe=about["unsafe"]))


def _explain(code: int) -> int:
    """Return the exit code of this command, given that of the process that ran the tests."""
    if code == -signal.SIGINT:
        return EXIT_INTERRUPTED
    if code < 0:
        warn([f"the process that ran the tests ended by {signal.Signals(-code).name}; twice, and no test gives points"])
        return 1
    return code
