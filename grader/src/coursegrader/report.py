"""Write the results: tables that platforms import, feedback for students, a summary for instructors."""

import csv
import html
import io
import re
import textwrap
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coursegrader import items, pages
from coursegrader.files import write
from coursegrader.grade import Record
from coursegrader.platforms import split_label

_BAR = "#4a8fd0"  # visible on white and on black
_FORMULA = tuple("=+-@\N{MINUS SIGN}")
MAX_SHOWN = 10_000  # characters of an answer on a feedback page
_SEPARATORS = ",;|\t\r\n"
_NUMBER = ' class="number"'

_HEAD = pages.style("""
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8888; }
td { overflow-wrap: anywhere; }
th[scope=row] { font-weight: normal; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; padding: .5rem; border: 1px solid #8888; }
figure { margin: 1.5rem 0; max-width: 36rem; }
svg { width: 100%; height: auto; fill: currentColor; }
""")


def write_reports(
    records: list[Record],
    folder: Path,
    *,
    assignment: str,
    ungraded: Mapping[str, str] | None = None,
    worksheet: list[list[str]] | None = None,
    similar: Mapping[str, tuple[float, str]] | None = None,
) -> None:
    """Write all tables and pages.

    ``grades.csv`` has nbgrader's columns, ``canvas.csv`` and ``moodle.csv`` those of the platforms,
    ``points.csv`` has the points of each question and test, ``items.csv`` how hard they were, ``feedback/`` one page
    per student, ``summary.html`` the distribution and the hardest questions. What a file replaces is kept in
    ``earlier/``, see `coursegrader.files.write`.

    Parameters
    ----------
    records, folder, assignment
        What to write, where, and the assignment's name.
    ungraded
        Students who get a row without a score, and why.
    worksheet
        Moodle's own table with the scores in it, to be written instead of one in English.
    similar
        How much of each student's code somebody else has, too, and who, see `similarity.similarities`.
    """
    records = sorted(records, key=lambda record: record["student"])
    most = records[0]["max_score"] if records else ""
    no_score: Record = {"score": "", "max_score": most, "questions": []}
    ungraded = dict(ungraded or {})
    analyzed = items.analyze(records)
    rows = records + [{**no_score, "student": student, "problem": ungraded[student]} for student in sorted(ungraded)]
    files = {
        "grades.csv": as_csv(_grades(rows, assignment)),
        "canvas.csv": as_csv(_canvas(rows, assignment)),
        "moodle.csv": as_csv(worksheet or _moodle(rows)),
        "points.csv": as_csv(items.tabulate_points(rows, similar)),
        "items.csv": as_csv(items.tabulate(analyzed)),
        **{f"feedback/{record['file']}.html": make_feedback(record, assignment=assignment) for record in records},
        "summary.html": make_summary(records, analyzed, assignment=assignment, ungraded=ungraded),
    }
    for name, text in files.items():
        write(folder / name, text, root=folder)


def escape_formulas(value: Any) -> Any:
    """Return the value of a cell with an apostrophe wherever a spreadsheet would find the start of a formula.

    That is at the beginning, whatever invisible characters come first, and behind a character that separates cells in
    some country or program, also if quotation marks are between. Numbers stay as they are, and "-" alone, which
    platforms write for nothing.
    """
    if not isinstance(value, str) or re.fullmatch(r"-|[-+]?\d+([.,]\d+)?", value, re.ASCII):
        return value
    escaped, first, leading = "", True, True
    for letter in value:
        # Programs read wide and small forms of these characters, too: NFKC gives the usual ones.
        if leading and unicodedata.normalize("NFKC", letter)[:1] in _FORMULA:
            escaped = "'" + escaped if first else escaped + "'"
        first = first and unicodedata.category(letter)[0] in "CZ"
        leading = first or letter in _SEPARATORS or (leading and letter == '"')
        escaped += letter
    return escaped


def as_csv(rows: list[list[Any]]) -> str:
    """Return rows as a table (CSV) in which a spreadsheet finds no formula, see `escape_formulas`."""
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([[escape_formulas(value) for value in row] for row in rows])
    return stream.getvalue()


def _grades(records: list[Record], assignment: str) -> list[list[Any]]:
    columns = ["assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"]
    columns += ["raw_score", "late_submission_penalty", "score", "max_score"]
    rows = []
    for record in records:
        about = [assignment, record.get("due", ""), record.get("handed_in", ""), record["student"], "", "", ""]
        final = [record.get("raw_score", record["score"]), record.get("penalty", 0), record["score"]]
        rows.append([*about, *final, record["max_score"]])
    return [columns, *rows]


def _canvas(records: list[Record], assignment: str) -> list[list[Any]]:
    """Return a table for Grades > Import; Canvas matches students by ID, the number it puts into file names.

    Other platforms have other ids, which can be those of the student information system.
    """
    most = records[0]["max_score"] if records else 0
    rows: list[list[Any]] = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment]]
    rows.append(["    Points Possible", "", "", "", "", most])
    for record in records:
        name, number = split_label(record["student"])
        ids = [number, "", ""] if number.isdecimal() else ["", number, "" if number else name]
        rows.append([name, *ids, "", record["score"]])
    return rows


def _moodle(records: list[Record]) -> list[list[Any]]:
    """Return a table for Upload grading worksheet; Moodle matches participants by the number in its folder names.

    It requires the time of the last change, where "-" means none.
    """
    rows: list[list[Any]] = [
        ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments"]
    ]
    for record in records:
        name, number = split_label(record["student"])
        identifier = f"Participant {number}" if number.isdecimal() else number or name
        rows.append([identifier, name, record["score"], record["max_score"], "-", record["problem"]])
    return rows


def make_feedback(record: Record, *, assignment: str) -> str:
    """Return a student's feedback page: what passed, what failed and why, and the answer that was graded.

    Of a hidden test it shows what its author chose to say, and neither its code nor what it asked.
    """
    parts = [
        f"<p>{html.escape(record['student'])}: <strong>{record['score']} of {record['max_score']} points</strong></p>"
    ]
    if record.get("penalty"):
        parts.append(f"<p>{record['raw_score']} points, less {record['penalty']} for lateness.</p>")
    if record["problem"]:
        parts.append(f"<p>{html.escape(record['problem'])}</p>")
    if record.get("notebook"):
        parts.append(f"<p>Graded notebook: {html.escape(record['notebook'])}</p>")
    parts += [_question(question) for question in record["questions"]]
    return _page(f"Feedback: {assignment}", "\n".join(parts))


def _page(title: str, body: str) -> str:
    return pages.assemble(title, f"<h1>{html.escape(title)}</h1>\n{body}", head=_HEAD)


def _question(question: Record) -> str:
    """Return the part of a feedback page about one question."""
    rows = []
    for number, test in enumerate(question["tests"], start=1):
        kind = f"{'further test' if test['hidden'] else 'test'} {number}"
        kind = html.escape(test.get("criterion", kind))
        passed = "✓ met" if "criterion" in test else "✓ passed"
        result = passed if not test["message"] else "✗ " + html.escape(test["message"])
        if test.get("call"):
            result += f"<br>Last call: <code>{html.escape(test['call'])}</code>"
        score = f"{test['points']} of {test['max_points']}"
        rows.append(f'<tr><td>{kind}</td><td>{result}</td><td class="number">{score}</td></tr>')
    remark = f"<p>{html.escape(question['remark'])}</p>" if question["remark"] else ""
    return (
        f"<h2>{html.escape(question['title'])}: {question['score']} of {question['max_score']}</h2>"
        f"{_override(question)}{remark}"
        '<table><thead><tr><th scope="col">Test</th><th scope="col">Result</th>'
        f'<th scope="col" class="number">Points</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f"{_answer(question.get('answer', ''))}"
    )


def _override(question: Record) -> str:
    """Return what an instructor decided about an answer."""
    decided = question.get("override")
    if not decided:
        return ""
    instead = "" if decided["automatic"] is None else f", instead of {decided['automatic']}"
    about = f"<p>Points set by hand on {html.escape(decided['time'][:10])}{instead}."
    return f"{about} {html.escape(decided['reason'])}</p>"


def _answer(code: str) -> str:
    """Return the answer that was graded, folded; a long one is cut."""
    if not code:
        return ""
    left_out = len(code) - MAX_SHOWN
    more = f"\n… and {left_out} more characters" if left_out > 0 else ""
    return (
        "<details><summary>The answer that was graded</summary>"
        f'<pre tabindex="0">{html.escape(code[:MAX_SHOWN])}{more}</pre></details>'
    )


def make_summary(
    records: list[Record], analyzed: list[items.Item], *, assignment: str, ungraded: Mapping[str, str] | None = None
) -> str:
    """Return the instructor's page: distribution of points, hardest questions, all scores, and what `items` found."""
    title = f"Grades: {assignment}"
    if not records:
        return _page(title, "<p>No submission was graded.</p>")
    scores = sorted(record["score"] for record in records)
    most = records[0]["max_score"]
    middle = (scores[(len(scores) - 1) // 2] + scores[len(scores) // 2]) / 2
    shares = _shares(records)
    hardest = min(shares, key=lambda name: shares[name])
    count = f"{len(records)} submissions"
    described = f"Histogram of the points of {count}; the median is {middle:g}."
    compared = f"Mean share of the points by question; the hardest is {hardest}, with {shares[hardest]:.0%}."
    body = f"""<p>{count}, {most} points; the median is {middle:g}, the range {scores[0]} to {scores[-1]}.</p>
{_figure(_plot_scores(scores, most), described)}
{_figure(_plot_shares(shares), compared)}
{_list_students(records, ungraded or {})}
<h2>Questions and tests</h2>
<p>Difficulty is the mean share of the points. Discrimination is the correlation with all other points, with its 95 %
confidence interval; a low or negative one can mean that a test is ambiguous or wrong. Lateness plays no part.</p>
{_list_items(analyzed)}"""
    return _page(title, body)


def _table(titles: Mapping[str, bool], rows: list[str]) -> str:
    """Return a table; the titles of its columns say whether there are numbers in them."""
    heads = (f'<th scope="col"{_NUMBER * is_number}>{title}</th>' for title, is_number in titles.items())
    return f"<table><thead><tr>{''.join(heads)}</tr>\n</thead><tbody>{''.join(rows)}</tbody></table>"


def _list_students(records: list[Record], ungraded: Mapping[str, str]) -> str:
    """Return the table of all students; if there are deadlines, with the points before and what lateness cost."""
    dated = any("penalty" in record for record in records)
    keys = ["raw_score", "penalty", "score"] if dated else ["score"]
    rows = []
    for record in records:
        name = f'<a href="feedback/{html.escape(record["file"])}.html">{html.escape(record["student"])}</a>'
        numbers = "".join(f"<td{_NUMBER}>{record.get(key, '')}</td>" for key in keys)
        rows.append(f'<tr><th scope="row">{name}</th>{numbers}<td>{html.escape(record["problem"])}</td></tr>')
    for student, reason in sorted(ungraded.items()):
        empty = "<td></td>" * len(keys)
        rows.append(f'<tr><th scope="row">{html.escape(student)}</th>{empty}<td>{html.escape(reason)}</td></tr>')
    titles = {
        "Student": False,
        **({"Before": True, "Lateness": True} if dated else {}),
        "Points": True,
        "Remark": False,
    }
    return _table(titles, rows)


def _list_items(found: list[items.Item]) -> str:
    """Return the table of questions and tests."""
    rows = []
    for item in found:
        discrimination = "" if item.discrimination is None else f"{item.discrimination:.2f}"
        if item.interval:
            discrimination += " ({:.2f} to {:.2f})".format(*item.interval)
        cells = [f"{item.n}", f"{item.max_points}", f"{item.mean:.2f}", f"{item.difficulty:.2f}", discrimination]
        numbers = "".join(f"<td{_NUMBER}>{cell}</td>" for cell in cells)
        kind = item.title if item.kind == "question" else f"{item.kind} {item.id}"
        rows.append(f'<tr><th scope="row">{html.escape(kind)}</th>{numbers}</tr>')
    names = ("Number", "Maximum", "Mean", "Difficulty", "Discrimination")
    return _table({"Question or test": False, **dict.fromkeys(names, True)}, rows)


def _shares(records: list[Record]) -> dict[str, float]:
    """Return the mean score of each question as a share of its points, by title."""
    totals: dict[str, list[float]] = {}
    for record in records:
        for question in record["questions"]:
            totals.setdefault(question["title"], []).append(question["score"] / question["max_score"])
    return {title: sum(shares) / len(shares) for title, shares in totals.items()}


def _figure(figure: Figure, description: str) -> str:
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "coursegrader"}):  # the same records give the same file
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor")  # also readable on a dark page
    return f'<figure role="img" aria-label="{html.escape(description)}">{svg}</figure>'


def _plot_scores(scores: list[float], most: float) -> Figure:
    figure = Figure(figsize=(5, 2.4), layout="constrained")
    ax = figure.subplots()
    bins = min(int(most) + 1, 21)
    width = (most + 1) / bins
    ax.hist(scores, bins=[number * width - 0.5 for number in range(bins + 1)], color=_BAR, rwidth=0.9)
    ax.set(xlabel="points", ylabel="submissions", xlim=(-0.7, most + 0.7))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    return _plain_frame(figure)


def _plot_shares(shares: dict[str, float]) -> Figure:
    hardest_last = sorted(shares, key=lambda title: shares[title], reverse=True)  # which is at the top
    figure = Figure(figsize=(5, 0.8 + 0.35 * len(shares)), layout="constrained")
    ax = figure.subplots()
    bars = ax.barh(
        [textwrap.fill(title, 30) for title in hardest_last],
        [100 * shares[title] for title in hardest_last],
        color=_BAR,
    )
    ax.bar_label(bars, fmt="%.0f %%", padding=3)
    ax.set(xlabel="mean share of the points, in per cent", xlim=(0, 118), xticks=range(0, 101, 25))
    return _plain_frame(figure)


def _plain_frame(figure: Figure) -> Figure:
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure
