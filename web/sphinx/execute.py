"""Execute chapters whose outputs are stale, each in a process of its own, and store what they put out.

A chapter's outputs are stored with a key: the fingerprint of everything that decides them. What a page may not show, an
error or a line on stderr, ends the execution.
"""

import ast
import concurrent.futures
import contextlib
import errno
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
from typing import Any

import nbformat
from myst_nb.core.read import MystMetadataParsingError, read_myst_markdown_notebook

from environment import environment
from folders import BUILD, ROOT
from mnist_lessons.fingerprint import fingerprint
from mnist_lessons.store import write_atomically

EXECUTED = BUILD / "executed"
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
# They run the cells; and TensorFlow computes for Keras, which does not require it.
LIBRARIES = ("ipykernel", "nbclient", "tensorflow")


class BuildError(Exception):
    """The build cannot go on; the text says why, for a person."""


def disk_trouble(error: Exception | str) -> str:
    """Return what to do about the disk if that is what an error, or the text of a process, is about; "" if not."""
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{BUILD}: {error.strerror}; copy this folder to where you may write and run make book there"
    texts = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full")
    free = shutil.disk_usage(BUILD if BUILD.is_dir() else ROOT).free
    if free < 1 << 20 or any(text in str(error) for text in texts):
        return f"{BUILD}: the disk is full; make room and run make book again"
    return ""


def is_notebook(name: str) -> bool:
    """Tell whether a page has code to execute: its front matter names a kernel."""
    return "\nkernelspec:" in (ROOT / name).read_text(encoding="utf-8").split("\n---", 1)[0]


def run_stale(names: list[str], jobs: int, *, again: bool = False) -> None:
    """Execute the chapters whose outputs are not those of this code, `jobs` at a time."""
    keys = {name: chapter_key(name) for name in names}
    stale = [name for name in names if again or kept_outputs(name, keys[name]) is None]
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
        futures = [pool.submit(run_one, name, keys[name], cores) for name in stale]
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


def run_one(name: str, key: str, cores: list[int | None]) -> tuple[str, str]:
    """Execute one chapter in a process of its own; return a line for the table and what went wrong, if anything."""
    core = cores.pop()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, __file__, name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        # Without the second, the kernel warns about frozen modules.
        env=environment() | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        start_new_session=True,
    )
    RUNNING.add(process.pid)
    if core is not None:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process.pid, {core})
    said: list[str] = []
    pipe = process.stdout
    assert pipe is not None
    reader = threading.Thread(target=lambda: said.append(pipe.read()))
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
    keep_outputs(name, key, spent)
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
        (startup / "stderr.py").write_text(WAIT_FOR_STDERR, encoding="utf-8")
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
                source = "" if f"\n{cell.source}\n" in text else f"{cell.source}\n\n"
                sys.exit(f"{name}:{lines[index]}: cell {index + 1} wrote an error or to stderr:\n{source}{text}")
    if trouble:
        sys.exit(f"{name}: {trouble}")
    write_atomically(EXECUTED / f"{page(name)}.part", nbformat.writes(notebook))


def read_notebook(name: str) -> tuple[nbformat.NotebookNode, list[int]]:
    """Parse a chapter as the site does; return it with the line where each code cell starts."""
    try:
        notebook = read_myst_markdown_notebook((ROOT / name).read_text(encoding="utf-8"), add_source_map=True)
    except MystMetadataParsingError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise BuildError(f"{name}:{line[1] if line else 1}: the header of this cell is not YAML") from error
    return notebook, notebook.metadata.pop("source_map")


def keep_outputs(name: str, key: str, spent: dict[str, float]) -> None:
    """Move a finished execution into place with the key of what produced it."""
    part = EXECUTED / f"{page(name)}.part"
    notebook = nbformat.read(part, as_version=4)
    notebook.metadata["execution"] = {"key": key, **spent}
    write_atomically(executed_file(name), nbformat.writes(notebook))
    part.unlink()


def kept_outputs(name: str, key: str) -> nbformat.NotebookNode | None:
    """Return the executed notebook of a chapter, or None where there is none with this key."""
    try:
        notebook = nbformat.read(executed_file(name), as_version=4)
    except (FileNotFoundError, ValueError):
        return None
    return notebook if notebook.metadata.get("execution", {}).get("key") == key else None


def last_seconds(name: str) -> float:
    """Return how long a chapter took when it was last executed; unknown ones go first."""
    try:
        return float(json.loads(executed_file(name).read_text(encoding="utf-8"))["metadata"]["execution"]["seconds"])
    except (FileNotFoundError, ValueError, KeyError):
        return float("inf")


def page(name: str) -> str:
    """Return a chapter's short name: book/train.md is train."""
    return name.removeprefix("book/").removesuffix(".md").replace("/", "-")


def executed_file(name: str) -> Path:
    """Return where a chapter's executed notebook is kept."""
    return EXECUTED / f"{page(name)}.ipynb"


def python_of(source: str, place: str) -> str:
    """Return a cell without its magic lines, which are none of Python's; the other lines keep their numbers."""
    code = re.sub(r"^\s*[%!].*", "", source, flags=re.MULTILINE)
    try:
        ast.parse(code)
    except SyntaxError as error:
        raise BuildError(f"{place} is not Python: {error.msg} in its line {error.lineno}") from error
    return code


def chapter_key(name: str) -> str:
    """Hash what decides a chapter's outputs: its code cells and what they rest on. Prose does not count."""
    notebook, lines = read_notebook(name)
    code, tags = [], []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            code.append(python_of(cell.source, f"{name}:{lines[index]}: cell {index + 1}"))
            tags.append([cell.source, cell.metadata.get("tags", [])])
    package, extra = ROOT / "mnist_lessons", json.dumps([WAIT_FOR_STDERR, tags])
    try:
        return fingerprint("\n".join(code), packages=[package], libraries=LIBRARIES, extra=extra)
    except (SyntaxError, ValueError) as error:  # in a module of the package
        raise BuildError(f"{name} cannot be executed: {error}") from error


def recorded(notebook: nbformat.NotebookNode) -> list[dict[str, Any]]:
    """Return what the cells of an executed notebook recorded, and the claims that they checked."""
    from mnist_lessons.results import LEDGER_KEY

    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return [output.metadata[LEDGER_KEY] for output in outputs if LEDGER_KEY in output.get("metadata", {})]


if __name__ == "__main__":
    execute(sys.argv[1])
