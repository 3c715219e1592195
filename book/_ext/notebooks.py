"""Derive a notebook from each chapter, in Markdown that every notebook viewer shows.

    python book/_ext/notebooks.py    notebooks/NAME.ipynb, without outputs; exercises without their solutions

Chapters use roles and directives that only the site knows: recorded numbers, terms, citations, numbered figures and
equations, boxes. Here each becomes plain Markdown, with links to the site where a notebook cannot show the thing.
"""

import copy
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import yaml

from build import ROOT, documents_in_toc, executed_file, is_notebook, read_notebook, recorded, write_atomically
from mnist_lessons.grading.release import make_notebook
from mnist_lessons.grading.source import read_file

FOLDER = ROOT / "notebooks"
BOXES = {"admonition": "", "note": "Note", "tip": "Tip", "warning": "Warning", "margin": "", "seealso": "See also"}


def main() -> None:
    """Write all notebooks."""
    FOLDER.mkdir(exist_ok=True)
    names = [name for name in documents_in_toc() if is_notebook(name)]
    written = set()
    for name in names:
        notebook = plain_notebook(name)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        file = (FOLDER / name.removeprefix("book/")).with_suffix(".ipynb")
        file.parent.mkdir(exist_ok=True)
        write_atomically(file, nbformat.writes(notebook))
        written.add(file)
    for file in set(FOLDER.rglob("*.ipynb")) - written:
        file.unlink()
    print(f"Notebooks: {len(names)} in {FOLDER.relative_to(ROOT)}")


def plain_notebook(name: str) -> nbformat.NotebookNode:
    """Return a chapter, as it was last executed, as a notebook that needs nothing but the package.

    Raises
    ------
    FileNotFoundError
        The chapter was never executed, so that the numbers in its text are not known.
    """
    if name.startswith("book/exercises/"):
        return exercise_notebook(name)
    notebook, _ = read_notebook(name)
    executed = nbformat.read(executed_file(name), as_version=4)
    write = _writer(name, {entry["name"]: entry["value"] for entry in recorded(executed)})
    ran = (cell for cell in executed.cells if cell.cell_type == "code")
    cells = opening(name)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = write(cell.source)
            if cell.source:
                cells.append(cell)
            continue
        old = next(ran)
        cell.outputs, cell.execution_count = copy.deepcopy(old.outputs), old.execution_count
        figure = cell.metadata.pop("mystnb", {}).get("figure")
        cells.append(cell)
        if figure:
            text = f"*{{numref}}`{figure['name']}`. {figure['caption'].strip()}*"
            cells.append(nbformat.v4.new_markdown_cell(write(text)))
    notebook.cells = _with_steady_ids(cells)
    notebook.metadata = nbformat.from_dict({key: notebook.metadata[key] for key in ("kernelspec",)})
    return notebook


def exercise_notebook(name: str) -> nbformat.NotebookNode:
    """Return a page of exercises as students get it: places for their answers, tests below, no solution."""
    title = _title(name)
    notebook = make_notebook(title, read_file(ROOT / name), with_answers=False)
    write = _writer(name, {})
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = write(cell.source)
    notebook.cells = _with_steady_ids([*opening(name), *notebook.cells])
    return notebook


def _with_steady_ids(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Give cells ids that are the same from run to run."""
    for index, cell in enumerate(cells):
        cell.id = f"cell-{index}"
    return cells


def opening(name: str) -> list[nbformat.NotebookNode]:
    """Return the first two cells: where the chapter is on the site, and the package where it is missing."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    wheel = f"{repository()}/releases/download/v{version}/mnist_lessons-{version}-py3-none-any.whl"
    code = (
        "# Installs the book's package where it is missing, as on Colab; elsewhere this does nothing.\n"
        "import importlib.util\n\n"
        'if importlib.util.find_spec("mnist_lessons") is None:\n'
        f"    %pip install --quiet --no-deps {wheel}"
    )
    link = f"[This chapter on the site]({address(name)}), with figures, questions and exercises."
    return [nbformat.v4.new_markdown_cell(link), nbformat.v4.new_code_cell(code)]


def repository() -> str:
    """Return the address of the repository, which _config.yml names."""
    return yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"].rstrip("/")


def address(name: str, anchor: str = "") -> str:
    """Return the address of a page on the published site, which follows from the repository's."""
    owner, project = urlsplit(repository()).path.strip("/").split("/")
    folder = "" if project.lower() == f"{owner}.github.io".lower() else f"/{project}"
    return f"https://{owner.lower()}.github.io{folder}/{name.removesuffix('.md')}.html" + (
        f"#{anchor}" if anchor else ""
    )


# Markdown -----------------------------------------------------------------------------------------------------


def _writer(name: str, values: Mapping[str, object]) -> Callable[[str], str]:
    """Return a function that rewrites the Markdown of one chapter."""
    text = (ROOT / name).read_text()
    figures = _numbered(r"name: (fig-[\w-]+)", text)
    equations = _numbered(r"\$\$ *\(([\w-]+)\)", text)

    def glue(found: re.Match) -> str:
        key, _, spec = found[1].partition(":")
        if key not in values:
            raise KeyError(f"{name}: the text uses {key!r}, which no cell records")
        return format(values[key], spec)

    def link(found: re.Match) -> str:
        label, target, anchor = found[1], found[2], found[3] or ""
        file = (Path(name).parent / target).as_posix()
        file = str(Path(*_resolved(file)))
        return f"[{label or _title(file)}]({address(file, anchor.lstrip('#'))})"

    def reference(found: re.Match) -> str:
        label, target = _parts(found[1])
        return f"[{label or _heading(target)}]({address(_home(target) or name, target)})"

    rules: list[tuple[str, Callable[[re.Match], str]]] = [
        (r"\{glue:text\}`([^`]+)`", glue),
        (r"\{numref\}`([^`]+)`", lambda m: f"Figure {figures.get(_parts(m[1])[1], '')}".rstrip()),
        (r"\{eq\}`([^`]+)`", lambda m: f"({equations.get(m[1], '')})"),
        (r"\{(?:ref|doc)\}`([^`]+)`", reference),
        (r"\{cite(?::\w+)?\}`([^`]+)`", lambda m: f"[[{m[1]}]]({address('book/bibliography.md')})"),
        (r"\{[\w:]+\}`([^`<]+?)(?: *<[^`>]+>)?`", lambda m: m[1]),  # terms, API names and the like
        (r"\$\$ *\(([\w-]+)\)", lambda m: f"\\tag{{{equations[m[1]]}}} $$"),
        (r"\[([^\]]*)\]\((?!\w+:)([\w./-]+\.md)(#[\w-]+)?\)", link),
    ]

    def write(markdown: str) -> str:
        lines = "\n".join(_without_directives(markdown.splitlines(), name))
        for pattern, replacement in rules:
            lines = re.sub(pattern, replacement, lines)
        return re.sub(r"\n{3,}", "\n\n", lines).strip()

    return write


def _without_directives(lines: list[str], name: str) -> Iterator[str]:
    """Yield the lines with boxes as quotations; what only the site can show becomes a link to it."""
    rest = iter(lines)
    for line in rest:
        if re.fullmatch(r"\([\w-]+\)=", line):
            continue
        start = re.match(r"(:{3,}|`{3,})\{([\w:-]+)\} *(.*)", line)
        if not start:
            yield line
            continue
        fence, kind, argument = start.groups()
        inside = []
        for inner in rest:
            if inner.rstrip() == fence:
                break
            inside.append(inner)
        while inside and re.match(r":[\w-]+:", inside[0]):
            inside.pop(0)
        if kind in BOXES:
            head = argument or BOXES[kind]
            yield from ([f"> **{head}**", ">"] if head else [])
            yield from (f"> {inner}".rstrip() for inner in _without_directives(inside, name))
        elif kind == "math":
            yield from ["$$", *inside, "$$"]
        else:
            yield f"[On the site: {kind.replace('-', ' ')}]({address(name)})"


def _numbered(pattern: str, text: str) -> dict[str, int]:
    return {label: index for index, label in enumerate(dict.fromkeys(re.findall(pattern, text)), 1)}


def _parts(target: str) -> tuple[str, str]:
    """Split the inside of a role, ``text <target>`` or ``target``, in text and target."""
    found = re.fullmatch(r"(.*?) *<(.+)>", target)
    return (found[1], found[2]) if found else ("", target)


def _resolved(file: str) -> list[str]:
    kept: list[str] = []
    for part in Path(file).parts:
        if part == "..":
            kept.pop()
        else:
            kept.append(part)
    return kept


def _title(file: str) -> str:
    """Return a page's title."""
    found = re.search(r"^# (.+)$", (ROOT / file).read_text(), re.M)
    return unescape(found[1]) if found else file


def _home(label: str) -> str | None:
    """Return the page on which a label stands."""
    return next((name for name in documents_in_toc() if f"\n({label})=\n" in (ROOT / name).read_text()), None)


def _heading(label: str) -> str:
    """Return the heading behind a label."""
    home = _home(label)
    found = home and re.search(rf"^\({re.escape(label)}\)=\n#+ (.+)$", (ROOT / home).read_text(), re.M)
    return found[1] if found else label


if __name__ == "__main__":
    try:
        main()
    except (FileNotFoundError, KeyError) as error:
        sys.exit(f"notebooks: {error.args[0] if isinstance(error, KeyError) else error}; run make book first")
