"""Find a student's answers in a notebook, however much the notebook was changed.

Only answers are read. Set-up and tests come from the assignment file, so a student's copy of them has no effect.
"""

import ast
import json
import re
import symtable
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coursegrader.exercises import Exercise

MAX_CELL = 100_000  # characters; a longer one counts as empty
MAX_CODE = 1_000_000  # characters in all cells
MAX_CELLS = 1000


class UnreadableError(ValueError):
    """The file is not a notebook; the text is for the student."""


@dataclass(frozen=True)
class Answer:
    """The cells of a notebook that belong to one question.

    Attributes
    ----------
    cells : tuple of str
        The answer, nearly always one cell.
    context : tuple of str
        Other cells that define or change what the answer uses, in the notebook's order.
    """

    cells: tuple[str, ...]
    context: tuple[str, ...] = ()


def read_answers(notebook: bytes, exercises: list[Exercise]) -> dict[str, Answer]:
    """Return the answer to each exercise, by its id; exercises without an answer are left out.

    Raises
    ------
    UnreadableError
        The file is not a notebook of any version.
    """
    cells = _code_cells(notebook)
    own = [_Cell(name, code) for name, code in cells if not _is_locked(name, exercises)]
    answers = {}
    for exercise in exercises:
        answer = _find(exercise, own)
        if answer:
            texts = {cell.code for cell in answer}
            others = [cell for cell in own if cell.code not in texts]
            context = _needed(answer, others, exercise)
            answers[exercise.id] = Answer(tuple(cell.code for cell in answer), tuple(cell.code for cell in context))
    return answers


class _Cell:
    """A code cell: its grade id, its text, which names it defines (or changes what they hold) and which it uses."""

    def __init__(self, name: str | None, code: str) -> None:
        self.name = name
        self.code = code
        self.defined, self.used = _read_names(code)


def _code_cells(notebook: bytes) -> list[tuple[str | None, str]]:
    """Return grade id and text of each code cell, from nbformat 4 or older."""
    try:
        content = json.loads(notebook)  # detects UTF-8, UTF-16 and UTF-32, with or without a byte order mark
    except (ValueError, RecursionError) as error:
        raise UnreadableError("The file is not a notebook: it is empty, truncated or of another type.") from error
    sheets = content.get("worksheets", [content]) if isinstance(content, dict) else []
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
    if not any(isinstance(cells, list) for cells in lists):
        raise UnreadableError("The file is not a notebook: it has no cells.")
    found = []
    for cell in (cell for cells in lists if isinstance(cells, list) for cell in cells):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            found.append((_grade_id(cell), _plain_python(_text(cell.get("source", cell.get("input", ""))))))
    if len(found) > MAX_CELLS or sum(len(code) for _, code in found) > MAX_CODE:
        raise UnreadableError(f"The notebook is too long: expected at most {MAX_CELLS} cells of code.")
    return found


def _grade_id(cell: dict[str, Any]) -> str | None:
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = about.get("grade_id") if isinstance(about, dict) else None
    return name if isinstance(name, str) else None


def _text(source: Any) -> str:
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return text.replace("\r\n", "\n").replace("\r", "\n") if len(text) <= MAX_CELL else ""


def _plain_python(text: str) -> str:
    """Return a cell as plain Python: dedented, without magics, shell lines and help."""
    if _parse(text) is not None:
        return text
    text = re.sub(r"(?m)^([ \t]*)([%!?].*|.*\?)$", r"\1pass", text)
    return text if _parse(text) is not None else textwrap.dedent(text)


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_locked(name: str | None, exercises: list[Exercise]) -> bool:
    tests = {test.id for exercise in exercises for test in exercise.tests}
    return name is not None and (name in tests or re.fullmatch(r"setup-\d+", name) is not None)


def _find(exercise: Exercise, cells: list[_Cell]) -> list[_Cell]:
    """Return the answer's cells: those with its id, and for names that they do not define, other cells that do.

    A student may leave the stub alone and answer in a new cell.
    """
    stub, missing = exercise.stub.strip(), set(exercise.names)
    by_id = [cell for cell in cells if cell.name == exercise.id]
    found = [cell for cell in by_id if cell.code.strip() not in ("", stub)]
    missing.difference_update(*(cell.defined for cell in found))
    found += [cell for cell in cells if cell.defined & missing and cell not in by_id]
    return sorted(found, key=cells.index) or by_id[:1]


def _needed(answer: list[_Cell], others: list[_Cell], exercise: Exercise) -> list[_Cell]:
    """Return the other cells that define names which the answer uses, and the cells that those need."""
    given = {name for code in exercise.setup for name in _Cell(None, code).defined}
    ours = {name for cell in answer for name in cell.defined}
    open_names = {name for cell in answer for name in cell.used} - ours - given
    open_names -= (asked_for := set(exercise.names))
    needed: set[int] = set()
    while True:
        wanted = {number for number, cell in enumerate(others) if number not in needed and open_names & cell.defined}
        if not wanted:
            return [others[number] for number in sorted(needed)]
        needed |= wanted
        open_names |= {name for number in wanted for name in others[number].used} - given - asked_for


def _read_names(code: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell defines or changes, and the names that it uses from other cells."""
    tree = _parse(code)
    try:
        top = symtable.symtable(code, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None:
        return set(), set()
    defined = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    scopes = top.get_children()
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        used |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return defined | set(_changed(tree)), used - defined


def _changed(tree: ast.Module) -> Iterator[str]:
    """Yield the names that are modified in place outside functions: `a` for ``a[0] = 1`` and ``a.b = 1``."""
    open_nodes: list[ast.AST] = [tree]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        open_nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            base = node.value
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                yield base.id
