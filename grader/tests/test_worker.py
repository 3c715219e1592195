"""A process that grades, when it is ended, stopped or not needed any more."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from typing import Any

import psutil
import pytest
from test_sandbox import NO_NAMESPACES, SEARCH

from coursegrader import exercises, worker
from coursegrader.assignment import make_notebook
from coursegrader.exercises import Exercise
from coursegrader.forkserver import GraderError
from coursegrader.submissions import Submission
from coursegrader.worker import Worker, grade_here


@pytest.fixture
def unsafe(isolation: bool) -> bool:
    return not isolation


@pytest.fixture
def exercise(exercises: dict[str, Exercise]) -> Exercise:
    return dataclasses.replace(exercises["predict-top"], seconds=1)


@pytest.fixture
def submission(exercise: Exercise) -> Submission:
    return Submission("ada", json.dumps(make_notebook("x", [exercise], with_answers=True)).encode())


def test_worker_grades_several_submissions_and_ends_its_processes(
    submission: Submission, exercise: Exercise, unsafe: bool
) -> None:
    ours = Worker(unsafe=unsafe)
    try:
        assert [ours.grade(submission, [exercise])["score"] for _ in range(2)] == [3, 3]
        family = psutil.Process(ours._process.pid).children(recursive=True)
        assert family
    finally:
        ours.close()
    assert psutil.wait_procs(family, timeout=5)[1] == []


def test_hidden_tests_are_not_in_the_memory_of_a_student(exercise: Exercise, unsafe: bool) -> None:
    """Its forkserver is forked from a process that has not read any yet."""
    exercise = dataclasses.replace(exercise, seconds=30)
    hidden = next(test.code for test in exercise.tests if test.hidden)
    line = max(hidden.splitlines(), key=len).encode()
    search = SEARCH.format(mixed=bytes(letter ^ 1 for letter in line[4:])).replace('b"def "', repr(line[:4]))
    assert repr(line[:4]) in search
    notebook = make_notebook("x", [exercise], with_answers=True)
    answer = next(cell for cell in notebook.cells if cell.metadata["nbgrader"]["grade_id"] == exercise.id)
    right = answer.source
    ours = Worker(unsafe=unsafe, items=exercise.preload)
    try:
        for _ in range(2):
            answer.source = right + "\n" + search + "\nassert not result"
            record = ours.grade(Submission("eve", json.dumps(notebook).encode()), [exercise])
            assert [test["message"] for test in record["questions"][0]["tests"]] == ["", ""]
    finally:
        ours.close()


@pytest.mark.parametrize("module", ["numpy.random", "random"])
def test_random_inputs_of_a_test_cannot_be_predicted(module: str, exercise: Exercise, unsafe: bool) -> None:
    """The forkserver is forked from the process that tests run in, and with it the state of its generators."""
    exercise = dataclasses.replace(
        exercise,
        seconds=30,
        setup=(),
        solution=f"import {module}\ndef foretell():\n    return {module}.random()",
        tests=(exercises.Test("foretold", f"import {module}\nassert foretell() != {module}.random()", 1, hidden=True),),
    )
    notebook = make_notebook("x", [exercise], with_answers=True)
    ours = Worker(unsafe=unsafe, items=["numpy"])
    try:
        record = ours.grade(Submission("eve", json.dumps(notebook).encode()), [exercise])
        assert [test["message"] for test in record["questions"][0]["tests"]] == [""]
    finally:
        ours.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stuck"])
def test_killed_or_stuck_worker_is_a_grader_error(
    how: signal.Signals, submission: Submission, exercise: Exercise, unsafe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Worker(unsafe=unsafe)
    ours.grade(submission, [exercise])
    os.kill(ours._process.pid, how)
    monkeypatch.setattr(worker, "PATIENCE", 0)
    with pytest.raises(GraderError):
        ours.grade(submission, [exercise])
    ours.close()


def test_idle_worker_is_reused_and_replaced_when_it_has_ended(
    submission: Submission, exercise: Exercise, unsafe: bool
) -> None:
    worker.close_idle()
    assert grade_here(submission, [exercise], unsafe=unsafe)["score"] == 3
    ours = worker._idle.get_nowait()
    worker._idle.put(ours)
    ours._process.kill()
    assert grade_here(submission, [exercise], unsafe=unsafe)["score"] == 3
    worker.close_idle()
    assert worker._idle.empty()


def test_worker_that_has_graded_enough_is_replaced(
    submission: Submission, exercise: Exercise, unsafe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.close_idle()
    monkeypatch.setattr(worker, "LIFETIME", 2)
    grade_here(submission, [exercise], unsafe=unsafe)
    ours = worker._idle.get_nowait()
    worker._idle.put(ours)
    assert grade_here(submission, [exercise], unsafe=unsafe)["score"] == 3
    assert worker._idle.empty()
    assert ours._process.returncode == 0


def test_idle_worker_without_isolation_is_not_reused_for_isolated_grading(
    submission: Submission, exercise: Exercise
) -> None:
    first = worker._take(unsafe=True)
    worker._idle.put(first)
    second = worker._take(unsafe=False)
    assert second is not first
    assert first._process.poll() is not None
    second.close()


@pytest.mark.usefixtures("needs_user_namespaces")
def test_worker_refuses_to_grade_where_isolation_is_impossible() -> None:
    code = """
from coursegrader.worker import Worker, Submission
worker = Worker(unsafe=False)
try:
    worker.grade(Submission("ada", None), [])
finally:
    worker.close()
"""
    done = subprocess.run([*NO_NAMESPACES, sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert "GraderError: students' code cannot be isolated on" in done.stderr
    assert "sudo sysctl -w user.max_user_namespaces" in done.stderr


@pytest.mark.weekly
def test_packages_that_are_hidden_while_keras_is_imported_can_be_used(exercise: Exercise, unsafe: bool) -> None:
    """Set-up cells of a course may import them, before or after Keras."""
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    exercise = dataclasses.replace(
        exercise,
        seconds=60,
        setup=("import pandas\nimport keras", "import sklearn.metrics"),
        solution="def share(x):\n    return float(sklearn.metrics.accuracy_score(pandas.Series([1, 2]), [1, x]))",
        tests=(exercises.Test("shared", "assert share(2) == 1 and share(3) == 0.5", 1, hidden=True),),
    )
    notebook = make_notebook("x", [exercise], with_answers=True)
    ours = Worker(unsafe=unsafe, items=exercise.preload)
    try:
        record = ours.grade(Submission("ada", json.dumps(notebook).encode()), [exercise])
        assert [test["message"] for test in record["questions"][0]["tests"]] == [""]
    finally:
        ours.close()


def test_module_that_cannot_be_imported_is_named(submission: Submission, exercise: Exercise, unsafe: bool) -> None:
    worker = Worker(unsafe=unsafe, items=["no_such_module"])
    try:
        with pytest.raises(GraderError, match="what the set-up cells import cannot be loaded on .*no_such_module"):
            worker.grade(submission, [exercise])
    finally:
        worker.close()


def ask(name: str, test: str, *, seconds: int = 20) -> Exercise:
    """Return an exercise with a right answer and one hidden test."""
    tests = (exercises.Test(f"{name}-test", test, 1, hidden=True),)
    return Exercise(name, "a", name, 1, 1, seconds, "", (), f"def {name}():\n    return True", tests)


def test_question_that_crashes_or_blocks_workers_costs_only_its_own_points(exercise: Exercise, unsafe: bool) -> None:
    crash = ask("crash", "import ctypes\nif crash():\n    ctypes.string_at(0)")
    hang = ask("hang", "import hashlib\nif hang():\n    hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)", seconds=1)
    asked = [crash, hang, dataclasses.replace(exercise, seconds=20)]
    submission = Submission("eve", json.dumps(make_notebook("x", asked, with_answers=True)).encode())
    worker.close_idle()
    record = grade_here(submission, asked, unsafe=unsafe)
    worker.close_idle()
    assert [question["score"] for question in record["questions"]] == [0, 0, 3]
    messages = [question["tests"][0]["message"] for question in record["questions"]]
    assert messages[0] == "The answer cannot be graded: the process that grades it crashed (SIGSEGV), twice."
    assert messages[1] == "The code took longer than allowed."


def test_what_an_answer_left_in_cycles_is_freed_before_the_next(unsafe: bool) -> None:
    """As models do, of which many would fill the memory."""
    leave = ask("leave", "class Left: pass\nLeft.itself = Left()\nLeft.itself.itself = Left.itself")
    look = ask("look", "import gc\nassert not [o for o in gc.get_objects() if type(o).__name__ == 'Left']")
    notebook = json.dumps(make_notebook("x", [leave, look], with_answers=True)).encode()
    ours = Worker(unsafe=unsafe)
    try:
        assert ours.grade(Submission("ada", notebook), [leave, look])["score"] == 2
    finally:
        ours.close()


@pytest.mark.parametrize(("how", "graded"), [(signal.SIGABRT, True), (signal.SIGKILL, False)])
def test_worker_that_ends_twice_costs_points_only_if_it_crashed(
    how: signal.Signals, graded: bool, exercise: Exercise, unsafe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow aborts because of a value, in each run again. What kills a worker is not the answer."""
    ended = []

    class Ended:
        graded = 0

        def grade(self, _: Submission, asked: list[Exercise], known: dict[str, Any]) -> Any:
            if asked[0].id in known:
                return {"questions": known}
            ended.append(how)
            if how == signal.SIGKILL:
                raise GraderError("killed")
            raise worker.CrashError(asked[0].id, hung=False, text="crashed")

        def close(self) -> None: ...

    monkeypatch.setattr(worker, "_take", lambda **_: Ended())
    with contextlib.nullcontext() if graded else pytest.raises(GraderError):
        record = grade_here(Submission("eve", b""), [exercise], unsafe=unsafe)
        assert [test["points"] for test in record["questions"][exercise.id]["tests"]] == [0, 0]
    assert len(ended) == 2
    worker._idle.get_nowait() if graded else None
