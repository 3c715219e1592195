"""``ask``: ask students about their own code, and mark what they answer."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursegrader.commands import WIDE, add_grades, check_isolation, positive, warn
from coursegrader.platforms import PLATFORMS

if TYPE_CHECKING:  # slow to import, and not needed for help
    from coursegrader.commands import Commands
    from coursegrader.exercises import Exercise
    from coursegrader.forkserver import Forkserver
    from coursegrader.forms import Asked, Form
    from coursegrader.gradebook import Gradebook


def add(commands: "Commands") -> None:
    """Add the command."""
    ask = commands.add_parser(
        "ask",
        help="ask students about their own code",
        description="Write for each student of GRADES a form with questions about answers that passed all tests, or\n"
        "mark forms that were handed in, with --mark. No grade changes.",
        **WIDE,
    )
    add_grades(ask)
    ask.add_argument("--out", metavar="DIR", type=Path, help="where forms and key are (default: GRADES/questions)")
    ask.add_argument("--count", metavar="N", type=positive, default=2, help="questions for each student (default: 2)")
    ask.add_argument("--mark", metavar="ANSWERS", nargs="+", type=Path, help="folders, archives, notebooks to mark")
    ask.add_argument(
        "--platform", choices=PLATFORMS, default="", help="what exported ANSWERS (default: what all names show)"
    )
    ask.add_argument("--unsafe", action="store_true", help="ask even if students' code cannot be isolated here")
    ask.set_defaults(run=_ask)


def _ask(options: argparse.Namespace) -> int:
    from coursegrader.files import locked, make_folder
    from coursegrader.forms import read_key
    from coursegrader.gradebook import Gradebook

    book = Gradebook.open(options.grades)
    folder = options.out or options.grades / "questions"
    if options.mark:
        read_key(folder)  # so that nothing is made where there is none
    make_folder(folder)
    with locked(folder):
        return _mark(options, folder) if options.mark else _write(options, book, folder)


def _write(options: argparse.Namespace, book: "Gradebook", folder: Path) -> int:
    """Write the forms; return the exit code."""
    from tqdm import tqdm

    from coursegrader.forkserver import Forkserver
    from coursegrader.forms import write_forms

    _, name, exercises = book.assignment()
    items = [item for exercise in exercises for item in exercise.preload]
    check_isolation(options.program, unsafe=options.unsafe, items=items, paths=[options.grades, folder])
    records = book.marks().records
    with Forkserver(unsafe=options.unsafe) as first, Forkserver(unsafe=options.unsafe) as second:
        asker = _Asker([first, second], count=options.count)
        own = book.exercises_of(record["student"] for record in records)
        forms = [asker.ask(record, own[record["student"]]) for record in tqdm(records, unit="student")]
    written = [form for form in forms if form.asked]
    write_forms(written, folder, assignment=name)
    warn(f"no question: {form.student}" for form in forms if not form.asked)
    print(f"asked {len(written)} of {len(records)}: {folder / 'print.html'}, {folder / 'forms'}")
    return 0


class _Asker:
    """Asks students about answers to exercises; what is needed of an exercise is found once."""

    def __init__(self, forkservers: "list[Forkserver]", *, count: int) -> None:
        self._forkservers = forkservers
        self._count = count
        self._inputs: dict[Exercise, Any] = {}

    def ask(self, record: dict[str, Any], own: "list[Exercise]") -> "Form":
        """Return the form of a student: as many questions, exercises and kinds as there can be.

        `own` are the exercises as the student has them.
        """
        from coursegrader.forms import Form, form_number
        from coursegrader.questions import shuffled

        seed = record["seed"]
        exercises = {exercise.id: exercise for exercise in own}
        passed = [one for one in record["questions"] if one["score"] == one["max_score"] and one.get("answer")]
        passed = [one for one in passed if one["id"] in exercises and not exercises[one["id"]].rubric]
        asked: list[Asked] = []
        rest: list[Asked] = []
        for question in shuffled(passed, seed):
            if len(asked) == self._count:
                break
            found = self._about(exercises[question["id"]], question["answer"], seed)
            kinds = {one.question.kind for one in asked}
            found.sort(key=lambda one: one.question.kind in kinds)
            asked, rest = asked + found[:1], rest + found[1:]
        asked += rest[: self._count - len(asked)]
        return Form(record["student"], record["file"], form_number(seed), tuple(asked))

    def _about(self, exercise: "Exercise", code: str, seed: str) -> "list[Asked]":
        from coursegrader.asking import ask_about
        from coursegrader.forms import Asked

        if exercise not in self._inputs:
            self._inputs[exercise] = self._find_inputs(exercise)
        found = ask_about(exercise, code, self._inputs[exercise], self._forkservers, seed=f"{seed} {exercise.id}")
        return [Asked(exercise.id, exercise.title, code, one) for one in found]

    def _find_inputs(self, exercise: "Exercise") -> Any:
        """Return calls for an exercise; none, with a warning, if its own code cannot run here."""
        from coursegrader.asking import find_inputs
        from coursegrader.calls import printable
        from coursegrader.forkserver import GraderError

        try:
            return find_inputs(exercise, self._forkservers[0], seed=1)
        except GraderError:
            raise
        except Exception as error:  # of set-up, solution or tests: anything, and no reason to ask nobody anything
            warn([printable(f"not asked about: {exercise.id}, since no inputs were found: {error!r}")])
            return {}


def _mark(options: argparse.Namespace, folder: Path) -> int:
    """Mark forms that were handed in; return the exit code."""
    from coursegrader.files import write
    from coursegrader.forms import TABLE, make_table, mark_forms, read_key
    from coursegrader.submissions import find_submissions

    name, forms = read_key(folder)
    found = find_submissions(
        options.mark, assignment=f"{name}-questions", platform=options.platform, tell=lambda line: warn([line])
    )
    marked = list(mark_forms(forms, (read() for read in found)))
    write(folder / TABLE, make_table(forms, marked), root=folder, private=True)
    print(f"marked {len(found)} of {len(forms)}: {folder / TABLE}")
    return 0
