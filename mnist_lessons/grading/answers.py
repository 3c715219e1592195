"""Find a student's answers in a notebook, whatever has become of it.

Only answers are taken. Set-up and tests come from the master, so it does not matter what a notebook has in their place.
"""

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

from mnist_lessons.grading.source import Exercise

MAX_CELL = 100_000


class UnreadableError(ValueError):
    """A notebook without cells to be found; the text is for the student."""


@dataclass(frozen=True)
class Answer:
    """What of a notebook belongs to one question.

    Attributes
    ----------
    cells : tuple of str
        The answer, nearly always one cell.
    context : tuple of str
        Other cells that define what the answer uses, in the notebook's order.
    """

    cells: tuple[str, ...]
    context: tuple[str, ...] = ()


def read_answers(notebook: bytes, exercises: list[Exercise]) -> dict[str, Answer]:
    """Return what a notebook holds for each exercise, by its id; an exercise without an answer is left out.

    Raises
    ------
    UnreadableError
        It is not a notebook of any version.
    """
    cells = _code_cells(notebook)
    own = [(name, code) for name, code in cells if not _is_locked(name, exercises)]
    answers = {}
    for exercise in exercises:
        answer = _find(exercise, own)
        if answer:
            others = [code for _, code in own if code not in answer]
            answers[exercise.id] = Answer(tuple(answer), tuple(_needed(answer, others, exercise)))
    return answers


def _code_cells(notebook: bytes) -> list[tuple[str | None, str]]:
    """Return grade id and text of each code cell, from nbformat 4 or older."""
    try:
        content = json.loads(notebook.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnreadableError("The file is not a notebook: it is empty, cut short or of another kind.") from error
    sheets = content.get("worksheets", [content]) if isinstance(content, dict) else []
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
    if not any(isinstance(cells, list) for cells in lists):
        raise UnreadableError("The file is not a notebook: it has no cells.")
    found = []
    for cell in (cell for cells in lists if isinstance(cells, list) for cell in cells):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            found.append((_grade_id(cell), _plain_python(_text(cell.get("source", cell.get("input", ""))))))
    return found


def _grade_id(cell: dict[str, Any]) -> str | None:
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = about.get("grade_id") if isinstance(about, dict) else None
    return name if isinstance(name, str) else None


def _text(source: Any) -> str:
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return text if len(text) <= MAX_CELL else ""


def _plain_python(text: str) -> str:
    """Return a cell without what only a notebook understands: magics, shell lines, help."""
    if _parse(text) is not None:
        return text
    return re.sub(r"(?m)^(\s*)([%!?].*|.*\?)$", r"\1pass", text)


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_locked(name: str | None, exercises: list[Exercise]) -> bool:
    tests = {test.id for exercise in exercises for test in exercise.tests}
    return name is not None and (name in tests or re.fullmatch(r"setup-\d+", name) is not None)


def _find(exercise: Exercise, cells: list[tuple[str | None, str]]) -> list[str]:
    """Return the answer's cells: by their id; where no cell has it any more, by what they define."""
    stub = exercise.stub.strip()
    found = [code for name, code in cells if name == exercise.id]
    if not found:
        found = [code for _, code in cells if set(exercise.names) & set(_defined(code))]
    edited = [code for code in found if code.strip() != stub]
    return edited or found[:1]


def _defined(text: str) -> list[str]:
    """Return the names a cell defines at its top level."""
    names = []
    for statement in getattr(_parse(text), "body", []):
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.append(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names += [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
        else:
            names += [node.id for node in _names(statement) if isinstance(node.ctx, ast.Store)]
    return names


def _names(tree: ast.AST) -> list[ast.Name]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _needed(answer: list[str], others: list[str], exercise: Exercise) -> list[str]:
    """Return those other cells that define a name which the answer uses and does not define, and what they need."""
    given = {name for code in exercise.setup for name in _defined(code)}
    needed: set[int] = set()
    open_names = _used(answer) - given
    while True:
        wanted = {
            number
            for number, code in enumerate(others)
            if number not in needed and open_names & set(_defined(code)) - set(exercise.names)
        }
        if not wanted:
            return [others[number] for number in sorted(needed)]
        needed |= wanted
        open_names |= _used([others[number] for number in wanted]) - given


def _used(cells: list[str]) -> set[str]:
    """Return the names that cells read and do not set anywhere themselves."""
    names = [node for code in cells if (tree := _parse(code)) for node in _names(tree)]
    arguments = {a.arg for code in cells if (tree := _parse(code)) for a in ast.walk(tree) if isinstance(a, ast.arg)}
    stored = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    defined = {name for code in cells for name in _defined(code)}
    return {node.id for node in names if isinstance(node.ctx, ast.Load)} - stored - arguments - defined
