import itertools
import json
import random
from typing import Any

import numpy as np
import pytest

from coursegrader import asking, probing
from coursegrader.inputs import find_calls
from coursegrader.line_changes import deletions, lines_alone, replacements
from coursegrader.questions import KINDS, Material, Question, Value, choose_options, make_questions

CODE = '''\
def weighted(values, weights, limit):
    """Return running sums of what is below a limit."""
    total, kept = 0, []
    for value, weight in zip(values, weights):
        if value > limit:
            continue
        total += value * weight
        kept.append(weight)
    if sum(kept) == 0:
        raise ValueError("no weight")
    scaled = np.array([total, *kept]) * 2
    return np.maximum(
        np.cumsum(scaled), np.abs(limit)
    )
'''
CALLS = [
    "weighted([3, 1, 2], [1, 2, 3], 2)",
    "weighted([5, 4], [2, 2], 9)",
    "weighted([1, 1, 1, 6], [4, 1, 2, 1], 5)",
    "weighted([2, 7], [3, 1], 7)",
    "weighted([0, 3, 8], [5, 1, 1], 4)",
    "weighted([6, 5], [1, 1], 2)",
    "weighted([2, 3], [1, -1], 4)",
]


def observe(code: str, calls: list[str]) -> Material:
    changes = deletions(code) + replacements(code)
    programs = [change.code for change in changes]
    most = min(len(calls), 4)
    text = probing.explore({"np": np}, code, programs, calls, 0, most)
    runs, changed = asking.read_report(text, calls=len(calls), changes=len(changes), changed_calls=most)
    return Material(code, calls, list(runs), changes, changed)


@pytest.fixture(scope="module")
def questions() -> dict[str, list[Question]]:
    """Some questions of each kind."""
    material = observe(CODE, CALLS)
    found: dict[str, list[Question]] = {}
    for seed in range(8):
        for question in make_questions(material, str(seed)):
            found.setdefault(question.kind, []).append(question)
    return found


def run(call: str, code: str = CODE) -> Any:
    space: dict[str, Any] = {"np": np}
    exec(code, space)
    try:
        return eval(call, space).tolist()
    except Exception:
        return "an error"


def answer(question: Question) -> str:
    return question.options[question.right]


def test_each_kind_of_question_is_made(questions: dict[str, list[Question]]) -> None:
    assert questions.keys() == KINDS.keys()
    assert len(KINDS) == 10
    for kind in KINDS:
        assert {len(set(question.options)) for question in questions[kind]} == {4}
        assert len({question.right for question in questions[kind]}) > 1, kind


def test_one_option_alone_is_right(questions: dict[str, list[Question]]) -> None:
    deciders: dict[str, Any] = {
        "value": lambda q, option: option == str(run(q.shown)),
        "without": lambda q, option: option == str(run(q.shown, q.about["code"])),
        "raises": lambda q, option: run(option) == "an error",
        "input": lambda q, option: q.shown == str(run(option)),
        "shape": lambda q, option: option == f"shape ({len(run(q.shown))},), int64",
        "same": lambda q, option: run(q.shown, q.about["codes"][q.options.index(option)]) == run(q.shown),
        "line": lambda q, option: option == "line 10",
        "order": lambda q, option: option.endswith("np.maximum()"),
    }
    for kind, decide in deciders.items():
        for question in questions[kind]:
            right = [decide(question, option) for option in question.options]
            if kind == "order":
                assert right[question.right]
            else:
                assert right == [place == question.right for place in range(4)], question


def test_times_and_local_values_are_those_of_the_run() -> None:
    material = observe(CODE, CALLS)
    run = material.runs[0]
    assert run is not None
    assert {line: run.counts[line] for line in (3, 5, 6, 7, 8, 11)} == {3: 1, 5: 3, 6: 1, 7: 2, 8: 2, 11: 1}
    totals = [value.text for line, name, value in run.seen if (line, name) == (7, "total") and value]
    assert totals == ["2", "8"]


def test_lines_of_functions_that_a_call_does_not_reach_are_not_asked_about() -> None:
    code = CODE + "\n\ndef other(x):\n    y = 2 * x\n    y += 1\n    return y\n"
    material = observe(code, CALLS)
    found = [question for seed in range(10) for question in make_questions(material, str(seed))]
    assert len(found) > 50
    for question in found:
        if question.kind in ("without", "same", "line"):
            assert not any(f"line {line}" in str((question.text, question.options)) for line in (18, 19, 20))


def test_random_results_are_not_asked_about() -> None:
    code = "def draw(x):\n    y = np.random.random() * x\n    return [y, x]\n"
    calls = [f"draw({number})" for number in range(1, 7)]
    reports = []
    for seed in (0, 1):
        text = probing.explore({"np": np}, code, [], calls, seed, 0)
        reports.append(asking.read_report(text, calls=6, changes=0, changed_calls=0))
    material = asking._agreed(code, calls, [], reports)
    assert material.runs == [None] * 6
    assert make_questions(material, "1") == []


def test_what_an_empty_array_holds_is_not_asked_about() -> None:
    code = "def fill(x):\n    y = np.empty(3)\n    y[0] = x\n    z = y.copy()\n    y[:] = x\n    return y\n"
    seen = []
    for seed in (0, 1):
        text = probing.explore({"np": np}, code, [], ["fill(2.0)"], seed, 0)
        (run,), _ = asking.read_report(text, calls=1, changes=0, changed_calls=0)
        seen.append({(line, name): value.text for line, name, value in run.seen if value})
    assert seen[0][4, "z"] != seen[1][4, "z"]
    first, *rest = json.loads(str(seen[0][4, "z"]))
    assert first == 2
    assert rest in [[number, number] for number in range(2, 100)]  # filled with one number
    assert seen[0][5, "y"] == seen[1][5, "y"] == "[2.0, 2.0, 2.0]"


def test_change_that_keeps_the_program_from_being_defined_is_no_outcome_of_a_call() -> None:
    code = "def double(x):\n    y = 2 * x\n    return y\n\n\ndouble(1)\n"
    outcomes = observe(code, ["double(3)", "double(4)"]).changed[0]
    assert [outcome.error for outcome in outcomes if outcome] == ["stopped", "stopped"]


def test_endless_loop_is_no_outcome() -> None:
    code = "def count(n):\n    while n:\n        n -= 1\n    return n\n"
    material = observe(code, ["count(3)", "count(-1)"])
    assert material.runs[1] is not None
    assert material.runs[1].outcome.error == "stopped"
    assert sum(material.runs[1].counts.values()) <= probing.MAX_STEPS + 1
    assert "raises" not in [question.kind for question in make_questions(material, "1")]


def number(value: float) -> Value:
    return Value(repr(value), "f", (value,))


def test_options_differ_clearly() -> None:
    wrong = [number(value) for value in (1.02, 0.98, 2.0, 2.05, 3.0, 4.0)]
    for seed in range(30):
        found = choose_options(number(1.0), wrong, random.Random(seed))
        assert found is not None
        values = sorted(map(float, found[0]))
        assert all(larger > 1.05 * smaller for smaller, larger in itertools.pairwise(values))


def test_option_is_not_the_only_one_that_can_be_read_beside_the_question() -> None:
    wrong = [Value(word, "s", (word,)) for word in ("b", "c", "d", "e")]
    right = Value("a", "s", ("a",))
    assert choose_options(right, wrong, random.Random(0), shown="return a") is None
    assert choose_options(right, wrong, random.Random(0), shown="return a if x else b") is not None


def test_form_does_not_show_which_option_is_right() -> None:
    pairs = [Value(f"[{place}, 1]", "[i, i]", (place, 1)) for place in range(5)]
    numbers = [Value(str(place), "i", (place,)) for place in range(5)]
    assert choose_options(pairs[0], numbers, random.Random(0)) is None
    found = choose_options(pairs[0], [*numbers, pairs[1]], random.Random(0))
    assert found is not None
    assert sum(option.startswith("[") for option in found[0]) == 2


def test_changed_programs_keep_the_numbers_of_their_lines() -> None:
    changes = deletions(CODE) + replacements(CODE)
    assert len(changes) > 15
    for change in changes:
        before, after = CODE.split("\n"), change.code.split("\n")
        assert [place for place, line in enumerate(before, start=1) if line != after[place - 1]] == [change.line]
        assert after[change.line - 1].strip() == change.text
    assert 12 not in lines_alone(CODE)  # a statement of three lines
    assert 2 not in lines_alone(CODE)  # the docstring


def test_search_for_calls_ends_soon_if_no_result_can_be_printed() -> None:
    space: dict[str, Any] = {"made": []}  # what the solution makes takes long in courses, such as a model
    solution = "def make(units):\n    made.append(units)\n    return iter(range(units))\n"
    found = json.loads(find_calls(space, solution, [f"make({10**units})" for units in range(1, 6)], ["make"], 1))
    assert not found["make"][0]
    assert 5 < len(space["made"]) <= 60


def test_small_calls_are_made_from_those_of_tests() -> None:
    solution = "def mean_rows(images, labels):\n    return images.mean(axis=1)[labels]\n"
    tests = ["mean_rows(np.arange(6000.0).reshape(60, 100), np.arange(60))", "assert False"]
    found = json.loads(find_calls({"np": np}, solution, tests, ["mean_rows"], 1))
    working, failing = found["mean_rows"]
    assert len(working) >= 4
    assert failing
    assert max(map(len, working)) <= 200
    space: dict[str, Any] = {"np": np}
    exec(solution, space)
    for call in working:
        assert np.size(eval(call, space)) <= 12
    for call in failing:
        with pytest.raises(IndexError):
            eval(call, space)


def test_calls_found_follow_from_the_seed_although_tests_draw() -> None:
    tests = ["double(np.random.default_rng().integers(-99, 99, size=3))", "double(np.random.random(2))"]
    space: dict[str, Any] = {"np": np}
    found = {
        seed: [find_calls(space, "def double(x):\n    return 2 * x\n", tests, ["double"], seed) for _ in range(2)]
        for seed in (1, 2)
    }
    assert found[1][0] == found[1][1]
    assert found[1][0] != found[2][0]
