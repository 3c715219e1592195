"""Fingerprint of what a piece of code rests on: what is stored is stale when its fingerprint has changed.

A piece of code rests on itself, on the modules that it imports, directly or through others, on the data files that
these name, and on the versions of the libraries that all of these import. Comments and docstrings do not count, unless
the code shows them.
"""

import ast
import fnmatch
import functools
import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DESCRIBED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SHOWS_SOURCE = re.compile(r"\binspect\b|__doc__|\bhelp\(")


def fingerprint(
    code: str,
    *,
    packages: Collection[Path],
    libraries: Iterable[str] = (),
    ignored: Collection[str] = (),
    extra: str = "",
) -> str:
    """Return a hash of everything that decides what a piece of Python code computes.

    Parameters
    ----------
    code
        Python source.
    packages
        Folders of packages whose files count. Any other module that the code or these files import is a library, of
        which the version counts.
    libraries
        Modules that the outcome rests on besides.
    ignored
        Patterns for the names of files that do not count, such as ``mnist_lessons/stored/*.csv``.
    extra
        What else decides the outcome.

    Raises
    ------
    SyntaxError
        The code, or a module that it imports, is not Python.
    ValueError
        There is an import by relative name.
    """
    sources, data, modules = rests_on(code, packages, ignored)
    if not SHOWS_SOURCE.search(code):
        sources = {name: _without_descriptions(source) for name, source in sources.items()}
    installed = [f"{name}=={version}" for name, version in versions({*modules, *libraries}).items()]
    return hash_files(data, extra=repr([sys.version, extra, sorted(sources.items()), installed]))


def rests_on(
    code: str, packages: Collection[Path], ignored: Collection[str] = ()
) -> tuple[dict[str, str], dict[str, Path], set[str]]:
    """Return what code rests on: sources, data files and libraries.

    Returns
    -------
    sources
        The code itself and that of all modules of packages that it and they import, by name: ``mnist_lessons/data.py``.
    data
        The other files of these packages that a string in the sources names, with or without its suffix, by name:
        ``mnist_lessons/stored/mnist.npz``.
    libraries
        The other modules that the sources import.
    """
    folders = {package.name: package for package in packages}
    sources = {"": code}
    libraries: set[str] = set()
    waiting = [""]
    while waiting:
        name = waiting.pop()
        for imported in _imported(name or "code", sources[name]):
            top, *parts = imported.split(".")
            if top not in folders:
                libraries.add(top)
                continue
            for file in _run_by_import(folders[top], parts):
                found = file.relative_to(folders[top].parent).as_posix()
                if found not in sources and not _matches(found, ignored):
                    sources[found] = file.read_text(encoding="utf-8")
                    waiting.append(found)
    named = {text for source in sources.values() for text in _strings(source)}
    data = {
        name: file
        for package in {name.split("/")[0] for name in sources if name}
        for file in folders[package].rglob("*")
        if file.suffix not in {".py", ".pyc"} and {file.name, file.stem} & named and file.is_file()
        if not _matches(name := file.relative_to(folders[package].parent).as_posix(), ignored)
    }
    return sources, data, libraries


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


@functools.cache
def _strings(code: str) -> frozenset[str]:
    """Return all constant strings of a source."""
    nodes = ast.walk(ast.parse(code))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


@functools.cache
def _without_descriptions(code: str) -> str:
    """Return what Python understands of a source: its syntax tree without comments and docstrings."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, DESCRIBED) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


@functools.cache
def _imported(file: str, code: str) -> list[str]:
    """Return the full name of everything that a file's code imports: a module, or something in one."""
    found: list[str] = []
    for node in ast.walk(ast.parse(code, file)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{file}: expected imports by full name, got: {ast.unparse(node)}")
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _run_by_import(package: Path, parts: list[str]) -> Iterator[Path]:
    """Yield the modules that run when something in a package is imported by its name, given in parts."""
    place = package
    for part in [*parts, ""]:
        if (place / "__init__.py").is_file():
            yield place / "__init__.py"
        if part and (place / f"{part}.py").is_file():
            yield place / f"{part}.py"
            return
        place /= part


def versions(modules: Iterable[str]) -> dict[str, str]:
    """Return the versions of the installed distributions that provide modules, and of all that these require."""
    waiting: list[str] = []
    for module in {*modules} - sys.stdlib_module_names:
        # Most are named like their module. To look for the others takes seconds where many are installed.
        waiting += [module] if _distribution(canonicalize_name(module)) else _providers().get(module, ())
    found: dict[str, str] = {}
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found and (known := _distribution(name)):
            found[name], required = known
            waiting += required
    return dict(sorted(found.items()))


@functools.cache
def _providers() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


@functools.cache
def _distribution(name: str) -> tuple[str, list[str]] | None:
    """Return a distribution's version and what it requires here, without extras; None if it is not installed."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    required = map(Requirement, distribution.requires or ())
    here = [each.name for each in required if each.marker is None or each.marker.evaluate({"extra": ""})]
    return distribution.version, here


def hash_files(files: Mapping[str, Path], *, extra: str = "") -> str:
    """Return a hash of the names and the contents of files, and of a text."""
    digest = hashlib.sha256(extra.encode())
    for name, file in sorted(files.items()):
        digest.update(f"\0{name}\0".encode() + file.read_bytes())
    return digest.hexdigest()
