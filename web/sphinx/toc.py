"""The pages of the book in reading order, as _toc.yml has them; nothing else in the book may list them."""

from typing import NamedTuple

from sphinx_external_toc.parsing import parse_toc_yaml

from folders import ROOT


class TocError(Exception):
    """The table of contents is not in order; the text says why, for a person."""


class Part(NamedTuple):
    """A part of the book."""

    caption: str
    numbered: bool  # it holds chapters
    pages: list[str]  # paths from the root, without .md


def home() -> str:
    """Return the first page, which is in no part."""
    return parse_toc_yaml(ROOT / "_toc.yml").root.docname


def parts() -> list[Part]:
    """Return the parts, in reading order."""
    trees = parse_toc_yaml(ROOT / "_toc.yml").root.subtrees
    return [Part(tree.caption or "", bool(tree.numbered), tree.files()) for tree in trees]


def pages() -> list[str]:
    """Return all pages, in reading order."""
    return [home(), *(page for part in parts() for page in part.pages)]


def chapters() -> list[str]:
    """Return the names of the chapters, in reading order: book/train is train."""
    return [page.removeprefix("book/") for part in parts() if part.numbered for page in part.pages]


def documents_in_toc() -> list[str]:
    """Return the source files of all pages, in reading order, as paths from the root."""
    names = [f"{page}.md" for page in pages()]
    missing = [name for name in names if not (ROOT / name).is_file()]
    if missing:
        raise TocError(f"_toc.yml names files that are not there: {', '.join(missing)}")
    return names
