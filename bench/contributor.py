"""What somebody waits for who works on the book, and the room the set-up takes; `clone.py` measures `make test`."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from bench import Figures, Row
from experiments.runner import ROOT

PYTHON = ROOT / ".venv" / "book" / "bin" / "python"
CHANGES = 5


def rows() -> list[Row]:
    """Return the table's rows; they need the book that `make book` builds."""
    return [
        Row("changed sentence, until an open page reloads", "s", "ours <= 4", changed_sentence),
        Row("make book ONLY=data, beside its execution", "s", "ours <= 5", one_chapter),
        Row("make test ONLY=tests/test_plots.py", "s", "ours <= 10", one_module),
        Row("npm packages for make book", "MB", "ours <= 70", npm_packages),
        Row("environments and npm packages", "MB", "", set_up),
    ]


def changed_sentence() -> Figures:
    """Edit a page several times while `make live` runs, and wait until its server tells the browser."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        copied_book() as book,
        subprocess.Popen(
            [PYTHON, book / "web/sphinx/live.py", str(port)], stdout=subprocess.PIPE, encoding="utf-8"
        ) as server,
    ):
        assert server.stdout
        try:
            if not any("The book is at" in line for line in iter(server.stdout.readline, "")):
                raise RuntimeError("make live has ended")
            time.sleep(2)  # until it answers
            with connect(f"ws://127.0.0.1:{port}/changes") as changes:
                seconds = [seconds_until_change(book / "book" / "train.md", changes, n) for n in range(CHANGES)]
        finally:
            server.terminate()
    return {"ours": statistics.median(seconds), "note": f"median of {CHANGES} changes in train"}


def seconds_until_change(file: Path, changes: ClientConnection, number: int) -> float:
    """Add a sentence and return how long the page took."""
    text = file.read_text(encoding="utf-8").replace("\n\n", f"\n\nSentence {number}.\n\n", 1)
    start = time.perf_counter()
    file.write_text(text, encoding="utf-8")
    changes.recv(timeout=60)
    return time.perf_counter() - start


def one_chapter() -> Figures:
    """Change a chapter's code; return what building its page takes beside what executing it takes."""
    with copied_book() as book:
        command: list[str | Path] = [PYTHON, book / "web/sphinx/build.py", "--only", "data"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # the copy is new to Sphinx
        chapter = book / "book" / "data.md"
        text = re.sub(
            r"(```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*)", r"\1# Changed\n", chapter.read_text(encoding="utf-8"), count=1
        )
        chapter.write_text(text, encoding="utf-8")
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        executed = json.loads((book / "_build/executed/data.ipynb").read_text(encoding="utf-8"))
    execution = executed["metadata"]["execution"]["seconds"]
    return {"ours": seconds - execution, "note": f"its execution took {execution:.0f} s"}


def one_module() -> Figures:
    """Run the tests of one module as a person would."""
    start = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "ONLY"}}
    subprocess.run(
        ["make", "test", "ONLY=tests/test_plots.py"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return {"ours": time.perf_counter() - start}


def npm_packages() -> Figures:
    """Add up the packages that are not for tests alone."""
    command: list[str | Path] = [PYTHON.with_name("npm"), "ls", "--all", "--omit=dev", "--parseable"]
    done = subprocess.run(command, cwd=ROOT / "web", check=True, capture_output=True, encoding="utf-8")
    _, *folders = map(Path, done.stdout.splitlines())
    return {"ours": megabytes(*folders)}


def set_up() -> Figures:
    """Add up what `make test` sets up."""
    environments = sorted(stamp.parent for stamp in (ROOT / ".venv").glob("*/.done"))
    note = f"{len(environments)} environments: {', '.join(folder.name for folder in environments)}"
    return {"ours": megabytes(*environments, ROOT / "web" / "node_modules"), "note": note}


def megabytes(*folders: Path) -> float:
    """Return the room that folders take together; a file with two names takes it once."""
    found = {}
    for file in (file for folder in folders for file in folder.rglob("*") if not file.is_symlink()):
        about = file.stat()
        found[about.st_ino] = about.st_blocks * 512
    return sum(found.values()) / 1e6


@contextmanager
def copied_book() -> Iterator[Path]:
    """Give a copy of the book with its built site, to be changed."""
    skip = shutil.ignore_patterns(".git", ".venv", "notebooks", "node_modules", "__pycache__", ".*_cache")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT, folder, ignore=skip, dirs_exist_ok=True)
        Path(folder, "web", "node_modules").symlink_to(ROOT / "web" / "node_modules")
        yield Path(folder)
