"""Objects that stay in the student process, and what tests can do with them."""

import ast

from coursegrader import exercises
from coursegrader.answers import Answer
from coursegrader.exercises import Exercise
from coursegrader.forkserver import Forkserver
from coursegrader.grade import grade_answer

STACK = """import typing


class Place(typing.NamedTuple):
    x: int
    y: int


class EmptyError(LookupError):
    pass


class Stack(list):
    limit = 3

    def same(self):
        return self

    def push(self, thing):
        self.append(thing)
        return self

    @property
    def top(self):
        if not self:
            raise EmptyError("it is empty")
        return self[-1]

    def __add__(self, other):
        return Stack([*self, *other])


class Countdown:
    def __init__(self, start):
        self.left = start

    def __iter__(self):
        return self

    def __next__(self):
        self.left -= 1
        return self.left
"""
VECTOR = """import numpy as np


class Vector:
    def __init__(self, *parts):
        self.parts = list(parts)

    def __add__(self, other):
        return Vector(*(p + other for p in self.parts)) if isinstance(other, int) else sum(self.parts)

    def __mul__(self, other):
        return Vector(*(p * other for p in self.parts))

    def __rsub__(self, other):
        return Vector(*(other - p for p in self.parts))

    def __eq__(self, other):
        return self.parts == other.parts

    def __gt__(self, other):
        return self.parts > other.parts

    def __abs__(self):
        return sum(p * p for p in self.parts) ** 0.5

    __radd__, __rmul__, __float__ = __add__, __mul__, __abs__
    __round__ = lambda self, digits=0: round(abs(self), digits)
    __neg__ = lambda self: self * -1
    __array__ = lambda self, *args, **kwargs: np.array(self.parts, *args, **kwargs)
    __getitem__ = lambda self, place: self.parts[place]
    __delitem__ = lambda self, place: self.parts.pop(place)


class Array(np.ndarray):
    def top(self):
        return self.max()


def make_array(*numbers):
    return np.array(numbers).view(Array)
"""
# An object that agrees with everything: it repeats what it was combined with.
FORGED = """class Agree:
    seen = 0

    def agree(self, other=0, *args):
        Agree.seen = other or Agree.seen
        return self

    __sub__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __pow__ = agree
    __rsub__ = __rtruediv__ = lambda self, other: 0
    __eq__ = __ge__ = __le__ = __lt__ = __gt__ = __contains__ = __ne__ = lambda self, other: True
    __neg__ = agree
    __abs__ = __round__ = __float__ = lambda self, *args: 0.0
    __int__ = __index__ = __hash__ = lambda self: Agree.seen
    __bool__ = lambda self: False
    __len__ = lambda self: 1
    __iter__ = lambda self: iter([Agree()])
    __getitem__ = lambda self, key: Agree()
    __array_interface__ = {"data": (1, False), "shape": (1,), "typestr": "<f8", "version": 3}


def answer():
    return Agree()
"""


def failures(solution: str, tests: list[str], forkserver: Forkserver, *, objects: bool = True) -> dict[str, str]:
    """Return the message of each test of an exercise whose answer is its solution."""
    cells = tuple(exercises.Test(test, test, 1, hidden=True) for test in tests)
    exercise = Exercise("an-answer", "page", "Title", 1, 1, 20, "", (), solution, cells, objects=objects)
    graded = grade_answer(exercise, Answer.of(exercise, solution), forkserver)["tests"]
    return {test["id"]: test["message"] for test in graded}


def test_stand_in_is_used_like_the_object(forkserver: Forkserver) -> None:
    tests = [
        "s = Stack()\nassert s.push(1).push(2) is s\nassert (len(s), s.top, s.pop(), list(s)) == (2, 2, 2, [1])",
        "assert Stack.limit == 3 and Stack('ab')[1] == 'b' and 'a' in Stack('ab') and not Stack()",
        "s = Stack('ab')\ns[0] = 'c'\ns.limit = 1\nassert (s[0], s.limit, Stack().limit) == ('c', 1, 3)",
        "assert Stack('ab') + Stack('c') == Stack('abc') != Stack() and str(Stack('a')) == \"['a']\"",
        "try:\n    Stack().top\nexcept LookupError as error:\n    assert 'is empty' in str(error)\nelse:\n    assert 0",
        "c = Countdown(9)\nassert next(c) == 8 and next(iter(c)) == 7 and c.left == 7",
        "s = Stack()\nassert s.same() is s and not s",
        "assert (Place(1, y=2).y, tuple(Place(3, 4))) == (2, (3, 4))",
        "assert list(map(Stack().push, 'ab'))[0] == Stack('ab')",
        "assert isinstance(Stack().push(1), Stack) and not isinstance(Countdown(1), Stack)",
    ]
    assert failures(STACK, tests, forkserver) == dict.fromkeys(tests, "")


def test_object_with_numbers_is_converted_and_combined_with_numbers(forkserver: Forkserver) -> None:
    uses = [
        "v = Vector(3, 4)\nassert (abs(v), float(v), round(v, 2), max(-v), v > Vector(3, 3)) == (5, 5, 5, -3, True)",
        "v = Vector(3, 4)\nassert 2 * v == v * 2 == Vector(6, 8) and list(v + 1) == [4, 5] and (9 - v).parts == [6, 5]",
        "v = Vector(3, 4)\nassert np.allclose(v, [3, 4]) and v * np.float64(2) == Vector(6, 8) and v + v == 7",
        "v = Vector(3, 4)\ndel v[0]\nassert v.parts == [4]",
        "a = make_array(1, 2)\nassert np.allclose(a, [1, 2]) and (float(a.sum()), float(a.top())) == (3, 2)",
    ]
    tests = [f"import numpy as np\n{use}" for use in uses]
    assert failures(VECTOR, tests, forkserver) == dict.fromkeys(tests, "")


def test_use_that_would_show_an_object_the_right_answer_says_what_to_do(forkserver: Forkserver) -> None:
    advice = {
        "Vector(3, 4) == 5": "an object of class Vector: compare float(x), list(x) or what a method returns",
        "Vector(3, 4) < 5": "compare float(x), list(x) or what a method returns",
        "abs(Vector(3, 4) - 5)": "unsupported operand",
        "abs(5 - Vector(3, 4))": "after + or * with a number, ask its methods, not abs(x)",
        "Vector(3, 4) * [1]": "* takes two objects, or an object and a number",
        "range(Vector(3, 4))": "take int(x)",
    }
    messages = failures(VECTOR, list(advice), forkserver)
    assert {test: part for test, part in advice.items() if part not in messages[test]} == {}


def test_object_that_agrees_with_everything_fools_no_comparison(forkserver: Forkserver) -> None:
    comparisons = [
        "abs(answer() - 3) < 1e-9", "abs(3 - answer()) < 1e-9", "answer() == 3", "3 == answer()", "not answer() != 3",
        "2 < answer() < 4", "3 in answer()", "answer()[0] == 3", "float(answer()) == 3", "[answer()] == [3]",
        "math.isclose(answer(), 3)", "np.allclose(answer(), 3)", "(np.full(1, 3) == answer()).all()",
        "np.testing.assert_array_equal(answer(), np.full(1, 3)) is None", "np.isclose(np.array(answer()), 3)",
        "max(answer(), 3) == 3 != answer()", "list(range(9))[answer()] == 3", "{answer(): 1} == {3: 1}",
        "round(answer()) == 3", "np.abs(np.ones(1) - answer()).max() < 9", "answer().__array_interface__",
        "int(answer() + 3) == 3", "not answer() - 3", "round(answer() / 3 - 1, 6) == 0", "-abs(answer() - 3) > -1",
        "math.isclose(answer() - 3, 0)", "(answer() - 3) ** 2 < 1", "abs(-(answer() - 3)) < 1",
    ]  # fmt: skip
    tests = [f"import math\nimport numpy as np\nassert {comparison}" for comparison in comparisons]
    alive = "assert len(answer().agree(3)) == 1"
    # One by one, since some end the student's process.
    graded = {test: failures(FORGED, [test], forkserver)[test] for test in [*tests, alive]}
    assert [test for test, message in graded.items() if not message] == [alive]


def test_objects_are_refused_where_the_exercise_does_not_allow_them(forkserver: Forkserver) -> None:
    """Otherwise a method such as `startswith` of what an answer returns would be the answer's own."""
    refused = "expected numbers, text, lists, arrays, tables or a Keras model, got Agree"
    found = failures(FORGED, ["answer()", "[answer()]", "answer().agree(3)"], forkserver, objects=False)
    assert [refused in message for message in found.values()] == [True] * 3


def test_async_answer_is_awaited_by_a_test(forkserver: Forkserver) -> None:
    solution = "import asyncio\nasync def double(x):\n    await asyncio.sleep(0)\n    return 2 * x\n"
    test = "import asyncio\nassert await double(2) == 4\nassert await asyncio.gather(double(1), double(3)) == [2, 6]"
    wrong = "assert await double(2) == 5, '4 == 5'"
    assert failures(solution, [test, wrong], forkserver) == {test: "", wrong: "Expected: 4 == 5"}


def test_every_operation_of_a_stand_in_is_known_to_the_student_process() -> None:
    import inspect

    from coursegrader import forkserver, remote

    asked = {
        node.args[0].value
        for node in ast.walk(ast.parse(inspect.getsource(remote)))
        if isinstance(node, ast.Call)
        if ast.unparse(node.func) in ("self._ask", "self._convert", "_operator", "_comparison")
        if isinstance(node.args[0], ast.Constant)
    }
    assert asked == set(forkserver._OPERATIONS)
