import contextlib
import io
import json

import pytest

from coursegrader.assignment import make_notebook
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.grade import grade_submission
from coursegrader.replay import Job, PlainStream, explain_failure, run
from coursegrader.submissions import Submission

WRONG = """
def best_answers(probabilities, count):
    if count == 1:
        raise ValueError('\\x1b]0;evil\\x07 no \\u202e')
    return np.argsort(probabilities, axis=1)[:, :count]
"""


def hand_in(exercise: Exercise, code: str) -> Submission:
    """Return a submission whose answer to an exercise is this code."""
    notebook = make_notebook("week-1", [exercise], with_answers=True)
    (answer,) = (cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == exercise.id)
    answer.source = code
    return Submission("ada", json.dumps(notebook).encode(), seed="5")


@pytest.fixture
def job(exercises: dict[str, Exercise], forkserver: Forkserver) -> Job:
    exercise = exercises["predict-top"]
    submission = hand_in(exercise, WRONG)
    record = grade_submission(submission, [exercise], forkserver)
    return Job(submission, record, [exercise], [exercise.id])


def shown(job: Job, forkserver: Forkserver) -> str:
    """Return what a replay prints."""
    with io.StringIO() as stream, contextlib.redirect_stdout(PlainStream(stream)):
        run(job, forkserver)
        return stream.getvalue()


def test_replay_shows_calls_and_values_of_hidden_tests_too(job: Job, forkserver: Forkserver) -> None:
    lines = [line.strip() for line in shown(job, forkserver).splitlines()]
    assert "hidden test 2: 0 of 2 points" in lines
    assert "best_answers([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]] (float64, 2 × 3), 2) returned " in " ".join(lines)
    assert any(line.startswith("stopped in line 9: assert (found == expected).all()") for line in lines)
    assert any(line.startswith("found = [[") and "(int64, 12 × 3)" in line for line in lines)
    assert any(line.startswith("expected = [[") for line in lines)
    assert lines[-1] == "as the record says"


def test_replay_says_where_the_record_differs(job: Job, forkserver: Forkserver) -> None:
    job.record["questions"][0]["tests"][1]["points"] = 2
    lines = [line.strip() for line in shown(job, forkserver).splitlines()]
    assert "the record differs: 2 points, Expected: the most probable classes, best first" in lines
    assert lines[-1] == "1 test ended in another way than the record says"


def type_lines(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody type these lines at a prompt, and then Ctrl-D."""

    def type_line(_: str) -> str:
        if not lines:
            raise EOFError
        return lines.pop(0)

    monkeypatch.setattr("builtins.input", type_line)


def test_prompt_calls_the_answer_and_keeps_names_of_a_test(
    job: Job, forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = ["best_answers(np.array([[0.2, 0.8]]), 2)", "best_answers(np.eye(2), 1)", "run_test(2)"]
    type_lines([*calls, "probabilities.shape"], monkeypatch)
    with io.StringIO() as errors, contextlib.redirect_stderr(PlainStream(errors)):
        output = shown(job._replace(prompt=True), forkserver)
        assert "ValueError: �]0;evil� no � (line 3 of the answer)\n" in errors.getvalue()
    assert "array([[0, 1]])" in output
    assert "Expected: the most probable classes, best first" in output
    assert "(12, 10)" in output
    assert all(line.isprintable() for line in output.splitlines())


def test_interrupted_call_ends_the_prompt(
    job: Job, forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reply that nobody waited for would be taken for that of the next call."""
    lines = ["raise KeyboardInterrupt", "1 + 1"]
    type_lines(lines, monkeypatch)
    assert shown(job._replace(prompt=True), forkserver).endswith("as the record says\n")
    assert lines == ["1 + 1"]
    assert "the student's process ends" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("test", "explained"),
    [
        (
            "a = 1\nfor n in [1, 2]:\n    assert n < f(a) and a",
            ["stopped in line 3: assert n < f(a) and a", "a = 1", "n = 1"],
        ),
        ("def check(x):\n    y = x + 1\n    assert y < 0\ncheck(1)", ["stopped in line 3: assert y < 0", "y = 2"]),
        ("b = [1]\nwith open(b[9]):\n    c = 1", ["stopped in line 2: with open(b[9]):", "b = [1]"]),
        ("b = 5\nif b.x:\n    c = 1", ["stopped in line 2: if b.x:", "b = 5"]),
    ],
)
def test_failure_is_explained_by_its_statement_and_its_values(test: str, explained: list[str]) -> None:
    with pytest.raises((AssertionError, IndexError, AttributeError)) as error:
        exec(compile(test, "test", "exec"), {"f": lambda x: 0})
    assert [line.strip() for line in explain_failure(error.value, test)] == explained
