"""The notebooks that are derived from the chapters: plain Markdown, nothing that only the site understands."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import notebooks

ROOT = Path(__file__).resolve().parents[1]
CHAPTER = r"""---
kernelspec: {name: python3, display_name: Python 3}
---
(ch-a)=
# Read digits

A {term}`softmax`, a {term}`set of images <test set>`, {cite}`lecun1998`, {numref}`fig-b`, {eq}`eq-a`, {ref}`sec-b`,
{py:func}`mnist_lessons.data.split`, [](b.md), [the start](index.md#top), {glue:text}`share:.1f` %, code `{x}`.

$$ y = w x $$ (eq-a)

:::{admonition} In this chapter
:class: ml-objectives
- **You will** read {glue:text}`share:.2f`.
:::

```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  figure: {name: fig-a, caption: "First, {glue:text}`share:.0f`."}
  image: {alt: Seen.}
---
1 + 1
```

```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-b, caption: Second.}
---
2
```

(sec-b)=
## Go on

```{quiz} a
```
"""


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "documents_in_toc", lambda: ["book/index.md", "book/a.md", "book/b.md"])
    executed = tmp_path / "executed.ipynb"
    monkeypatch.setattr(notebooks, "executed_file", lambda _: executed)
    monkeypatch.setitem(notebooks.read_notebook.__globals__, "ROOT", tmp_path)
    (tmp_path / "book").mkdir()
    for name, text in {"a": CHAPTER, "b": "# Build it\n", "index": "# Start\n"}.items():
        (tmp_path / "book" / f"{name}.md").write_text(text)
    for name in ("_config.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    record = {"name": "share", "value": 12.345}
    output = nbformat.v4.new_output("display_data", metadata={"mnist_lessons": record})
    cells = [nbformat.v4.new_code_cell(outputs=[output]), nbformat.v4.new_code_cell(execution_count=2)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), executed)
    return tmp_path


def texts(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def test_roles_become_plain_markdown(book):
    site = "https://mnist-lessons.github.io/mnist-lessons/book"
    text = texts(notebooks.plain_notebook("book/a.md"))[1]
    assert text.startswith("# Read digits\n\n")
    for expected in (
        "A softmax, a set of images, ",
        f"[[lecun1998]]({site}/bibliography.html), Figure 2, (1), [Go on]({site}/a.html#sec-b),",
        f"mnist_lessons.data.split, [Build it]({site}/b.html), [the start]({site}/index.html#top), 12.3 %,",
        "code `{x}`.",
        r"$$ y = w x \tag{1} $$",
        "> **In this chapter**\n>\n> - **You will** read 12.35.",
    ):
        assert expected in text


def test_captions_follow_their_figures_and_outputs_are_kept(book):
    notebook = notebooks.plain_notebook("book/a.md")
    assert [text for text in texts(notebook) if text.startswith("*Figure")] == [
        "*Figure 1. First, 12.*",
        "*Figure 2. Second.*",
    ]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[1].outputs[0].metadata["mnist_lessons"]["value"] == 12.345
    assert code[2].execution_count == 2
    assert code[1].metadata == {"tags": ["hide-input"]}
    nbformat.validate(notebook)


def test_what_only_the_site_can_show_is_linked(book):
    assert texts(notebooks.plain_notebook("book/a.md"))[-1].endswith(
        "[On the site: quiz](https://mnist-lessons.github.io/mnist-lessons/book/a.html)"
    )


def test_a_number_that_no_cell_records_is_named(book):
    (book / "book" / "a.md").write_text(CHAPTER.replace("share:.1f", "shore"))
    with pytest.raises(KeyError, match="book/a.md: the text uses 'shore', which no cell records"):
        notebooks.plain_notebook("book/a.md")


def test_the_same_chapter_is_the_same_file(book):
    assert notebooks.plain_notebook("book/a.md") == notebooks.plain_notebook("book/a.md")


def test_addresses_follow_from_the_one_line_of_the_configuration(book):
    config = (book / "_config.yml").read_text()
    (book / "_config.yml").write_text(config.replace("mnist-lessons/mnist-lessons", "Someone/their-book"))
    notebook = notebooks.plain_notebook("book/a.md")
    assert "https://someone.github.io/their-book/book/a.html" in texts(notebook)[0]
    wheel = "https://github.com/Someone/their-book/releases/download/v"
    assert wheel in notebook.cells[1].source
    assert "mnist-lessons/mnist-lessons" not in json.dumps(notebook)


def test_the_first_cell_does_nothing_where_the_package_is(book, tmp_path):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    asked = []
    shell.register_magic_function(lambda line: asked.append(line), magic_name="pip")
    source = notebooks.plain_notebook("book/a.md").cells[1].source
    assert shell.run_cell(source).success
    assert asked == []
    shell.run_cell("import importlib.util; importlib.util.find_spec = lambda name: None")
    shell.run_cell(source)
    assert re.fullmatch(r"install --quiet --no-deps https://\S+/mnist_lessons-[\d.]+-py3-none-any\.whl", asked[0])


@pytest.mark.parametrize("file", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda file: file.stem)
def test_no_derived_notebook_shows_what_only_the_site_understands(file):
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    for text in texts(notebook):
        assert not re.search(r"\{[a-z:]+\}`|^[:`]{3,}\{|^\([\w-]+\)=$", text, re.M), text
    assert all(not cell.get("outputs") for cell in notebook.cells)


def test_there_is_a_notebook_for_each_chapter_at_the_path_that_the_page_links():
    names = [name for name in notebooks.documents_in_toc() if notebooks.is_notebook(name)]
    folder = ROOT / "notebooks"
    there = {f"book/{file.relative_to(folder).with_suffix('.md').as_posix()}" for file in folder.rglob("*.ipynb")}
    assert there == set(names)
    assert len(names) >= 16


def test_notebooks_of_exercises_hold_no_solution():
    from mnist_lessons.grading.source import read_exercises

    exercises = read_exercises(ROOT / "book" / "exercises")
    files = (ROOT / "notebooks" / "exercises").glob("*.ipynb")
    cells = [cell.source for file in files for cell in nbformat.read(file, as_version=4).cells]
    for exercise in exercises:
        assert exercise.stub.rstrip() in cells
        allowed = "\n".join([exercise.stub, exercise.text, *exercise.setup, *(test.code for test in exercise.tests)])
        told = "\n".join(cells)
        for line in exercise.solution.splitlines():
            if len(line.strip()) > 30 and line.strip() not in allowed:
                assert line.strip() not in told, f"{exercise.id}: {line}"


def test_the_command_says_what_is_missing(tmp_path):
    (tmp_path / "book" / "_ext").mkdir(parents=True)
    for name in ("build", "notebooks"):
        shutil.copy(ROOT / "book" / "_ext" / f"{name}.py", tmp_path / "book" / "_ext")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/a\n")
    (tmp_path / "book" / "a.md").write_text(CHAPTER)
    done = subprocess.run([sys.executable, str(tmp_path / "book/_ext/notebooks.py")], capture_output=True, text=True)
    assert done.returncode
    assert "run make book first" in done.stderr
