"""Change one line of a program: leave it out, or put a similar one in its place. Nothing is run here."""

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from coursegrader.mutants import CLOSE, change_one, put

MAX_LINE = 90  # characters of a line that is shown

_OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mod, ast.Pow: ast.Mult,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_FUNCTIONS = {
    "max": "min", "min": "max", "argmax": "argmin", "argmin": "argmax", "maximum": "minimum", "minimum": "maximum",
    "sum": "mean", "mean": "sum", "std": "var", "var": "std", "any": "all", "all": "any", "ones": "zeros",
    "zeros": "ones", "exp": "sqrt", "sqrt": "square", "ceil": "floor", "floor": "ceil", "rint": "floor",
    "cumsum": "sum", "diagonal": "ravel", "sorted": "list", "argsort": "argmax", "append": "extend",
}  # fmt: skip
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
_HEADED = (ast.If, ast.While, ast.For)
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Change:
    """A program with one line changed.

    Attributes
    ----------
    line : int
        The number of the line.
    text : str
        What stands there instead, without indentation; empty if the line is left out.
    code : str
        The whole program. Its other lines keep their numbers.
    """

    line: int
    text: str
    code: str


def lines_alone(code: str) -> dict[int, ast.stmt]:
    """Return the statements in functions that have a line to themselves, by its number; of a loop, its first line.

    Docstrings are left out.
    """
    tree = ast.parse(code)
    found: dict[int, list[ast.stmt]] = {}
    bodies = [node for node in ast.walk(tree) if isinstance(node, _FUNCTION)]
    docstrings = {id(node.body[0]) for node in bodies if ast.get_docstring(node, clean=False) is not None}
    inside = {id(part): part for function in bodies for part in ast.walk(function) if part is not function}
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.stmt)):
        for number in range(node.lineno, _last_line(node) + 1):
            found.setdefault(number, []).append(node)
    return {
        number: nodes[0]
        for number, nodes in sorted(found.items())
        if len(nodes) == 1
        and nodes[0].lineno == _last_line(nodes[0])
        and id(nodes[0]) in inside
        and id(nodes[0]) not in docstrings
    }


def _last_line(node: ast.stmt) -> int:
    """Return the last line of a statement without its body."""
    body = getattr(node, "body", None)
    return max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno


def deletions(code: str) -> list[Change]:
    """Return the program without each line that can be left out."""
    only = {block[0].lineno for block in _blocks(ast.parse(code)) if len(block) == 1}
    return [
        Change(number, "", _with_line(code, number, ""))
        for number, node in lines_alone(code).items()
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr) and number not in only
    ]


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield [part for part in block if not _is_text(part)]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def replacements(code: str) -> list[Change]:
    """Return the program with one operator, number, function or argument of a line changed, in each way there is."""
    found = {}
    for number, node in lines_alone(code).items():
        for text in _similar(node, code.split("\n")[number - 1].strip()):
            found[number, text] = Change(number, text, _with_line(code, number, text))
    return list(found.values())


def _similar(statement: ast.stmt, line: str) -> Iterator[str]:
    """Yield lines like that of a statement, with one thing changed."""
    if not isinstance(statement, _SIMPLE + _HEADED):
        return
    head = copy.deepcopy(statement)
    if isinstance(head, _HEADED):
        head.body, head.orelse = [ast.Pass()], []
    before = _first_line(head)
    if len(before) > 2 * MAX_LINE:  # a list of a thousand numbers would take minutes
        return
    for other in change_one(head, _changes):
        text = _first_line(other)
        if text != before and len(text) <= MAX_LINE and not re.search(r"-0\b(?!\.)", text):
            yield f"el{text}" if line.startswith("elif") else text


def _first_line(node: ast.stmt) -> str:
    return ast.unparse(ast.fix_missing_locations(node)).partition("\n")[0]


def _changes(node: ast.AST) -> Iterator[Callable[[ast.AST], None]]:
    """Yield functions that each change one thing about a node."""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in _OPERATORS:
        yield put(op=_OPERATORS[type(node.op)]())
    elif isinstance(node, ast.Compare):
        for table in (_OPERATORS, CLOSE):
            if type(node.ops[0]) in table:
                yield put(ops=[table[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield put(value=node.value + 1)  # type: ignore[operator]
        if node.value:
            yield put(value=node.value - 1)  # type: ignore[operator]
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield put(value=not node.value)
    elif isinstance(node, ast.Attribute) and node.attr in _FUNCTIONS:
        yield put(attr=_FUNCTIONS[node.attr])
    elif isinstance(node, ast.Name) and node.id in _FUNCTIONS and isinstance(node.ctx, ast.Load):
        yield put(id=_FUNCTIONS[node.id])
    elif isinstance(node, ast.Call) and len(node.args) == 2:
        yield put(args=node.args[::-1])
    elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.ctx, ast.Load):
        yield put(elts=node.elts[::-1])
    elif isinstance(node, ast.Slice):
        for end in ("lower", "upper"):
            if getattr(node, end) is not None:
                yield put(**{end: None})


def _with_line(code: str, number: int, text: str) -> str:
    lines = code.split("\n")
    old = lines[number - 1]
    lines[number - 1] = old[: len(old) - len(old.lstrip())] + text if text else ""
    return "\n".join(lines)
