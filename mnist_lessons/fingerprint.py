"""Fingerprint of what a piece of code rests on, for whoever stores its outcome.

That is the code, the modules that it imports, directly or through others, the data beside them, and the versions of the
libraries that all of these import. Nothing else makes an outcome stale.
"""

import ast
import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def fingerprint(code: str, *, packages: Collection[Path], libraries: Iterable[str] = (), extra: str = "") -> str:
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
    extra
        What else decides the outcome.

    Raises
    ------
    SyntaxError
        The code, or a module that it imports, is not Python.
    ValueError
        There is an import by relative name.
    """
    files, modules = rests_on(code, packages)
    installed = [f"{name}=={version}" for name, version in versions({*modules, *libraries}).items()]
    return hash_files(files, extra="\0".join([sys.version, code, extra, *installed]))


def rests_on(code: str, packages: Collection[Path]) -> tuple[dict[str, Path], set[str]]:
    """Return the files of packages that code rests on, by name, and the other modules that it and they import.

    A name is relative to where its package is: ``mnist_lessons/data.py``. A package that is imported brings all of
    its files that are not Python, because the code does not tell which of them it reads.
    """
    folders = {package.name: package for package in packages}
    files: dict[str, Path] = {}
    others: set[str] = set()
    sources = [("code", code)]
    while sources:
        for name in _imported(*sources.pop()):
            top, *parts = name.split(".")
            if top not in folders:
                others.add(top)
                continue
            for file in _run_by_import(folders[top], parts):
                known = file.relative_to(folders[top].parent).as_posix()
                if known not in files:
                    files[known] = file
                    sources.append((known, file.read_text(encoding="utf-8")))
    for package in {name.split("/")[0] for name in files}:
        files |= {
            file.relative_to(folders[package].parent).as_posix(): file
            for file in folders[package].rglob("*")
            if file.is_file() and file.suffix not in {".py", ".pyc"}
        }
    return files, others


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
    providers = _providers()
    waiting = [name for module in modules for name in providers.get(module, ())]
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
