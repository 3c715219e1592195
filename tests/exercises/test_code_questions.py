"""Questions about an answer's code are right: each option is decided again, plainly, without what made the question."""

import ast
import copy
import dis
import itertools
import math
import re
import sys
import types
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from test_book_exercises import EXERCISES, RIGHT

from coursegrader import grade
from coursegrader.asking import ask_about, find_inputs
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.questions import KINDS, Question

QUICK = {"debug-order", "fast-products", "predict-abstain", "small-count"}  # these are asked about in each run
ANSWERS = [(name, EXERCISES[name].solution) for name in EXERCISES] + [answer.values for answer in RIGHT]


def ask(exercise: Exercise, codes: Sequence[str], forkserver: Forkserver) -> list[tuple[str, Question]]:
    """Return the questions about some answers to an exercise, each with its code."""
    inputs = find_inputs(exercise, forkserver, seed=1)
    return [
        (code, question)
        for code in codes
        for question in ask_about(exercise, code, inputs, [forkserver] * 2, seed=code)
    ]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.weekly] * (name not in QUICK)) for name in EXERCISES]
)
def test_one_option_of_each_question_is_right(name: str, forkserver: Forkserver) -> None:
    exercise = EXERCISES[name]
    codes = [str(code) for other, code in ANSWERS if other == name]
    asked = ask(exercise, codes[:2] if name in QUICK else codes, forkserver)
    assert asked or name not in QUICK
    setup = grade._set_up(exercise, "")
    for code, question in asked:
        right = decide(code, question, setup)
        assert right == [place == question.right for place in range(len(question.options))], (question, code)
        if question.kind in ("value", "local", "without"):
            values = [parse(option) for option in question.options if option != "an error"]
            assert not any(close(a, b, 0.04) for a, b in itertools.combinations(values, 2)), question


def decide(code: str, question: Question, setup: dict[str, Any]) -> list[bool]:
    """Return for each option whether it is right."""
    kind, about, options = question.kind, question.about, question.options
    if kind in ("value", "without"):
        result = run(about.get("code", code), question.shown, setup)
        return [is_shown(option, result) for option in options]
    if kind == "shape":
        array = np.asarray(run(code, question.shown, setup)[0])
        return [option == f"shape {array.shape}, {array.dtype}" for option in options]
    if kind == "raises":
        return [isinstance(run(code, option, setup)[0], Exception) for option in options]
    if kind == "input":
        return [is_shown(question.shown, run(code, option, setup)) for option in options]
    if kind == "line":
        error = run(code, question.shown, setup)[0]
        return [option == f"line {last_line(error)}" for option in options]
    if kind == "same":
        before = repr(plain(run(code, question.shown, setup)[0]))
        return [repr(plain(run(changed, question.shown, setup)[0])) == before for changed in about["codes"]]
    finished, returned = trace(code, question.shown, setup, opcodes=kind == "order")
    if kind == "local":
        values = [names[about["name"]] for line, names in finished if line == about["line"]]
        return [close(parse(option), values[about["time"]]) for option in options]
    if kind == "times":
        return [option == str(sum(line == about["line"] for line, _ in finished)) for option in options]
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    chosen = {(calls[place].end_lineno, calls[place].end_col_offset): calls[place] for place in about["places"]}
    # The interpreter calls generator expressions, too, without arguments; one can end where the call around it ends.
    ended = [end for end, count in returned if end in chosen and bool(count) == bool(arguments(chosen[end]))]
    order = [last_name(chosen[end].func) for end in dict.fromkeys(ended)]
    return [[part.rpartition(".")[2].rstrip("()") for part in option.split(", ")] == order for option in options]


def arguments(node: ast.Call) -> list[Any]:
    return [*node.args, *node.keywords]


def last_name(node: ast.expr) -> str:
    return str(re.findall(r"\w+", ast.unparse(node))[-1])


def start(code: str, setup: dict[str, Any]) -> dict[str, Any]:
    names = dict(setup)
    exec(compile(code, "<asked>", "exec"), names)
    return names


def run(code: str, call: str, setup: dict[str, Any]) -> list[Any]:
    """Return a list of the result or the exception of a call."""
    names = start(code, setup)
    try:
        return [eval(call, names)]
    except Exception as error:
        return [error]


def is_shown(text: str, result: list[Any]) -> bool:
    """Tell whether an option is the result of a call."""
    if isinstance(result[0], Exception) or text == "an error":
        return isinstance(result[0], Exception) and text == "an error"
    return close(parse(text), plain(result[0]))


def parse(text: str) -> Any:
    return [] if text == "set()" else plain(ast.literal_eval(text))


def plain(value: Any) -> Any:
    if hasattr(value, "__array__"):
        return plain(np.asarray(value).tolist())
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def close(first: Any, second: Any, tolerance: float = 0.006) -> bool:
    """Tell whether two values are the same but for rounding."""
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(
            close(one, other, tolerance) for one, other in zip(first, second, strict=True)
        )
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(close(first[key], second[key], tolerance) for key in first)
    if isinstance(first, float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=tolerance, abs_tol=1e-12)
    return bool(first == second)


def last_line(error: Any) -> int:
    """Return the last line of the answer that a traceback names."""
    lines, frames = [], error.__traceback__
    while frames:
        if frames.tb_frame.f_code.co_filename == "<asked>":
            lines.append(frames.tb_lineno)
        frames = frames.tb_next
    return int(lines[-1])


def trace(
    code: str, call: str, setup: dict[str, Any], *, opcodes: bool
) -> tuple[list[tuple[int, dict[str, Any]]], list[Any]]:
    """Return the lines that ran with the variables after each, or where the calls end that returned, in order."""
    names = start(code, setup)
    finished: list[tuple[int, dict[str, Any]]] = []
    returned: list[Any] = []
    line: dict[types.FrameType, int] = {}
    calling: dict[types.FrameType, Any] = {}

    def local(frame: types.FrameType, event: str, _: Any) -> Any:
        if event in ("opcode", "return") and frame in calling:
            returned.append(calling.pop(frame))
        if event == "opcode":
            found = next(one for one in dis.get_instructions(frame.f_code) if one.offset == frame.f_lasti)
            if found.opname in ("CALL", "CALL_KW", "CALL_FUNCTION_EX") and found.positions:
                end = (found.positions.end_lineno, found.positions.end_col_offset)
                calling[frame] = (end, found.arg if found.opname == "CALL" else 1)
        elif frame in line and (event != "line" or line[frame] != frame.f_lineno):
            values = {name: copy.deepcopy(plain(value)) for name, value in frame.f_locals.items() if is_plain(value)}
            finished.append((line.pop(frame), values))
        if event == "line":
            line[frame] = frame.f_lineno
        return local

    def enter(frame: types.FrameType, *_: Any) -> Any:
        if frame.f_code.co_filename != "<asked>" or (frame.f_code.co_name[0] == "<" and not opcodes):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = opcodes, not opcodes
        return local

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        eval(call, names)
    finally:
        sys.settrace(before)
    return finished, returned


def is_plain(value: Any) -> bool:
    return isinstance(value, int | float | str | list | tuple | set | dict | None) or hasattr(value, "__array__")


@pytest.mark.weekly
def test_no_option_gives_itself_away(forkserver: Forkserver) -> None:
    """Somebody who always takes the longest option, or the shortest, is right as often as by chance."""
    asked = []
    for name, exercise in EXERCISES.items():
        asked += ask(exercise, [str(code) for other, code in ANSWERS if other == name], forkserver)
    assert {question.kind for _, question in asked} == KINDS.keys()
    assert len(asked) > 500
    for choose in (max, min):
        chance = 0.0
        for _, question in asked:
            lengths = [len(option) for option in question.options]
            extreme = choose(lengths)
            chance += (lengths[question.right] == extreme) / lengths.count(extreme)
        assert 0.2 < chance / len(asked) < 0.3
