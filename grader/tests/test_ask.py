import csv
import json
import shutil
import socket
import struct
import time
from pathlib import Path

import pytest

from coursegrader import cli, protocol, sandbox
from coursegrader.asking import MAX_CODE, MAX_LINES, Inputs, NoReportError, ask_about, find_inputs, read_report
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.line_changes import replacements
from coursegrader.runner import SECRET

SOURCE = str(Path(__file__).parent / "course")


@pytest.fixture(scope="module")
def calls(exercises: dict[str, Exercise], forkserver: Forkserver) -> Inputs:
    return find_inputs(exercises["predict-top"], forkserver, seed=1)


def test_answer_is_asked_about(exercises: dict[str, Exercise], forkserver: Forkserver, calls: Inputs) -> None:
    exercise = exercises["predict-top"]
    code = exercise.solution.replace("argsort(-probabilities, ", "argsort(-1.0 * probabilities, ")
    questions = ask_about(exercise, code, calls, [forkserver] * 2, seed="1")
    assert {"value", "shape"} <= {question.kind for question in questions}
    assert questions == ask_about(exercise, code, calls, [forkserver] * 2, seed="1")


def test_long_answer_is_not_asked_about(exercises: dict[str, Exercise], forkserver: Forkserver, calls: Inputs) -> None:
    exercise = exercises["predict-top"]
    for code in (f"{exercise.solution}\n#{'x' * MAX_CODE}", exercise.solution + "\n" * MAX_LINES):
        assert ask_about(exercise, code, calls, [forkserver], seed="1") == []


def test_line_with_a_thousand_numbers_is_not_changed() -> None:
    start = time.monotonic()
    assert replacements(f"def ones():\n    return [{'1, ' * 1000}]\n") == []
    assert time.monotonic() - start < 5


def test_reply_with_numbers_of_one_hash_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    """Half a million of them in a dictionary or set take hours."""
    numbers = [number * (2**61 - 1) for number in range(3)]
    for content in ({"dict": [[number, 0] for number in numbers]}, {"set": numbers}):
        text = json.dumps({"list": [content]}).encode()
        pair[0].sendall(struct.pack(">I", len(text)) + text)
        with pytest.raises(ValueError, match="message: expected"):
            protocol.receive(pair[1], plain=True)


def test_reply_with_a_model_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    text = json.dumps({"list": [{"model": {}, "weights": {"list": []}}]}).encode()
    pair[0].sendall(struct.pack(">I", len(text)) + text)
    with pytest.raises(ValueError, match="expected no model"):
        protocol.receive(pair[1], plain=True)


LONG: dict[str, object] = {"text": "a" * 1000, "form": "", "atoms": [], "exact": "", "array": None}
HEAD = "import coursegrader.probing as probing\n"


@pytest.mark.parametrize(
    "code",
    [
        HEAD + "probing.json.dumps = lambda report: '{'",
        HEAD + "probing.json.dumps = lambda report: '[' * 100_000",
        HEAD + "probing.json.dumps = lambda report: 'x' * 5_000_000",
        HEAD + "class M:\n  layers = []\n  def get_weights(self): return []\nprobing.json.dumps = lambda report: M()",
        HEAD + f"probing.describe = lambda value: {LONG}",
        "import warnings\nwarnings.catch_warnings = lambda **_: 1\nwarnings.warn('mine')\nraise SystemExit",
        "import os\nos._exit(0)",
        "def best_answers(probabilities, count):\n    import os\n    os._exit(0)",
        "best_answers = 3",
        "%time x",
        "",
    ],
)  # fmt: skip
def test_answer_that_interferes_is_not_asked_about(
    code: str, exercises: dict[str, Exercise], forkserver: Forkserver, calls: Inputs
) -> None:
    start = time.monotonic()
    assert ask_about(exercises["predict-top"], code, calls, [forkserver], seed="1") == []
    assert time.monotonic() - start < 30


NOTHING = {"value": None, "error": None, "line": None}
HUGE = {"text": "1", "form": "i", "atoms": [10**400], "exact": "1", "array": None}  # no float can be subtracted from it
RUN = {"outcome": NOTHING, "counts": [[1, 1]], "seen": [], "order": []}


@pytest.mark.parametrize(
    "change",
    [
        {"runs": []},
        {"runs": [RUN | {"outcome": NOTHING | {"error": "\x1b[31m"}}]},
        {"runs": [RUN | {"outcome": NOTHING | {"error": "not a name"}}]},
        {"runs": [RUN | {"outcome": NOTHING | {"value": HUGE}}]},
        {"runs": [RUN | {"counts": [[1, 1.5]]}]},
        {"runs": [RUN | {"seen": [[1]]}]},
        {"changed": [[]]},
        {"changed": 7},
    ],
)  # fmt: skip
def test_forged_report_is_refused(change: dict[str, object]) -> None:
    report = {"runs": [RUN], "changed": [[None]]}
    assert read_report(json.dumps(report), calls=1, changes=1, changed_calls=1)
    with pytest.raises(NoReportError, match=r"^report: expected"):
        read_report(json.dumps(report | change), calls=1, changes=1, changed_calls=1)


def test_forms_are_written_handed_in_and_marked(
    isolation: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = ["assignment", "build", "week-1", "--exercises", "predict-top", "--source", SOURCE]
    assert cli.main([*build, "--out", str(tmp_path / "week-1")]) == 0
    for student, kind in {"Ada": "source", "Bob": "release", "Cy": "source", "Dan": "source"}.items():
        (tmp_path / "in" / student).mkdir(parents=True)
        notebook = (tmp_path / f"week-1/{kind}/week-1/week-1.ipynb").read_bytes()
        if student == "Cy":
            notebook = notebook.replace(b"argsort(-", b"argsort(")
        (tmp_path / "in" / student / "week 1.ipynb").write_bytes(notebook)
    unsafe = [] if isolation else ["--unsafe"]
    grades, folder = tmp_path / "out", tmp_path / "questions"
    (grades / "records").mkdir(parents=True)
    (grades / "records" / SECRET).write_text("0", encoding="utf-8")  # of others, about one in eight gives one question
    grade = ["grade", str(tmp_path / "in"), "--assignment", str(tmp_path / "week-1"), "--out", str(grades), *unsafe]
    assert cli.main(grade) == 0
    assert cli.main(["ask", str(grades), "--out", str(folder), *unsafe]) == 0
    assert {"no question: Bob", "no question: Cy"} <= set(capsys.readouterr().err.splitlines())

    form, other = sorted(folder.glob("forms/*/week-1-questions.ipynb"))
    asked, _ = json.loads((folder / "key.json").read_text(encoding="utf-8"))["forms"]
    letters = ["abcd"[one["question"]["right"]] for one in asked["asked"]]
    assert len(letters) == 2
    filled = form.read_text(encoding="utf-8").replace(r"answer_1 = \"\"", rf"answer_1 = \"{letters[0]}\"")
    back = tmp_path / "back" / "Ada" / "week-1-questions.ipynb"
    back.parent.mkdir(parents=True)
    back.write_text(filled, encoding="utf-8")
    shutil.copytree(back.parent, tmp_path / "back" / "Dan")
    assert cli.main(["ask", str(grades), "--out", str(folder), "--mark", str(tmp_path / "back")]) == 0
    with (folder / "ask.csv").open(encoding="utf-8") as file:
        row, of_other = csv.DictReader(file)
    assert (row["student"], row["right"], row["questions"]) == ("Ada", "1", "2")
    assert (row["given_1"], row["given_2"]) == (letters[0], "")
    assert other.read_text(encoding="utf-8") != form.read_text(encoding="utf-8"), "whose notebooks are equal"
    assert of_other["remark"] == "This is another form than the student was given."


def test_forms_are_made_only_where_code_is_isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "obstacle", lambda: "no namespaces")
    (tmp_path / "grading.json").write_text(
        json.dumps({"assignment": str(tmp_path), "submissions": [], "platform": "", "unsafe": False})[:-1]
        + ', "failed": [], "tables": {}}',
        encoding="utf-8",
    )
    (tmp_path / "assignment.json").write_text('{"name": "week-1", "exercises": []}', encoding="utf-8")
    assert cli.main(["ask", str(tmp_path)]) == 1
