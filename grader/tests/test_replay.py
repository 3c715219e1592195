import json
import pickle
import subprocess
import sys

import pytest

from coursegrader.assignment import make_notebook
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.grade import grade_submission
from coursegrader.replay import Job, replay
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


def test_replay_shows_calls_and_values_of_hidden_tests_too(
    job: Job, isolation: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    assert replay(job, unsafe=not isolation) == 0
    shown = capfd.readouterr().out
    lines = [line.strip() for line in shown.splitlines()]
    assert "hidden test 2: 0 of 2 points" in lines
    assert "best_answers([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]] (float64, 2 × 3), 2) returned [[0, 1], [2, 1]]" in shown
    assert any(line.startswith("stopped in line 9: assert (found == expected).all()") for line in lines)
    assert any(line.startswith("found = [[") and "(int64, 12 × 3)" in line for line in lines)
    assert any(line.startswith("expected = [[") for line in lines)
    assert lines[-1] == "as the record says"


def test_replay_says_where_the_record_differs(job: Job, isolation: bool, capfd: pytest.CaptureFixture[str]) -> None:
    job.record["questions"][0]["tests"][1]["points"] = 2
    replay(job, unsafe=not isolation)
    shown = capfd.readouterr().out
    assert "the record differs: 2 points, Expected: the most probable classes, best first" in shown
    assert shown.splitlines()[-1] == "1 tests ended in another way than the record says"


PROMPT = """
found = best_answers(np.array([[0.2, 0.8]]), 2); found.tolist()
best_answers(np.array([[0.2, 0.8]]), 1)
run_test(2)
probabilities.shape
"""


def test_prompt_calls_the_answer_and_keeps_names_of_a_test(job: Job, isolation: bool) -> None:
    """In a process with a standard input of its own."""
    program = (
        "import pickle, sys\nfrom coursegrader.replay import replay\n"
        f"sys.exit(replay(pickle.loads(bytes.fromhex(sys.argv[1])), unsafe={not isolation}))"
    )
    command = [sys.executable, "-c", program, pickle.dumps(job._replace(prompt=True)).hex()]
    done = subprocess.run(command, input=PROMPT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "[[0, 1]]" in done.stdout
    assert "ValueError: �]0;evil� no � (line 3 of the answer)" in done.stderr
    assert "(12, 10)" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & {*done.stdout, *done.stderr}
