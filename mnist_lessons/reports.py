"""Show the report of `mnist-lessons verify` as one page of HTML that needs no other file."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Report = Mapping[str, Any]

STYLE = """
:root { color-scheme: light dark; --page: light-dark(#fdfdfb, #14181d); --ink: light-dark(#1f2933, #e6e9ec);
  --muted: light-dark(#52606d, #a9b4be); --line: light-dark(#d3d9dd, #3a444e); --accent: light-dark(#17609e, #6cb6f5);
  --right: light-dark(#14664a, #4fc3a1); --wrong: light-dark(#a34506, #f0964f) }
body { background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; margin: 0 auto;
  max-width: 60rem; overflow-wrap: break-word; padding: 1.5rem 1rem 4rem }
h1, h2 { line-height: 1.2 }
h2 { margin-top: 2em }
a { color: var(--accent) }
.summary { border-left: 0.3rem solid var(--right); font-size: 1.2rem; padding-left: 0.8rem }
.summary.differs { border-color: var(--wrong) }
.pst-scrollable-table-container { container-type: inline-size; overflow-x: auto }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; line-height: 1.35 }
caption { color: var(--muted); max-width: 100cqi; padding-bottom: 0.4rem; text-align: left }
th, td { border-bottom: 1px solid var(--line); padding: 0.35rem 1rem 0.35rem 0; text-align: left; vertical-align: top }
tbody th { font-weight: 400 }
.agrees { color: var(--right) }
.differs { color: var(--wrong); font-weight: 600 }
dt { color: var(--muted) }
dd { margin: 0 0 0.4rem }
summary { cursor: pointer; padding: 0.4rem 0 }
"""


def summary(report: Report) -> str:
    """Return in one line how far a run agrees with the book."""
    counts = report["counts"]
    total = counts["agrees"] + counts["differs"]
    parts = [f"{counts['agrees']:,} of {total:,} numbers and claims agree with the book"]
    parts += [f"{counts['differs']:,} differ{'s' * (counts['differs'] == 1)}"] * bool(counts["differs"])
    parts += [f"{counts['not compared']:,} cannot be compared"] * bool(counts["not compared"])
    parts += [f"{', '.join(counts['failed'])} failed"] * bool(counts["failed"])
    return "; ".join(parts) + "."


def state(source: Mapping[str, Any]) -> str:
    """Return in words which state of the sources it is."""
    commit = f"commit {source['commit'][:12]}" if source["commit"] else "no commit known"
    return f"{source['swhid']} ({commit}{', with changes since' if source['changed'] else ''})"


def value(shown: Any) -> str:
    """Return a value of a report, with its interval if it has one."""
    if isinstance(shown, list):
        return f"{number(shown[0])} ({number(shown[1])} to {number(shown[2])})"
    return {True: "holds", False: "does not hold"}[shown] if isinstance(shown, bool) else number(shown)


def number(shown: float | str) -> str:
    """Return a number with five digits, or a text as it is."""
    if isinstance(shown, str):
        return shown
    text = f"{shown:,}" if isinstance(shown, int) else f"{shown:.5g}"
    return text.replace("-", "\N{MINUS SIGN}")


def page(report: Report) -> str:
    """Return the report as a page of HTML."""
    differ = [result for result in report["results"] if result["verdict"] == "differs"]
    wrong = bool(differ or report["counts"]["failed"])
    parts = [
        "<h1>This machine and the book: do their numbers agree?</h1>",
        f'<p class="summary{" differs" * wrong}">{escape(summary(report))}</p>',
        _about(report),
        "<h2>Chapters</h2>",
        _chapters(report),
    ]
    if differ:
        parts += ["<h2>What differs</h2>", _results(differ, "All numbers and claims that differ")]
    parts.append("<h2>All numbers and claims</h2>")
    for run in report["chapters"]:
        here = [result for result in report["results"] if result["chapter"] == run["name"]]
        if here:
            title = escape(run["title"])
            parts.append(f"<details><summary>{title}</summary>{_results(here, run['title'])}</details>")
    parts += ["<h2>How they were compared</h2>", _method(report)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>MNIST Lessons verified</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _about(report: Report) -> str:
    machine, book = report["machine"], report["book"]
    memory = f", {machine['memory_gb']} GB of memory" if machine["memory_gb"] else ""
    versions = [f"{name} {version}" for name, version in machine["versions"].items()]
    package = report["package"]["swhid"] + (
        ", which differs from the book's" if report["package"]["changed"] else ", the same as the book's"
    )
    rows = {
        "Date": report["date"].replace("T", " ").replace("+00:00", " UTC"),
        "Processor": f"{machine['processor']}, {machine['architecture']}, {machine['cores']} cores{memory}",
        "System": machine["system"],
        "Versions": ", ".join([f"Python {machine['python']}", *versions]),
        "The book's source": f"{state(book['source'])}, version {book['version']}",
        "The package mnist_lessons that ran": package,
        "The book's numbers": f"measured with Python {book['machine']['python']} on {book['machine']['system']}, "
        f"{book['machine']['processor']}",
    }
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in rows.items()) + "</dl>"


def _chapters(report: Report) -> str:
    rows = []
    for run in report["chapters"]:
        verdicts = [result["verdict"] for result in report["results"] if result["chapter"] == run["name"]]
        kinds = ("agrees", "differs", "not compared")
        cells = [escape(run["title"]), *(f"{verdicts.count(kind):,}" for kind in kinds)]
        cells += ["" if run[key] is None else f"{run[key]:,}" for key in ("seconds", "cpu_seconds", "peak_mb")]
        cells.append(f'<span class="differs">{escape(run["error"])}</span>' if run["error"] else "none")
        rows.append(cells)
    heads = ["Chapter", "Agree", "Differ", "Not compared", "Seconds", "CPU seconds", "Peak MB", "Error"]
    return table("What each chapter gave and took", heads, rows)


def _results(results: Sequence[Report], caption: str) -> str:
    rows = []
    for result in results:
        verdict = f'<span class="{result["verdict"]}">{result["verdict"]}</span>'
        allowed = f"within {number(result['allowed'])}" if "allowed" in result else result.get("why", "")
        here = value(result["here"]) if "here" in result else ""
        cells = [result["name"], result["kind"], value(result["book"]), here, None, allowed]
        rows.append([verdict if cell is None else escape(cell) for cell in cells])
    return table(caption, ["Name", "Kind", "Book", "Here", "Verdict", "Allowed"], rows)


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in a region that scrolls; the cells are HTML, and the first of a row heads it."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    name = escape(caption, quote=True)
    return (
        f'<div class="pst-scrollable-table-container" role="region" aria-label="{name}" tabindex="0">'
        f"<table><caption>{name}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _method(report: Report) -> str:
    return (
        "<p>Two runs of an experiment both vary. A number with a 95 % interval agrees if the interval of the "
        "difference of the two runs contains zero; it is made of both runs' intervals by the square-and-add method. "
        "Since many numbers are compared at once, the intervals are first widened by the factor "
        f"{report['widened']:.2f} (Bonferroni), so that a run which differs by chance alone agrees in all of them in "
        "about 95 % of the cases. This is approximate: many intervals rest on a few seeds, and both runs use the "
        "same seeds and images.</p>"
        f"<p>A number without an interval agrees if it is within {100 * report['tolerance']:.0f} % of the book's, and "
        "a number that only the data decide if it is the same. Times and p-values cannot be compared. A claim agrees "
        "if its check holds here, within the book's bounds.</p>"
    )
