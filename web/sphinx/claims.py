"""The role ``{claim}`NAME```: a mark behind a sentence that the build checks, which opens what is checked and how.

A cell that readers don't see has one `mnist_lessons.results.check` or more of this name. The mark is a button, and
the browser opens its popover without a script; on paper, and in browsers that know no popovers, the popovers are notes
at the end of the page. The directive ``{claim-list}`` (`listings.py`) shows all claims by margin, the weakest first.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

import toc
from contents import number
from execute import executed_file, is_notebook, python_of, read_notebook, recorded
from links import chapter_name
from markup import raw_html
from mnist_lessons.results import bounds

logger = logging.getLogger(__name__)
LISTED = "book/claims"
VALUES = 8  # that a note shows of a claim that is checked in more places


class Claim(NamedTuple):
    """A claim of a chapter: the line of its first check, the code of all of them, and what they wrote down."""

    line: int
    code: str
    checks: list[dict[str, Any]]


# What is checked ------------------------------------------------------------------------------------------------


def read_claims(page: str) -> dict[str, Claim]:
    """Return the claims that the cells of a page check, by name; without values where the page has not run yet."""
    name = f"{page}.md"
    if not is_notebook(name):
        return {}
    notebook, lines = read_notebook(name)
    found: dict[str, Claim] = {}
    for cell, line in zip(notebook.cells, lines, strict=True):
        if cell.cell_type != "code" or "check(" not in cell.source:
            continue
        for claim, shown in code_of_checks(python_of(cell.source, f"{name}:{line}: a cell")).items():
            code = "\n".join(cell.source.splitlines()[number - 1] for number in sorted(shown))
            before = found.get(claim, Claim(line, "", []))
            found[claim] = before._replace(code=f"{before.code}\n{code}".strip("\n"))
    try:
        executed = nbformat.read(executed_file(name), as_version=4)
    except (FileNotFoundError, ValueError):
        return found
    for entry in recorded(executed):
        if entry.get("claim") in found:
            found[entry["claim"]].checks.append(entry)
    return found


def code_of_checks(code: str) -> dict[str, set[int]]:
    """Return the lines of a cell, from 1, that make up the checks of each claim: each with what it stands in."""
    found: dict[str, set[int]] = {}

    def visit(body: Sequence[ast.stmt], around: set[int]) -> None:
        for statement in body:
            start = statement.lineno
            match statement:
                case ast.Expr(value=ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=str(claim)), *_])):
                    found.setdefault(claim, set()).update(around, range(start, (statement.end_lineno or start) + 1))
                case ast.If() | ast.For() | ast.With():
                    visit(statement.body, around | set(range(start, statement.body[0].lineno)))
                    if isinstance(statement, ast.If) and statement.orelse:
                        visit(statement.orelse, around | {start, statement.orelse[0].lineno - 1})

    visit(ast.parse(code).body, set())
    return found


# The mark and what it opens -------------------------------------------------------------------------------------


class ClaimRole(SphinxRole):
    """``{claim}`NAME```."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the mark."""
        marks: dict[str, tuple[int, int]] = self.env.temp_data.setdefault("claims", {})
        name = self.text.strip()
        if name in marks:
            logger.warning("the claim %r has a second mark; expected one sentence a claim", name, location=self.place)
            return [], []
        number = len(marks) + 1
        marks[name] = self.place[1], number
        mark = (
            f'<button type="button" class="ml-claim" id="claim-{escape(name)}" popovertarget="check-{escape(name)}"'
            f' aria-label="How this is checked: {escape(words(name))}" data-number="{number}"></button>'
        )
        return [raw_html(f"\N{WORD JOINER}{mark}")], []

    @property
    def place(self) -> tuple[str, int]:
        """Return the page and the line, for what is said of them."""
        return self.env.docname, int(self.get_source_info()[1] or 1)


def add_notes(app: Sphinx, doctree: nodes.document) -> None:
    """Put the notes behind the text; name marks that no cell checks and checks that no sentence is marked with."""
    page = app.env.docname
    marks: dict[str, tuple[int, int]] = app.env.temp_data.pop("claims", {})
    claims = read_claims(page)
    for name, (line, _) in marks.items():
        if name not in claims:
            logger.warning("the claim %r has a mark, and no cell checks it", name, location=(page, line))
    for name, claim in claims.items():
        if name not in marks:
            said = "the claim %r is checked, and no sentence has its mark; write {claim}`%s` behind it"
            logger.warning(said, name, name, location=(page, claim.line))
    known = [name for name in marks if name in claims]
    if known:
        address = app.builder.get_relative_uri(page, LISTED)
        notes = [note(page, name, claims[name], marks[name][1], address) for name in known]
        title = '<p class="ml-claims-title">Checked whenever the book is built</p>'
        doctree += raw_html(f'<div class="ml-claims">{title}{"".join(notes)}</div>')


def note(page: str, name: str, claim: Claim, number: int, address: str) -> str:
    """Return as HTML what a mark opens."""
    parts = [said_of(check) for check in claim.checks]
    if len(parts) > VALUES:
        weakest = sorted(claim.checks, key=lambda check: float(check.get("margin", 0)))
        parts = [*map(said_of, weakest[:VALUES]), f"{len(parts) - VALUES} more hold by larger margins."]
    values = "".join(f"<li>{part}</li>" for part in dict.fromkeys(parts or ["Not run yet."]))
    return (
        f'<div class="about-term ml-check" id="check-{name}" data-number="{number}" role="note" popover>'
        f"<p><b>{words(name)}</b>, checked whenever the book is built. The build stops if a value is not as expected."
        f"</p><ul>{values}</ul>"
        f"<pre>{escape(claim.code)}</pre>"
        f'<p><a href="{escape(address)}#{anchor(page, name)}">All claims of the book, the weakest first</a></p></div>'
    )


def said_of(check: Mapping[str, Any]) -> str:
    """Return what a check found, what was expected, and what it rests on, in sentences."""
    said = f"Now <b>{value_of(check)}</b>, expected {expected(check)}."
    if "interval" in check:
        said += " 95\N{NO-BREAK SPACE}% interval: {} to {}.".format(*map(in_digits, check["interval"]))
    if seeds := check.get("seeds"):
        said += f" {count_of(seeds)} seeds"
        said += f", of which {check['failing_seeds'] or 'none'} would fail alone." if "failing_seeds" in check else "."
    return said


def value_of(check: Mapping[str, Any]) -> str:
    """Return the value of a check as text."""
    return str(check["value"]).lower() if isinstance(check["value"], bool) else in_digits(check["value"])


def expected(check: Mapping[str, Any]) -> str:
    """Return the bounds of a check as text, with true minuses."""
    return bounds(check).replace("-", "\N{MINUS SIGN}")


def count_of(seeds: int | Sequence[int]) -> int:
    """Return how many seeds there were."""
    return seeds if isinstance(seeds, int) else len(seeds)


def in_digits(number: float) -> str:
    """Return a number with four digits that count, and a true minus."""
    return f"{number:,.4g}".replace("-", "\N{MINUS SIGN}")


def words(name: str) -> str:
    """Return a claim's name as words."""
    return name.replace("_", " ")


def anchor(page: str, name: str) -> str:
    """Return the id of a claim in the list of all of them."""
    return f"{page.removeprefix('book/')}-{name}"


# All claims by margin -------------------------------------------------------------------------------------------

UNITS = {"standard errors": "Margin in standard errors", "share": "Margin as a share"}


def claim_list(app: Sphinx, page: str) -> str:
    """Return all claims by margin, the weakest first: a table for each unit, and the claims that hold exactly."""
    env: BuildEnvironment = app.env
    chapters = [f"book/{name}" for name in toc.chapters()]
    claims = [(other, name, claim) for other in chapters for name, claim in read_claims(other).items()]
    seen: set[str] = set()

    def row(other: str, name: str, check: Mapping[str, Any]) -> str:
        key = anchor(other, name)
        first = f' id="{key}"' if key not in seen else ""
        seen.add(key)
        link = f'<a href="{escape(app.builder.get_relative_uri(page, other))}#claim-{name}">{words(name)}</a>'
        chapter = f"<td{first}>{link}<br><small>{chapter_name(number(env, other).strip())}</small></td>"
        if isinstance(check["value"], bool):
            return f"<tr>{chapter}</tr>"
        alone = f"{check['failing_seeds']} of {count_of(check['seeds'])}" if "failing_seeds" in check else ""
        cells = [f"{check['margin']:.2g}", value_of(check), expected(check), alone]
        return f"<tr>{chapter}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"

    tables = []
    for unit, heading in UNITS.items():
        weakest = [
            (min(parts, key=lambda check: float(check["margin"])), other, name)
            for other, name, claim in claims
            if (parts := [check for check in claim.checks if check.get("margin_unit") == unit])
        ]
        weakest.sort(key=lambda found: float(found[0]["margin"]))
        heads = ["Claim", "Margin", "Value", "Expected", "Failing seeds"]
        tables.append(
            f"<h2>{heading}</h2><p>{len(weakest)} claims.</p>{table(heads, [row(o, n, c) for c, o, n in weakest])}"
        )
    exact = [row(o, n, claim.checks[0]) for o, n, claim in exactly(claims)]
    tables.append(f"<h2>What either holds or does not</h2><p>{len(exact)} claims.</p>{table(['Claim'], exact)}")
    return "".join(tables)


def exactly(claims: Sequence[tuple[str, str, Claim]]) -> Iterator[tuple[str, str, Claim]]:
    """Yield the claims that have no margin at all."""
    for other, name, claim in claims:
        if claim.checks and all("margin" not in check for check in claim.checks):
            yield other, name, claim


def table(heads: Sequence[str], rows: Sequence[str]) -> str:
    """Return a table as HTML."""
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        f'<div class="pst-scrollable-table-container"><table class="table ml-claim-list"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def fragile(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which claims of a ledger fail on a tenth of their seeds or more, each taken alone."""
    return [
        f"book/{entry['chapter']}.md: the claim {entry['claim']!r} would fail on {entry['failing_seeds']} of"
        f" {len(entry['per_seed'])} seeds alone: expected {bounds(entry)}"
        for entry in entries
        if 10 * entry.get("failing_seeds", 0) >= len(entry.get("per_seed", ())) > 0 and entry["failing_seeds"]
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role and wait for each page that is read."""
    app.add_role("claim", ClaimRole())
    app.connect("doctree-read", add_notes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
