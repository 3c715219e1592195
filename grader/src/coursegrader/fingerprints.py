"""Fingerprints of code that stay the same if names, order, comments or formatting are changed.

Code is read into a syntax tree and written out again as a row of words, in which each name that the code itself
chooses is the same word, and the statements of a block stand in an order of their own. Of all runs of `RUN` words, a
few are chosen by winnowing (S. Schleimer, D. S. Wilkerson and A. Aiken, Winnowing: local algorithms for document
fingerprinting, SIGMOD 2003): of each `WINDOW` successive runs, the one with the smallest hash. If what two codes have
in common has ``RUN + WINDOW - 1`` words or more, at least one fingerprint of it is in both.
"""

import ast
import functools
import hashlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

RUN = 5  # words
WINDOW = 4  # runs
MAX_CODE = 20_000  # characters that are read: a longer answer is cut
MAX_CHUNKS = 400  # parts of an answer that is no Python
_NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)
_MAGIC = re.compile(r"(?m)^[ \t]*[%!?].*$")  # lines for IPython
_WORD = re.compile(r"(?P<text>'''.*?'''|\"\"\".*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\")|\w+|[^\w\s]", re.S)
_HIDDEN = {"annotation", "returns", "type_comment", "ctx", "kind", "type_params", "type_ignores"}
_FIELDS = {
    kind: tuple(name for name in kind._fields if name not in _HIDDEN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


class Word(NamedTuple):
    """A word and the line of the code that it stands for, counted from 1."""

    text: str
    line: int


@dataclass(frozen=True)
class Prints:
    """The fingerprints of an answer.

    Attributes
    ----------
    chosen : frozenset of int
        Those that are compared.
    words : tuple of Word
        What they were taken from.
    runs : tuple of int
        The hash of each run of `RUN` words, in order.
    """

    chosen: frozenset[int]
    words: tuple[Word, ...]
    runs: tuple[int, ...]

    def lines(self, common: frozenset[int]) -> set[int]:
        """Return the lines of which at least half the words belong to a run whose hash is among some."""
        width = min(RUN, len(self.words))
        covered = {
            place for start, run in enumerate(self.runs) if run in common for place in range(start, start + width)
        }
        counts: dict[int, list[int]] = {}
        for place, word in enumerate(self.words):
            counts.setdefault(word.line, []).append(place in covered)
        return {line for line, found in counts.items() if 2 * sum(found) >= len(found)}


@functools.lru_cache(maxsize=20_000)
def fingerprint(code: str) -> Prints:
    """Return the fingerprints of an answer; whatever it is, in a time that its length bounds."""
    words = tuple(_read(code[:MAX_CODE]))
    texts = [word.text for word in words]
    runs = tuple(_hash(texts[start : start + RUN]) for start in range(max(len(texts) - RUN, 0) + 1)) if texts else ()
    return Prints(frozenset(_winnow(runs)), words, runs)


def _hash(texts: list[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(texts).encode(errors="replace"), digest_size=8).digest())


def _winnow(runs: tuple[int, ...]) -> Iterator[int]:
    for start in range(max(len(runs) - WINDOW, 0) + 1):
        if window := runs[start : start + WINDOW]:
            yield min(window)


def _read(code: str) -> list[Word]:
    """Return the words of a code; of what is no Python, those of its parts that are, and others as they stand."""
    code = _MAGIC.sub("", code.replace("\0", ""))
    with warnings.catch_warnings(action="ignore"):
        try:
            return _words(code, 0)
        except _NO_PYTHON:
            return [word for part, line in _chunks(code) for word in _read_part(part, line)]


def _read_part(part: str, line: int) -> list[Word]:
    try:
        return _words(part, line)
    except _NO_PYTHON:
        return list(_plain_words(part, line))


def _chunks(code: str) -> Iterator[tuple[str, int]]:
    """Yield the parts of a code that begin at the left margin, and the number of lines before each."""
    lines = code.splitlines()
    starts = [number for number, line in enumerate(lines) if line[:1] not in ("", " ", "\t", "#", ")", "]", "}")]
    starts = sorted({0, *starts[:MAX_CHUNKS]})
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield "\n".join(lines[start:end]), start


def _plain_words(text: str, before: int) -> Iterator[Word]:
    """Yield the words of what cannot be parsed: all names are one word, and quotes and comments do not matter."""
    for number, line in enumerate(text.splitlines(), start=before + 1):
        for match in _WORD.finditer(line.partition("#")[0]):
            word = match[0]
            if match["text"]:
                word = "constant " + word.strip("'\"")
            elif word.isidentifier():
                word = "name"
            yield Word(word, number)


def _words(code: str, before: int) -> list[Word]:
    """Return the words of Python code that stands below so many lines."""
    tree = ast.parse(code)
    own, imported = _names(tree)
    return _Writer(own, imported, before).block(tree.body)


def _names(tree: ast.AST) -> tuple[set[str], dict[str, str]]:
    """Return the names that a code chooses, and those of what it imports with their full names."""
    own: set[str] = set()
    imported: dict[str, str] = {}
    waiting: list[ast.AST] = [tree]
    for node in waiting:  # grows
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                own.add(node.id)
            continue
        if isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, _DEFINITIONS) and node.name:
            own.add(node.name)
        elif isinstance(node, ast.Import):
            imported |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        waiting += _children(node)
    return own - imported.keys(), imported


def _children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes right below a node, in order, without annotations."""
    found: list[ast.AST] = []
    for name in _FIELDS[type(node)]:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [part for part in value if isinstance(part, ast.AST)]
    return found


class _Writer:
    """Writes a syntax tree as words.

    Parameters
    ----------
    own, imported
        See `_names`.
    before
        The number of lines that come before the code.
    """

    def __init__(self, own: set[str], imported: dict[str, str], before: int) -> None:
        self._own, self._imported, self._before = own, imported, before

    def block(self, statements: list[ast.stmt]) -> list[Word]:
        """Return the words of statements in an order that does not depend on where they stand."""
        parts = [self.statement(node) for node in statements if not _says_nothing(node)]
        return [word for part in sorted(parts, key=lambda part: [word.text for word in part]) for word in part]

    def statement(self, node: ast.AST, line: int = 0) -> list[Word]:
        """Return the words of a statement, or of another node that has a block, with those of its blocks."""
        blocks: list[list[Word]] = []
        line = self._before + node.lineno if hasattr(node, "lineno") else line
        kind = type(node).__name__.removeprefix("Async").removeprefix("Ann")
        words = [Word(kind, line)]
        for name in _FIELDS[type(node)]:
            value = getattr(node, name, None)
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                blocks.append([Word(name, line), *self.block(value)])
            elif name in ("handlers", "cases"):
                blocks += [self.statement(part, line) for part in value or ()]
            elif isinstance(value, ast.AST):
                self._write(value, line, words)
            elif isinstance(value, list):
                for part in value:
                    self._write(part, line, words)
        return [*words, *(word for block in blocks for word in block)]

    def _write(self, node: ast.AST | None, line: int, words: list[Word]) -> None:
        """Append the words of an expression; a deep one needs no deep recursion."""
        waiting = [(node, line)]
        while waiting:
            node, line = waiting.pop()
            if not isinstance(node, ast.AST):
                continue
            number = getattr(node, "lineno", None)
            line = line if number is None else self._before + number
            words += [Word(text, line) for text in self._describe(node)]
            waiting += [(part, line) for part in reversed(_children(node))]

    def _describe(self, node: ast.AST) -> list[str]:
        if isinstance(node, ast.Name):
            if node.id in self._own:
                return ["name"]
            module, dot, name = self._imported.get(node.id, node.id).rpartition(".")
            return [f".{name}", module] if dot else [name]  # as if the module had been imported
        if isinstance(node, ast.Attribute):
            return [f".{node.attr}"]
        if isinstance(node, ast.keyword):
            return [f"{node.arg}="]
        if isinstance(node, ast.Constant):
            number = isinstance(node.value, int | float | complex)
            return [f"number {hash(node.value)}" if number else f"constant {node.value!s}"]
        return [type(node).__name__]


def _says_nothing(node: ast.stmt) -> bool:
    """Return whether a statement is a docstring, an import, or another that does nothing."""
    alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return alone or isinstance(node, ast.Import | ast.ImportFrom | ast.Pass | ast.Global | ast.Nonlocal)
