"""Attacks and honest mistakes, each with the mark it must get."""

import dataclasses
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coursegrader import exercises, grade
from coursegrader.answers import Answer
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.grade import fingerprint, grade_answer, grade_submission
from coursegrader.rubrics import Rubric
from coursegrader.submissions import Submission

# An alarm that rings while an object is deleted is ignored, and rings again half a second later.
WHILE_DELETING = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def read_corpus(name: str) -> dict[str, list[Any]]:
    """Return for each part of a file beside this one its cases: what is expected, and code or a notebook.

    A part starts with a line such as "# Honest", and a case with one such as "## prints: model-softmax, 4 points" or
    "## shell line: 2 + 2".
    """
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    found = {}
    for part in re.split(r"(?m)^# (?=[A-Z])", text)[2:]:  # the first is the title
        cases = re.findall(r"(?ms)^## ([^\n]+): ([^\n]+)\n```\w+\n(.*?)^```", part)
        found[part.split("\n")[0]] = [
            pytest.param(
                [int(word) if word.isdecimal() else word for word in re.findall(r"[\w-]+", about)], code, id=case
            )
            for case, about, code in cases
        ]
    assert sum(map(len, found.values())) == text.count("\n## ") > 40, f"{name}: a case cannot be read"
    return found


CORPUS = read_corpus("corpus.md")
ARGUMENTS = ("expected", "code")


def score(exercise: Any, code: str, forkserver: Forkserver, *, seconds: float | None = None) -> int:
    """Return the points of an answer."""
    if seconds:
        exercise = dataclasses.replace(exercise, seconds=seconds)
    text = re.sub(r"(?m)^# the solution$", lambda _: exercise.solution, code)
    return sum(test["points"] for test in grade_answer(exercise, Answer.of(exercise, text), forkserver)["tests"])


def test_corpus_has_its_parts() -> None:
    assert set(CORPUS) == {"Honest", "Forged", "Endless"}


@pytest.mark.parametrize(ARGUMENTS, CORPUS["Honest"])
def test_honest_answer_gets_the_points_it_deserves(
    expected: list[Any], code: str, exercises: dict[str, Exercise], forkserver: Forkserver
) -> None:
    exercise, points, _ = expected
    assert score(exercises[exercise], code, forkserver) == points


@pytest.mark.usefixtures("needs_isolation")
@pytest.mark.parametrize(ARGUMENTS, CORPUS["Forged"])
def test_forged_answer_gets_no_extra_point(
    expected: list[Any], code: str, exercises: dict[str, Exercise], forkserver: Forkserver
) -> None:
    exercise, points, _ = expected
    assert score(exercises[exercise], code, forkserver) == points


def test_answer_after_all_that_were_forged_is_graded_as_ever(
    exercises: dict[str, Exercise], forkserver: Forkserver
) -> None:
    assert score(exercises["model-merge"], "# the solution", forkserver) == 3


@WHILE_DELETING
@pytest.mark.parametrize(ARGUMENTS, CORPUS["Endless"])
def test_endless_answer_is_stopped_at_its_time_limit(
    expected: list[Any], code: str, exercises: dict[str, Exercise], forkserver: Forkserver
) -> None:
    exercise, points, _ = expected
    score(exercises[exercise], "1 / 0", forkserver)  # what has to be imported is
    start = time.monotonic()
    assert score(exercises[exercise], code, forkserver, seconds=1) == points
    assert time.monotonic() - start < 1 + 2


def ask(test: str, code: str, forkserver: Forkserver, *, seconds: int = 2) -> tuple[str | None, float]:
    """Return the message of one test of a function f, None if it passed, and the seconds this took."""
    exercise = exercises.Exercise(
        "a-b",
        "a",
        "A",
        1,
        1,
        seconds,
        "",
        ("import numpy as np",),
        "def f(x): ...",
        (exercises.Test("1", test, 1, True),),
    )
    start = time.monotonic()
    (record,) = grade_answer(exercise, Answer.of(exercise, code), forkserver)["tests"]
    assert record["points"] == (not record["message"])
    return record["message"] or None, time.monotonic() - start


def test_exception_from_an_answer_does_not_end_the_loop_of_a_test(forkserver: Forkserver) -> None:
    """StopIteration in map is the end of what is mapped: all(map(f, numbers)) would be true."""
    for name in ("StopIteration", "StopAsyncIteration", "GeneratorExit"):
        message, _ = ask(
            "assert all(map(f, [1, 2]))\nassert not list(map(f, [1]))", f"def f(x): raise {name}", forkserver
        )
        assert message, name


@WHILE_DELETING
@pytest.mark.parametrize(
    "test",
    [
        "for _ in range(f(1)):\n    pass",
        "assert f(1) ** f(1)",
        "try:\n    while f:\n        pass\nexcept Exception:\n    pass",
    ],
    ids=["loop", "arithmetic", "swallows"],
)
def test_test_that_an_answer_keeps_busy_is_stopped(test: str, forkserver: Forkserver) -> None:
    message, seconds = ask(test, "def f(x): return 10**15", forkserver, seconds=1)
    assert message == "The code took longer than allowed."
    assert seconds < 1 + 2


@WHILE_DELETING
def test_message_that_takes_too_long_to_read_is_abandoned(forkserver: Forkserver) -> None:
    """Numbers with one hash make a set quadratic."""
    code = """
import os, socket, struct
text = '{"value": {"set": [' + ",".join(str(k * (2**61 - 1)) for k in range(1, 300_000)) + "]}}"
text = '{"dict": [["value", {"set": [' + text[20:-3] + ']}]]}'
def f(x):
    socket.socket(fileno=os.dup(3)).sendall(struct.pack(">I", len(text)) + text.encode())
"""
    message, seconds = ask("assert len(f(1)) == 3", code, forkserver)
    assert message
    assert "took longer than allowed" in message
    assert seconds < 2 + 2


def test_test_that_an_answer_makes_too_large_fails_with_memory_error(forkserver: Forkserver) -> None:
    spread = "assert np.subtract.outer(f(1), np.ones(800)).shape"
    message, _ = ask(spread, "def f(x): return np.ones((8_000_000, 1))", forkserver, seconds=20)
    assert message
    assert message.startswith("The test stopped with MemoryError") or "MemoryError" in message


@pytest.mark.parametrize(
    ("test", "code"),
    [
        ("assert f(lambda a, b=1: a * b) == 6", "def f(x): return x(2, b=3)"),
        ("assert f(abs) == [1, 2]", "def f(x): return list(map(x, [-1, -2]))"),
        ("assert f(np.tanh).shape == (2, 3)", "def f(x): return x(np.zeros((2, 3)))"),
        ("assert f([abs, {'a': abs}]) == 3", "def f(x): return x[1]['a'](-3)"),
        ("assert f(lambda: abs) == 3", "def f(x): return x()(-3)"),
        ("assert f(lambda g: f(3)) == 4", "def f(x): return x(1) if callable(x) else x + 1"),
        ("assert f(lambda g: f(lambda h: h + 1)) == 7", "def f(x): return x(6)"),
        ("assert f(lambda: 1 / 0) == 'no'",
         "def f(x):\n    try:\n        x()\n    except ZeroDivisionError:\n        return 'no'"),
        ("assert f(iter([1, 2])) == 3 and f(x for x in [3]) == 3", "def f(x): return sum(x)"),
        ("read = []\nx = (read.append(n) or n for n in range(9))\nassert f(x) == 1 and read == [0, 1]",
         "def f(x): return next(x) or next(x)"),
        ("assert f(zip([1], [2])) == [(1, 2)] and f([]) == []", "def f(x): return list(x)"),
        ("x = np.random.default_rng()\nassert len({f(x) for _ in range(9)}) == 9", "def f(x): return x.random()"),
    ],
)  # fmt: skip
def test_answer_can_use_functions_and_iterators_passed_by_a_test(test: str, code: str, forkserver: Forkserver) -> None:
    """Functions and iterators as arguments: an exercise may ask for a derivative of any function."""
    assert ask(test, code, forkserver, seconds=9)[0] is None


FROZEN = "x = np.ones(3)\nx.setflags(write=False)\nf(x)"
STRICT = "with warnings.catch_warnings(action='error'):\n    f(0.0)"
MANY = "with warnings.catch_warnings(record=True, action='always') as caught:\n    f(0.0)\nassert len(caught) == 20"
SILENT = "import warnings\nwarnings.simplefilter('ignore')\ndef f(x): warnings.warn('old', DeprecationWarning)"
OWN = "import warnings\nclass Own(UserWarning): pass\ndef f(x): warnings.warn('mine', Own)"


@pytest.mark.parametrize(
    ("test", "code", "reason"),
    [
        (FROZEN, "def f(x): x[0] = 5", "ValueError: assignment destination is read-only (line 1 of the answer)"),
        (FROZEN, "def f(x): (x * 1)[0] = 5", ""),
        ("x = np.ones(3)\nf(x)\nassert x[0] == 1", "def f(x): x[0] = 5", ""),
        ("f(0.0)", "def f(x): return np.log(x)", ""),
        (STRICT, "def f(x): return np.log(x)", "RuntimeWarning: divide by zero encountered in log"),
        (STRICT, "def f(x): return np.log(max(x, 1))", ""),
        (STRICT, SILENT, "DeprecationWarning: old"),
        (STRICT, OWN, "UserWarning: mine"),
        (MANY, "import warnings\ndef f(x):\n    for n in range(99): warnings.warn(f'{n}')", ""),
    ],
)
def test_changed_argument_or_warning_fails_where_a_test_asks(
    test: str, code: str, reason: str, forkserver: Forkserver
) -> None:
    message, _ = ask(f"import warnings\n{test}", code, forkserver, seconds=9)
    assert message == (f"The test stopped with {reason}" if reason else None)


DRAWS = """
import random
import keras
drawn = random.random(), np.random.rand(), np.random.default_rng().random(), np.random.default_rng().random()
weights = keras.layers.Dense(1)
weights.build((1, 1))
assert False, f"{f(made)} {drawn} {weights.get_weights()[0]} {f(np.random.default_rng())}"
"""


def test_draws_follow_from_the_seed_and_from_nothing_else(forkserver: Forkserver) -> None:
    setup = ("import numpy as np", "made = np.random.default_rng()")
    tests = (exercises.Test("a-b-1", DRAWS, 1, True), exercises.Test("a-b-2", DRAWS, 1, True))
    exercise = exercises.Exercise("a-b", "a", "A", 1, 1, 9, "", setup, "def f(x): ...", tests)
    answer = Answer.of(exercise, "def f(x): return x.random()")
    grades = [grade_answer(exercise, answer, forkserver, seed=seed)["tests"] for seed in ("1", "1", "2", "", "")]
    messages = [test["message"] for tests in grades for test in tests]
    assert messages[:2] == messages[2:4]
    numbers = re.findall(r"\d\.\d{5,}(?:e-\d+)?", " ".join(messages[2:]))
    assert len(set(numbers)) == len(numbers) == 8 * 7
    assert np.random.default_rng().random() != np.random.default_rng().random()


def test_generator_passed_to_an_answer_is_independent_of_that_of_the_test(forkserver: Forkserver) -> None:
    test = """
x = np.random.default_rng()
assert f(x) != x.random()
state = x.bit_generator.state
f(x)
assert state == x.bit_generator.state
"""
    assert ask(test, "def f(x): return x.random()", forkserver)[0] is None


@pytest.mark.parametrize(
    "question",
    [
        '{"dict": [["asked", 1]]}',
        '{"dict": [["asked", -5]]}',
        '{"dict": [["asked", "a"]]}',
        '{"dict": [["asked", null]]}',
        '{"dict": [["asked", 0]]}',
        '{"dict": [["asked", 0], ["args", 5], ["kwargs", {"dict": []}]]}',
        '{"dict": [["asked", 0], ["args", {"list": []}], ["kwargs", 5]]}',
        '{"dict": [["asked", 0], ["args", {"list": []}]]}',
        '{"dict": [["asked", 0], ["args", {"list": []}], ["kwargs", {"dict": [[1, 2]]}]]}',
        '{"dict": [["asked", 0], ["args", {"borrowed": "function", "place": 0}], ["kwargs", {"dict": []}]]}',
        '{"borrowed": "function", "place": 0}',
        '{"generator": {"dict": [["bit_generator", "PCG64"]]}}',
    ],
)
def test_malformed_request_from_an_answer_is_an_error(question: str, forkserver: Forkserver) -> None:
    code = f"""
import os, struct
text = {question.encode()!r}
def f(x):
    os.write(3, struct.pack(">I", len(text)) + text)
"""
    assert ask("assert f(lambda a: 1) == 1", code, forkserver)[0]


def test_endless_requests_from_an_answer_are_stopped(forkserver: Forkserver) -> None:
    message, seconds = ask("f(lambda: 1)", "def f(x):\n    while True:\n        x()", forkserver, seconds=1)
    assert message == "The test stopped with The code took longer than allowed."
    message, seconds = ask("f(lambda n: sum(1 for _ in range(n)))", "def f(x): x(10**15)", forkserver, seconds=1)
    assert message == "The code took longer than allowed."
    assert seconds < 1 + 2


def test_messages_are_printable_text(forkserver: Forkserver) -> None:
    message, _ = ask("f(1)", "def f(x): raise ValueError('a\\ud800b\\0c\\x1bd')", forkserver)
    assert message
    assert message.startswith("The test stopped with ValueError: a\N{REPLACEMENT CHARACTER}b")
    assert message.isprintable()


def test_failed_test_has_a_message(exercises: dict[str, Exercise], forkserver: Forkserver) -> None:
    overflows = "def softmax(s):\n    e = np.exp(s)\n    return e / e.sum(axis=1)[:, None]"
    exercise = exercises["model-softmax"]
    visible, formula, extreme = grade_answer(exercise, Answer.of(exercise, overflows), forkserver)["tests"]
    assert (visible["message"], formula["message"]) == ("", "")
    assert extreme["message"] == "Expected: large and small scores neither overflow nor vanish"

    fails = Answer.of(exercise, "def softmax(s):\n    return 1 / 0")
    (visible, *_) = grade_answer(exercise, fails, forkserver)["tests"]
    assert visible["message"] == "The test stopped with ZeroDivisionError: division by zero (line 2 of the answer)"


def test_messages_contain_no_line_of_a_hidden_test(exercises: dict[str, Exercise], forkserver: Forkserver) -> None:
    exercise = exercises["model-softmax"]
    hidden = {line.strip() for test in exercise.tests if test.hidden for line in test.code.splitlines()}
    for code in ("def softmax(s):\n    return 0", "def softmax(s):\n    return s", "softmax = 5", "1 / 0"):
        for test in grade_answer(exercise, Answer.of(exercise, code), forkserver)["tests"]:
            assert not any(line in test["message"] for line in hidden if len(line) > 20)


def test_submission_that_is_no_notebook_gets_a_record(exercises: dict[str, Exercise], forkserver: Forkserver) -> None:
    submission = Submission("ada", b"%PDF", "Of several notebooks, b was graded, not a.")
    record = grade_submission(submission, [exercises["model-softmax"]], forkserver)
    assert (record["student"], record["score"], record["max_score"]) == ("ada", 0, 4)
    assert record["problem"].startswith("Of several notebooks, b was graded, not a. The file is not a notebook")


@WHILE_DELETING
def test_time_limit_holds_if_it_comes_while_an_object_is_deleted() -> None:
    class Slow:
        def __del__(self) -> None:
            time.sleep(0.2)

    with pytest.raises(grade._OutOfTime), grade._bounded(time.monotonic() + 0.1):
        time.sleep(2 if Slow() else 0)


CALLS = "x = np.array([1, 2])\nassert f(x[:1]) == 1\nx[0] = 3\nassert f(x) == 5, 'a sum'"


def test_failed_visible_test_keeps_its_last_call_and_a_hidden_one_keeps_none(forkserver: Forkserver) -> None:
    tests = (exercises.Test("a-b-1", CALLS, 1, False), exercises.Test("a-b-2", CALLS, 1, True))
    exercise = exercises.Exercise("a-b", "a", "A", 1, 1, 9, "", ("import numpy as np",), "def f(x): ...", tests)
    shown, hidden = grade_answer(exercise, Answer.of(exercise, "def f(x): return x[0]"), forkserver)["tests"]
    assert shown["call"] == "f([3, 2] (int64, 2 elements)) returned 3"
    assert hidden["call"] == ""
    passed, _ = grade_answer(exercise, Answer.of(exercise, "def f(x): return x.sum()"), forkserver)["tests"]
    assert passed["call"] == ""


STACK = """class Stack:
    def __init__(self, *things):
        self.things = things

    def push(self, thing):
        return Stack(thing, *self.things)

    def pop(self):
        return self.things[1]

    top = property(lambda self: self.things[0])
    __len__ = lambda self: 7
"""


@pytest.mark.parametrize(
    ("test", "call"),
    [
        (
            "stack = Stack('a')\nstack.pop()",
            "Stack('a').pop() raised IndexError: tuple index out of range (line 9 of the",
        ),
        ("stack = Stack('a').push('b')\nassert stack.pop() == 'b'", "Stack('a').push('b').pop() returned 'a'"),
        ("assert len(Stack()) == 0", "len(Stack()) returned 7"),
        ("assert Stack('a').top == 'b'", "Stack('a').top returned 'a'"),
        ("Stack().top", "Stack().top raised IndexError: tuple index out of range"),
        ("assert Stack('a') == Stack('a')", "Stack('a') == Stack('a') returned False"),
        ("Stack(Stack('a'), size=1)", "Stack(Stack('a'), size=1) raised TypeError: Stack.__init__() got an unexpected"),
        ("assert Stack('a').push('b') is None", "Stack('a').push('b') returned an object of class Stack"),
    ],
)
def test_failed_visible_test_of_a_class_keeps_how_its_object_was_made_and_used(
    test: str, call: str, forkserver: Forkserver
) -> None:
    tests = (exercises.Test("a-b-1", test, 1, hidden=False),)
    exercise = exercises.Exercise("a-b", "a", "A", 1, 1, 9, "", (), "class Stack: ...", tests, objects=True)
    (shown,) = grade_answer(exercise, Answer.of(exercise, STACK), forkserver)["tests"]
    assert shown["call"].startswith(call)


def test_last_call_of_a_test_that_takes_too_long_has_no_outcome(forkserver: Forkserver) -> None:
    tests = (exercises.Test("a-b-1", "f(1)", 1, False), exercises.Test("a-b-2", "f(1)", 1, True))
    exercise = exercises.Exercise("a-b", "a", "A", 1, 1, 1, "", (), "def f(x): ...", tests)
    answer = Answer.of(exercise, "def f(x):\n    while True: pass")
    shown, _ = grade_answer(exercise, answer, forkserver)["tests"]
    assert shown["call"] == "f(1) failed: The code took longer than allowed."


def test_only_what_students_read_leaves_results_as_they_are(exercises: dict[str, Exercise]) -> None:
    exercise = exercises["predict-top"]
    assert fingerprint(dataclasses.replace(exercise, title="Another", text="Another.")) == fingerprint(exercise)
    changes: list[dict[str, Any]] = [{"objects": True}, {"seconds": 9}, {"rubric": Rubric("figure", ())}]
    for change in changes:
        assert fingerprint(dataclasses.replace(exercise, **change)) != fingerprint(exercise), change
