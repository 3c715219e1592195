from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coursegrader.exercises import (
    Exercise,
    ExerciseError,
    defined_names,
    load,
    make_stub,
    read_exercises,
    read_file,
    save,
)

HEAD = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# Exercises

```{code-cell} ipython3
---
exercise: {role: setup}
---
import math
```

"""
TASK = """+++ {"exercise": {"id": "a-root", "role": "task", "difficulty": 1, "minutes": 5}}

(exercise-a-root)=
## Take a root

Write `root(x)`.

<details class="hint">
<summary>Hint</summary>

Look into math.

</details>

"""
SOLUTION = """```{code-cell} ipython3
---
exercise: {id: a-root, role: solution}
tags: [hide-input]
---
def root(x):
    \"\"\"Return the root.\"\"\"
    return math.sqrt(x)  # secret
```

"""
TEST = """```{code-cell} ipython3
---
exercise: {id: a-root, role: test, points: 1}
---
assert root(4) == 2
```

"""
HIDDEN = """```{code-cell} ipython3
---
exercise: {id: a-root, role: hidden, points: 2}
tags: [remove-cell]
---
assert root(9) == 3
```

"""
WHOLE = HEAD + TASK + SOLUTION + TEST + HIDDEN


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "chapter.md") -> Any:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_exercise_is_read_with_its_parts(write: Callable[..., Path]) -> None:
    (exercise,) = read_file(write(WHOLE))
    assert (exercise.id, exercise.chapter, exercise.title) == ("a-root", "chapter", "Take a root")
    assert (exercise.points, exercise.minutes, exercise.seconds) == (3, 5, 30)
    assert (exercise.names, exercise.modules, exercise.setup) == (["root"], ["math"], ("import math",))
    assert [(test.points, test.hidden) for test in exercise.tests] == [(1, False), (2, True)]
    assert exercise.text.startswith("## Take a root")
    assert exercise.stub == 'def root(x):\n    """Return the root."""\n    raise NotImplementedError\n'


def test_file_in_another_encoding_is_refused_by_its_name(write: Callable[..., Path]) -> None:
    file = write(WHOLE)
    file.write_bytes(WHOLE.replace("Take a root", "Zi\xe9").encode("latin-1"))
    with pytest.raises(ExerciseError, match=r"chapter\.md:1: expected text in UTF-8"):
        read_file(file)


def test_ordinary_page_has_no_exercises(write: Callable[..., Path]) -> None:
    assert read_file(write("# Index\n\nText.\n")) == []


OTHER = TASK.replace("a-root", "b-root")
WRONG = {
    "twice the same": (WHOLE + TASK, "exercise a-root is there already", 54),
    "no solution": (HEAD + TASK + TEST + HIDDEN, "a test before the solution", 29),
    "no task": (HEAD + SOLUTION, "has no task before it", 15),
    "nested": (HEAD + TASK + OTHER + SOLUTION, "inside exercise b-root", 43),
    "two solutions": (HEAD + TASK + SOLUTION + SOLUTION, "a second solution", 39),
    "no tests": (HEAD + TASK + SOLUTION, "needs visible and hidden tests", 15),
    "no hidden tests": (HEAD + TASK + SOLUTION + TEST, "needs visible and hidden tests", 15),
    "no visible tests": (HEAD + TASK + SOLUTION + HIDDEN, "needs visible and hidden tests", 15),
    "no points": (WHOLE.replace(", points: 2", ""), "points: expected a positive whole number, got None", 46),
    "negative points": (WHOLE.replace("points: 2", "points: -2"), "got -2", 46),
    "true points": (WHOLE.replace("points: 2", "points: true"), "got True", 46),
    "solution not collapsed": (WHOLE.replace("tags: [hide-input]\n", ""), "needs the tag hide-input", 29),
    "hidden test on the page": (WHOLE.replace("tags: [remove-cell]\n", ""), "needs the tag remove-cell", 46),
    "unknown role": (WHOLE.replace("role: solution", "role: answer"), "role: expected one of", 29),
    "no role": (WHOLE.replace("role: solution, ", "").replace(", role: solution", ""), "role: expected one of", 29),
    "unknown key": (WHOLE.replace("points: 2", "points: 2, weight: 3"), "unknown: weight", 46),
    "bad id": (WHOLE.replace("id: a-root, role: hidden", "id: A root, role: hidden"), "id: expected lower-case", 46),
    "cell of nobody": (WHOLE + "```{code-cell} ipython3\nprint(1)\n```\n", "a code cell without a role", 54),
    "markers": (WHOLE.replace("    return math", "    ### BEGIN SOLUTION\n    return math"), "no markers here", 29),
    "not Python": (WHOLE.replace("return math", "return return"), "not Python", 29),
    "no hint": (WHOLE.replace("<details class", "<div class"), "needs one hint", 15),
    "open hint": (WHOLE.replace("</details>", ""), "needs one hint", 15),
    "no label": (WHOLE.replace("(exercise-a-root)=", ""), "expected the lines (exercise-a-root)=", 15),
    "no minutes": (WHOLE.replace(', "minutes": 5', ""), "minutes: expected a positive whole number", 15),
    "seconds in words": (
        WHOLE.replace('"minutes": 5', '"minutes": 5, "seconds": "9"'),
        "seconds: expected a positive whole number, got '9'",
        15,
    ),
    "set-up after the solution": (
        HEAD + TASK + SOLUTION + SOLUTION.replace("role: solution", "role: setup"),
        "set-up must come before the solution",
        39,
    ),
    "set-up of all after the first": (
        HEAD + TASK + SOLUTION + "```{code-cell} ipython3\n---\nexercise: {role: setup}\n---\nimport os\n```\n",
        "must come before the first",
        39,
    ),
    "nothing to test": (WHOLE.replace("def root", "def _root"), "defines no name", 29),
    "task as code": (WHOLE.replace("role: solution", "role: task"), "cannot be a code cell", 29),
    "not a mapping": (WHOLE.replace("{id: a-root, role: solution}", "yes"), "expected a mapping", 29),
}


@pytest.mark.parametrize(
    ("setup", "preloaded"),
    [
        ("import math", ["math"]),
        ("import course.data", ["course.data", "course.data:load"]),
        ("from course import data", ["course", "course.data:load"]),
        ("from course.data import load", ["course.data", "course.data:load"]),
        ("import course", ["course"]),
    ],
)
def test_functions_of_the_course_are_preloaded_where_set_up_cells_import_their_module(
    write: Callable[..., Path], setup: str, preloaded: list[str]
) -> None:
    file = write(WHOLE.replace("import math", setup))
    (file.parent / "course.toml").write_text('preload = ["course.data:load"]', encoding="utf-8")
    (exercise,) = read_file(file)
    assert exercise.preload == preloaded
    assert Exercise.from_json(exercise.to_json()) == exercise


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("preload = [", "not TOML"),
        ('preload = ["course.data"]', "preload: expected a list such as"),
        ('preload = "course.data:load"', "preload: expected a list such as"),
        ("preload = [3]", "preload: expected a list such as"),
        ("title = 3", "unknown: title; expected preload"),
    ],
)
def test_malformed_course_file_is_refused(write: Callable[..., Path], text: str, message: str) -> None:
    file = write(WHOLE)
    (file.parent / "course.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ExerciseError, match=f"course.toml:1: {message}"):
        read_file(file)


@pytest.mark.parametrize("name", WRONG)
def test_malformed_exercise_is_refused_with_file_and_line(write: Callable[..., Path], name: Any) -> None:
    text, message, line = WRONG[name]
    file = write(text)
    with pytest.raises(ExerciseError) as error:
        read_file(file)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{file}:{line}: ")


def test_id_used_in_two_files_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    write(WHOLE)
    write(WHOLE, "other.md")
    with pytest.raises(ExerciseError, match=r"other\.md:17: exercise a-root is in .*chapter\.md too"):
        read_exercises(tmp_path)


def test_exercise_for_marks_is_refused_in_the_book(write: Callable[..., Path], tmp_path: Path) -> None:
    file = write(WHOLE.replace('"minutes": 5', '"minutes": 5, "assignment": true'))
    assert len(read_file(file)) == len(read_exercises(tmp_path)) == 1
    for read, source in ((read_file, file), (read_exercises, tmp_path)):
        with pytest.raises(ExerciseError, match=r"chapter\.md:15: an exercise for marks"):
            read(source, public=True)
    for value in ("false", "1"):
        file = write(WHOLE.replace('"minutes": 5', f'"minutes": 5, "assignment": {value}'))
        if value == "false":
            assert len(read_file(file, public=True)) == 1
        else:
            with pytest.raises(ExerciseError, match="expected true or false, got 1"):
                read_file(file)


def test_stub_keeps_only_signature_and_docstring() -> None:
    solution = '''import secret


@secret.cache
def f(x, *, y=1):  # secret
    # secret
    """Do it."""
    secret = 1
    return secret


_secret = 2
a, b = 3, "secret"
def _secret_helper(): pass
'''
    stub = make_stub(solution)
    assert "secret" not in stub
    assert stub == (
        'def f(x, *, y=1):\n    """Do it."""\n    raise NotImplementedError\n\n\n'
        "a = ...  # your answer\nb = ...  # your answer\nraise NotImplementedError\n"
    )


def test_stub_of_a_class_keeps_what_others_call() -> None:
    solution = '''class Stack(list, _Secret):
    """A stack."""
    secret = 1

    def __init__(self, size=1):
        self._secret = size

    @property
    def top(self) -> int:
        """Return the last."""
        return secret

    @secret
    async def pop(self):
        return secret

    def _secret(self):
        pass


class Point:
    """A place."""

    secret: int = 0


async def wait(seconds):
    secret()


answer: int = 3
'''
    stub = make_stub(solution)
    assert "secret" not in stub.lower()
    assert (
        stub
        == '''class Stack(list):
    """A stack."""

    def __init__(self, size=1):
        raise NotImplementedError

    @property
    def top(self) -> int:
        """Return the last."""
        raise NotImplementedError

    async def pop(self):
        raise NotImplementedError


class Point:
    """A place."""
    raise NotImplementedError


async def wait(seconds):
    raise NotImplementedError


answer: int = ...  # your answer
raise NotImplementedError
'''
    )


def test_answers_to_a_class_may_be_objects(write: Callable[..., Path]) -> None:
    assert [
        read_file(write(WHOLE.replace("def root(x)", change)))[0].objects
        for change in ("def root(x)", "async def root(x)")
    ] == [
        False,
        True,
    ]
    assert read_file(write(WHOLE.replace('"minutes": 5', '"minutes": 5, "objects": true')))[0].objects
    with pytest.raises(ExerciseError, match="objects: expected true or false, got 3"):
        read_file(write(WHOLE.replace('"minutes": 5', '"minutes": 5, "objects": 3')))


def test_files_of_answers_hold_no_exercises(write: Callable[..., Path], tmp_path: Path) -> None:
    write("## a-root\n```{code-cell} python\nx\n```\n", "right.check.md")
    assert read_exercises(tmp_path) == []


def test_defined_names_are_public_names_at_module_level() -> None:
    import ast

    code = "import a\ndef b(): c = 1\nd = e = 2\nf, (g, _h) = 1, (2, 3)\nd.x = 1\nfor i in []: pass"
    code += "\nclass h: pass\nasync def k(): pass\nm: int = 1\nn: int"
    assert [name for statement in ast.parse(code).body for name in defined_names(statement)] == [
        "b",
        "d",
        "e",
        "f",
        "g",
        "h",
        "k",
        "m",
    ]


def test_saved_assignment_loads_unchanged(write: Callable[..., Path], tmp_path: Path) -> None:
    exercises = read_file(write(WHOLE))
    save(exercises, tmp_path / "assignment.json", name="week-1")
    assert load(tmp_path / "assignment.json") == ("week-1", exercises)
