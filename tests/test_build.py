"""The build, on a book of two small chapters: what it executes, what it refuses, what it leaves behind."""

import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mnist_lessons import fingerprint

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
def book(tmp_path: Path) -> Path:
    return make_book(tmp_path)


def make_book(folder: Path) -> Path:
    """Return a book of two chapters with its own copy of the build."""
    shutil.copytree(ROOT / "web" / "sphinx", folder / "web" / "sphinx", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "book").mkdir()
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n  - chapters: [{file: book/a}, {file: book/b}]\n", encoding="utf-8"
    )
    (folder / "book" / "index.md").write_text("# Start\n", encoding="utf-8")
    write(folder, "a", "print(1 + 1)")
    write(folder, "b", "print('b')")
    return folder


def write(book: Path, name: str, code: str, prose: str = "Prose.") -> None:
    (book / "book" / f"{name}.md").write_text(CHAPTER.format(code=code).replace("Prose.", prose), encoding="utf-8")


def execute_stale(book: Path) -> set[str]:
    """Execute what is stale and return the names of what was executed."""
    code = "import execute; execute.run_stale(['book/a.md', 'book/b.md'], 2)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=book / "web" / "sphinx", capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")} - {"chapter"}


def execute(book: Path, *names: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(book / "web" / "sphinx" / "build.py"), "--execute", *names]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def outputs(book: Path, name: str) -> list[Any]:
    notebook = nbformat.read(book / "_build" / "executed" / f"{name}.ipynb", as_version=4)
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_only_chapters_with_changed_code_are_executed_again(book: Path) -> None:
    assert execute_stale(book) == {"a", "b"}
    assert outputs(book, "a")[0].text == "2\n"
    assert execute_stale(book) == set()
    write(book, "a", "print(1 + 1)", prose="Better prose.")
    assert execute_stale(book) == set()
    write(book, "a", "print(2 + 2)")
    assert execute_stale(book) == {"a"}


PACKAGE = {
    "mnist_lessons/__init__.py": "",
    "mnist_lessons/plots.py": "def draw():\n    'Draw.'\n    from mnist_lessons.data import ONE\n",
    "mnist_lessons/data.py": "import direct\n\nONE, FILE = 1, 'digits.npz'  # a comment\n",
    "mnist_lessons/stored/digits.npz": "1,2\n",
    "mnist_lessons/stored/table.csv": "1,2\n",
    "mnist_lessons/stored/other.csv": "1,2\n",
    "mnist_lessons/shown.py": "# Shown.\n",
    "mnist_lessons/unused.py": "UNUSED = 1\n",
    "constraints.txt": "pytest==1\n",
    **{f"libraries/{name}.py": "" for name in ("direct", "indirect", "tool")},
    **{
        f"libraries/{name}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{requires}"
        for name, requires in {
            "direct": "Requires-Dist: Indirect >=1\nRequires-Dist: tool; extra == 'test'\n",
            "indirect": "",
            "tool": "",
        }.items()
    },
    **{f"libraries/{name}-1.dist-info/top_level.txt": name for name in ("direct", "indirect", "tool")},
}


def keys(book: Path) -> dict[str, str]:
    """Return the keys of the chapters, as the book's own copy of execute.py computes them with the book's libraries."""
    spec = importlib.util.spec_from_file_location("execute", book / "web" / "sphinx" / "execute.py")
    assert spec
    assert spec.loader
    execute: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(execute)
    execute.ROOT = book
    for cached in (fingerprint._providers, fingerprint._distribution):
        cached.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(book / "libraries")
        return {name: execute.chapter_key(f"book/{name}.md") for name in "ab"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A book with a package, of which chapter a uses functions and chapter b shows a source; and their keys."""
    folder = make_book(tmp_path_factory.mktemp("keyed"))
    for name, text in PACKAGE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    write(folder, "a", "%matplotlib inline\nfrom mnist_lessons.plots import draw\n\ndraw('table')")
    write(folder, "b", "import inspect\nfrom mnist_lessons import shown\n\nprint(inspect.getsource(shown))")
    return folder, keys(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("book/a.md", "draw('table')", "draw('tables')", "a"),
        ("book/a.md", "%matplotlib inline", "%matplotlib agg", "a"),
        ("book/a.md", "Prose.", "Better prose.", ""),
        ("mnist_lessons/plots.py", "draw()", "draw(color=None)", "a"),
        ("mnist_lessons/data.py", "1", "2", "a"),
        ("mnist_lessons/__init__.py", "", "import os\n", "ab"),
        ("mnist_lessons/plots.py", "'Draw.'", "'Draw a line.'", ""),
        ("mnist_lessons/data.py", "# a comment", "# another", ""),
        ("mnist_lessons/stored/digits.npz", "2", "3", "a"),
        ("mnist_lessons/stored/table.csv", "2", "3", "a"),
        ("mnist_lessons/stored/other.csv", "2", "3", ""),
        ("mnist_lessons/unused.py", "1", "2", ""),
        ("mnist_lessons/shown.py", "# Shown.", "# Printed.", "b"),
        ("libraries/direct-1.dist-info/METADATA", "Version: 1", "Version: 2", "a"),
        ("libraries/indirect-1.dist-info/METADATA", "Version: 1", "Version: 2", "a"),
        ("libraries/tool-1.dist-info/METADATA", "Version: 1", "Version: 2", ""),
        ("constraints.txt", "pytest==1", "pytest==2", ""),
        ("web/sphinx/execute.py", "# They run the cells", "# These run the cells", ""),
        ("web/sphinx/execute.py", "arrived.wait(30)", "arrived.wait(20)", "ab"),
        ("web/sphinx/execute.py", '"nbclient", ', "", "ab"),
    ],
)
def test_change_makes_only_chapters_that_rest_on_it_stale(
    keyed: tuple[Path, dict[str, str]], file: str, old: str, new: str, stale: str
) -> None:
    book, before = keyed
    text = (book / file).read_text(encoding="utf-8")
    assert old in text
    (book / file).write_text(text.replace(old, new, 1) if old else new, encoding="utf-8")
    try:
        after = keys(book)
    finally:
        (book / file).write_text(text, encoding="utf-8")
    assert [name for name in "ab" if after[name] != before[name]] == list(stale)


def test_cell_that_is_not_python_is_named_before_anything_is_executed(
    book: Path, measure: Callable[[Path], None]
) -> None:
    measure(book)
    write(book, "b", "1 +")
    done = execute(book, "a", "b")
    assert done.stdout == ""
    assert done.stderr == "build: book/b.md:8: cell 2 is not Python: invalid syntax in its line 1\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 +", r"invalid syntax \(plots\.py, line 1\)"),
        ("from . import data", r"mnist_lessons/plots\.py: expected imports by full name, got: from \. import data"),
    ],
)
def test_module_whose_imports_cannot_be_read_is_named(book: Path, code: str, said: str) -> None:
    (book / "mnist_lessons").mkdir()
    (book / "mnist_lessons" / "plots.py").write_text(code, encoding="utf-8")
    write(book, "a", "from mnist_lessons.plots import draw")
    assert re.fullmatch(f"build: book/a\\.md cannot be executed: {said}\n", execute(book, "a").stderr)


def test_cost_of_an_execution_is_stored_with_it(book: Path) -> None:
    execute_stale(book)
    spent = json.loads((book / "_build" / "executed" / "a.ipynb").read_text(encoding="utf-8"))["metadata"]["execution"]
    assert spent["cpu_seconds"] > 0
    assert 20 < spent["peak_mb"] < 2_000


BAD = {
    "error": ("1 / 0", "ZeroDivisionError"),
    "stderr": ("import sys; print('a warning', file=sys.stderr)", "a warning"),
    "native": ("import os; os.write(2, b'a line of a library')", "a line of a library"),
    "warning": ("import warnings; warnings.warn('old')", "UserWarning: old"),
    "ended": ("import os; os._exit(3)", "died"),
    "claim": ("assert 1 > 2, 'ReLU is no longer ahead'", "ReLU is no longer ahead"),
}


def test_page_that_would_show_an_error_fails_every_time_and_is_named(book: Path) -> None:
    listed = ", ".join(f"{{file: book/{name}}}" for name in BAD)
    (book / "_toc.yml").write_text(f"format: jb-book\nroot: book/index\nchapters: [{listed}]\n", encoding="utf-8")
    for name, (code, _) in BAD.items():
        write(book, name, code)
    for names in (BAD, ["error", "ended"]):
        done = execute(book, *names)
        assert done.stderr == f"build: failed: {', '.join(sorted(names))}\n"
        for name in names:
            assert BAD[name][1] in done.stdout
            assert name == "ended" or done.stdout.count(f"\n{BAD[name][0]}\n") == 1
            assert re.search(rf"book/{name}\.md{'' if name == 'ended' else ':8: cell 2 '}", done.stdout)
            assert not (book / "_build" / "executed" / f"{name}.ipynb").exists()


def test_failed_chapter_does_not_stop_the_others(book: Path, measure: Callable[[Path], None]) -> None:
    measure(book)
    write(book, "a", "1 / 0")
    done = execute(book, "a", "b")
    assert "failed: a" in done.stderr
    assert outputs(book, "b")[0].text == "b\n"


def test_chapter_runs_in_an_empty_folder(book: Path) -> None:
    write(book, "a", "import os; print(os.listdir())")
    execute(book, "a")
    assert outputs(book, "a")[0].text == "[]\n"


def test_interrupted_execution_leaves_no_result(book: Path) -> None:
    begun = book / "begun"
    write(book, "a", f"from pathlib import Path; import time; Path({str(begun)!r}).touch(); time.sleep(60)")
    command = [sys.executable, str(book / "web" / "sphinx" / "build.py"), "--execute", "a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as process:
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert "interrupted" in process.communicate(timeout=30)[0]
    assert not (book / "_build" / "executed" / "a.ipynb").exists()
    write(book, "a", "print('done')")
    assert execute_stale(book) == {"a", "b"}


def test_damaged_result_is_regenerated(book: Path) -> None:
    execute_stale(book)
    (book / "_build" / "executed" / "a.ipynb").write_text("{", encoding="utf-8")
    assert execute_stale(book) == {"a"}


def test_missing_page_of_the_contents_is_named(book: Path) -> None:
    (book / "book" / "b.md").unlink()
    done = subprocess.run([sys.executable, str(book / "web/sphinx/build.py")], capture_output=True, encoding="utf-8")
    assert done.returncode
    assert "book/b.md" in done.stderr


def test_page_that_is_not_in_the_contents_is_refused_with_the_names_of_all(book: Path) -> None:
    done = execute(book, "a", "c")
    assert done.stdout == ""
    assert done.stderr == "build: no page is called c; expected one of index, a, b\n"


def test_second_build_waits_until_the_first_has_ended(book: Path) -> None:
    end = book / "end"
    wait = f"from pathlib import Path; import time\nwhile not Path({str(end)!r}).exists(): time.sleep(0.05)"
    write(book, "a", wait)
    command = [sys.executable, str(book / "web" / "sphinx" / "build.py"), "--execute", "a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as first:
        assert first.stdout
        first.stdout.readline()
        with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as second:
            assert second.stdout
            assert second.stdout.readline() == "Waiting for another build to end\n"
            assert first.poll() is None
            end.touch()
            assert second.stdout.read().startswith("Chapters: ")
        assert first.wait(60) == second.wait(60) == 0


def test_number_recorded_twice_is_an_error() -> None:
    code = """
        import nbformat, build
        entry = {"metadata": {"mnist_lessons": {"name": "accuracy", "value": 1}}}
        cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", **entry)])
        build.results({"book/a.md": nbformat.v4.new_notebook(cells=[cell, cell])})
    """
    code = "\n".join(line.strip() for line in code.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "web" / "sphinx", capture_output=True, encoding="utf-8"
    )
    assert "book/a.md: records accuracy twice" in done.stderr


def test_finished_book_is_not_built_again() -> None:
    """`make test` has just built it."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "web/sphinx/build.py")], capture_output=True, encoding="utf-8", check=True
    )
    chapters, site = done.stdout.splitlines()
    assert chapters.startswith("Chapters: all ")
    assert chapters.endswith("are up to date")
    assert site == "Site: up to date in _build/html"


def test_full_disk_is_named_in_one_sentence_without_a_traceback(book: Path, measure: Callable[[Path], None]) -> None:
    measure(book)
    write(book, "a", "raise OSError(28, 'No space left on device', 'model.keras')")
    done = execute(book, "a")
    assert done.stderr == f"build: {book / '_build'}: the disk is full; make room and run make book again\n"
    assert "Traceback" not in done.stdout


def test_folder_that_cannot_be_written_is_named_before_anything_is_executed(book: Path) -> None:
    (book / "_build").mkdir()
    (book / "_build" / "executed").symlink_to(next(folder for folder in ("/sys", "/System") if Path(folder).exists()))
    done = execute(book, "a")
    assert done.stdout == ""
    sentence = r"build: \S+/_build: .+; copy this folder to where you may write and run make book there\n"
    assert re.fullmatch(sentence, done.stderr)
