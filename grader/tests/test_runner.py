"""A class is graded whole, whatever is killed in between."""

import contextlib
import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from coursegrader import cli, commands, runner
from coursegrader.assignment import build_assignment, make_notebook
from coursegrader.exercises import Exercise
from coursegrader.forkserver import GraderError
from coursegrader.submissions import Submission

pytestmark = pytest.mark.usefixtures("needs_isolation")
STUDENTS = [f"student{number:02}" for number in range(6)]
SLOW = "import time\ntime.sleep(0.7)\n"


@pytest.fixture
def course(tmp_path: Path, exercises: dict[str, Exercise]) -> Path:
    """An assignment of one question, and six submissions: every third is right, the others are not."""
    exercise = exercises["predict-top"]
    build_assignment("week-1", [exercise], tmp_path / "week-1")
    notebook = make_notebook("week-1", [exercise], with_answers=True)
    answer = next(c for c in notebook.cells if c.metadata["nbgrader"]["grade_id"] == "predict-top")
    right = answer.source
    for number, student in enumerate(STUDENTS):
        answer.source = SLOW + (right if number % 3 == 0 else right.replace("-prob", "prob"))
        file = tmp_path / "in" / student / "week-1.ipynb"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(notebook), encoding="utf-8")
    return tmp_path


def arguments(course: Path, out: Path, *more: Any) -> list[str]:
    return ["grade", str(course / "in"), "--assignment", str(course / "week-1"), "--out", str(out), *more]


def scores(out: Path) -> dict[str, int]:
    with (out / "grades.csv").open(encoding="utf-8") as stream:
        return {row["student_id"]: int(row["score"]) for row in csv.DictReader(stream)}


EXPECTED = {student: 3 if number % 3 == 0 else 0 for number, student in enumerate(STUDENTS)}


def start(course: Path, out: Path, *more: Any, env: Any = None) -> subprocess.Popen[bytes]:
    code = "import sys; from coursegrader.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments(course, out, *more)]
    return subprocess.Popen(command, start_new_session=True, env=env)


def wait_for(condition: Callable[[], Any], *, seconds: int = 240) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
    return found


def records(out: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (out / "records").glob("*.json")}


def test_grading_resumes_after_a_kill_and_grades_nothing_twice(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = course / "out"
    process = start(course, out)
    wait_for(lambda: len(records(out)) >= 3)
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert psutil.wait_procs(family, timeout=20)[1] == [], "what it had started ends with it"
    before = records(out)
    assert len(before) < len(STUDENTS)
    assert cli.main(["tables", str(out)]) == 0
    assert "`grade` was interrupted, so students can be missing; run it again" in capsys.readouterr().err

    assert cli.main(arguments(course, out, "--workers", "2")) == 0
    assert scores(out) == EXPECTED
    assert {path: records(out)[path] for path in before} == before

    final = records(out)
    assert cli.main(arguments(course, out)) == 0, "a third time there is nothing to do"
    assert records(out) == final
    assert "interrupted" not in capsys.readouterr().err


def test_equal_notebooks_get_equal_marks(course: Path, exercises: dict[str, Exercise], package_below_tmp: str) -> None:
    """What is drawn, what a set-up makes, and what a worker keeps are the same for each of them."""
    stateful = """
import a_course.data
calls.append(1)
loaded = a_course.data.load()
loaded.append(1)
assert (len(calls), len(loaded)) == (1, 3)
"""
    draws = "import random\nassert random.random() < 0.5"
    exercise = exercises["predict-top"]
    first = dataclasses.replace(exercise.tests[0], code=stateful, points=100)
    tests = [dataclasses.replace(first, id=f"predict-top-{number}", code=draws, points=1) for number in range(2, 22)]
    exercise = dataclasses.replace(
        exercise,
        setup=("calls = []", "import a_course.data"),
        tests=(first, *tests),
        functions=("a_course.data:load",),
    )
    build_assignment("week-1", [exercise], course / "week-1")
    for student in STUDENTS:
        (course / "in" / student / "week-1.ipynb").write_bytes((course / "in/student00/week-1.ipynb").read_bytes())
    environment = os.environ | {"PYTHONPATH": package_below_tmp}
    for out in (course / "out", course / "other"):
        assert start(course, out, "--workers", "2", env=environment).wait() == 0
        (score,) = set(scores(out).values())
        assert 100 < score < 120
        assert (out / "records" / runner.SECRET).stat().st_mode & 0o777 == 0o600
    one, other = ([json.loads(record) for record in records(course / out).values()] for out in ("out", "other"))
    assert len({record["seed"] for record in one}) == 1
    assert one[0]["seed"] != other[0]["seed"], "each run has a secret of its own"


def test_changed_submission_is_regraded(course: Path) -> None:
    out = course / "out"
    for student in STUDENTS[2:]:
        (course / "in" / student / "week-1.ipynb").unlink()
        (course / "in" / student).rmdir()
    assert cli.main(arguments(course, out)) == 0
    assert scores(out) == {"student00": 3, "student01": 0}
    (course / "in" / "student01" / "week-1.ipynb").write_bytes((course / "in/student00/week-1.ipynb").read_bytes())
    (course / "in" / "student00" / "week-1.ipynb").write_text("", encoding="utf-8")
    assert cli.main(arguments(course, out)) == 0
    assert scores(out) == {"student00": 0, "student01": 3}


def test_submission_is_regraded_after_a_change_in_what_its_mark_depends_on(
    tmp_path: Path, exercises: dict[str, Exercise], package_below_tmp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = ("import numpy as np", "import a_course.data")
    exercise = dataclasses.replace(exercises["predict-top"], setup=setup)
    notebook = make_notebook("week-1", [exercise], with_answers=True)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", package_below_tmp)
    before: dict[Path, bytes] = {}
    out = tmp_path / "out"
    for changed in ("assignment", "", "coursegrader/report.py", "a_course/later.py", "seconds", "unsafe"):
        if changed in ("assignment", "seconds"):
            build_assignment("week-1", [exercise], tmp_path / "week-1")
            exercise = dataclasses.replace(exercise, seconds=9)
        elif "/" in changed:
            with open(f"{package_below_tmp}/{changed}", "a", encoding="utf-8") as file:
                file.write("# a new version\n")
        assert start(tmp_path, out, *(["--unsafe"] if changed == "unsafe" else [])).wait() == 0
        after = records(out)
        assert (after != before) == bool(changed), changed
        assert scores(out) == {"ada": 3}
        before = after


def graders(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes that grade for a command."""
    children = psutil.Process(process.pid).children()
    found = []
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended, and may not have been waited for
            if "coursegrader.worker" in child.cmdline():
                found.append(child)
    return found


def test_killed_worker_is_replaced(course: Path) -> None:
    out = course / "out"
    process = start(course, out)
    wait_for(lambda: len(records(out)) >= 2)
    graders(process)[0].kill()
    assert process.wait(timeout=120) == 0
    assert scores(out) == EXPECTED


def kill_grader(process: subprocess.Popen[bytes]) -> None:
    """Kill the only process that grades for a command, and wait until it is gone."""
    (grader,) = wait_for(lambda: graders(process))
    grader.kill()
    wait_for(lambda: grader not in graders(process))


def test_repeated_worker_crash_marks_submission_incomplete(course: Path) -> None:
    out = course / "out"
    process = start(course, out)
    for _ in range(2):
        kill_grader(process)
    assert process.wait(timeout=120) == commands.EXIT_INCOMPLETE
    with (out / "grades.csv").open(encoding="utf-8") as stream:
        rows = {row["student_id"]: row["score"] for row in csv.DictReader(stream)}
    assert rows == {student: str(score) for student, score in EXPECTED.items()} | {STUDENTS[0]: ""}
    assert cli.main(arguments(course, out)) == 0
    assert scores(out) == EXPECTED


def test_interrupted_grading_ends_its_processes_and_resumes(course: Path) -> None:
    out = course / "out"
    process = start(course, out)
    wait_for(lambda: len(records(out)) >= 1)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(timeout=5) == commands.EXIT_INTERRUPTED
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert cli.main(arguments(course, out)) == 0
    assert scores(out) == EXPECTED


@pytest.mark.weekly
def test_class_of_a_thousand_on_a_cluster_that_loses_two_of_four_workers_gets_the_same_marks(course: Path) -> None:
    """Only what these were grading is graded again."""
    pytest.importorskip("distributed")
    from distributed import LocalCluster

    read = [(course / "in" / student / "week-1.ipynb").read_text(encoding="utf-8") for student in STUDENTS[:2]]
    answers = dict(zip((3, 0), read, strict=True))
    expected = dict(EXPECTED)
    for number in range(1000 - len(STUDENTS)):
        score = 3 if number % 3 else 0
        expected[f"other{number:03}"] = score
        folder = course / "in" / f"other{number:03}"
        folder.mkdir()
        (folder / "week-1.ipynb").write_text(answers[score].replace("time.sleep(0.7)", "pass"), encoding="utf-8")
    out = course / "out"
    with LocalCluster(
        n_workers=4, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        process = start(course, out, "--scheduler", cluster.scheduler_address)
        for count, worker in zip((200, 500), list(cluster.workers.values()), strict=False):
            while len(records(out)) < count:
                assert process.poll() is None
                time.sleep(0.1)
            before = records(out)
            worker.process.process._process.kill()
        assert process.wait(timeout=1200) == 0
        command = ["regrade", str(out), "--student", STUDENTS[0], "--compare", "--scheduler", cluster.scheduler_address]
        assert cli.main(command) == 0
    assert scores(out) == expected
    assert {path: records(out)[path] for path in before} == before


@pytest.mark.parametrize("address", ["tcp://8.8.8.8:8786", "8.8.8.8:8786", "tcp://[2001:4860:4860::8888]:8786"])
def test_cluster_is_not_reached_in_the_clear_through_a_public_network(address: str) -> None:
    with pytest.raises(ValueError, match="--scheduler: expected an address that begins with tls://"):
        runner.check_address(address)
    runner.check_address("tls://8.8.8.8:8786")
    for private in ("tcp://10.0.0.5:8786", "192.168.1.7:8786", "tcp://[fd00::1]:8786", "tcp://127.0.0.1:8786"):
        runner.check_address(private)


def test_worker_of_a_cluster_with_other_software_grades_nothing(exercises: dict[str, Exercise]) -> None:
    """Its marks could be others, and the record would not tell."""
    chosen = [exercises["predict-top"]]
    here = runner.describe(None, chosen, unsafe=False)
    other = {**here, "numpy": "1.0"}
    with pytest.raises(GraderError, match=f"differs from this machine: numpy was 1.0 and is {here['numpy']}$"):
        runner._grade_there(Submission("ada", None), chosen, unsafe=False, software=runner._software(other))


@pytest.mark.parametrize("damaged", ["", "{", "[]", "3", '{"digest": "d"}', '{"digest": "x", "made_with": {"a": "v"}}'])
def test_damaged_or_outdated_record_is_ignored(tmp_path: Path, damaged: str) -> None:
    file = tmp_path / "record.json"
    assert runner._read_record(file, digest="d", made_with={"a": "v"}) is None
    file.write_text(damaged, encoding="utf-8")
    assert runner._read_record(file, digest="d", made_with={"a": "v"}) is None
    whole = {"digest": "d", "made_with": {"a": "v"}}
    file.write_text(json.dumps(whole), encoding="utf-8")
    assert runner._read_record(file, digest="d", made_with={"a": "v"}) == whole
    assert runner._read_record(file, digest="d", made_with={"a": "v", "b": "w"}) is None


def test_record_names_are_safe_and_unique() -> None:
    names = [runner.file_name(name) for name in ("../../etc/passwd", "a" * 500, "a/b", "a_b", "Ünï", "\U00020000" * 80)]
    assert len(set(names)) == 6
    assert all("/" not in name and len(name.encode()) < 200 for name in names), "a file's name has 255 bytes at most"
