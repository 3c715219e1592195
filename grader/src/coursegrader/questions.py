"""Make questions about a program from what was observed when it ran. Nothing is run here.

Each question has four options, one of them right. The others are real, too: what the program returns for other inputs,
or with one line changed, or what other variables hold. None is nearly equal to another, and neither length nor form
nor place shows which is right.
"""

import ast
import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from coursegrader.line_changes import Change, lines_alone

OPTIONS = 4
CLEAR = 0.05  # the share by which two floats must differ
_TRIES = 60
# Most lines cannot be left out without an error. With this share, it is right about once in four times.
_FAILING = 0.08
ERROR = "an error"
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}


@dataclass(frozen=True)
class Value:
    """A value as it is shown; see `probing.describe`."""

    text: str | None
    form: str = ""
    atoms: tuple[Any, ...] = ()
    exact: str = ""
    array: tuple[tuple[int, ...], str] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a call returned, or the name of its error and the line of the program that raised it."""

    value: Value | None = None
    error: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class Run:
    """What was observed while a call ran; see `probing.explore`."""

    outcome: Outcome
    counts: dict[int, int] = field(default_factory=dict)
    seen: tuple[tuple[int, str, Value | None], ...] = ()
    order: tuple[int, ...] = ()


@dataclass(frozen=True)
class Material:
    """What questions are made of.

    Attributes
    ----------
    code : str
        The program.
    calls : list of str
        Calls of its functions, as Python expressions.
    runs : list of Run or None
        What was observed of each call; None where two runs did not agree.
    changes : list of Change
        Programs with one line changed.
    changed : list of list of Outcome or None
        For each change the outcomes of the first calls.
    """

    code: str
    calls: list[str]
    runs: list[Run | None]
    changes: list[Change]
    changed: list[list[Outcome | None]]

    def pairs(self) -> list[tuple[str, Run]]:
        """Return the calls that can be asked about."""
        return [(call, run) for call, run in zip(self.calls, self.runs, strict=True) if run]

    def working(self) -> list[tuple[str, Run]]:
        """Return those of them that raise no exception."""
        return [(call, run) for call, run in self.pairs() if not run.outcome.error]

    def others(self, call: str) -> list[Run]:
        """Return the runs of other calls of the same function."""
        return [run for text, run in self.pairs() if text != call and _function(text) == _function(call)]

    def results(self, call: str) -> list[tuple[Change, Outcome]]:
        """Return what a call does in each changed program."""
        place = self.calls.index(call)
        return [
            (change, outcome)
            for change, outcomes in zip(self.changes, self.changed, strict=True)
            for outcome in outcomes[place : place + 1]
            if outcome
        ]


@dataclass(frozen=True)
class Question:
    """A question about a program.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    text, shown : str
        What is asked, and the call or value that it is about; empty if there is none.
    options : tuple of str
        What can be answered.
    right : int
        The place of the right one.
    about : dict
        What decides it, for whoever wants to check.
    """

    kind: str
    text: str
    shown: str
    options: tuple[str, ...]
    right: int
    about: dict[str, Any] = field(default_factory=dict)


def make_questions(material: Material, seed: str) -> list[Question]:
    """Return a question of each kind that the material allows, in random order."""
    found = []
    for kind, make in KINDS.items():
        question = next(make(material, random.Random(f"{seed} {kind}")), None)
        if question:
            found.append(question)
    return shuffled(found, seed)


def differ(first: Value, second: Value) -> bool:
    """Tell whether two values clearly differ: another word, whole number or length, or a float by `CLEAR`."""
    if len(first.atoms) != len(second.atoms) or not first.atoms:
        return first.atoms != second.atoms
    return any(itertools.starmap(_differ, zip(first.atoms, second.atoms, strict=True)))


def _differ(first: Any, second: Any) -> bool:
    if isinstance(first, float) or isinstance(second, float):
        if not isinstance(first, int | float) or not isinstance(second, int | float):
            return True
        return abs(first - second) > CLEAR * max(abs(first), abs(second))
    return bool(first != second)


def choose_options(
    right: Value,
    wrong: Iterable[Value],
    rng: random.Random,
    *,
    shown: str = "",
    must: Value | None = None,
    count: int = OPTIONS,
) -> tuple[tuple[str, ...], int] | None:
    """Return options and the place of the right one, or None if there are not enough.

    Parameters
    ----------
    right, wrong
        The right value, and those that can stand beside it.
    rng
        What draws.
    shown
        What can be read beside the question. If the right option is part of it, so is another one.
    must
        A wrong value that has to be among them.
    count
        How many options there are.
    """
    pool = list({value.text: value for value in wrong if value.text and differ(value, right)}.values())
    fixed = [must] if must else []
    if right.text is None or len(pool) < count - 1 - len(fixed):
        return None
    targets, best, least = (rng.randrange(count), rng.randrange(count)), None, 99
    for _ in range(_TRIES):
        others = [*fixed, *rng.sample(pool, count - 1 - len(fixed))]
        if not _fair(right, others, shown):
            continue
        score = sum(_miss(ranks, target) for ranks, target in zip(_ranks(right, others), targets, strict=True))
        if score < least:
            best, least = others, score
    if best is None:
        return None
    options = [str(value.text) for value in (right, *best)]
    rng.shuffle(options)
    return tuple(options), options.index(str(right.text))


def _fair(right: Value, others: Sequence[Value], shown: str) -> bool:
    """Tell whether all options differ, have one form, or two of them two and two, and none is the only one shown."""
    if not all(itertools.starmap(differ, itertools.combinations((right, *others), 2))):
        return False
    alike = sum(value.form == right.form for value in others)
    rest = [value.form for value in others if value.form != right.form]
    if rest and not (alike == 1 and len(rest) == 2 and len(set(rest)) == 1):
        return False
    return not _is_shown(right, shown) or any(_is_shown(value, shown) for value in others)


def _is_shown(value: Value, shown: str) -> bool:
    return bool(shown) and bool(re.search(rf"(?<![\w.]){re.escape(str(value.text))}(?![\w.])", shown))


def _ranks(right: Value, others: Sequence[Value]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the right option's rank by length, and by value, or else by what it shares with the others."""
    values = (right, *others)
    lengths = [len(str(value.text)) for value in values]
    if all(len(value.atoms) == 1 and isinstance(value.atoms[0], int | float) for value in values):
        return _rank(lengths), _rank([value.atoms[0] for value in values])
    return _rank(lengths), _rank([_shared(value, values) for value in values])


def _rank(numbers: Sequence[float]) -> tuple[int, int]:
    """Return the lowest and the highest rank that the first number can have."""
    below = sum(number < numbers[0] for number in numbers)
    return below, below + sum(number == numbers[0] for number in numbers) - 1


def _shared(value: Value, all_of_them: Iterable[Value]) -> int:
    return sum(sum(not _differ(a, b) for a, b in zip(value.atoms, other.atoms, strict=False)) for other in all_of_them)


def _miss(ranks: tuple[int, int], target: int) -> int:
    return max(ranks[0] - target, target - ranks[1], 0)


def _function(call: str) -> str:
    return call.partition("(")[0]


def shuffled(items: Iterable[Any], seed: str) -> list[Any]:
    """Return items in an order that follows from a seed."""
    return _shuffled(items, random.Random(seed))


def _shuffled(items: Iterable[Any], rng: random.Random) -> list[Any]:
    found = list(items)
    rng.shuffle(found)
    return found


def _word(text: str) -> Value:
    """Return a text as an option that differs from every other text."""
    return Value(text, "", (text,))


def _known(values: Iterable[Value | None]) -> Iterator[Value]:
    return (value for value in values if value and value.text)


def _result(run: Run) -> Value | None:
    value = run.outcome.value
    return value if value and value.text else None


def _varies(value: Value, others: Iterable[Value | None]) -> bool:
    return any(differ(value, other) for other in _known(others))


def ask_value(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of what a call returns."""
    for call, run in _shuffled(material.pairs(), rng):
        right, others = _result(run), [_result(other) for other in material.others(call)]
        if not right or not _varies(right, others):
            continue
        changed = [outcome.value for _, outcome in material.results(call)]
        seen = [value for _, _, value in run.seen]
        wrong = _known([*others, *changed, *seen])
        found = choose_options(right, wrong, rng, shown=f"{material.code}\n{call}")
        if found:
            yield Question("value", "What does this call return?", call, *found)


def ask_shape(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of the shape and type of the array that a call returns."""
    for call, run in _shuffled(material.pairs(), rng):
        value = run.outcome.value
        if not value or not value.array or not value.array[0]:
            continue
        shape, kind = value.array
        arrays = [seen.array for _, _, seen in run.seen if seen and seen.array and seen.array[0]]
        results = [other.outcome.value for other in material.others(call)]
        shapes = {other.array[0] for other in results if other and other.array} - {shape}
        if not shapes:
            continue
        shapes |= {array[0] for array in arrays} | {shape[::-1]}
        kinds = {array[1] for array in arrays} or {"float64", "int64", "float32", "bool"}
        pairs = (sorted(shapes - {shape, ()}), sorted((kinds | {"float64", "int64"}) - {kind}))
        if not all(pairs):
            continue
        other_shape, other_kind = (rng.choice(found) for found in pairs)
        options = [f"shape {one}, {two}" for one in (shape, other_shape) for two in (kind, other_kind)]
        right = options[0]
        rng.shuffle(options)
        text = "What are the shape and the type of the array that this call returns?"
        yield Question("shape", text, call, tuple(options), options.index(right))


def ask_local(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of what a variable holds when a line has run."""
    alone = lines_alone(material.code)
    for call, run in _shuffled(material.working(), rng):
        for (line, name), values in _shuffled(_assigned(run).items(), rng):
            place = rng.randrange(len(values))
            right = values[place]
            others = [_assigned(other).get((line, name), [None])[0] for other in material.others(call)]
            same = [value for number, value in enumerate(values) if number != place]
            if line not in alone or place >= len(_ORDINALS) or not right or not _varies(right, [*others, *same]):
                continue
            rest = [value for _, other, value in run.seen if other != name]
            wrong = _known([*others, *same, *rest, run.outcome.value])
            found = choose_options(right, wrong, rng, shown=f"{material.code}\n{call}")
            if found:
                when = f"has run for the {_ORDINALS[place + 1]} time" if len(values) > 1 else "has run"
                text = f"During this call, what does the variable `{name}` hold when line {line} {when}?"
                about = {"line": line, "name": name, "time": place}
                yield Question("local", text, call, *found, about)


def _assigned(run: Run) -> dict[tuple[int, str], list[Value | None]]:
    """Return the values that each variable gets in each line, in order."""
    found: dict[tuple[int, str], list[Value | None]] = {}
    for line, name, value in run.seen:
        found.setdefault((line, name), []).append(value)
    return found


def ask_times(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of how often a line runs."""
    plain = {line for line, node in lines_alone(material.code).items() if not hasattr(node, "body")}
    for call, run in _shuffled(material.working(), rng):
        others = [other.counts for other in material.others(call)]
        for line, count in _shuffled(run.counts.items(), rng):
            elsewhere = {counts[line] for counts in others if line in counts} - {count}
            if line not in plain or count < 2 or not elsewhere:
                continue
            near = {count - 2, count - 1, count + 1, count + 2, count + 3} | set(run.counts.values()) | elsewhere
            wrong = [Value(str(number), "i", (number,)) for number in sorted(near) if number >= 0]
            right = Value(str(count), "i", (count,))
            found = choose_options(right, wrong, rng)
            if found:
                text = f"How often does line {line} run during this call?"
                yield Question("times", text, call, *found, {"line": line})


def ask_without(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of what a call does if a line is left out."""
    failing = rng.random() < _FAILING
    for call, run in _shuffled(material.pairs(), rng):
        before, results = _result(run), material.results(call)
        if not before:
            continue
        values = [*(outcome.value for _, outcome in results), *(_result(other) for other in material.others(call))]
        for change, outcome in _shuffled(results, rng):
            right = before if outcome.error else outcome.value
            if change.text or not right or not right.text or outcome.error in ("stopped", "SyntaxError"):
                continue
            if outcome.value and outcome.value.exact != before.exact and not differ(right, before):
                continue
            if bool(outcome.error) != failing or change.line not in run.counts:
                continue
            must = None if right.exact == before.exact else before
            found = choose_options(right, _known(values), rng, must=must, count=OPTIONS - 1)
            if found:
                text = f"Suppose that line {change.line} were deleted. What would this call give?"
                place = OPTIONS - 1 if outcome.error else found[1]
                yield Question("without", text, call, (*found[0], ERROR), place, {"code": change.code})


def ask_raises(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of which call raises an exception."""
    for call, _ in _shuffled(_failing(material), rng):
        right = _word(call)
        wrong = [
            _word(text)
            for text, other in material.pairs()
            if _function(text) == _function(call) and other.outcome.value and not other.outcome.error
        ]
        found = choose_options(right, wrong, rng)
        if found:
            yield Question("raises", "Which of these calls raises an exception?", "", *found)


def _failing(material: Material) -> list[tuple[str, Run]]:
    """Return the calls that raise an exception in a line of the program."""
    return [
        (call, run)
        for call, run in material.pairs()
        if run.outcome.error and run.outcome.line and run.outcome.error != "stopped"
    ]


def ask_input(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of which call returns a value."""
    for call, run in _shuffled(material.pairs(), rng):
        value = _result(run)
        others = [
            (text, result)
            for text, other in material.pairs()
            if _function(text) == _function(call) and (result := _result(other)) and value and differ(result, value)
        ]
        alike = [_word(text) for text, result in others if value and result.form == value.form]
        found = choose_options(_word(call), alike, rng)
        if found and value:
            yield Question("input", "Which of these calls returns this value?", str(value.text), *found)


def ask_line(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of which line raises the exception of a call."""
    alone = lines_alone(material.code)
    for call, run in _shuffled(_failing(material), rng):
        line = run.outcome.line
        ran = [number for number in run.counts if number != line]
        rest = [number for number in _lines_near(material.code, run) if number not in run.counts]
        lines = [number for number in [*ran, *rest] if number in alone and number != line]
        if line not in alone or len(ran) < 1:
            continue
        wrong = [Value(f"line {number}", "", (number,)) for number in lines]
        found = choose_options(Value(f"line {line}", "", (line,)), wrong, rng)
        if found:
            text = "This call raises an exception. Which line of the code is the last one that its traceback names?"
            yield Question("line", text, call, *found)


def ask_same(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of which change of a line leaves the result of a call as it is."""
    for call, run in _shuffled(material.pairs(), rng):
        before = _result(run)
        results = [(change, outcome) for change, outcome in material.results(call) if change.text]
        if not before:
            continue
        same = [change for change, outcome in results if outcome.value and outcome.value.exact == before.exact]
        others = [
            change
            for change, outcome in results
            if outcome.value and outcome.value.text and differ(outcome.value, before)
        ]
        near = _lines_near(material.code, run)
        for change in _shuffled(same, rng):
            if change.line not in near or not _matters(material, change):
                continue
            wrong = [_word(_name(other)) for other in others]
            found = choose_options(_word(_name(change)), wrong, rng)
            if found:
                text = "Which of these lines could stand in place of yours, and this call would still return the same?"
                codes = {_name(other): other.code for other in [change, *others]}
                yield Question("same", text, call, *found, {"codes": [codes[option] for option in found[0]]})


def _lines_near(code: str, run: Run) -> list[int]:
    """Return the lines of the functions of which some line ran."""
    functions = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    parts = [range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in functions]
    return sorted({line for part in parts if run.counts.keys() & set(part) for line in part})


def _matters(material: Material, change: Change) -> bool:
    """Tell whether a change makes a difference to any call."""
    outcomes = material.changed[material.changes.index(change)]
    return any(
        outcome and run and outcome != run.outcome for outcome, run in zip(outcomes, material.runs, strict=False)
    )


def _name(change: Change) -> str:
    return f"line {change.line}: {change.text}"


def ask_order(material: Material, rng: random.Random) -> Iterator[Question]:
    """Yield questions of the order in which calls within the program return."""
    nodes = [node for node in ast.walk(ast.parse(material.code)) if isinstance(node, ast.Call)]
    names = [_callee(node) for node in nodes]
    for call, run in _shuffled(material.working(), rng):
        once = [place for place in run.order if run.order.count(place) == 1 and place < len(nodes)]
        places = [place for place in once if names[place] and names.count(names[place]) == 1]
        for three in _shuffled(itertools.islice(itertools.combinations(places, 3), 200), rng):
            written = sorted(three, key=lambda place: (nodes[place].func.end_lineno, nodes[place].func.end_col_offset))
            if written == list(three):
                continue
            orders = [", ".join(names[place] for place in order) for order in itertools.permutations(three)]
            plain = ", ".join(names[place] for place in written)
            wrong = [plain, *rng.sample([order for order in orders[1:] if order != plain], OPTIONS - 2)]
            options = _shuffled([orders[0], *wrong], rng)
            text = "During this call, in which order do these three return?"
            about = {"places": list(three)}
            yield Question("order", text, call, tuple(options), options.index(orders[0]), about)


def _callee(node: ast.Call) -> str:
    """Return how a call is named, such as ``np.log()`` or ``.mean()``, or nothing if it has no name."""
    function = node.func
    if isinstance(function, ast.Name):
        return f"{function.id}()"
    if isinstance(function, ast.Attribute):
        text = ast.unparse(function)
        of_module = re.fullmatch(r"(np|numpy|math|scipy|random|keras|tf)(\.\w+)+", text)
        return f"{text}()" if of_module else f".{function.attr}()"
    return ""


KINDS: dict[str, Callable[[Material, random.Random], Iterator[Question]]] = {
    "value": ask_value,
    "shape": ask_shape,
    "local": ask_local,
    "times": ask_times,
    "without": ask_without,
    "raises": ask_raises,
    "input": ask_input,
    "line": ask_line,
    "same": ask_same,
    "order": ask_order,
}
