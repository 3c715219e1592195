"""What `assignment check` finds in good exercises and in bad ones."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from coursegrader import check
from coursegrader.cli import main
from coursegrader.exercises import Exercise
from coursegrader.exercises import Test as Cell
from coursegrader.forkserver import Forkserver
from coursegrader.mutants import make_mutants

SOLUTION = "def clip(x, low):\n    return low if x < low else x\n"
VISIBLE = "assert clip(1, 2) == 2"
HIDDEN = "assert (clip(5, 3), clip(-1, 0), clip(0, 0)) == (5, 0, 0)"


def checked(
    forkserver: Forkserver,
    *,
    solution: str = SOLUTION,
    hidden: str = HIDDEN,
    setup: tuple[str, ...] = (),
    **options: Any,
) -> check.Checked:
    tests = (Cell("a-clip-1", VISIBLE, 1, hidden=False), Cell("a-clip-2", hidden, 1, hidden=True))
    exercise = Exercise("a-clip", "page", "Clip", 1, 1, 30, "", setup, solution, tests)
    return check.check_exercise(exercise, forkserver, draws=3, **options)


def test_answers_are_read_as_windows_editors_write_them(tmp_path: Path) -> None:
    file = tmp_path / "right.check.md"
    file.write_bytes(b"\xef\xbb\xbf## a-clip\r\n\r\n```python\r\nclip = max\r\n```\r\n")
    assert check.read_answers(file) == {"a-clip": ["clip = max\n"]}


def test_good_exercise_has_no_faults(forkserver: Forkserver) -> None:
    """A mutant that is among the right answers is no hole."""
    right = ["def clip(x, low):\n    return max(x, low)\n", SOLUTION.replace("<", "<=")]
    found = checked(forkserver, right=right, wrong=["def clip(x, low):\n    return low\n"])
    assert (found.faults, found.survivors, found.mutants) == ([], [], 1)
    assert (found.draws, found.right, found.wrong) == (1, 2, 1)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"solution": SOLUTION + "    # None\nclip = lambda x, low: 2\n"}, "the solution fails a-clip-2: Expected"),
        ({"hidden": "assert callable(clip)"}, "a-clip-2, which is hidden, was failed by no mutant and no wrong answer"),
        ({"right": ["def clip(x, low):\n    return 2\n"]}, "right answer 1 fails a-clip-2: Expected"),
        ({"wrong": [SOLUTION]}, "wrong answer 1 gets full marks"),
        (
            {"hidden": "assert random.random() < 0.5, 'luck'", "setup": ("import random",)},
            "the solution fails a-clip-2: Expected: luck (draw",
        ),
        ({}, "1 of 2 mutants get full marks"),
    ],
)
def test_fault_of_an_exercise_is_named(changed: Any, fault: str, forkserver: Forkserver) -> None:
    assert any(fault in found for found in checked(forkserver, **changed).faults)


@pytest.mark.parametrize(
    ("test", "doubtful"),
    [
        ("assert clip.score(images, labels) > 0.9", True),
        ("assert clip.evaluate(X=images, y=labels) > 0.9", True),
        ("assert (clip.predict(images) == labels).all()", False),
        ("assert clip.score(7) == 9", False),
    ],
)
@pytest.mark.parametrize("objects", [True, False])
def test_method_that_gets_the_right_answer_is_doubtful_if_it_may_be_the_answers_own(
    test: str, doubtful: bool, objects: bool
) -> None:
    tests = (Cell("a-clip-1", test, 1, hidden=True),)
    exercise = Exercise("a-clip", "page", "Clip", 1, 1, 30, "", (), SOLUTION, tests, objects=objects)
    assert bool(list(check._find_doubts(exercise))) == (doubtful and objects)


def test_mutants_are_valid_code_and_differ_from_the_solution() -> None:
    code = "class A:\n    def f(self, x):\n        'Doc.'\n        self.g(x)\n    def h(self):\n        self.n += 1\n"
    found = list(make_mutants(code))
    assert len(set(found)) == len(found) > 3
    for mutant in found:
        compile(mutant, "mutant", "exec")


def test_answers_to_an_unknown_exercise_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    course = Path(__file__).parent / "course" / "data.md"
    (tmp_path / "data.md").write_text(course.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / check.WRONG_FILE).write_text("## no-such\n```python\nx = 1\n```\n", encoding="utf-8")
    assert main(["assignment", "check", "--source", str(tmp_path)]) == 1
    assert "there is no exercise no-such in this folder" in capsys.readouterr().err


def test_command_names_what_is_not_in_order(
    tmp_path: Path,
    isolation: bool,
    exercises: dict[str, Exercise],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    shutil.copy(Path(__file__).parent / "course" / "predict.md", tmp_path)
    answers = f"## predict-top\n```python\n{exercises['predict-top'].solution}\n```\n"
    (tmp_path / check.WRONG_FILE).write_text(answers, encoding="utf-8")
    options = ["--source", str(tmp_path), "--draws", "2", *([] if isolation else ["--unsafe"])]
    assert main(["assignment", "check", *options]) == 1
    table = capsys.readouterr().out
    assert re.search(r"(?m)^predict-top +2 +0 +1 +5 of 5$", table), table
    assert "    NOT IN ORDER: wrong answer 1 gets full marks\n0 of 1 exercises are in order\n" in table
