"""Find a student's answers in a notebook, however much the notebook was changed.

The cells run in order, as in a notebook. Set-up cells and tests come from the assignment file: a student's copy of them
runs only where it was changed, and cannot replace them.
"""

import ast
import builtins
import functools
import json
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from coursegrader.exercises import Exercise, setup_ids

MAX_CELL = 100_000  # characters; a longer one counts as empty
MAX_CODE = 1_000_000  # characters in all cells
MAX_CELLS = 1000


class UnreadableError(ValueError):
    """The file is not a notebook; the text is for the student."""


class Cell(NamedTuple):
    """A cell to run for a question: part of its set-up, of its answer, any other, or one from below its tests."""

    code: str
    kind: Literal["setup", "answer", "other", "below"]


@dataclass(frozen=True)
class Answer:
    """What to run for a question.

    Attributes
    ----------
    cells : tuple of Cell
        In order: what the notebook has before the answer, the answer, and what it has between the answer and its tests.
        If only cells below the tests define a name that the answer uses, these come before the answer.
    """

    cells: tuple[Cell, ...]

    @property
    def code(self) -> str:
        """The code of the answer alone, its cells separated by an empty line."""
        return "\n\n".join(cell.code for cell in self.cells if cell.kind == "answer")

    @classmethod
    def of(cls, exercise: Exercise, code: str) -> "Answer":
        """Return an answer that is a single cell."""
        return cls((*(Cell(setup, "setup") for setup in exercise.setup), Cell(code, "answer")))


def read_answers(notebook: bytes, exercises: list[Exercise]) -> dict[str, Answer]:
    """Return the answer to each exercise, by its id; exercises without an answer are left out.

    Raises
    ------
    UnreadableError
        The file is not a notebook of any version.
    """
    setup = {name: code for code, name in setup_ids(exercises).items()}
    tests = {test.id: test.code for exercise in exercises for test in exercise.tests}
    stubs = {exercise.stub.strip() for exercise in exercises}
    cells = [
        cell
        for cell in _code_cells(notebook)
        if cell.name in setup | tests or not (cell.code.strip() in stubs or _is_empty(cell.code))
    ]
    answers = {}
    for exercise in (exercise for exercise in exercises if exercise.rubric is None):
        found = _find(exercise, [cell for cell in cells if cell.name not in setup | tests])
        if found:
            answers[exercise.id] = Answer(tuple(_in_order(exercise, cells, found, setup, tests)))
    return answers


def read_code(notebook: bytes) -> str:
    """Return the code of all cells of a notebook, see `read_answers`."""
    return "\n".join(cell.code for cell in _code_cells(notebook))


def find_other_values(notebook: bytes, exercises: list[Exercise]) -> set[str]:
    """Return the ids of exercises whose values in the notebook are not the student's own, see `coursegrader.variants`.

    How the cell is formatted makes no difference, and neither does it if the cell is missing.
    """
    ids = setup_ids(exercises)
    own = {ids[exercise.values]: exercise for exercise in exercises if exercise.values}
    cells = [cell for cell in _code_cells(notebook) if cell.name in own] if own else []
    return {own[cell.name].id for cell in cells if cell.name and not _says_the_same(cell.code, own[cell.name].values)}


def _says_the_same(code: str, other: str) -> bool:
    try:
        return code.strip() == other.strip() or ast.dump(ast.parse(code)) == ast.dump(ast.parse(other))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


@dataclass(frozen=True, eq=False)
class _Cell:
    """A code cell: its grade id and its text."""

    name: str | None
    code: str

    @functools.cached_property
    def defined(self) -> set[str]:
        """The names that it defines."""
        return _read_names(self.code)

    @functools.cached_property
    def used(self) -> set[str]:
        """The global names that it uses."""
        return _read_uses(self.code)


def _in_order(
    exercise: Exercise, cells: list[_Cell], answer: list[_Cell], setup: dict[str, str], tests: dict[str, str]
) -> Iterator[Cell]:
    """Yield what to run, up to the tests that follow the answer; set-up that does not come before it comes first."""
    first, end = cells.index(answer[0]), cells.index(answer[-1]) + 1
    ours = {test.id for test in exercise.tests}
    end = next((end + number for number, cell in enumerate(cells[end:]) if cell.name in ours), end)
    before = {cell.name for cell in cells[:first]}
    missing = set[str]().union(*(cell.used for cell in answer)) - set(dir(builtins))
    missing.difference_update(*(cell.defined for cell in answer), *map(_read_names, exercise.setup))
    if missing:  # rarely: reading all cells takes time
        missing.difference_update(*(cell.defined for cell in cells[:end]))
    below = [cell for cell in cells[end:] if missing and cell.name not in setup | tests]
    helpers = below if any(cell.defined & missing for cell in below) else []
    yield from (Cell(code, "setup") for name, code in setup.items() if code in exercise.setup and name not in before)
    for number, cell in enumerate(cells[:end]):
        if number == first:
            yield from (Cell(helper.code, "below") for helper in helpers)
        given = setup.get(cell.name or "", tests.get(cell.name or "", ""))
        if cell.code.strip() != given.strip() and not _is_empty(cell.code):
            yield Cell(cell.code, "answer" if cell in answer else "other")
        if cell.name in setup:
            yield Cell(given, "setup" if given in exercise.setup else "other")


def _is_empty(code: str) -> bool:
    return all(line.strip()[:1] in ("", "#") for line in code.splitlines())


def read_cells(notebook: bytes) -> list[dict[str, Any]]:
    """Return the cells of a notebook of nbformat 4 or older.

    Raises
    ------
    UnreadableError
        The file is not a notebook.
    """
    try:
        content = json.loads(notebook)  # detects UTF-8, UTF-16 and UTF-32, with or without a byte order mark
    except (ValueError, RecursionError) as error:
        raise UnreadableError("The file is not a notebook: it is empty, truncated or of another type.") from error
    sheets = content.get("worksheets", [content]) if isinstance(content, dict) else []
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
    if not any(isinstance(cells, list) for cells in lists):
        raise UnreadableError("The file is not a notebook: it has no cells.")
    return [cell for cells in lists if isinstance(cells, list) for cell in cells if isinstance(cell, dict)]


def _code_cells(notebook: bytes) -> list[_Cell]:
    """Return the code cells, from nbformat 4 or older."""
    found = [
        _Cell(read_grade_id(cell), read_source(cell))
        for cell in read_cells(notebook)
        if cell.get("cell_type") == "code"
    ]
    if len(found) > MAX_CELLS or sum(len(cell.code) for cell in found) > MAX_CODE:
        raise UnreadableError(f"The notebook is too long: expected at most {MAX_CELLS} cells of code.")
    return found


def read_grade_id(cell: dict[str, Any]) -> str | None:
    """Return the name that nbgrader knows a cell by, if it has one."""
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = about.get("grade_id") if isinstance(about, dict) else None
    return name if isinstance(name, str) else None


def read_source(cell: dict[str, Any], *, limit: int = MAX_CELL) -> str:
    """Return the text of a cell; one of more than `limit` characters counts as empty."""
    source = cell.get("source", cell.get("input", ""))
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return text.replace("\r\n", "\n").replace("\r", "\n") if len(text) <= limit else ""


def _find(exercise: Exercise, cells: list[_Cell]) -> list[_Cell]:
    """Return the answer's cells: those with its id, and for names that they do not define, other cells that do.

    A student may leave the stub alone and answer in a new cell.
    """
    missing = set(exercise.names)
    found = [cell for cell in cells if cell.name == exercise.id]
    missing.difference_update(*(cell.defined for cell in found))
    found += [cell for cell in cells if missing and cell.name != exercise.id and cell.defined & missing]
    return sorted(found, key=cells.index)


# A line that defines a name, in a cell that only IPython can read.
_DEFINITION = re.compile(r"(?m)^[ \t]*(?:(?:async[ \t]+)?def[ \t]+|class[ \t]+)(\w+)|^[ \t]*(\w+)[ \t]*=(?!=)")


def _read_names(code: str) -> set[str]:
    """Return the names that a cell defines."""
    try:
        ast.parse(code)
        symbols = symtable.symtable(code, "cell", "exec").get_symbols()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {name for names in _DEFINITION.findall(code) for name in names if name}
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def _read_uses(code: str) -> set[str]:
    """Return the global names that a cell uses, also in its functions; none if only IPython can read it."""
    try:
        ast.parse(code)
        tables = [symtable.symtable(code, "cell", "exec")]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    for table in tables:  # grows
        tables += table.get_children()
    symbols = [symbol for table in tables for symbol in table.get_symbols()]
    return {symbol.get_name() for symbol in symbols if symbol.is_referenced() and symbol.is_global()}
