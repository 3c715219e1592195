"""Make mutants of a solution: the same code with one thing changed, which good tests should notice."""

import ast
import copy
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.In: ast.NotIn, ast.MatMult: ast.Mult,
}  # fmt: skip
CLOSE: dict[type, type] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}  # off by one
_FUNCTIONS = {
    "max": "min", "min": "max", "sum": "mean", "mean": "sum", "exp": "sqrt", "log": "log2", "argmax": "argmin",
    "maximum": "minimum", "argsort": "sort", "std": "var", "any": "all", "cos": "sin", "tanh": "sin",
}  # fmt: skip
_SYMMETRIC = {"max", "min", "maximum", "minimum"}


def make_mutants(solution: str) -> Iterator[str]:
    """Yield the solution with one thing changed: an operator, a number, a function, an argument, a statement."""
    tree = ast.parse(solution)
    seeds = {node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "seed"}
    before = ast.unparse(tree)
    for mutant in change_one(tree, lambda node: () if node in seeds else _changes(node)):  # any seed is right
        code = ast.unparse(mutant)
        if code != before:
            yield code


def change_one(tree: ast.AST, changes: Callable[[ast.AST], Iterable[Callable[[Any], None]]]) -> Iterator[Any]:
    """Yield copies of a tree with one node changed, by each of the functions that `changes` gives for a node."""
    for place, node in enumerate(ast.walk(tree)):
        for change in changes(node):
            other = copy.deepcopy(tree)
            change(next(part for number, part in enumerate(ast.walk(other)) if number == place))
            yield other


def put(**fields: object) -> Callable[[Any], None]:
    """Return a function that sets fields of a node."""
    return lambda node: vars(node).update(fields)


def _changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    """Yield functions that each change one thing about a node."""
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in _SWAPS:
        yield put(op=_SWAPS[type(node.op)]())
    if isinstance(node, ast.Compare):
        for table in (_SWAPS, CLOSE):
            if type(node.ops[0]) in table:
                yield put(ops=[table[type(node.ops[0])]()])
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield put(value=node.value + 1)
        yield put(value=0 if node.value else 2)
    if isinstance(node, ast.Attribute) and node.attr in _FUNCTIONS:
        yield put(attr=_FUNCTIONS[node.attr])
    if isinstance(node, ast.Name) and node.id in _FUNCTIONS and isinstance(node.ctx, ast.Load):
        yield put(id=_FUNCTIONS[node.id])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield put(op=ast.UAdd())
    if (
        isinstance(node, ast.Call)
        and len(node.args) == 2
        and ast.unparse(node.func).rpartition(".")[2] not in _SYMMETRIC
    ):
        yield put(args=node.args[::-1])
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        yield put(value=ast.Tuple(node.value.elts[::-1], ast.Load()))
    if isinstance(node, ast.If):
        yield put(test=ast.Constant(False))
    if isinstance(node, ast.AugAssign):
        yield put(op=ast.Mult())
    if hasattr(node, "body") and isinstance(node.body, list):
        for number, statement in enumerate(node.body):
            docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if isinstance(statement, ast.AugAssign | ast.Expr) and not docstring:
                yield functools.partial(_leave_out, number)
    if isinstance(node, ast.Slice) and node.upper is not None:
        yield put(upper=None)


def _leave_out(number: int, node: Any) -> None:
    node.body[number] = ast.Pass()
