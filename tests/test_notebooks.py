"""The notebooks that learners open: the lesson, and nothing of the build."""

import ast
import itertools
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import addresses
import execute
import notebooks
from addresses import Addresses
from coursegrader.exercises import read_exercises
from plain import Book

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
FILES = sorted({*FOLDER.rglob("*.ipynb")} - {FOLDER / addresses.VERIFY})
EXERCISES = read_exercises(ROOT / "book" / "exercises")
CHAPTER = """---
kernelspec: {name: python3, display_name: Python 3}
---
# Read digits

It is {glue:text}`share:.1f` %.{claim}`share_known`

```{code-cell} ipython3
import numpy as np

from mnist_lessons.evaluation import (
    calibration,
    seed_interval,
)
from mnist_lessons.results import Table, record
```

```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  figure: {name: fig-a, caption: "First, {glue:text}`share:.0f`."}
  code_prompt_show: "Show the code that draws the curve"
---
seed_interval(np.ones(2))
```

```{code-cell} ipython3
---
tags: [remove-input, hide-output]
---
Table([])
```

```{code-cell} ipython3
---
tags: [remove-cell]
---
check("share_known", bool(calibration))
record("share", 12.345)
```
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    executed = tmp_path / "executed.ipynb"
    monkeypatch.setattr(notebooks, "executed_file", lambda _: executed)
    monkeypatch.setattr(notebooks, "lessons", lambda: ["book/a.md"])
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.md").write_text(CHAPTER, encoding="utf-8")
    figure = new_output("execute_result", {"image/svg+xml": "<svg/>", "text/plain": "1"}, execution_count=9)
    record = {"name": "share", "value": 12.345}
    checked = new_output("display_data", {"application/papermill.record/text/plain": ""})
    checked.metadata["mnist_lessons"] = {"claim": "share_known", "value": True}
    ledger = new_output("display_data", {"application/papermill.record/text/plain": ""}, metadata={"x": 1})
    ledger.metadata["mnist_lessons"] = record
    outputs = [[], [figure, ledger], [], [checked, ledger]]
    cells = [new_code_cell(outputs=each, execution_count=index) for index, each in enumerate(outputs)]
    nbformat.write(new_notebook(cells=cells), executed)
    references = {
        "pages": {"book/a": ["3", "Read digits", "book/a.html"]},
        "labels": {"fig-a": ["Figure 3.1", "book/a.html#fig-a"]},
    }
    addresses = Addresses("https://github.com/Someone/their-book", "main", "https://someone.github.io/their-book/")
    return Book(tmp_path, addresses, references, [], tmp_path)


def sources(notebook: Any, kind: str) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def test_learners_notebook_holds_the_lesson_and_nothing_of_the_build(book: Book) -> None:
    notebook = notebooks.learners_notebook("book/a.md", book)
    nbformat.validate(notebook)
    _, imports, drawing = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert imports.source == "import numpy as np\n\nfrom mnist_lessons.evaluation import seed_interval"
    assert drawing.source == "# @title Figure 3.1: the code that draws the curve\nseed_interval(np.ones(2))"
    assert drawing.metadata == {"jupyter": {"source_hidden": True}, "cellView": "form"}
    assert [dict(output.data) for output in drawing.outputs] == [{"image/svg+xml": "<svg/>", "text/plain": "1"}]
    assert sources(notebook, "markdown")[1:] == ["# 3 Read digits\n\nIt is 12.3 %.", "*Figure 3.1. First, 12.*"]
    assert notebook.cells[-1].source == "*Figure 3.1. First, 12.*"  # no chapter follows
    assert "share_known" not in json.dumps(notebook)


def test_same_chapter_is_the_same_file(book: Book) -> None:
    assert notebooks.learners_notebook("book/a.md", book) == notebooks.learners_notebook("book/a.md", book)


def test_notebook_says_where_it_is_from_and_what_may_differ_on_a_gpu(book: Book) -> None:
    for code in ("", "import keras"):
        (book.root / "book" / "a.md").write_text(
            CHAPTER.replace("import numpy", f"{code}\nimport numpy"), encoding="utf-8"
        )
        text = sources(notebooks.learners_notebook("book/a.md", book), "markdown")[0]
        assert "(https://someone.github.io/their-book/book/a.html)" in text
        assert ("GPU" in text) == bool(code)


def test_first_cell_installs_the_wheel_beside_the_notebook_only_where_it_is_missing(book: Book) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    asked = []
    shell.register_magic_function(lambda line: asked.append(line), magic_name="pip")
    source = sources(notebooks.learners_notebook("book/a.md", book), "code")[0]
    assert shell.run_cell(source).success
    assert asked == []
    wheel = f"https://github.com/Someone/their-book/raw/notebooks/{notebooks.wheel_name()}"
    for there, options in ([], "--quiet"), (["tensorflow"], "--quiet --no-deps"):
        shell.run_cell(f"import importlib.util; importlib.util.find_spec = lambda name: name in {there} or None")
        shell.run_cell(source)
        assert asked.pop() == f"install {options} {wheel}"
    assert (FOLDER / notebooks.wheel_name()).is_file()


# The folder that `make notebooks` wrote, which is what is published.


def test_published_notebooks_use_no_name_that_was_left_out_with_a_cell() -> None:
    """What else could differ from the executed chapter is found by `make test-all`, which runs the notebooks."""
    command = [
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select=F821",
        "--output-format=concise",
        *map(str, FILES),
    ]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, encoding="utf-8")
    assert done.stdout == "All checks passed!\n"


def test_published_notebooks_show_nothing_that_a_viewer_does_not_know() -> None:
    assert {file.name: found for file in FILES if (found := strange(nbformat.read(file, as_version=4)))} == {}


def strange(notebook: Any) -> list[str]:
    """Return what a viewer of notebooks cannot show, or should not."""
    nbformat.validate(notebook)
    found = []
    for text in sources(notebook, "markdown"):
        prose = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", "", text, flags=re.DOTALL)
        found += re.findall(r"\{[a-z:]+\}|^:{3,}|^\([\w-]+\)=$", prose, re.M)
    for cell in notebook.cells:
        found += set(cell.metadata) - {"jupyter", "cellView"}
        for output in cell.get("outputs", []):
            found += {output.output_type, output.get("name")} & {"error", "stderr"}
            found += set(output.get("data", {})) - notebooks.SHOWN_EVERYWHERE
            # A figure has paper of its own, on which dark ink can be read.
            drawing = output.get("data", {}).get("image/svg+xml")
            if drawing and not re.search(r'<g id="patch_1">\s*<path [^>]*fill: #ffffff', drawing):
                found.append("a figure without paper")
    return found


def test_chapters_lead_from_one_to_the_next() -> None:
    order = [name for name in notebooks.lessons() if "/exercises/" not in name]
    for here, following in itertools.pairwise(order):
        last = nbformat.read(FOLDER / addresses.notebook(here), as_version=4).cells[-1].source
        assert f"]({addresses.notebook(following)})" in last
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [listed.index(f"]({addresses.notebook(name)})") for name in order] == sorted(
        listed.index(f"]({addresses.notebook(name)})") for name in order
    )


def test_page_offers_the_same_notebook_to_keep() -> None:
    pages = {f"book/{file.relative_to(FOLDER).with_suffix('.md').as_posix()}": file for file in FILES}
    assert set(pages) == set(notebooks.lessons())
    assert len(pages) >= 27
    offered = ROOT / "_build" / "html" / "_sources"
    for page, file in pages.items():
        assert (offered / page).with_suffix(".ipynb").read_bytes() == file.read_bytes()
    assert len(list(offered.rglob("*.ipynb"))) == len(pages)


def test_nothing_that_a_launch_brings_holds_a_solution_or_a_hidden_test() -> None:
    files = {
        file.name: file.read_text(encoding="utf-8")
        for file in [FOLDER / "README.md", *FOLDER.glob(".binder/*"), *FOLDER.glob(".devcontainer/*")]
    }
    for file in FILES:
        files[str(file.relative_to(FOLDER))] = "\n".join(cell.source for cell in nbformat.read(file, 4).cells)
    with zipfile.ZipFile(FOLDER / notebooks.wheel_name()) as wheel:
        files |= {name: wheel.read(name).decode() for name in wheel.namelist() if name.endswith((".py", ".md"))}
    assert len(EXERCISES) > 40
    for exercise in EXERCISES:
        own = files[f"exercises/{exercise.chapter}.ipynb"]
        shown = [test.code.strip() for test in exercise.tests if not test.hidden]
        secrets = [exercise.solution.strip(), *(test.code.strip() for test in exercise.tests if test.hidden)]
        assert all(code in own for code in [exercise.stub.rstrip(), *shown])
        assert [(exercise.id, name) for name, text in files.items() for secret in secrets if secret in text] == []
        allowed = "\n".join([exercise.stub, exercise.text, *exercise.setup, *shown])
        lines = {line.strip() for secret in secrets for line in secret.splitlines() if len(line.strip()) > 30}
        assert {line for line in lines if line in own and line not in allowed} == set(), exercise.id


def test_verifying_notebook_shows_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(ROOT, addresses.read(), {}, [], tmp_path)
    _, install, run, show = notebooks.verifying_notebook(book).cells
    assert book.addresses.raw(notebooks.wheel_name()) in install.source
    assert run.source.splitlines()[-1] == "!{sys.executable} -m mnist_lessons verify"
    monkeypatch.chdir(tmp_path)
    Path("mnist-lessons-report.html").write_text('<p class="a">51 agree</p>', encoding="utf-8")
    *before, last = ast.parse(show.source).body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}
    exec(compile(ast.Module(before, []), "show", "exec"), names)
    assert "&lt;p class=&quot;a&quot;&gt;51 agree" in eval(ast.unparse(last.value), names).data


def test_command_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "web" / "sphinx", tmp_path / "web" / "sphinx", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "web/sphinx/notebooks.py")], capture_output=True, encoding="utf-8"
    )
    assert done.returncode
    assert "run make book first" in done.stderr
