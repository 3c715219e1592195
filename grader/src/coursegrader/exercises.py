"""Read exercises from MyST notebooks, and refuse anything that could reveal a solution or a hidden test.

An exercise is a run of cells in ``<chapter>.md``:

- a Markdown cell of role *task*, after a line ``+++ {"exercise": {"id": ..., "role": "task", ...}}``;
- perhaps one code cell of role *variant*, which draws values for each student, see `coursegrader.variants`;
- any number of code cells of role *setup*, which students see and cannot change;
- one code cell of role *solution*, tagged ``hide-input``: the page shows it collapsed, students get a stub of it;
- code cells of role *test*, with points, which students see;
- code cells of role *hidden*, with points, tagged ``remove-cell``: never shown to students.

A question that a person marks has, instead of tests, one Markdown cell of role *rubric*, tagged ``remove-cell``, see
`coursegrader.rubrics`. Its ``answer`` is ``text``, and there is no solution cell, or ``figure``, and there may be one.
It is for marks only: a published book must refuse it, too.

A set-up cell without an id belongs to all exercises of its file. Other cells are prose.
A task with ``"assignment": true`` is for marks. A published book must refuse it (``public=True``), so that its solution
and hidden tests never end up in a page or a cache. Keep such files elsewhere and name the folder with ``--source``.
A task with ``"objects": true`` lets tests use objects that an answer returns, such as a figure or an estimator. An
answer whose solution is a class or ``async`` needs no such mark.
Files whose names end in ``.check.md`` hold no exercises, but answers for `check`.

A file ``course.toml`` beside the exercises may contain ``preload = ["package.module:function"]``: functions without
arguments that load what many answers need, such as a data set. The grader calls each of them once and caches it.
"""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from coursegrader.files import write
from coursegrader.rubrics import Criterion, Rubric, read_rubric

_KEYS = {
    "task": {"id", "role", "difficulty", "minutes", "seconds", "assignment", "objects"},
    "variant": {"id", "role"},
    "setup": {"id", "role"},
    "solution": {"id", "role"},
    "test": {"id", "role", "points"},
    "hidden": {"id", "role", "points"},
    "rubric": {"id", "role", "answer"},
}
CHECKS = ".check.md"  # the end of the names of files that `check` reads; they hold no exercises
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_METHOD_KINDS = frozenset({"property", "classmethod", "staticmethod"})
_MARKDOWN = ("task", "rubric")
_TAGS = {"solution": "hide-input", "hidden": "remove-cell", "rubric": "remove-cell"}
ASSIGNMENT_FILE = "assignment.json"
COURSE = "course.toml"
_FUNCTION = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")
_SECONDS = 30  # to grade an answer, where the task names no other number
DIFFICULTY = {1: "easy", 2: "medium", 3: "hard"}
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")


class ExerciseError(ValueError):
    """An exercise is malformed; the text starts with file and line."""


@dataclass(frozen=True)
class Test:
    """One test cell; it gives its points if all of it passes."""

    id: str
    code: str
    points: int
    hidden: bool


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    id, chapter, title : str
        The permanent name; the stem of the file name; the heading.
    difficulty : int
        1 to 3.
    minutes : int
        Estimated time to solve it.
    seconds : int
        Time limit for grading it, in seconds of wall time.
    text : str
        What students read: heading, task and hint, in Markdown.
    setup : tuple of str
        Set-up cells: first the file's, then its own.
    solution : str
        The solution cell.
    tests : tuple of Test
        In the order of the file.
    functions : tuple of str
        The functions listed in `COURSE`, as "module:function".
    rubric : Rubric or None
        How a person marks it; None if tests do.
    objects : bool
        Whether answers may give tests objects that cannot be sent, see `remote`.
    variant : str
        The cell that draws a student's values, or empty.
    values : str
        The set-up cell with the values that were drawn, or empty.
    """

    id: str
    chapter: str
    title: str
    difficulty: int
    minutes: int
    seconds: int
    text: str
    setup: tuple[str, ...]
    solution: str
    tests: tuple[Test, ...]
    functions: tuple[str, ...] = ()
    rubric: Rubric | None = None
    objects: bool = False
    variant: str = ""
    values: str = ""

    @property
    def points(self) -> int:
        """The maximum score."""
        return self.rubric.points if self.rubric else sum(test.points for test in self.tests)

    @property
    def names(self) -> list[str]:
        """The names that an answer must define, in order."""
        return [name for statement in ast.parse(self.solution).body for name in defined_names(statement)]

    @property
    def modules(self) -> list[str]:
        """The modules that the set-up cells import."""
        return list(self._imports())

    @property
    def preload(self) -> list[str]:
        """What the grader preloads: the modules, and the functions that are in one of them."""
        imports = self._imports()
        known = {*imports, *(f"{module}.{name}" for module, names in imports.items() for name in names)}
        return list(imports) + [function for function in self.functions if function.partition(":")[0] in known]

    def _imports(self) -> dict[str, list[str]]:
        """Return the modules that the set-up cells import, each with the names imported from it."""
        found: dict[str, list[str]] = {}
        for statement in (node for code in self.setup for node in ast.walk(ast.parse(code))):
            if isinstance(statement, ast.Import):
                for alias in statement.names:
                    found.setdefault(alias.name, [])
            elif isinstance(statement, ast.ImportFrom):
                found.setdefault(statement.module or "", []).extend(alias.name for alias in statement.names)
        return found

    @property
    def stub(self) -> str:
        """The code that students start from."""
        return self.rubric.stub if self.rubric else make_stub(self.solution)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible dictionary."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Exercise":
        """Return the exercise from the result of `to_json`."""
        tests = tuple(Test(**test) for test in record["tests"])
        functions = tuple(record.get("functions", ()))
        rubric = record.get("rubric")
        if rubric:
            rubric = Rubric(**{**rubric, "criteria": tuple(Criterion(**entry) for entry in rubric["criteria"])})
        setup = tuple(record["setup"])
        return cls(**{**record, "setup": setup, "tests": tests, "functions": functions, "rubric": rubric})


@dataclass
class _Cell:
    kind: str
    code: str
    line: int
    about: dict[str, Any]
    tags: list[str]


@dataclass
class _Draft:
    """The cells of one exercise while a file is being read."""

    task: _Cell
    variant: _Cell | None = None
    setup: list[_Cell] = field(default_factory=list)
    solution: _Cell | None = None
    tests: list[_Cell] = field(default_factory=list)
    rubric: _Cell | None = None


def read_exercises(folder: Path, *, public: bool = False) -> list[Exercise]:
    """Return all exercises of the MyST notebooks in a folder, file by file in the order of their names.

    Parameters
    ----------
    folder
        The folder with the files.
    public
        Refuse exercises for marks.

    Raises
    ------
    ExerciseError
        A cell is unknown, orphaned, duplicated, out of order or without points.
    """
    found: dict[str, tuple[Path, Exercise]] = {}
    for file in sorted(folder.glob("*.md")):
        if file.name.endswith(CHECKS):
            continue
        for exercise in read_file(file, public=public):
            if exercise.id in found:
                before = file.read_text(encoding="utf-8").partition(f"(exercise-{exercise.id})=")[0]
                line = before.count("\n") + 1
                raise ExerciseError(f"{file}:{line}: exercise {exercise.id} is in {found[exercise.id][0]} too")
            found[exercise.id] = (file, exercise)
    return [exercise for _, exercise in found.values()]


def read_file(file: Path, *, public: bool = False) -> list[Exercise]:
    """Return the exercises of one file, none if it is an ordinary page; see `read_exercises`."""
    shared: list[_Cell] = []
    drafts: dict[str, _Draft] = {}
    for cell in _read_cells(file):
        if not cell.about:
            _check_prose(file, cell)
            continue
        _check_cell(file, cell)
        if public and (cell.about.get("assignment") or cell.about["role"] in ("rubric", "variant")):
            _fail(
                file, cell, "an exercise for marks: keep its file outside the book, and name its folder with --source"
            )
        role, name = cell.about["role"], cell.about.get("id", "")
        if role == "setup" and not name:
            if drafts:
                _fail(file, cell, "the set-up of all exercises must come before the first")
            shared.append(cell)
        elif role == "task":
            if name in drafts:
                _fail(file, cell, f"exercise {name} is there already")
            drafts[name] = _Draft(cell)
        elif name not in drafts:
            _fail(file, cell, f"a {role} cell of exercise {name}, which has no task before it")
        elif name != list(drafts)[-1]:
            _fail(file, cell, f"a {role} cell of exercise {name} inside exercise {list(drafts)[-1]}")
        else:
            _add(file, drafts[name], cell)
    functions = _read_course(file.parent) if drafts else ()
    return [_finish(file, shared, draft, functions) for draft in drafts.values()]


def _read_course(folder: Path) -> tuple[str, ...]:
    """Return the functions listed in a course's file, none if there is no such file."""
    file = folder / COURSE
    if not file.is_file():
        return ()
    try:
        about = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ExerciseError(f"{file}:1: not TOML: {error}") from error
    functions = about.pop("preload", [])
    if about:
        raise ExerciseError(f"{file}:1: unknown: {', '.join(sorted(about))}; expected preload")
    if not isinstance(functions, list) or not all(_FUNCTION.fullmatch(str(name)) for name in functions):
        raise ExerciseError(
            f'{file}:1: preload: expected a list such as ["package.module:function"], got {functions!r}'
        )
    return tuple(functions)


def _read_cells(file: Path) -> Iterator[_Cell]:
    """Yield the cells of a MyST notebook with the lines on which they start."""
    import jupytext  # slow to import, and not needed for grading

    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ExerciseError(f"{file}:1: expected text in UTF-8: {error}") from error
    starts = [
        number
        for number, line in enumerate(text.splitlines(), start=1)
        if re.match(r"```+\s*\{code-cell\}|\+\+\+ *\{", line)
    ]
    try:
        notebook = jupytext.reads(text, fmt="md:myst")
    except Exception as error:  # jupytext passes on the errors of several parsers
        raise ExerciseError(f"{file}:1: not a MyST notebook: {error}") from error
    for cell in notebook.cells:
        metadata = dict(cell.metadata)
        marked = cell.cell_type == "code" or metadata
        line = starts.pop(0) if marked and starts else 1
        about = metadata.get("exercise", {})
        if "exercise" in metadata and not isinstance(about, dict):
            raise ExerciseError(f"{file}:{line}: exercise: expected a mapping, got {about!r}")
        yield _Cell(cell.cell_type, cell.source, line, about, list(metadata.get("tags", [])))


def _fail(file: Path, cell: _Cell, problem: str) -> NoReturn:
    raise ExerciseError(f"{file}:{cell.line}: {problem}")


def _check_prose(file: Path, cell: _Cell) -> None:
    if cell.kind == "code":
        _fail(file, cell, "a code cell without a role: expected an exercise role in its metadata")
    if "{code-cell}" in cell.code:
        _fail(file, cell, "a code cell inside another cell")


def _check_cell(file: Path, cell: _Cell) -> None:
    """Raise if the metadata of a cell is incomplete or has unknown keys."""
    about = cell.about
    role = about.get("role")
    if role not in _KEYS:
        _fail(file, cell, f"role: expected one of {', '.join(_KEYS)}, got {role!r}")
    if unknown := about.keys() - _KEYS[role]:
        _fail(file, cell, f"unknown: {', '.join(sorted(unknown))}")
    if (cell.kind == "markdown") != (role in _MARKDOWN):
        _fail(file, cell, f"a {role} cell cannot be a {cell.kind} cell")
    if not (role == "setup" and "id" not in about) and not _ID.fullmatch(str(about.get("id"))):
        _fail(file, cell, f"id: expected lower-case words joined by hyphens, got {about.get('id')!r}")
    if role in _TAGS and _TAGS[role] not in cell.tags:
        _fail(file, cell, f"a {role} cell needs the tag {_TAGS[role]}: pages would show it")
    if role in ("test", "hidden") and not (type(about.get("points")) is int and about["points"] > 0):
        _fail(file, cell, f"points: expected a positive whole number, got {about.get('points')!r}")
    for key in ("assignment", "objects"):
        if type(about.get(key, False)) is not bool:
            _fail(file, cell, f"{key}: expected true or false, got {about[key]!r}")
    if re.search(r"###\s*(BEGIN|END)\b", cell.code):
        _fail(file, cell, "no markers here: a stub is made from the solution, hidden tests are cells of their own")
    if role not in _MARKDOWN:
        try:
            ast.parse(cell.code)
        except SyntaxError as error:
            _fail(file, cell, f"not Python: {error}")


def _add(file: Path, draft: _Draft, cell: _Cell) -> None:
    """Add a cell to an exercise; the order must be set-up, solution, tests."""
    role = cell.about["role"]
    if role == "variant":
        if draft.variant or draft.setup or draft.solution:
            _fail(file, cell, "expected one variant cell, before the exercise's set-up and solution")
        draft.variant = cell
    elif role == "setup":
        if draft.solution:
            _fail(file, cell, "set-up must come before the solution")
        draft.setup.append(cell)
    elif role == "solution":
        if draft.solution:
            _fail(file, cell, f"a second solution of exercise {cell.about['id']}")
        draft.solution = cell
    elif role == "rubric":
        if draft.rubric or draft.tests:
            _fail(file, cell, f"exercise {cell.about['id']} needs tests or one rubric")
        draft.rubric = cell
    else:
        if draft.rubric:
            _fail(file, cell, f"exercise {cell.about['id']} needs tests or one rubric")
        if not draft.solution:
            _fail(file, cell, "a test before the solution")
        draft.tests.append(cell)


def _finish(file: Path, shared: list[_Cell], draft: _Draft, functions: tuple[str, ...]) -> Exercise:
    """Return the exercise, or raise if anything is missing."""
    task = draft.task
    about = {"seconds": _SECONDS, **task.about}
    heading = re.match(rf"\(exercise-{about['id']}\)=\n#+ (.+)\n", task.code)
    if not heading:
        _fail(file, task, f"expected the lines (exercise-{about['id']})= and ## Title first")
    if draft.rubric is None:
        _check_tested(file, draft)
    for key in ("difficulty", "minutes", "seconds"):
        if type(about.get(key)) is not int or about[key] < 1:
            _fail(file, task, f"{key}: expected a positive whole number, got {about.get(key)!r}")
    tests = tuple(
        Test(f"{about['id']}-{number}", cell.code, cell.about["points"], cell.about["role"] == "hidden")
        for number, cell in enumerate(draft.tests, start=1)
    )
    exercise = Exercise(
        id=about["id"],
        chapter=file.stem,
        title=heading[1],
        difficulty=about["difficulty"],
        minutes=about["minutes"],
        seconds=about["seconds"],
        text=task.code.partition("\n")[2],
        setup=tuple(cell.code for cell in shared + draft.setup),
        solution=draft.solution.code if draft.solution else "",
        tests=tests,
        functions=functions,
        rubric=_read_rubric(file, draft.rubric, draft.solution) if draft.rubric else None,
        objects=about.get("objects", False) or bool(draft.solution and _defines_objects(draft.solution.code)),
        variant=draft.variant.code if draft.variant else "",
    )
    if not exercise.names and draft.solution and not draft.rubric:
        _fail(file, draft.solution, "the solution defines no name that could be tested")
    return exercise


def _check_tested(file: Path, draft: _Draft) -> None:
    """Raise if an exercise that tests mark has no solution, not both kinds of tests, or no hint."""
    name, task = draft.task.about["id"], draft.task
    if draft.solution is None:
        _fail(file, task, f"exercise {name} has no solution")
    if {cell.about["role"] for cell in draft.tests} != {"test", "hidden"}:
        _fail(file, task, f"exercise {name} needs visible and hidden tests, or a rubric")
    if task.code.count("<details") != 1 or task.code.count("</details>") != 1:
        _fail(file, task, f"exercise {name} needs one hint, in <details>")


def _read_rubric(file: Path, cell: _Cell, solution: _Cell | None) -> Rubric:
    try:
        rubric = read_rubric(cell.code, answer=cell.about.get("answer"))
    except ValueError as error:
        _fail(file, cell, str(error))
    if solution and rubric.answer == "text":
        _fail(file, solution, "a question for a text has no solution: its rubric can say what a good answer is")
    return rubric


def _defines_objects(code: str) -> bool:
    return any(isinstance(statement, ast.ClassDef | ast.AsyncFunctionDef) for statement in ast.parse(code).body)


def defined_names(statement: ast.stmt) -> list[str]:
    """Return the public names that a top-level statement defines, without imports."""
    if isinstance(statement, Definition):
        names = [statement.name]
    elif isinstance(statement, ast.Assign) or (isinstance(statement, ast.AnnAssign) and statement.value):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        nodes = [node for target in targets for node in ast.walk(target)]
        names = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    else:
        names = []
    return [name for name in names if not name.startswith("_")]


def make_stub(solution: str) -> str:
    """Return the code that students start from: signatures and docstrings, and a line for each other name.

    It is generated from the syntax tree, so that no line or comment of the solution can be left in by mistake.
    """
    parts = []
    for statement in ast.parse(solution).body:
        names = defined_names(statement)
        if names and isinstance(statement, Definition):
            parts.append(ast.unparse(_without_code(statement)))
        elif names:
            kind = f": {ast.unparse(statement.annotation)}" if isinstance(statement, ast.AnnAssign) else ""
            lines = [f"{name}{kind} = ...  # your answer" for name in names]
            parts.append("\n".join([*lines, "raise NotImplementedError"]))
    return "\n\n\n".join(parts) + "\n"


def _without_code(definition: Definition, kept: frozenset[str] = frozenset()) -> Definition:
    """Return the definition of a function or class with its signature and docstring only, and decorators in `kept`.

    The signature of a class has its public bases, and the methods that others call.
    """
    docstring = [definition.body[0]] if ast.get_docstring(definition) else []
    methods: list[Definition] = []
    if isinstance(definition, ast.ClassDef):
        definition.bases = [base for base in definition.bases if not ast.unparse(base).startswith("_")]
        methods = [_without_code(method, _METHOD_KINDS) for method in public_methods(definition)]
    definition.decorator_list = [
        decorator
        for decorator in definition.decorator_list
        if kept and (ast.unparse(decorator) in kept or ast.unparse(decorator).endswith(".setter"))
    ]
    definition.body = [*docstring, *(methods or ast.parse("raise NotImplementedError").body)]
    return definition


def public_methods(definition: ast.ClassDef) -> list[Definition]:
    """Return the methods of a class that others call: those with a public name, and special ones."""
    methods = [item for item in definition.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [method for method in methods if not method.name.startswith("_") or method.name.endswith("__")]


def setup_ids(exercises: list[Exercise]) -> dict[str, str]:
    """Return the set-up cells of an assignment, each once, with their ids in the notebook."""
    codes = dict.fromkeys(code for exercise in exercises for code in exercise.setup)
    return {code: f"setup-{number}" for number, code in enumerate(codes, start=1)}


def save(exercises: list[Exercise], file: Path, *, name: str, variants: dict[str, Any] | None = None) -> None:
    """Write the assignment file that `load` reads; nobody but its owner can read it."""
    record: dict[str, Any] = {"name": name, "exercises": [exercise.to_json() for exercise in exercises]}
    if variants:
        record["variants"] = variants
    write(file, json.dumps(record, indent=1), root=file.parent, private=True)


def load(file: Path) -> tuple[str, list[Exercise]]:
    """Return the name and the exercises from an assignment file."""
    record = json.loads(file.read_text(encoding="utf-8"))
    return record["name"], [Exercise.from_json(exercise) for exercise in record["exercises"]]
