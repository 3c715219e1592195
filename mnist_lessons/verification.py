"""Run the book's chapters on this machine and compare what they record with the book's own numbers.

The chapters' code and the book's numbers are one file, ``verify.json``, which the build writes beside the site. The
package that comes with the notebooks carries a copy of it.
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_lessons.reports import page, summary
from mnist_lessons.source import package_swhid
from mnist_lessons.store import write_atomically

PACKAGE = Path(__file__).parent
BOOK = "verify.json"
REPORT = "mnist-lessons-report"
LIBRARIES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "scipy", "matplotlib")
TOLERANCE = 0.10  # of a number without an interval, relative
ROUNDING = 1e-9  # of a number that only the data decide, relative
LEVEL = 0.95
# The package may be one that is not installed.
RUN = "import sys; sys.path.append(sys.argv[3]); from mnist_lessons.verification import run_cells; run_cells()"
Entry = Mapping[str, Any]


class VerifyError(Exception):
    """Nothing can be verified; the text says why, for a person."""


# The command ----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Run the command ``mnist-lessons verify``; return 0 if all agrees, 1 if not, 2 if nothing could be verified."""
    parser = argparse.ArgumentParser(prog="mnist-lessons verify", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("chapters", metavar="CHAPTER", nargs="*", help="such as train; all of them if none is named")
    parser.add_argument("--book", metavar="FILE", help=f"the book's {BOOK}: a file, or its address on the site")
    parser.add_argument("--report", metavar="FOLDER", type=Path, default=Path(), help="where the report goes")
    options = parser.parse_args(arguments)
    try:
        book = read_book(options.book)
        names = find_chapters(options.chapters, book)
        options.report.mkdir(parents=True, exist_ok=True)
    except (VerifyError, OSError) as error:
        print(f"mnist-lessons verify: {error}", file=sys.stderr)
        return 2
    try:
        report = verify(book, names, options.report / REPORT)
    except KeyboardInterrupt:
        print("mnist-lessons verify: interrupted; the report has the chapters that were finished", file=sys.stderr)
        return 130
    print(f"{summary(report)}\nThe report is {options.report / REPORT}.html; to hand it on, take the .json beside it.")
    counts = report["counts"]
    return int(counts["differs"] > 0 or bool(counts["failed"]))


def read_book(place: str | None) -> dict[str, Any]:
    """Return the chapters and the numbers of the book.

    Parameters
    ----------
    place
        A file or an address. Without one, it is the file that the package carries, or the one of a built clone.

    Raises
    ------
    VerifyError
        There is none, or it is another file.
    """
    if place is None:
        near = [PACKAGE / BOOK, PACKAGE.parent / "_build" / "html" / BOOK]
        found = [file for file in near if file.is_file()]
        if not found:
            raise VerifyError(
                f"this package came without the book's numbers; name the file {BOOK} of the book's site, "
                f"as in --book https://…/{BOOK}, or run make book in a clone to compare with your own build"
            )
        place = str(found[0])
    try:
        if place.startswith(("https://", "http://")):
            with urllib.request.urlopen(place, timeout=60) as answer:
                text = answer.read().decode()
        else:
            text = Path(place).read_text(encoding="utf-8")
        book: dict[str, Any] = json.loads(text)
        _ = book["chapters"], book["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VerifyError(f"{place}: expected the {BOOK} that the book's build writes; {error}") from error
    return book


def find_chapters(names: Sequence[str], book: Entry) -> list[str]:
    """Return the chapters to run, in the book's order; all if none is named."""
    unknown = [name for name in names if name not in book["chapters"]]
    if unknown:
        raise VerifyError(f"no chapter is called {', '.join(unknown)}; expected some of {', '.join(book['chapters'])}")
    return [name for name in book["chapters"] if name in names or not names]


def verify(book: Entry, names: Sequence[str], file: Path) -> dict[str, Any]:
    """Run chapters one after the other and return the report, which is also written after each of them.

    Parameters
    ----------
    book
        What `read_book` returns.
    names
        The chapters, by the names that the book gives them.
    file
        Where the report goes, without ``.html`` and ``.json``.
    """
    package = package_swhid(PACKAGE, [BOOK])
    report: dict[str, Any] = {
        "book": {key: book[key] for key in ("version", "source", "machine")},
        "package": {"swhid": package, "changed": package != book["package"]},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "tolerance": TOLERANCE,
        "widened": widening(book),
        "chapters": [],
        "results": [],
    }
    print(f"Chapters to run: {len(names)}; what the book's own run took is in brackets", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            chapter = book["chapters"][name]
            print(f"  {name:<18}", end="", flush=True)
            run, entries = run_chapter(name, chapter, Path(folder))
            results = list(compare_chapter(name, chapter, entries, report["widened"], run["error"]))
            report["chapters"].append(run)
            report["results"] += results
            report["counts"] = count(report)
            write_report(report, file)
            took = f"{run['seconds']:.0f} s ({chapter['seconds']:.0f} s)"
            print(f"{took:>16}  {tell(results)}{'; FAILED: ' * bool(run['error'])}{run['error']}", flush=True)
    return report


def count(report: Entry) -> dict[str, Any]:
    """Return how many results have each verdict, and which chapters failed."""
    verdicts = [result["verdict"] for result in report["results"]]
    counts: dict[str, Any] = {verdict: verdicts.count(verdict) for verdict in ("agrees", "differs", "not compared")}
    return counts | {"failed": [run["name"] for run in report["chapters"] if run["error"]]}


def tell(results: Sequence[Entry]) -> str:
    """Return in words how many results have each verdict, and the names of those that differ."""
    verdicts = [result["verdict"] for result in results]
    differ = [result["name"] for result in results if result["verdict"] == "differs"]
    said = [f"{verdicts.count('agrees')} agree"]
    said += [f"{len(differ)} differ ({', '.join(differ)})"] * bool(differ)
    said += [f"{verdicts.count('not compared')} not compared"] * ("not compared" in verdicts)
    return ", ".join(said)


def write_report(report: Entry, file: Path) -> None:
    """Write the report as JSON, one result a line, and as a page."""
    lines = ",\n".join(f"  {json.dumps(result, ensure_ascii=False)}" for result in report["results"])
    rest = json.dumps({**report, "results": []}, indent=1, ensure_ascii=False)
    text = rest.replace('"results": []', f'"results": [\n{lines}\n ]')
    write_atomically(file.with_suffix(".json"), text + "\n")
    write_atomically(file.with_suffix(".html"), page(report))


def describe_machine() -> dict[str, Any]:
    """Return what numbers may depend on besides code: processor, cores, memory, system and versions."""
    return {
        "processor": cpuinfo().get("model name") or platform.processor() or "unknown",
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": _system(),
        "python": platform.python_version(),
        "versions": dict(_versions()),
    }


def cpuinfo() -> dict[str, str]:
    """Return what Linux says of a core, by its names for it; elsewhere nothing."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    pairs = [line.partition(":") for line in lines]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _versions() -> Iterator[tuple[str, str]]:
    for library in LIBRARIES:
        try:
            yield library, importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue


# Running a chapter ----------------------------------------------------------------------------------------------


def run_chapter(name: str, chapter: Entry, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run a chapter's cells in a process of their own.

    Parameters
    ----------
    name, chapter
        Its name, and what the book's file has of it.
    folder
        Where files go. Models that chapters share are trained in it once, since a stored model may be another
        machine's.

    Returns
    -------
    run
        Seconds, CPU seconds and peak memory in MB, and what ended the chapter early, if anything.
    entries
        What it recorded and checked.
    """
    work = folder / name
    work.mkdir()
    cells, ledger, said = (folder / f"{name}.{kind}" for kind in ("cells", "ledger", "stderr"))
    cells.write_text(json.dumps([f"{name}.md", chapter["cells"]]), encoding="utf-8")
    ledger.touch()
    start = time.perf_counter()
    with said.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, cells, ledger, PACKAGE.parent],
            cwd=work,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=_environment(folder / "models"),
        )
        try:
            spent = _wait(process)
        except BaseException:
            process.kill()
            process.wait()
            raise
    seconds = round(time.perf_counter() - start, 1)
    entries = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    error = ""
    if process.returncode:
        errors = [entry["error"] for entry in entries if "error" in entry]
        error = errors[0] if errors else f"its process ended with {process.returncode}"
    entries = [entry for entry in entries if "error" not in entry]
    return {"name": name, "title": chapter["title"], "seconds": seconds, **spent, "error": error}, entries


def _environment(models: Path) -> dict[str, str]:
    """Return the variables that a chapter sees: assertions count, nothing is shown, models are trained here."""
    ours = {
        "KERAS_BACKEND": "tensorflow",
        "MNIST_LESSONS_STORE": str(models),
        "MPLBACKEND": "agg",
        "PYTHONOPTIMIZE": "",
        "PYTHONUTF8": "1",
    }
    return {**os.environ, **ours}


def _wait(process: "subprocess.Popen[bytes]") -> dict[str, float | None]:
    """Wait for a process; return what it took, where the system tells."""
    if not hasattr(os, "wait4"):  # Windows
        process.wait()
        return {"cpu_seconds": None, "peak_mb": None}
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return {"cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1), "peak_mb": round(peak)}


def run_cells() -> None:
    """Run a chapter in this process, as a kernel would; write down what it records, one line of JSON each.

    The arguments are a file with the chapter's cells and the file to write. An assertion that fails, in a cell or in a
    check, is written down, and the chapter goes on with the next cell; another error ends it.
    """
    import linecache

    from mnist_lessons import results

    cells, ledger = map(Path, sys.argv[1:3])
    name, sources = json.loads(cells.read_text(encoding="utf-8"))
    out = ledger.open("a", encoding="utf-8", buffering=1)

    def write(entry: Entry, **_: object) -> None:
        out.write(json.dumps(entry) + "\n")

    original = results.check

    def check(claim: str, *arguments: Any, **options: Any) -> None:
        try:
            original(claim, *arguments, **options)
        except AssertionError as error:
            write({"claim": claim, "failed": str(error)})

    results._display = write
    results.check = check  # type: ignore[assignment]
    namespace = vars(sys.modules["__main__"])
    for line, source in sources:
        place = f"{name}, line {line}"
        linecache.cache[place] = (
            len(source),
            None,
            source.splitlines(keepends=True),
            place,
        )  # for tracebacks, AutoGraph
        try:
            exec(compile(source, place, "exec"), namespace)
        except AssertionError as error:
            write({"assertion": place, "failed": str(error) or "it does not hold"})
        except Exception as error:
            write({"error": f"{place}: {type(error).__name__}: {error}"[:500]})
            raise
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


# Comparing --------------------------------------------------------------------------------------------------------


def widening(book: Entry) -> float:
    """Return by how much the 95 % intervals are widened, since many numbers are compared at once.

    If each number were compared at 95 %, an honest run would fail in one of twenty. After Bonferroni, a run that
    differs by chance alone agrees in all of them in 95 % of the cases, whichever chapters are chosen.
    """
    numbers = [entry for chapter in book["chapters"].values() for entry in chapter["entries"] if "interval" in entry]
    normal = statistics.NormalDist()
    tail = (1 - LEVEL) / 2
    return normal.inv_cdf(1 - tail / max(1, len(numbers))) / normal.inv_cdf(1 - tail)


def compare(book: Entry, here: Entry, widened: float) -> dict[str, Any]:
    """Compare a number of this run with the book's.

    Two runs of one experiment both vary. So it is their difference that has an interval, made of the two intervals of
    the runs by the square-and-add method [1]_, and they agree if that contains zero. Both intervals are first widened.

    Parameters
    ----------
    book
        The book's entry: ``value``, ``interval`` where there is one, and ``compare`` where that says ``exactly``, for
        what only the data decide, or ``never``, for what depends on the machine.
    here
        The entry of this run. Where it has no interval, the book's is taken for both.
    widened
        By how much.

    Returns
    -------
    The verdict, ``agrees``, ``differs`` or ``not compared``, and the greatest difference that agrees, or why there is
    none.

    References
    ----------
    .. [1] G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: A general approach",
       Statistics in Medicine 27(10), 2008, equation 6.
    """
    old, new = book["value"], here["value"]
    if book.get("compare") == "never":
        return {"verdict": "not compared", "why": "it depends on the machine, or is a probability"}
    if isinstance(old, str) or isinstance(new, str):
        return {"verdict": "agrees" if old == new else "differs", "allowed": 0}
    if "interval" in book:
        allowed = widened * _reach(book, here)
    else:
        allowed = (ROUNDING if book.get("compare") == "exactly" else TOLERANCE) * abs(old)
    return {"verdict": "agrees" if abs(new - old) <= allowed else "differs", "allowed": float(f"{allowed:.4g}")}


def _reach(book: Entry, here: Entry) -> float:
    """Return the distance from zero of the end that the interval of the difference has on the side of zero."""
    old, new = book["value"], here["value"]
    low, high = (end - old for end in book["interval"])
    ends = here.get("interval", (new + low, new + high))
    return math.hypot(high, new - ends[0]) if new > old else math.hypot(low, ends[1] - new)


def compare_chapter(
    name: str, chapter: Entry, entries: Sequence[Entry], widened: float, error: str
) -> Iterator[dict[str, Any]]:
    """Yield the verdict on each number and claim of a chapter, and on each assertion that failed in this run."""
    here = {_key(entry, entries): entry for entry in entries}
    for entry in chapter["entries"]:
        kind = "claim" if "claim" in entry else "number"
        found = here.get(_key(entry, chapter["entries"]))
        result = {"chapter": name, "kind": kind, "name": entry.get("claim") or entry["name"]}
        result |= {"book": _shown(entry)}
        if found is None:
            why = "the chapter ended before" if error else "this run did not record it"
            yield result | {"verdict": "not compared" if error else "differs", "why": why}
        elif kind == "claim":
            result |= {"here": found["failed"] if "failed" in found else _shown(found)}
            yield result | {"verdict": "differs" if "failed" in found else "agrees"}
        else:
            yield result | {"here": _shown(found)} | compare(entry, found, widened)
    for entry in entries:
        if "assertion" in entry:
            result = {"chapter": name, "kind": "assertion", "name": entry["assertion"], "book": True}
            yield result | {"here": entry["failed"], "verdict": "differs"}


def _key(entry: Entry, entries: Sequence[Entry]) -> tuple[Any, ...]:
    """Return what tells an entry from the others of its chapter: a claim may have several parts."""
    own = [(each.get("name"), each.get("claim"), each.get("assertion")) for each in entries]
    index = next(index for index, each in enumerate(entries) if each is entry)
    return (*own[index], own[:index].count(own[index]))


def _shown(entry: Entry) -> Any:
    """Return a value with its interval, if it has one, with as many digits as anyone reads."""
    parts = [entry["value"], *entry.get("interval", [])]
    rounded = [float(f"{part:.6g}") if isinstance(part, float) else part for part in parts]
    return rounded if "interval" in entry else rounded[0]
