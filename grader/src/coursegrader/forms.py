"""Write questions as forms, for a screen and for paper, and mark what comes back.

A form is a notebook in which a student writes one letter for each question. Nothing in it is ever run. The key stays
with the instructor.
"""

import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from coursegrader import pages
from coursegrader.answers import UnreadableError, read_code
from coursegrader.files import write
from coursegrader.platforms import identity
from coursegrader.questions import Question
from coursegrader.report import as_csv
from coursegrader.submissions import Submission

KEY = "key.json"
TABLE = "ask.csv"
LETTERS = "abcd"

_INTRO = (
    "These questions are about the code that you handed in. Each has one right answer. Floats are rounded to three "
    "significant digits, and arrays are written as lists."
)
_GIVEN = re.compile(r"""(?m)^[ \t]*answer_(\d{1,2})[ \t]*=[ \t]*["']?[ \t]*([A-Da-d])\b""")
_FORM = re.compile(r"""(?m)^[ \t]*form[ \t]*=[ \t]*["']([0-9a-f]{16})["']""")

_HEAD = pages.style("""
body { font: 1rem/1.4 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem; }
pre { font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #8888; padding: .5rem; }
ol { list-style: none; padding: 0; }
li code { white-space: pre-wrap; overflow-wrap: anywhere; }
section + section { break-before: page; }
article { break-inside: avoid; }
""")


@dataclass(frozen=True)
class Asked:
    """A question that a student gets, about the answer to an exercise."""

    exercise: str
    title: str
    code: str
    question: Question


@dataclass(frozen=True)
class Form:
    """The questions of a student.

    Attributes
    ----------
    student, file : str
        The student's label, and the name of the record's file.
    number : str
        What tells this form from others.
    asked : tuple of Asked
        The questions.
    """

    student: str
    file: str
    number: str
    asked: tuple[Asked, ...]


@dataclass
class Marked:
    """What a student answered: letters, empty where there is none, and a remark."""

    student: str
    given: list[str] = field(default_factory=list)
    remark: str = ""


def form_number(seed: str) -> str:
    """Return what tells a form from others, from a secret of its student."""
    return hashlib.sha256(f"form {seed}".encode()).hexdigest()[:16]


def write_forms(forms: list[Form], folder: Path, *, assignment: str) -> None:
    """Write the notebook of each student, one page to print for all of them, and the key; nobody else can read them."""
    for form in forms:
        file = folder / "forms" / form.file / f"{assignment}-questions.ipynb"
        write(file, json.dumps(make_notebook(form, assignment=assignment), indent=1) + "\n", root=folder, private=True)
    write(folder / "print.html", make_page(forms, assignment=assignment), root=folder, private=True)
    key = {"assignment": assignment, "forms": [asdict(form) for form in forms]}
    write(folder / KEY, json.dumps(key, indent=1), root=folder, private=True)


def read_key(folder: Path) -> tuple[str, list[Form]]:
    """Return the assignment's name and the forms that `write_forms` wrote.

    Raises
    ------
    ValueError
        There is no key, or it is something else.
    """
    try:
        key = json.loads((folder / KEY).read_text(encoding="utf-8"))
        return key["assignment"], [_read_form(form) for form in key["forms"]]
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder / KEY}: expected the key that `ask` wrote; if it is elsewhere, give --out"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / KEY}: expected the key that `ask` wrote: {error}") from error


def _read_form(record: dict[str, Any]) -> Form:
    asked = []
    for one in record["asked"]:
        question = {**one["question"], "options": tuple(one["question"]["options"])}
        asked.append(Asked(**{**one, "question": Question(**question)}))
    return Form(**{**record, "asked": tuple(asked)})


def make_notebook(form: Form, *, assignment: str) -> dict[str, Any]:
    """Return a form as a notebook: for each question a cell in which to write a letter."""
    cells = [_cell("markdown", f"# Questions about your code: {assignment}\n\n{_INTRO}")]
    cells.append(_cell("code", f"# Leave this line as it is: it says whose form this is.\nform = {form.number!r}"))
    for number, asked in enumerate(form.asked, start=1):
        question = asked.question
        options = "\n".join(f"{letter}   {option}" for letter, option in zip(LETTERS, question.options, strict=True))
        parts = [f"## Question {number}: {asked.title}", _fence(_numbered(asked.code)), question.text]
        parts += [_fence(question.shown)] * bool(question.shown) + [_fence(options)]
        cells.append(_cell("markdown", "\n\n".join(parts)))
        cells.append(_cell("code", f'answer_{number} = ""  # a, b, c or d'))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, source: str) -> dict[str, Any]:
    more: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source, **more}


def _numbered(code: str) -> str:
    return "\n".join(f"{number:3}  {line}".rstrip() for number, line in enumerate(code.rstrip().split("\n"), start=1))


def _fence(text: str) -> str:
    """Return a text as a block of code in Markdown, whatever is in it."""
    marks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{marks}text\n{text}\n{marks}"


def make_page(forms: Iterable[Form], *, assignment: str) -> str:
    """Return all forms as one page to print, each on sheets of its own."""
    sections = []
    for form in forms:
        parts = [f"<h1>Questions about your code: {html.escape(assignment)}</h1>"]
        parts.append(f"<p>{html.escape(form.student)}</p><p>{html.escape(_INTRO)}</p>")
        parts += [_article(number, asked) for number, asked in enumerate(form.asked, start=1)]
        sections.append(f"<section>{''.join(parts)}</section>")
    return pages.assemble(f"Questions: {assignment}", "\n".join(sections), head=_HEAD)


def _article(number: int, asked: Asked) -> str:
    question = asked.question
    text = re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(question.text))
    shown = f"<pre>{html.escape(question.shown)}</pre>" if question.shown else ""
    options = "".join(
        f"<li>☐ {letter} &ensp;<code>{html.escape(option)}</code></li>"
        for letter, option in zip(LETTERS, question.options, strict=True)
    )
    code = f"<pre>{html.escape(_numbered(asked.code))}</pre>"
    title = f"<h2>Question {number}: {html.escape(asked.title)}</h2>"
    return f"<article>{title}{code}<p>{text}</p>{shown}<ol>{options}</ol></article>"


def mark_forms(forms: Sequence[Form], submissions: Iterable[Submission]) -> Iterator[Marked]:
    """Yield what each student answered, in the order of the forms, then who has no form."""
    by_label = {identity(form.student): form for form in forms}
    found: dict[str, Marked] = {}
    others = []
    for submission in submissions:
        form = by_label.get(identity(submission.student))
        if form is None:
            others.append(Marked(submission.student, remark="There is no form for this student."))
        else:
            found[form.student] = _read_given(form, submission)
    for form in forms:
        yield found.get(form.student) or Marked(form.student, [""] * len(form.asked), "No form was handed in.")
    yield from others


def _read_given(form: Form, submission: Submission) -> Marked:
    none = [""] * len(form.asked)
    try:
        code = read_code(submission.notebook) if submission.notebook is not None else ""
    except UnreadableError as error:
        return Marked(form.student, none, f"{submission.problem} {error}".strip())
    number = _FORM.search(code)
    if submission.notebook is not None and (number is None or number[1] != form.number):
        return Marked(form.student, none, "This is another form than the student was given.")
    given = {int(place): letter.lower() for place, letter in _GIVEN.findall(code)}
    return Marked(form.student, [given.get(place, "") for place in range(1, len(form.asked) + 1)], submission.problem)


def make_table(forms: Sequence[Form], marked: Iterable[Marked]) -> str:
    """Return a table (CSV) of what was answered and what is right."""
    known = {form.student: form for form in forms}
    most = max((len(form.asked) for form in forms), default=0)
    columns = [f"{name}_{number}" for number in range(1, most + 1) for name in ("exercise", "kind", "given", "right")]
    rows: list[list[Any]] = [["student", "right", "questions", "remark", *columns]]
    for one in marked:
        asked = known[one.student].asked if one.student in known and one.given else ()
        cells, right = [], 0
        for question, given in zip(asked, one.given, strict=True):
            letter = LETTERS[question.question.right]
            right += given == letter
            cells += [question.exercise, question.question.kind, given, letter]
        rows.append([one.student, right if asked else "", len(asked) or "", one.remark, *cells])
    return as_csv(rows)
