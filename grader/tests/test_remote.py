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
# An object that agrees with everything.
FORGED = """class Agree:
    def agree(self, *args, **kwargs):
        return 0

    __sub__ = __rsub__ = __add__ = __radd__ = __abs__ = agree
    __eq__ = __ge__ = __le__ = __lt__ = __gt__ = __contains__ = __ne__ = lambda self, other: True
    __float__ = lambda self: 3.0
    __index__ = lambda self: 3
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
    ]
    assert failures(STACK, tests, forkserver) == dict.fromkeys(tests, "")


def test_object_that_agrees_with_everything_fools_no_comparison(forkserver: Forkserver) -> None:
    comparisons = [
        "abs(answer() - 3) < 1e-9", "abs(3 - answer()) < 1e-9", "answer() == 3", "3 == answer()", "not answer() != 3",
        "2 < answer() < 4", "3 in answer()", "answer()[0] == 3", "float(answer()) == 3", "[answer()] == [3]",
        "math.isclose(answer(), 3)", "np.allclose(answer(), 3)", "(np.full(1, 3) == answer()).all()",
        "np.testing.assert_array_equal(answer(), np.full(1, 3)) is None", "np.isclose(np.array(answer()), 3)",
        "max(answer(), 3) == 3 != answer()", "list(range(9))[answer()] == 3", "{answer(): 1} == {3: 1}",
        "round(answer()) == 3", "np.abs(np.ones(1) - answer()).max() < 9", "answer().__array_interface__",
    ]  # fmt: skip
    tests = [f"import math\nimport numpy as np\nassert {comparison}" for comparison in comparisons]
    alive = "assert answer().agree(3) == 0"
    assert [test for test, message in failures(FORGED, [*tests, alive], forkserver).items() if not message] == [alive]


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
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("self._ask", "self._combine")
        if isinstance(node.args[0], ast.Constant)
    }
    assert asked == set(forkserver._OPERATIONS)
