"""Write down what the site's references read, so that the notebooks say the same.

`_build/references.json` has, with addresses relative to the site's root::

    pages      {page: [number or "", title, address]}
    labels     {label: [what a reference to it reads, address]}, of sections, figures and tables
    equations  {label: number}
    terms      {term: address in the glossary}
    citations  {key: ["LeCun et al., 1998", address]}
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinxcontrib.bibtex.domain import BibtexDomain

FILE = "references.json"
CITED: dict[str, str] = {}  # how the pages cite each work, by its key


def note_citations(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Keep how a page cites each work; the bibliography knows only that work's anchor."""
    keys = {citation.citation_id: citation.key for citation in bibliography(app.env).citations}
    for reference in doctree.findall(nodes.reference):
        key = keys.get((reference.get("refuri") or "").partition("#")[2])
        text = reference.astext()
        if key and ", " in text:  # a textual citation links the year alone
            CITED[key] = text


def bibliography(env: BuildEnvironment) -> BibtexDomain:
    """Return what is known of the works that the book cites."""
    return cast(BibtexDomain, env.get_domain("cite"))


def numbered(env: BuildEnvironment, kind: str) -> Iterator[tuple[str, str, str]]:
    """Yield page, anchor and number of each figure, table or equation."""
    for page, kinds in env.toc_fignumbers.items():
        for anchor, digits in kinds.get(kind, {}).items():
            yield page, anchor, ".".join(map(str, digits))


def references(app: Sphinx) -> dict[str, dict[str, Any]]:
    """Return everything that the file holds."""
    env, address = app.env, app.builder.get_target_uri
    standard = cast(StandardDomain, env.get_domain("std"))
    equations = cast(MathDomain, env.get_domain("math")).equations
    numbers = {
        (page, anchor): app.config.numfig_format[kind] % number
        for kind in ("figure", "table")
        for page, anchor, number in numbered(env, kind)
    }
    anchors = {anchor: number for _, anchor, number in numbered(env, "displaymath")}
    return {
        "pages": {
            page: [".".join(map(str, env.toc_secnumbers.get(page, {}).get("", ()))), title.astext(), address(page)]
            for page, title in env.titles.items()
        },
        "labels": {
            label: [numbers.get((page, anchor), str(text)), address(page) + (f"#{anchor}" if anchor else "")]
            for label, (page, anchor, text) in standard.labels.items()
        },
        "equations": {label: anchors[f"equation-{label}"] for label in equations},
        "terms": {
            name: f"{address(page)}#{anchor}"
            for (kind, name), (page, anchor) in standard.objects.items()
            if kind == "term"
        },
        "citations": {
            citation.key: [
                CITED[citation.key],
                f"{address(citation.bibliography_key.docname)}#{citation.citation_id}",
            ]
            for citation in bibliography(env).citations
            if citation.key in CITED
        },
    }


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the file beside the site."""
    if not error and app.builder.name == "html":
        file = Path(app.outdir).parent / FILE
        file.write_text(json.dumps(references(app), indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Wait for the resolved pages and for the end."""
    CITED.clear()
    app.connect("doctree-resolved", note_citations, priority=900)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
