import json
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from coursegrader.assignment import PLACEHOLDER, _mark_solution, build_assignment, make_notebook
from coursegrader.exercises import Exercise, load


def test_release_holds_no_solution_and_no_hidden_test(exercises: dict[str, Exercise]) -> None:
    everything = list(exercises.values())
    text = json.dumps(make_notebook("all", everything, with_answers=False))
    shown = "".join(e.text + e.stub + "".join(e.setup) for e in everything)
    shown += "".join(test.code for e in everything for test in e.tests if not test.hidden)
    for exercise in everything:
        secret = [exercise.solution, *(test.code for test in exercise.tests if test.hidden)]
        for line in "\n".join(secret).splitlines():
            if len(line.strip()) > 12 and line.strip() not in shown:
                assert json.dumps(line.strip())[1:-1] not in text, exercise.id


def test_same_exercises_give_identical_files(exercises: dict[str, Exercise], tmp_path: Path) -> None:
    chosen = [exercises["model-softmax"], exercises["model-merge"]]
    for folder in ("a", "b"):
        build_assignment("week-1", chosen, tmp_path / folder)
    first, second = (sorted(path for path in (tmp_path / f).rglob("*") if path.is_file()) for f in "ab")
    assert [path.relative_to(tmp_path / "a").as_posix() for path in first] == [
        "assignment.json",
        "release/week-1/week-1.ipynb",
        "source/week-1/week-1.ipynb",
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert load(tmp_path / "a" / "assignment.json") == ("week-1", chosen)


def test_building_again_replaces_the_notebooks_and_nothing_beside_them(
    exercises: dict[str, Exercise], tmp_path: Path
) -> None:
    build_assignment("week-1", [exercises["model-softmax"]], tmp_path)
    beside = [tmp_path / kind / "week-1" / "data.csv" for kind in ("release", "source")]
    for file in beside:
        file.write_text("kept", encoding="utf-8")
    release, _ = build_assignment("week-1", [exercises["model-merge"]], tmp_path)
    assert [file.read_text(encoding="utf-8") for file in beside] == ["kept", "kept"]
    assert "merge(first, second)" in release.read_text(encoding="utf-8")
    assert "softmax" not in release.read_text(encoding="utf-8")


def test_cells_carry_nbgrader_metadata(exercises: dict[str, Exercise]) -> None:
    notebook = make_notebook("one", [exercises["model-softmax"]], with_answers=False)
    found = [
        (about["grade_id"], about["locked"], about["solution"], about["grade"], about.get("points"))
        for about in (cell.metadata["nbgrader"] for cell in notebook.cells)
    ]
    assert found == [
        ("cover", True, False, False, None),
        ("model-softmax-text", True, False, False, None),
        ("setup-1", True, False, False, None),
        ("model-softmax", False, True, False, None),
        ("model-softmax-1", True, False, True, 1),
        ("model-softmax-2", True, False, True, 2),
        ("model-softmax-3", True, False, True, 1),
    ]
    assert notebook.cells[-1].source == PLACEHOLDER
    assert "1 question, 4 points, about 10 minutes" in notebook.cells[0].source


def test_shared_setup_cell_is_written_once(exercises: dict[str, Exercise]) -> None:
    notebook = make_notebook("two", [exercises["model-softmax"], exercises["model-merge"]], with_answers=False)
    assert [cell.source.count("import keras") for cell in notebook.cells].count(1) == 1


@pytest.mark.parametrize("name", ["", "a b", "../x", ".x", "a/b"])
def test_assignment_name_that_is_no_file_name_is_refused(
    exercises: dict[str, Exercise], tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match="name: expected"):
        build_assignment(name, [exercises["model-softmax"]], tmp_path)


def test_empty_and_repeated_selections_are_refused(exercises: dict[str, Exercise], tmp_path: Path) -> None:
    for chosen in ([], [exercises["model-softmax"]] * 2):
        with pytest.raises(ValueError, match="exercises: expected"):
            build_assignment("x", chosen, tmp_path)


# What `nbgrader validate` and `nbgrader generate_assignment --no-db` do, in one process: each takes seconds to start.
NBGRADER = """
import sys
from nbgrader.apps.api import NbGraderAPI
from nbgrader.validator import Validator
from traitlets.config import Config

source, release, course = sys.argv[1:]
for notebook in (source, release):
    Validator().validate_and_print(notebook)
without = {"GenerateAssignment": {"no_database": True}, "SaveCells": {"enabled": False}}
course = NbGraderAPI(config=Config({"CourseDirectory": {"root": course}, **without}))
done = course.generate_assignment("week-1", force=True)
print(done["log"])
sys.exit(not done["success"])
"""


def test_nbgrader_accepts_the_assignment(exercises: dict[str, Exercise], tmp_path: Path) -> None:
    """Its validation passes on the source and fails on the release; its own release keeps no solution either."""
    pytest.importorskip("nbgrader")
    exercise = exercises["predict-top"]  # its set-up imports NumPy alone
    release, _ = build_assignment("week-1", [exercise], tmp_path)
    source = tmp_path / "source" / "week-1" / "week-1.ipynb"
    command = [sys.executable, "-c", NBGRADER, *map(str, (source, release, tmp_path))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    passed, _, rest = done.stdout.partition("Success! Your notebook passes all the tests.")
    assert not passed
    assert rest.strip().startswith("VALIDATION FAILED ON 1 CELL(S)!")
    text = release.read_text(encoding="utf-8")
    assert "raise NotImplementedError" in text
    for line in exercise.solution.splitlines()[2:]:
        assert line.strip() not in text
    assert "dirichlet" not in text


def test_solution_of_a_class_is_marked_method_by_method() -> None:
    """What nbgrader leaves of it is a class with the signatures and docstrings of its methods."""
    code = """class Stack:
    \"\"\"A stack.\"\"\"

    secret = 1

    def push(self, thing):
        \"\"\"Put it on top.\"\"\"
        # secret
        return secret

    @property
    def top(self): return secret


class Point:
    \"\"\"A place.\"\"\"
    secret: int
"""
    marked = _mark_solution(code)
    assert re.sub(r".*### (BEGIN|END) SOLUTION\n", "", marked + "\n") == code
    left = re.sub(r"(?s)### BEGIN SOLUTION.*?### END SOLUTION", "raise NotImplementedError", marked)
    assert "secret" not in left
    assert [line.strip() for line in left.splitlines() if "def" in line or '"""' in line] == [
        '"""A stack."""', "def push(self, thing):", '"""Put it on top."""', '"""A place."""',
    ]  # fmt: skip
    assert isinstance(compile(left, "left", "exec"), types.CodeType)
