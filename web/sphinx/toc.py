"""The pages of the book in reading order, as _toc.yml has them; nothing else in the book may list them."""

import functools
from typing import NamedTuple

import yaml
from sphinx_external_toc.api import SiteMap
from sphinx_external_toc.parsing import parse_toc_data

from folders import ROOT


class TocError(Exception):
    """The table of contents is not in order; the text says why, for a person."""


class Part(NamedTuple):
    """A part of the book."""

    caption: str
    numbered: bool  # it holds chapters
    pages: list[str]  # paths from the root, without .md; after a chapter, the page of its exercises


def home() -> str:
    """Return the first page, which is in no part."""
    return _site().root.docname


def parts() -> list[Part]:
    """Return the parts, in reading order."""
    site = _site()
    return [
        Part(tree.caption or "", bool(tree.numbered), [page for file in tree.files() for page in _from(site, file)])
        for tree in site.root.subtrees
    ]


def pages() -> list[str]:
    """Return all pages, in reading order."""
    return [home(), *(page for part in parts() for page in part.pages)]


def chapters() -> list[str]:
    """Return the names of the chapters, in reading order: book/train is train."""
    trees = [tree for tree in _site().root.subtrees if tree.numbered]
    return [page.removeprefix("book/") for tree in trees for page in tree.files()]


def documents_in_toc() -> list[str]:
    """Return the source files of all pages, in reading order, as paths from the root."""
    names = [f"{page}.md" for page in pages()]
    missing = [name for name in names if not (ROOT / name).is_file()]
    if missing:
        raise TocError(f"_toc.yml names files that are not there: {', '.join(missing)}")
    return names


def _site() -> SiteMap:
    return _parsed((ROOT / "_toc.yml").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=1)
def _parsed(text: str) -> SiteMap:
    """Parse once what a build asks for hundreds of times."""
    return parse_toc_data(yaml.safe_load(text))


def _from(site: SiteMap, page: str) -> list[str]:
    """Return a page and those that belong to it, in reading order."""
    return [page, *(inner for child in site[page].child_files() for inner in _from(site, child))]
