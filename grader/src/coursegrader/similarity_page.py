"""The page that shows which answers are alike, side by side, with what is equal marked."""

import html
import statistics
import unicodedata
from collections.abc import Iterator

from coursegrader import pages
from coursegrader.similarity import BASELINES, Comparison, Match, Question, baseline

MOST = 50  # matches on the page
_LINES = 120  # of an answer
_COLUMNS = 160  # of a line
_QUESTIONS = 10  # of a match
_SHORT = 15  # words

_HEAD = pages.style("""
:root { color-scheme: light dark; --mark: #ffe9a8; --ink: #111; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --mark: #5c4a00; --ink: #eee; --paper: #161616; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper); }
main > p { max-width: 45rem; }
a { color: inherit; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8888; }
th[scope=row] { font-weight: normal; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
.sides > div { min-width: 0; }
pre { overflow-x: auto; padding: .5rem; border: 1px solid #8888; line-height: 1.35; }
mark { background: var(--mark); color: inherit; }
""")
_INTRODUCTION = """<p>This page shows where the code of two answers is alike. It does not say why. A pair that worked
together, a tutor, a page that both read, a task that has one obvious answer: all of them leave equal code, and nothing
here can tell them apart. Read the code, and talk to people before you draw a conclusion.</p>
<p>Names, the order of statements, comments, quotes and formatting make no difference. What the assignment gave to
everybody is left out. Code that many in this class have counts less, and what everybody has counts nothing.</p>"""


def make_page(comparison: Comparison, *, assignment: str) -> str:
    """Return the page with all questions, the most remarkable matches, and the code of these."""
    matches, count = comparison.matches(most=MOST)
    parts = [_INTRODUCTION, *_questions(comparison), *_class(comparison), *_overview(comparison, matches, count)]
    for number, match in enumerate(matches, start=1):
        parts += _details(comparison, match, number)
    parts += _baselines()
    title, body = f"Equal code: {assignment}", "\n".join(parts)
    return pages.assemble(title, f"<main>\n<h1>{html.escape(title)}</h1>\n{body}\n</main>", head=_HEAD)


def _table(header: list[str], rows: list[list[str]], label: str) -> str:
    """Return a table; the first cell of each row is its header, and all cells are HTML."""
    kinds = (
        [' class="number"' if cell[:1].isdigit() else "" for cell in ["", *rows[0][1:]]] if rows else [""] * len(header)
    )
    head = "".join(f'<th scope="col"{kind}>{title}</th>' for title, kind in zip(header, kinds, strict=True))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row[1:], kinds[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    frame = f'<div class="wide" role="region" tabindex="0" aria-label="{label}"><table>'
    return f"{frame}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _questions(comparison: Comparison) -> Iterator[str]:
    yield "<h2>Questions</h2>"
    rows = []
    for question in comparison.questions:
        lengths = [len(found.words) for found in question.prints.values()]
        length = statistics.median(lengths) if lengths else 0
        remark = "short: equal answers are to be expected" if length < _SHORT else ""
        if not remark and question.usual >= 0.5:
            remark = "most people wrote much the same"
        cells = [len(question.codes), f"{length:g}", f"{question.usual:.0%}", question.equal, remark]
        rows.append([_escape(question.title), *map(str, cells)])
    header = ["Question", "Answers", "Median length, words", "Usual code", "Largest group of equal ones", "Remark"]
    yield _table(header, rows, "Questions")
    yield (
        "<p>The work of a group counts once. Usual code is what a tenth of the class or more have, as a share of an "
        "answer.</p>"
    )


def _class(comparison: Comparison) -> Iterator[str]:
    if len(comparison.works) > 2:
        shares = comparison.shares.copy()
        for place in range(len(shares)):
            shares[place, place] = 0
        closest = sorted(float(share) for share in shares.max(axis=1))
        middle, high = statistics.median(closest), closest[int(0.9 * (len(closest) - 1))]
        yield (
            f"<p>Of {len(closest)} pieces of work, half share at most {middle:.0%} of all their code with the closest "
            f"other one, and nine in ten at most {high:.0%}.</p>"
        )


def _overview(comparison: Comparison, matches: list[Match], count: int) -> Iterator[str]:
    yield "<h2>Matches</h2>"
    if not matches:
        yield "<p>No two answers share enough unusual code to be listed.</p>"
        return
    titles = {question.id: question.title for question in comparison.questions}
    rows = []
    for number, match in enumerate(matches, start=1):
        names = f'<a href="#match-{number}">{_escape(match.one)} and {_escape(match.other)}</a>'
        listed = "; ".join(f"{_escape(titles[name])} {share:.0%}" for name, share in match.questions.items())
        rows.append([names, f"{match.share:.0%}", listed])
    if count > len(matches):
        yield f"<p>The first {len(matches)} of {count} matches, by how much unusual code they share.</p>"
    yield _table(["People", "Equal, all questions", "Questions"], rows, "Matches")


def _details(comparison: Comparison, match: Match, number: int) -> Iterator[str]:
    yield f'<h2 id="match-{number}">{_escape(match.one)} and {_escape(match.other)}</h2>'
    questions = [question for question in comparison.questions if question.id in match.questions]
    for question in sorted(questions, key=lambda item: -match.questions[item.id])[:_QUESTIONS]:
        yield f"<h3>{_escape(question.title)}: {match.questions[question.id]:.0%} equal</h3>"
        yield f"<p>{_compared(question, match)}</p>"
        ours, theirs = question.prints[match.one], question.prints[match.other]
        common = frozenset(ours.runs) & frozenset(theirs.runs)
        sides = "".join(
            f"<div><p>{_escape(name)}</p>{_code(question, name, prints.lines(common), number)}</div>"
            for name, prints in ((match.one, ours), (match.other, theirs))
        )
        yield f'<div class="sides">{sides}</div>'


def _compared(question: Question, match: Match) -> str:
    """Return in a sentence how often independent answers of this length are that much alike."""
    words = min(len(question.prints[name].words) for name in (match.one, match.other))
    known, share = baseline(words), match.questions[question.id]
    if words < _SHORT:
        return f"With {words} words, this is too short to tell anything."
    for part, limit in (("none", known.shares[3]), ("about one in a hundred", known.shares[2])):
        if share > limit:
            return f"Of {known.pairs} pairs of independent answers of this length, {part} had that much in common."
    return "Independent answers of this length have that much in common now and then."


def _code(question: Question, name: str, marked: set[int], match: int) -> str:
    """Return somebody's answer; lines that are in the other one, too, are marked, also for those who see no color."""
    lines = question.codes[name].splitlines()
    shown = []
    for number, line in enumerate(lines[:_LINES], start=1):
        text = _escape(line[:_COLUMNS])
        shown.append(f"= <mark>{text}</mark>" if number in marked and line.strip() else f"  {text}")
    if len(lines) > _LINES:
        shown.append(f"  ({len(lines) - _LINES} more lines)")
    label = f"{_escape(question.title)}: answer of {_escape(name)}, match {match}"
    return f'<pre tabindex="0" role="region" aria-label="{label}">' + "\n".join(shown) + "</pre>"


def _baselines() -> Iterator[str]:
    yield "<h2>How alike independent answers are</h2>"
    yield (
        "<p>Measured on right answers to the exercises of the book that this program was made for. They were written "
        "to differ, so answers in a class may be somewhat more alike.</p>"
    )
    rows: list[list[str]] = []
    least = 1
    for known in BASELINES:
        limit = f"{least} to {known.words} words" if known.words < 1000 else f"{least} words and more"
        rows.append([limit, str(known.pairs), *(f"{share:.0%}" for share in known.shares)])
        least = known.words + 1
    yield _table(["Shorter answer", "Pairs", "Half share at most", "90 %", "99 %", "All"], rows, "Independent answers")


def _escape(text: str) -> str:
    """Return a student's text for HTML, without characters that nobody sees or that turn the line around."""
    shown = "".join(
        letter
        if letter == "\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")
        else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )
    return html.escape(shown)
