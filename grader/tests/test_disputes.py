"""A class whose marks are disputed: a test is repaired, points are set by hand, one student's tests run again."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from coursegrader import cli, sandbox

EXERCISE = """
+++ {{"exercise": {{"id": "words-{name}", "role": "task", "difficulty": 1, "minutes": 5}}}}

(exercise-words-{name})=
## {name}

Write `{name}(text)`.

<details><summary>Hint</summary>

Think.

</details>

```{{code-cell}} ipython3
---
exercise: {{id: words-{name}, role: solution}}
tags: [hide-input]
---
def {name}(text):
    return {solution}
```

```{{code-cell}} ipython3
---
exercise: {{id: words-{name}, role: test, points: 1}}
---
assert {name}("a b") == {shown}
```

```{{code-cell}} ipython3
---
exercise: {{id: words-{name}, role: hidden, points: 2}}
tags: [remove-cell]
---
assert {name}("a b a") == {hidden}, "all words"
```
"""
HEAD = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# Words
"""
ANSWERS = {"ada": ("return len(text.split())", "return text.upper()"), "bob": ("return 2", "return text")}


class Course:
    """A course with two questions, whose hidden test of the first expects a wrong number until it is repaired."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.grades = folder / "grades"
        self.unsafe = ["--unsafe"] if sandbox.obstacle() else []

    def build(self, hidden: int) -> None:
        (self.folder / "exercises").mkdir(exist_ok=True)
        count = EXERCISE.format(name="count", solution="len(text.split())", shown=2, hidden=hidden)
        upper = EXERCISE.format(name="upper", solution="text.upper()", shown="'A B'", hidden="'A B A'")
        (self.folder / "exercises" / "words.md").write_text(HEAD + count + upper, encoding="utf-8")
        source = ["--source", str(self.folder / "exercises"), "--out", str(self.folder / "week-1")]
        assert self.run("assignment", "build", "week-1", "--exercises", "words", *source) == 0

    def hand_in(self, student: str) -> None:
        release = self.folder / "week-1" / "release" / "week-1" / "week-1.ipynb"
        notebook = json.loads(release.read_text(encoding="utf-8"))
        bodies = iter(ANSWERS[student])
        for cell in notebook["cells"]:
            if "raise NotImplementedError" in "".join(cell["source"]) and cell["cell_type"] == "code":
                cell["source"] = "".join(cell["source"]).replace("raise NotImplementedError", next(bodies))
        (self.folder / "in").mkdir(exist_ok=True)
        (self.folder / "in" / f"{student}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")

    def grade(self) -> None:
        paths = ["--assignment", str(self.folder / "week-1"), "--out", str(self.grades)]
        assert self.run("grade", str(self.folder / "in"), *paths, *self.unsafe) == 0

    def run(self, *arguments: str) -> int:
        return cli.main(arguments)

    def scores(self) -> dict[str, str]:
        with (self.grades / "grades.csv").open(newline="", encoding="utf-8") as stream:
            return {row["student_id"]: row["score"] for row in csv.DictReader(stream)}

    def feedback(self, student: str) -> str:
        (page,) = (self.grades / "feedback").glob(f"{student}-*.html")
        return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").get_text(" ", strip=True)


@pytest.fixture(scope="module")
def graded(isolation: bool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graded class, whose assignment was repaired afterwards."""
    course = Course(tmp_path_factory.mktemp("course"))
    course.build(hidden=2)
    for student in ANSWERS:
        course.hand_in(student)
    course.grade()
    assert course.scores() == {"ada": "4", "bob": "3"}
    course.build(hidden=3)
    return course.folder


@pytest.fixture
def course(graded: Path, tmp_path: Path) -> Course:
    """A copy of it."""
    folder = tmp_path / "course"
    shutil.copytree(graded, folder)
    about = folder / "grades" / "grading.json"
    about.write_text(about.read_text(encoding="utf-8").replace(str(graded), str(folder)), encoding="utf-8")
    return Course(folder)


CHANGES = """ada: 4 -> 6 of 6 points
  words-count, test 2: 0 -> 2 points; before: Expected: all words; now: passed
bob: 3 -> 1 of 6 points
  words-count, test 2: 2 -> 0 points; before: passed; now: Expected: all words
since the first grading, the assignment has changed (2 students)
words-count, test 2: 1 gain points, 1 lose some
"""


def test_comparison_after_a_repaired_test_writes_no_mark_until_it_is_confirmed(
    course: Course, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in course.grades.rglob("*") if file.is_file()}
    assert course.run("regrade", str(course.grades), "--compare") == 0
    shown = capfd.readouterr().out
    assert shown.startswith(CHANGES)
    assert "2 of 2 marks would change" in shown
    assert all(file.read_bytes() == content for file, content in before.items())
    pending = list((course.grades / "regrade").rglob("*.json"))
    assert len(pending) == 2
    assert course.run("regrade", str(course.grades)) == 0
    assert capfd.readouterr().out.startswith(CHANGES)
    assert course.scores() == {"ada": "6", "bob": "1"}
    assert not (course.grades / "regrade").exists()
    assert len(list((course.grades / "earlier" / "records").glob("ada-*.json"))) == 1


def test_one_question_alone_leaves_other_results_and_other_students_as_they_are(
    course: Course, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = (course.grades / "records").glob("ada-*.json")
    record = json.loads(file.read_text(encoding="utf-8"))
    record["questions"][1]["remark"] = "taken over"
    file.write_text(json.dumps(record), encoding="utf-8")
    arguments = ["regrade", str(course.grades), "--question", "words-count", "--student", "ada"]
    assert course.run(*arguments) == 0
    assert course.scores() == {"ada": "6", "bob": "3"}
    assert "taken over" in course.feedback("ada")
    assert course.run("regrade", str(course.grades), "--question", "words-none") == 1
    assert "expected one of words-count, words-upper, got 'words-none'" in capfd.readouterr().err


def test_result_of_another_question_is_not_taken_over_where_its_tests_changed(
    course: Course, capfd: pytest.CaptureFixture[str]
) -> None:
    assert course.run("regrade", str(course.grades), "--question", "words-upper", "--compare") == 0
    output = capfd.readouterr()
    assert "other questions, too, are graded again for 2 students" in output.err
    assert output.out.startswith(CHANGES)


def test_submission_that_is_gone_keeps_its_mark(course: Course, capfd: pytest.CaptureFixture[str]) -> None:
    (course.folder / "in" / "bob.ipynb").write_text("{}", encoding="utf-8")
    assert course.run("regrade", str(course.grades)) == 0
    assert "what was graded is no longer there: bob" in capfd.readouterr().err
    assert course.scores() == {"ada": "6", "bob": "3"}


def test_points_set_by_hand_survive_regrading_and_are_shown_with_their_reason(
    course: Course, capfd: pytest.CaptureFixture[str]
) -> None:
    override = ["override", str(course.grades), "--student", "bob", "--question", "words-upper"]
    assert course.run(*override, "--points", "1.5", "--reason", "<b>half</b> right") == 0
    assert course.scores()["bob"] == "4.5"
    capfd.readouterr()
    course.run("regrade", str(course.grades))
    output = capfd.readouterr().out
    assert "bob: 4.5 -> 2.5 of 6 points" in output
    assert "words-upper: 1.5 points set by hand count; without them, it has 0" in output
    assert course.scores()["bob"] == "2.5"
    assert "instead of 0. <b>half</b> right" in course.feedback("bob")
    assert course.run(*override, "--remove", "--reason", "an error") == 0
    assert course.scores()["bob"] == "1"
    capfd.readouterr()
    assert course.run("override", str(course.grades)) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first.endswith("bob, words-upper: 1.5 points (replaced since): <b>half</b> right")
    assert second.endswith("bob, words-upper: removed: an error")
    assert course.run(*override, "--points", "2") == 1
    assert "expected --student, --question, --reason" in capfd.readouterr().err


def test_feedback_shows_answer_file_and_failing_call(course: Course) -> None:
    text = course.feedback("bob")
    assert "Graded notebook: bob.ipynb" in text
    assert "Last call: upper('a b') returned 'a b'" in text
    assert "def count(text): return 2" in " ".join(text.split())
    assert "a b a" not in text, "what a hidden test asks stays hidden"


def test_replay_runs_the_tests_of_one_student_again(course: Course, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["replay", str(course.grades), "--student", "ada", "--question", "words-count"]
    assert course.run(*arguments) == 0
    output = capfd.readouterr()
    assert "this can differ from the record: the assignment has changed" in output.err
    assert "count('a b a') returned 3" in output.out
    assert "the record differs: 0 points, Expected: all words" in output.out
    assert "words-upper" not in output.out
