"""Build an assignment from exercises: the notebook for students, and the files for the instructor."""

import ast
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from coursegrader.exercises import (
    ASSIGNMENT_FILE,
    DIFFICULTY,
    Definition,
    Exercise,
    Test,
    defined_names,
    public_methods,
    save,
    setup_ids,
)
from coursegrader.files import make_folder, write
from coursegrader.roster import Person
from coursegrader.variants import Variants, draw, load_variants

VARIANTS_FILE = "variants.csv"
PLACEHOLDER = "# This cell is filled in when the notebook is graded: it holds further tests."

_COVER = """# {name}

{questions}, {points}, about {minutes} minutes.

| Question | Difficulty | Minutes | Points |
|:--|:--|--:|--:|
{rows}

{how}
Changes to any cell that is not an answer have no effect.
Each question is graded on its own, with what its answer needs from your other cells.{by_hand}
Before you hand in your work, restart the kernel and run all cells."""
_WITH_TESTS = """Replace each `raise NotImplementedError` with your answer.
Run the tests below it to see whether you are on the right track.
When your work is graded, further tests with other data are run as well."""
_WITHOUT_TESTS = "Write each answer into the cell below its question."


def build_assignment(
    name: str, exercises: list[Exercise], folder: Path, *, people: Sequence[Person] = ()
) -> tuple[Path, Path]:
    """Write an assignment, in the folder layout of nbgrader.

    Parameters
    ----------
    name
        The assignment's name, used in file names.
    exercises
        Its questions, in order.
    folder
        Where to write ``release/NAME/NAME.ipynb`` for students; ``source/NAME/NAME.ipynb``, the same with solutions
        and hidden tests, for nbgrader; and ``assignment.json``, which `grade` reads. Publish only the first: nobody
        but their owner can read the others. What they replace is kept in ``earlier/``.
    people
        Who gets a notebook with values of their own, if an exercise has variants. These notebooks are
        ``release/STUDENT/NAME/NAME.ipynb``, and ``variants.csv`` has the values. Built again, everybody keeps them.

    Returns
    -------
    release, file : Path
        The students' notebook, or the folder with one for each, and the file that `grade` reads.

    Raises
    ------
    ValueError
        The name is no file name, there is no exercise, an exercise is listed twice, or `people` are missing or given
        in vain.
    """
    if not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
        raise ValueError(f"name: expected letters, digits, dots and hyphens, got {name!r}")
    ids = [exercise.id for exercise in exercises]
    if not ids or len(set(ids)) < len(ids):
        raise ValueError(f"exercises: expected at least one, each once, got {', '.join(ids) or 'none'}")
    drawn = [exercise.id for exercise in exercises if exercise.variant]
    if bool(drawn) != bool(people):
        expected = (
            f"a class list, for the variants of {', '.join(drawn)}" if drawn else "none: no exercise has variants"
        )
        raise ValueError(f"people: expected {expected}")
    make_folder(folder)
    release, file = folder / "release" / name / f"{name}.ipynb", folder / ASSIGNMENT_FILE
    variants = _variants(file, people) if people else None
    example = [draw(exercise, "", "") for exercise in exercises]  # nobody's values
    source = folder / "source" / name / f"{name}.ipynb"
    write(source, _as_text(name, example, with_answers=True), root=folder, private=True)
    if variants:
        release = folder / "release"
        _write_variants(name, exercises, variants, folder)
    else:
        write(release, _as_text(name, exercises, with_answers=False), root=folder)
    save(exercises, file, name=name, variants=variants.to_json() if variants else None)
    return release, file


def _as_text(name: str, exercises: list[Exercise], *, with_answers: bool) -> str:
    text: str = nbformat.writes(make_notebook(name, exercises, with_answers=with_answers))
    return text + "\n"


def _variants(file: Path, people: Iterable[Person]) -> Variants:
    """Return the variants of people, and of those who have one already."""
    known = load_variants(file) if file.is_file() else None
    return (known or Variants(secrets.token_hex(32), ())).add(people)


def _write_variants(name: str, exercises: list[Exercise], variants: Variants, folder: Path) -> None:
    """Write each student's notebook, and the table of their values."""
    from coursegrader.report import as_csv  # slow to import

    rows = [["student", *(exercise.id for exercise in exercises if exercise.variant)]]
    for person in variants.people:
        drawn = variants.exercises_of(exercises, person.label)
        path = folder / "release" / _folder_name(person.label) / name / f"{name}.ipynb"
        write(path, _as_text(name, drawn, with_answers=False), root=folder)
        rows.append([person.label, *(e.values.partition("\n")[2] for e in drawn if e.values)])
    write(folder / VARIANTS_FILE, as_csv(rows), root=folder, private=True)


def _folder_name(label: str) -> str:
    """Return a student's label as the name of a folder: `grade` reads it as the label again."""
    name = re.sub(r"[^\w@.,'() -]", "_", label).encode()[:180].decode(errors="ignore").strip(" .")
    if not name:
        raise ValueError(f"people: expected a name or an id, got {label!r}")
    return name


def make_notebook(name: str, exercises: list[Exercise], *, with_answers: bool) -> nbformat.NotebookNode:
    """Return an assignment as a notebook in nbgrader's format, with answers (source) or without (release)."""
    cells = [_cell("cover", make_cover(name, exercises), {}, kind="markdown")]
    open_setup = setup_ids(exercises)
    for exercise in exercises:
        cells.append(_cell(f"{exercise.id}-text", exercise.text, {}, kind="markdown"))
        for code in exercise.setup:
            if code in open_setup:
                cells.append(_cell(open_setup.pop(code), code, {}))
        cells.append(_answer(exercise, with_answers=with_answers))
        for test in exercise.tests:
            cells.append(
                _cell(test.id, _test_code(test, with_answers=with_answers), {"grade": True, "points": test.points})
            )
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # by default random; this way the same exercises give the same file
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return new_notebook(cells=cells, metadata=kernel)


def make_cover(name: str, exercises: list[Exercise]) -> str:
    """Return the assignment's first page, in Markdown."""
    rows = [
        f"| {e.title} | {DIFFICULTY.get(e.difficulty, e.difficulty)} | {e.minutes} | {e.points} |" for e in exercises
    ]
    by_hand = [exercise for exercise in exercises if exercise.rubric]
    return _COVER.format(
        how=_WITH_TESTS if len(by_hand) < len(exercises) else _WITHOUT_TESTS,
        by_hand="\nA question without tests is marked by a person." if by_hand else "",
        name=name,
        questions=_count(len(exercises), "question"),
        points=_count(sum(exercise.points for exercise in exercises), "point"),
        minutes=sum(exercise.minutes for exercise in exercises),
        rows="\n".join(rows),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _cell(grade_id: str, text: str, about: dict[str, Any], *, kind: str = "code") -> nbformat.NotebookNode:
    described = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": False,
        "solution": False,
        "locked": True,
        "task": False,
    }
    new = new_code_cell if kind == "code" else new_markdown_cell
    return new(text.strip(), metadata={"nbgrader": {**described, **about}})


def _answer(exercise: Exercise, *, with_answers: bool) -> nbformat.NotebookNode:
    """Return the cell for the answer; nbgrader, too, leaves one with a rubric to a person."""
    about: dict[str, Any] = {"solution": True, "locked": False}
    answer = _mark_solution(exercise.solution) if with_answers and exercise.solution else exercise.stub
    if exercise.rubric is None:
        return _cell(exercise.id, answer, about)
    kind = "markdown" if exercise.rubric.answer == "text" else "code"
    return _cell(exercise.id, answer, {**about, "grade": True, "points": exercise.points}, kind=kind)


def _test_code(test: Test, *, with_answers: bool) -> str:
    if not test.hidden:
        return test.code
    return f"### BEGIN HIDDEN TESTS\n{test.code}\n### END HIDDEN TESTS" if with_answers else PLACEHOLDER


def _mark_solution(solution: str) -> str:
    """Return a solution with nbgrader's markers around what students should write.

    The signature and docstring of a function or method stay outside, so that nbgrader's own stub keeps them.
    """
    lines = solution.splitlines()
    marked: list[str] = []
    position = 0
    for start, end, indent in _find_code(ast.parse(solution).body):
        marked += lines[position:start]
        marked += [f"{indent}### BEGIN SOLUTION", *lines[start:end], f"{indent}### END SOLUTION"]
        position = end
    return "\n".join(marked + lines[position:])


def _find_code(statements: list[ast.stmt]) -> Iterator[tuple[int, int, str]]:
    """Yield the lines that students should write: first, end, and indentation."""
    for statement in statements:
        start, end, column = statement.lineno - 1, statement.end_lineno or statement.lineno, statement.col_offset
        public = isinstance(statement, Definition) and (defined_names(statement) or statement.name.endswith("__"))
        if isinstance(statement, ast.ClassDef) and public and public_methods(statement):
            yield from _find_code(statement.body[1:] if ast.get_docstring(statement) else statement.body)
            continue
        if isinstance(statement, Definition) and public and ast.get_docstring(statement):
            start, column = statement.body[0].end_lineno or start, statement.body[0].col_offset
        else:
            start = min([start, *(d.lineno - 1 for d in getattr(statement, "decorator_list", []))])
        if start < end:
            yield start, end, " " * column
