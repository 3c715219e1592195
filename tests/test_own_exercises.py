"""The instructors' page on exercises of one's own: its tutorial and its examples, carried out as they stand there."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from coursegrader import grade, preload
from coursegrader.answers import Answer
from coursegrader.cli import main
from coursegrader.exercises import Exercise, read_file
from coursegrader.forkserver import Forkserver

PAGE = (Path(__file__).parents[1] / "book" / "instructors" / "own-exercises.md").read_text(encoding="utf-8")
TUTORIAL, EXAMPLES = PAGE.split("\n## What an answer can be\n")
KINDS = dict(re.findall(r"(?ms)^### ([^\n]+)\n\n```python\n(.*?)^```", EXAMPLES))


def run(commands: str) -> int:
    """Run the lines of a block, in this folder; return the exit code of the last."""
    code = 0
    for program, *arguments in map(shlex.split, commands.splitlines()):
        if program == "coursegrader":
            code = main(arguments)
        elif program == "cd":
            os.chdir(arguments[0])
        else:
            code = subprocess.run([program, *arguments]).returncode
    return code


def test_tutorial_leads_from_an_empty_folder_to_grades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first check finds a hole, as the page says; what it says to do about that closes it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    steps = re.findall(r"(?ms)^(`{3,5})(bash|markdown)\n(.*?)^\1$", TUTORIAL)
    files = re.findall(r"as `(exercises/[\w.]+)`", TUTORIAL)
    install, start, listing, check, check_again, *rest = (text for _, kind, text in steps if kind == "bash")
    words, hidden, right, wrong = (text for _, kind, text in steps if kind == "markdown")
    assert install == "python -m pip install ./grader\n"
    assert run(start) == 0
    Path(files[0]).write_text(words, encoding="utf-8")
    assert run(listing) == run(check) == 0
    (shown,) = re.findall(r"(?m)^word-count .*\n    full marks with: .*\n", TUTORIAL)
    assert shown in capfd.readouterr().out
    Path(files[0]).write_text(words[: words.rindex("```{code-cell}")] + hidden, encoding="utf-8")
    for file, text in zip(files[1:], (right, wrong), strict=True):
        Path(file).write_text(text, encoding="utf-8")
    assert run(check_again) == 0
    assert "word-count                         200     1     1     9 of 9\n" in capfd.readouterr().out
    assert run("".join(rest)) == 0
    assert "week-1,,,ada,,,,3,0,3,3\r\n" in capfd.readouterr().out


CELL = "```{{code-cell}} ipython3\n---\nexercise: {{id: an-example, role: {role}}}\ntags: [{tag}]\n---\n{code}```\n\n"
TASK = """+++ {{"exercise": {{"id": "an-example", "role": "task", "difficulty": 1, "minutes": 1, {objects}}}}}

(exercise-an-example)=
## An example

<details><summary>Hint</summary></details>

"""


def make_exercise(code: str, file: Path) -> Exercise:
    """Return the exercise of an example: what is below `# setup`, `# solution` and `# test`."""
    parts = dict(re.findall(r"(?ms)^# (setup|objects|solution|test)\n(.*?)(?=^# (?:objects|solution|test)$|\Z)", code))
    text = TASK.format(objects='"objects": true' if "objects" in parts else '"seconds": 60')
    for role, part, tag in [
        ("setup", "setup", "hide-output"),
        ("solution", "solution", "hide-input"),
        ("test, points: 1", "test", "hide-output"),
        ("hidden, points: 1", "test", "remove-cell"),
    ]:
        text += CELL.format(role=role, code=parts.get(part, ""), tag=tag)
    file.write_text(text, encoding="utf-8")
    (exercise,) = read_file(file)
    return exercise


@pytest.mark.parametrize("kind", KINDS)
def test_example_gets_full_marks_and_its_stub_none(kind: Any, tmp_path: Path, forkserver: Forkserver) -> None:
    exercise = make_exercise(KINDS[kind], tmp_path / "page.md")
    preload.load(exercise.preload)  # imports do not count to the time of an answer
    graded, stub = (
        [test["message"] for test in grade.grade_answer(exercise, Answer.of(exercise, code), forkserver)["tests"]]
        for code in (exercise.solution, exercise.stub)
    )
    assert graded == ["", ""]
    assert all(stub)


def test_page_has_an_example_of_each_kind() -> None:
    assert len(KINDS) == 9
