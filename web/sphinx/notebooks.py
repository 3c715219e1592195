"""Derive from each chapter and each page of exercises the notebook that learners open, and the folder that serves them.

    python web/sphinx/notebooks.py    notebooks/, which publishing makes a branch of its own

It is one notebook wherever it is opened: Binder, Colab, Kaggle, Codespaces, a JupyterHub, the page's download, `make
notebooks`. It holds the lesson and nothing of the build: no assertions about the book, no recorded numbers, no cell
that draws for the page alone; exercises are stubs with the tests that learners may see. `plain.py` writes the text.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

import addresses
import browser
import changes
from coursegrader.exercises import DIFFICULTY, read_exercises
from execute import (
    disk_trouble,
    executed_file,
    is_notebook,
    read_notebook,
    recorded,
)
from folders import BUILD, ROOT, SITE
from mnist_lessons.store import write_atomically
from plain import Book, writer
from toc import documents_in_toc, home

FOLDER = ROOT / "notebooks"
PICTURES = BUILD / "pictures"
# What a page shows without the cell, or in a fold of its own, is the page's alone.
PAGE_ONLY = ({"remove-cell"}, {"remove-input", "hide-output"})
SHOWN_EVERYWHERE = {"image/png", "image/svg+xml", "text/html", "text/latex", "text/markdown", "text/plain"}
COLORS = 64  # enough for a picture of buttons and digits
PYTHON = "3.11"  # Binder's
GPU = (
    "On a GPU, sums are rounded differently and not always in the same order, so your numbers may differ a little from "
    "the text and from run to run, even with the same seed, and CPU times leave out what the GPU does."
)
POST_BUILD = """#!/usr/bin/env bash
set -euo pipefail
# Nothing stands between a reader and the chapter.
jupyter labextension disable @jupyterlab/apputils-extension:announcements
# JupyterLab shows stored figures only in notebooks that it was told to trust.
find . -name "*.ipynb" -exec jupyter trust {} +
# Train the book's models now, so that no chapter waits for another's training.
python -c "from mnist_lessons.recipes import train_all; train_all()"
"""
DEV_CONTAINER = {
    "name": "MNIST Lessons: the notebooks",
    "image": f"mcr.microsoft.com/devcontainers/python:{PYTHON}",
    "hostRequirements": {"cpus": 2, "memory": "8gb"},
    "updateContentCommand": "pip install --requirement .binder/requirements.txt",
    "customizations": {"vscode": {"extensions": ["ms-toolsai.jupyter"]}, "codespaces": {"openFiles": ["README.md"]}},
}
README = """# {title}: the notebooks

The chapters of [{title}]({site}) and their exercises, to run and to change.
They are derived from the sources in [the repository]({repository}); changes made here are overwritten.

- Run them [on Binder]({binder}) or [in Codespaces]({codespaces}), with everything installed.
- Here, with Python 3.11, 3.12 or 3.13: `pip install --requirement .binder/requirements.txt`, then `jupyter lab`.

{chapters}
"""


def main() -> None:
    """Write the folder."""
    book = open_book()
    (FOLDER / "exercises").mkdir(parents=True, exist_ok=True)
    files = dict(_support(book))
    for name in lessons():
        files[addresses.notebook(name)] = offered_file(name).read_text(encoding="utf-8")
    files[addresses.VERIFY] = nbformat.writes(verifying_notebook(book)) + "\n"
    wheel = build_wheel()
    for file in (file for file in FOLDER.rglob("*") if file.is_file()):
        if str(file.relative_to(FOLDER)) not in {*files, wheel}:
            file.unlink()
    for name, text in files.items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        write_atomically(FOLDER / name, text)
    (FOLDER / ".binder" / "postBuild").chmod(0o755)
    print(f"Notebooks: {len(lessons())} in {FOLDER.relative_to(ROOT)}")


def lessons() -> list[str]:
    """Return the pages that learners open as notebooks, in reading order."""
    return [name for name in documents_in_toc() if is_notebook(name) and name != f"{home()}.md"]


def offered_file(name: str) -> Path:
    """Return where the site has a page's notebook, which the build has derived."""
    return (SITE / "_sources" / name).with_suffix(".ipynb")


def open_book() -> Book:
    """Return what all notebooks refer to.

    Raises
    ------
    FileNotFoundError
        The site was never built, so that the numbers of its figures are not known.
    """
    references = json.loads((BUILD / "references.json").read_text(encoding="utf-8"))
    exercises = read_exercises(ROOT / "book" / "exercises", public=True)
    return Book(ROOT, addresses.read(), references, exercises, PICTURES)


def wheel_name() -> str:
    """Return the name of the package's wheel."""
    return f"mnist_lessons-{changes.version()}-py3-none-any.whl"


def build_wheel() -> str:
    """Build the package's wheel into the folder and return its name."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(FOLDER)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    if done.returncode or not (FOLDER / wheel_name()).is_file():
        sys.exit(f"notebooks: the wheel {wheel_name()} was not built:\n{done.stdout}{done.stderr}")
    return wheel_name()


def _support(book: Book) -> Iterator[tuple[str, str]]:
    """Yield what stands beside the notebooks: what Binder and Codespaces install, and a word for who finds them."""
    yield ".binder/requirements.txt", f"--constraint constraints.txt\n./{wheel_name()}[binder]\n"
    yield ".binder/constraints.txt", (ROOT / "constraints.txt").read_text(encoding="utf-8")
    yield ".binder/runtime.txt", f"python-{PYTHON}\n"
    yield ".binder/postBuild", POST_BUILD
    yield ".devcontainer/devcontainer.json", json.dumps(DEV_CONTAINER, indent=2) + "\n"
    yield "LICENSE", (ROOT / "LICENSE").read_text(encoding="utf-8")
    where = book.addresses
    yield (
        "README.md",
        README.format(
            title="MNIST Lessons",
            site=where.page(home()),
            repository=where.repository,
            binder=where.binder(addresses.notebook(lessons()[0])),
            codespaces=where.codespaces(),
            chapters="\n".join(f"- {_entry(name, book)}" for name in lessons() if "/exercises/" not in name),
        ),
    )


def take_pictures() -> None:
    """Take a picture of each widget of the built site; where no browser is installed, say that there is none."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    found = browser.find()
    if found is None:
        return print(f"Notebooks: no pictures of the widgets, since {browser.NONE}")
    PICTURES.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        node = Path(sys.executable).with_name("node")
        command = [node, ROOT / "web" / "pictures.mjs", SITE, folder, found]
        done = subprocess.run(list(map(str, command)), capture_output=True, encoding="utf-8")
        if done.returncode:
            sys.exit(f"notebooks: no pictures of the widgets:\n{done.stderr}")
        for file in Path(folder).glob("*.png"):
            small = BytesIO()
            Image.open(file).convert("RGB").quantize(COLORS).save(small, "png", optimize=True)
            (PICTURES / file.name).write_bytes(small.getvalue())
    return None


# Cells --------------------------------------------------------------------------------------------------------


def learners_notebook(name: str, book: Book) -> NotebookNode:
    """Return a page of the book as a notebook that needs nothing but the package.

    Raises
    ------
    FileNotFoundError
        The chapter was never executed, so that the numbers in its text are not known.
    KeyError
        Its text has something that `plain.writer` does not know.
    """
    own = exercise_cells if name.startswith("book/exercises/") else chapter_cells
    cells = [*opening(name, book), *own(name, book), *closing(name, book)]
    code = [cell for cell in cells if cell.cell_type == "code"]
    for index, cell in enumerate(code, 1):
        cell.execution_count = index if cell.outputs else None
    _prune_imports(code)
    return _notebook(cells)


def verifying_notebook(book: Book) -> NotebookNode:
    """Return the notebook that runs `mnist-lessons verify` where it is opened and shows the report."""
    where = book.addresses
    text = (
        f"*From [MNIST Lessons]({where.page(home())}).*\n\n# {addresses.VERIFY_TITLE}\n\n"
        "Run all cells from the menu. The chapters run here, one after the other, and each number that they record is "
        f"compared with the book's, as [the book explains]({where.page('book/verify')}). All of them take some "
        "minutes. To run some, name them after `verify`, such as `verify train evaluate`."
    )
    run = "import sys\n\n!{sys.executable} -m mnist_lessons verify"
    show = (
        "# The report is mnist-lessons-report.html; to hand it on, take mnist-lessons-report.json beside it.\n"
        "from html import escape\nfrom pathlib import Path\n\nfrom IPython.display import HTML\n\n"
        'report = Path("mnist-lessons-report.html").read_text(encoding="utf-8")\n'
        """HTML(f'<div><iframe title="Report" srcdoc="{escape(report)}" width="100%" height="700"></iframe></div>')"""
    )
    return _notebook([new_markdown_cell(text), _install(book), new_code_cell(run), new_code_cell(show)])


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    for index, cell in enumerate(cells):
        cell.id = f"cell-{index}"  # the same from run to run
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def chapter_cells(name: str, book: Book) -> Iterator[NotebookNode]:
    """Yield the cells of a chapter, with the outputs of its last run and captions as on the site."""
    executed = nbformat.read(executed_file(name), as_version=4)
    values = {entry["name"]: entry["value"] for entry in recorded(executed) if "name" in entry}
    write = writer(name, values, book)
    number, title, _ = book.references["pages"][name.removesuffix(".md")]
    heading = f"# {number} {title}" if number else f"# {title}"
    ran = (cell for cell in executed.cells if cell.cell_type == "code")
    for cell in read_notebook(name)[0].cells:
        if cell.cell_type == "markdown":
            text = write(cell.source)
            if text:
                yield new_markdown_cell(re.sub(r"\A# .*", lambda _: heading, text))
            continue
        outputs = next(ran).outputs
        tags = set(cell.metadata.get("tags", ()))
        if any(page <= tags for page in PAGE_ONLY):
            continue
        about = cell.metadata.get("mystnb", {})
        shown = new_code_cell(cell.source, outputs=list(_shown(outputs)))
        figure = about.get("figure")
        if tags & {"hide-input", "remove-input"}:
            said = about.get("code_prompt_show", "Show the code").removeprefix("Show ")
            place = f"{book.references['labels'][figure['name']][0]}: " if figure else ""
            fold(shown, f"{place}{said}" if place else said.capitalize())
        yield shown
        if figure:
            yield new_markdown_cell(write(f"*{{numref}}`{figure['name']}`. {figure['caption'].strip()}*"))


def exercise_cells(name: str, book: Book) -> Iterator[NotebookNode]:
    """Yield the exercises of a page: task, place for an answer, tests; no solution and no hidden test."""
    write = writer(name, {}, book)
    exercises = [each for each in book.exercises if each.chapter == Path(name).stem]
    shared = [code for code in exercises[0].setup if all(code in each.setup for each in exercises)]
    for code in shared:
        yield new_code_cell(code.strip())
    for exercise in exercises:
        yield new_markdown_cell(
            f"{write(exercise.text)}\n\n*{DIFFICULTY[exercise.difficulty]}, {exercise.minutes} min*"
        )
        own = [code for code in exercise.setup if code not in shared]
        for code in (*own, exercise.stub, *(test.code for test in exercise.tests if not test.hidden)):
            yield new_code_cell(code.strip())


def opening(name: str, book: Book) -> list[NotebookNode]:
    """Return the first cells: where this stands on the site, how to use it, and the package where it is missing."""
    where = book.addresses
    origin = f"From [MNIST Lessons]({where.page(home())})."
    if name.startswith("book/exercises/"):
        _, title, _ = book.references["pages"][name.removesuffix(".md")]
        chapter = Path(name).stem
        text = (
            f"*{origin}*\n\n# {title}\n\n"
            f"They go with [the chapter](../{chapter}.ipynb) ([on the site]({where.page(f'book/{chapter}')})).\n\n"
            "Run the first two cells with Shift+Enter. Then do any exercise, in any order: put your answer where the "
            "cell says `raise NotImplementedError`, run it, and run the tests below it. They say nothing if they pass. "
            "They check only a part of what is asked, so compare with "
            f"[the solutions]({where.page(name)}) when you are done."
        )
    else:
        uses_keras = "keras" in (book.root / name).read_text(encoding="utf-8")
        text = (
            f"*{origin} This chapter is [on the site]({where.page(name)}), too. "
            "Run a cell with Shift+Enter, or all of them from the menu. Change any number and run on: "
            f"the text keeps the book's numbers.{f' {GPU}' if uses_keras else ''}*"
        )
    return [new_markdown_cell(text), _install(book)]


def _install(book: Book) -> NotebookNode:
    code = (
        "# On Kaggle, first switch on Internet in the notebook's settings. There and on Colab, the rest is installed.\n"
        "from importlib.util import find_spec\n\n"
        'if find_spec("mnist_lessons") is None:\n'
        '    options = "--quiet --no-deps" if find_spec("tensorflow") else "--quiet"\n'
        f"    %pip install {{options}} {book.addresses.raw(wheel_name())}"
    )
    return fold(new_code_cell(code), "Install the book's package where it is missing")


def closing(name: str, book: Book) -> list[NotebookNode]:
    """Return a cell that leads on to the next chapter, if there is one."""
    chapters = [other for other in lessons() if not other.startswith("book/exercises/")]
    after = chapters[chapters.index(name) + 1 :][:1] if name in chapters else []
    return [new_markdown_cell(f"Next: {_entry(other, book)}") for other in after]


def _entry(name: str, book: Book) -> str:
    """Return a chapter's number and title with links to its notebook and its page."""
    number, title, place = book.references["pages"][name.removesuffix(".md")]
    return f"[{f'{number} {title}'.strip()}]({addresses.notebook(name)}) ([on the site]({book.link(place)}))"


def fold(cell: NotebookNode, title: str) -> NotebookNode:
    """Hide a cell's code behind a title, in Jupyter's way and in Colab's."""
    cell.source = f"# @title {title}\n{cell.source}"
    cell.metadata.update({"jupyter": {"source_hidden": True}, "cellView": "form"})
    return cell


def _shown(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Yield the outputs that every viewer of notebooks shows, as a learner's own run would leave them."""
    for output in outputs:
        data = output.get("data")
        if data is not None:
            output.data = {kind: value for kind, value in data.items() if kind in SHOWN_EVERYWHERE}
        if data is None or output.data:
            if "execution_count" in output:
                output.execution_count = None
            yield output


def _prune_imports(code: list[NotebookNode]) -> None:
    """Take out of ``from ... import ...`` the names that only cells of the build use."""
    trees = [ast.parse(_without_magic(cell.source)) for cell in code]
    used = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for cell, tree in zip(code, trees, strict=True):
        lines = cell.source.splitlines()
        for node in reversed([node for node in tree.body if isinstance(node, ast.ImportFrom)]):
            names = [alias for alias in node.names if (alias.asname or alias.name) in used]
            if len(names) < len(node.names):
                kept = [ast.unparse(ast.ImportFrom(node.module, names, node.level))] if names else []
                lines[node.lineno - 1 : node.end_lineno] = kept
        cell.source = "\n".join(lines)


def _without_magic(source: str) -> str:
    return source.replace("%pip", "pass  # %pip")


if __name__ == "__main__":
    try:
        main()
    except KeyError as error:
        sys.exit(f"notebooks: {error.args[0]}")
    except FileNotFoundError as error:
        sys.exit(f"notebooks: {error}; run make book first")
    except OSError as error:
        sys.exit(f"notebooks: {disk_trouble(error) or error}")
