"""What somebody sees who writes a page: it alone is built, by `make book ONLY=NAME` or at once by `make live`."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the book with its built site."""
    folder = tmp_path_factory.mktemp("copy")
    skip = shutil.ignore_patterns(".git", ".venv", "notebooks", "node_modules", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, folder, ignore=skip, dirs_exist_ok=True)
    (folder / "web" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    return folder


@contextlib.contextmanager
def edited(file: Path, old: str, new: str) -> Iterator[None]:
    text = file.read_text(encoding="utf-8")
    assert old in text
    save(file, text.replace(old, new, 1))
    try:
        yield
    finally:
        save(file, text)


def save(file: Path, text: str) -> None:
    """Write a file in one step, as editors do: on a busy machine, a watcher sees two of two steps."""
    written = file.with_name(f"{file.name}.writing")
    written.write_text(text, encoding="utf-8")
    written.replace(file)


def build_only(copy: Path, *names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(copy / "web/sphinx/build.py"), "--only", *names]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def test_only_one_page_is_built_and_the_rest_of_the_site_counts_as_older(
    copy: Path, measure: Callable[[Path], None]
) -> None:
    measure(copy)
    with edited(copy / "book" / "about.md", "\n\n", "\n\nA new sentence.\n\n"):
        done = build_only(copy, "about")
    assert done.returncode == 0, done.stderr
    assert "A new sentence." in (copy / "_build/html/book/about.html").read_text(encoding="utf-8")
    assert done.stdout.startswith("Site: built book/about.md in ")
    assert not (copy / "_build" / "site.key").exists()


def test_warning_on_the_page_itself_fails_every_time_and_one_on_another_page_does_not(copy: Path) -> None:
    with (
        edited(copy / "book" / "about.md", "\n\n", "\n\n{ref}`nowhere`\n\n"),
        edited(copy / "book" / "glossary.md", "\n\n", "\n\n{ref}`elsewhere`\n\n"),
    ):
        for _ in range(2):
            done = build_only(copy, "about")
            assert done.returncode == 1
            assert "book/about.md:" in done.stderr
            assert "nowhere" in done.stderr
            assert "glossary" not in done.stderr


def test_open_page_reloads_with_what_was_changed_and_survives_a_mistake(
    copy: Path, measure: Callable[[Path], None]
) -> None:
    measure(copy)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(copy / "web/sphinx/live.py"), str(port)]

    def page() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/book/compile.html") as answer:
            return str(answer.read(), "utf-8")

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as server:
        assert server.stdout
        try:
            assert any("The book is at" in line for line in iter(server.stdout.readline, ""))
            wait_for(page)
            with connect(f"ws://127.0.0.1:{port}/changes") as changes:
                with edited(copy / "book" / "compile.md", "```{code-cell}", "A new sentence.\n\n```{code-cell}"):
                    changes.recv(timeout=300)
                    assert "<p>A new sentence.</p>" in page()
                    assert page().endswith('<script src="/reload.js"></script>')
                changes.recv(timeout=300)
                with edited(copy / "book" / "compile.md", "import ", "import  "):
                    changes.recv(timeout=300)
                    assert "This cell has changed since it was last run." in page()
                changes.recv(timeout=300)
                with edited(copy / "book" / "quizzes" / "compile.yml", "- question:", "- answer:"):
                    changes.recv(timeout=300)
                changes.recv(timeout=300)
                assert "This cell has changed" not in page()
        finally:
            server.terminate()
        said = server.stdout.read()
    assert "book/compile.md: WARNING: 1 of " in said
    assert "compile.yml, question 1: expected the keys" in said


def wait_for(page: Callable[[], str]) -> None:
    """Wait until the server answers, which it says it does a moment too early."""
    for _ in range(100):
        try:
            page()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("no answer within 10 s")
