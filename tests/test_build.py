"""The build, on a book of two small chapters: what it executes, what it refuses, what it leaves behind."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
CHAPTER = """---
kernelspec: {{name: python3, display_name: Python 3}}
---
# Title

Prose.

```{{code-cell}} ipython3
{code}
```
"""


@pytest.fixture
def book(tmp_path):
    """A book with its own copy of the build, and a package of one file."""
    (tmp_path / "web" / "sphinx").mkdir(parents=True)
    for folder in ("book", "mnist_lessons"):
        (tmp_path / folder).mkdir()
    for name in ("addresses.py", "build.py"):
        shutil.copy(ROOT / "web" / "sphinx" / name, tmp_path / "web" / "sphinx")
    (tmp_path / "mnist_lessons" / "data.py").write_text("ONE = 1\n")
    (tmp_path / "constraints.txt").write_text("numpy==1\n")
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n  - chapters: [{file: book/a}, {file: book/b}]\n"
    )
    (tmp_path / "book" / "index.md").write_text("# Start\n")
    write(tmp_path, "a", "print(1 + 1)")
    write(tmp_path, "b", "print('b')")
    return tmp_path


def write(book, name, code, prose="Prose."):
    (book / "book" / f"{name}.md").write_text(CHAPTER.format(code=code).replace("Prose.", prose))


def execute_stale(book):
    """Execute what is stale and return the names of what was executed."""
    code = "import build; build.run_stale(['book/a.md', 'book/b.md'], 2)"
    done = subprocess.run([sys.executable, "-c", code], cwd=book / "web" / "sphinx", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")} - {"chapter"}


def only(book, *names):
    command = [sys.executable, str(book / "web" / "sphinx" / "build.py"), "--only", *names]
    return subprocess.run(command, capture_output=True, text=True)


def outputs(book, name):
    notebook = nbformat.read(book / "_build" / "executed" / f"{name}.ipynb", as_version=4)
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_what_is_executed_follows_from_what_changed(book):
    assert execute_stale(book) == {"a", "b"}
    assert outputs(book, "a")[0].text == "2\n"
    assert execute_stale(book) == set()
    write(book, "a", "print(1 + 1)", prose="Better prose.")
    assert execute_stale(book) == set()
    write(book, "a", "print(2 + 2)")
    assert execute_stale(book) == {"a"}
    (book / "mnist_lessons" / "data.py").write_text("ONE = 2\n")
    assert execute_stale(book) == {"a", "b"}
    (book / "constraints.txt").write_text("numpy==2\n")
    assert execute_stale(book) == {"a", "b"}


def test_what_an_execution_cost_is_kept_with_it(book):
    execute_stale(book)
    spent = json.loads((book / "_build" / "executed" / "a.ipynb").read_text())["metadata"]["execution"]
    assert spent["cpu_seconds"] > 0
    assert 20 < spent["peak_mb"] < 2_000


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; print('a warning', file=sys.stderr)", "a warning"),
        ("import os; os.write(2, b'a line of a library')", "a line of a library"),
        ("import warnings; warnings.warn('old')", "UserWarning: old"),
        ("import os; os._exit(3)", "died"),
        ("assert 1 > 2, 'ReLU is no longer ahead'", "ReLU is no longer ahead"),
    ],
)
def test_a_page_that_would_show_an_error_fails_every_time_and_is_named(book, code, said):
    write(book, "a", code)
    for _ in range(2):
        done = only(book, "a")
        assert done.returncode
        assert "book/a.md" in done.stdout
        assert said in done.stdout
        if "_exit" not in code:
            assert re.search(r"book/a\.md:8: cell 2 ", done.stdout)
        assert not (book / "_build" / "executed" / "a.ipynb").exists()


def test_one_failure_does_not_keep_the_others_from_running(book):
    write(book, "a", "1 / 0")
    done = only(book, "a", "b")
    assert "failed: a" in done.stderr
    assert outputs(book, "b")[0].text == "b\n"


def test_chapters_run_in_an_empty_folder_of_their_own(book):
    write(book, "a", "import os; print(os.listdir())")
    only(book, "a")
    assert outputs(book, "a")[0].text == "[]\n"


def test_what_an_interrupted_build_leaves_is_not_taken_for_a_result(book):
    write(book, "a", "import time; time.sleep(60)")
    command = [sys.executable, str(book / "web" / "sphinx" / "build.py"), "--only", "a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        process.stdout.readline()
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        assert "interrupted" in process.communicate(timeout=30)[0]
    assert not (book / "_build" / "executed" / "a.ipynb").exists()
    write(book, "a", "print('done')")
    assert execute_stale(book) == {"a", "b"}


def test_a_damaged_result_is_made_anew(book):
    execute_stale(book)
    (book / "_build" / "executed" / "a.ipynb").write_text("{")
    assert execute_stale(book) == {"a"}


def test_a_page_that_the_contents_name_and_nobody_wrote_is_named(book):
    (book / "book" / "b.md").unlink()
    done = subprocess.run([sys.executable, str(book / "web/sphinx/build.py")], capture_output=True, text=True)
    assert done.returncode
    assert "book/b.md" in done.stderr


def test_a_number_recorded_twice_is_an_error():
    code = """
        import nbformat, build
        entry = {"metadata": {"mnist_lessons": {"name": "accuracy", "value": 1}}}
        cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", **entry)])
        build.results({"book/a.md": nbformat.v4.new_notebook(cells=[cell, cell])})
    """
    code = "\n".join(line.strip() for line in code.splitlines())
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "web" / "sphinx", capture_output=True, text=True)
    assert "book/a.md: records accuracy twice" in done.stderr


def test_the_finished_book_is_not_built_again():
    """`make test` has just built it."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "web/sphinx/build.py")], capture_output=True, text=True, check=True
    )
    chapters, site = done.stdout.splitlines()
    assert chapters.startswith("Chapters: all ")
    assert chapters.endswith("are up to date")
    assert site == "Site: up to date in _build/html"


def test_full_disk_is_named_in_one_sentence_without_a_traceback(book):
    write(book, "a", "raise OSError(28, 'No space left on device', 'model.keras')")
    done = only(book, "a")
    assert done.stderr == f"build: {book / '_build'}: the disk is full; make room and run make book again\n"
    assert "Traceback" not in done.stdout


def test_folder_that_cannot_be_written_is_named_before_anything_is_executed(book):
    (book / "_build").mkdir()
    (book / "_build" / "executed").symlink_to(next(folder for folder in ("/sys", "/System") if Path(folder).exists()))
    done = only(book, "a")
    assert done.stdout == ""
    sentence = r"build: \S+/_build: .+; copy this folder to where you may write and run make book there\n"
    assert re.fullmatch(sentence, done.stderr)
