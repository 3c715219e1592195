"""Check what no other linter knows: the form of the chapters, and facts that several files have to agree on.

Run as `python web/sphinx/lint.py`, by `make lint` among others. It names each fault by file and line, executes nothing.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

import toc
from coursegrader.exercises import ExerciseError, read_exercises
from execute import is_notebook, read_notebook
from folders import ROOT
from quiz import QuizError, read_quiz

Fault = tuple[int, str]  # line and sentence

CHARACTERS_A_LINE, LINES_A_CELL, LINES_A_CHAPTER = 100, 20, 185
NOT_TAUGHT = {"remove-cell", "remove-input", "hide-input"}
DRAWS = re.compile(r"plt\.|plot_|show_digit|\bfig(ure)?\b")
DRAWS_DATA = re.compile(r"plot_\w+\(|\.(plot|semilog[xy]|loglog|barh?|hist|errorbar|step|scatter|boxplot|violinplot)\(")
# These drawings show no measurement, so no table stands beside them.
NO_TABLE = {"fig-box-and-center", "fig-relu-tent", "fig-architecture"}
NO_RUN = {"book/why-mnist"}  # a chapter that shows published numbers only
FOREIGN = re.compile(r"load_data\(|urlopen|requests\.|open\(\s*[\"']\.{0,2}/")


class Cell:
    """A code cell of a page."""

    def __init__(self, node: dict, line: int) -> None:
        self.line, self.code = line, node["source"]
        self.tags = set(node["metadata"].get("tags", ()))
        mystnb = node["metadata"].get("mystnb", {})
        self.figure: dict | None = mystnb.get("figure")
        self.alt: str = mystnb.get("image", {}).get("alt", "")


class Page:
    """The source of a page: its text, its front matter, its code cells."""

    def __init__(self, name: str) -> None:
        self.name, self.text = name, (ROOT / f"{name}.md").read_text(encoding="utf-8")
        self.front_matter = yaml.safe_load(self.text.split("---\n")[1]) if self.text.startswith("---\n") else {}
        self.cells: list[Cell] = []
        self.prose = self.text
        if is_notebook(f"{name}.md"):
            notebook, lines = read_notebook(f"{name}.md")
            code = [(cell, line) for cell, line in zip(notebook.cells, lines, strict=True) if cell.cell_type == "code"]
            self.cells = [Cell(cell, line) for cell, line in code]
            self.prose = re.sub(r"^```\{code-cell\}.*?^```$", "", self.text, flags=re.M | re.S)

    def line_of(self, found: str) -> int:
        """Return the line of the first occurrence of a text."""
        return self.text[: self.text.index(found)].count("\n") + 1


# Every page ------------------------------------------------------------------------------------------------------


def figures(page: Page) -> Iterator[Fault]:
    """Yield figures without a name, a caption, or a text for those who do not see them."""
    for cell in page.cells:
        if cell.figure:
            if not cell.figure.get("name", "").startswith("fig-"):
                yield cell.line, f"the name of a figure begins with fig-; got {cell.figure.get('name')!r}"
            if not cell.figure.get("caption", "").strip():
                yield cell.line, "a figure without a caption"
            if len(cell.alt) <= 40 or not cell.alt.rstrip().endswith("."):
                yield cell.line, f"expected an alt text that is a sentence of more than 40 characters; got {cell.alt!r}"
        elif DRAWS.search(cell.code) and cell.code.rstrip().endswith(";") and "remove-cell" not in cell.tags:
            yield cell.line, "a drawing without mystnb.figure, which gives it a name and a caption"


def short_code(page: Page) -> Iterator[Fault]:
    """Yield lines, cells and chapters of code that are too long to read."""
    total = 0
    for cell in page.cells:
        lines = cell.code.splitlines()
        longest = max(map(len, lines), default=0)
        if "remove-cell" not in cell.tags and longest > CHARACTERS_A_LINE:
            yield cell.line, f"a line of {longest} characters; expected at most {CHARACTERS_A_LINE}"
        if not NOT_TAUGHT & cell.tags:
            written = sum(1 for line in lines if line.strip())
            total += written
            if written > LINES_A_CELL:
                yield cell.line, f"a cell of {written} lines; expected at most {LINES_A_CELL}"
    if total > LINES_A_CHAPTER:
        yield 1, f"{total} lines of code; expected at most {LINES_A_CHAPTER}"


def package_alone(page: Page) -> Iterator[Fault]:
    """Yield cells that read data from elsewhere than the package, or print a progress bar."""
    for cell in page.cells:
        if found := FOREIGN.search(cell.code):
            yield cell.line, f"{found[0]!r} reads what does not come with the package"
        if "verbose=1" in cell.code:
            yield cell.line, "verbose=1 prints a progress bar; expected verbose=0 or a callback"


# Chapters --------------------------------------------------------------------------------------------------------


def front_matter(page: Page) -> Iterator[Fault]:
    """Yield what a chapter fails to say of its subject."""
    summary = page.front_matter.get("summary", "")
    about = page.front_matter.get("myst", {}).get("html_meta", {}).get("description lang=en", "")
    if "minutes" in page.front_matter:
        yield 1, "minutes: the build counts them; take the line out"
    if not summary.endswith("."):
        yield 1, f"summary: expected a sentence, got {summary!r}"
    if not 100 <= len(about) <= 160:
        yield 1, f"html_meta, description: expected 100 to 160 characters, got {len(about)}"


def sections(page: Page) -> Iterator[Fault]:
    """Yield missing sections: what the chapter teaches, the check, the recap."""
    if ":::{admonition} In this chapter\n:class: ml-objectives" not in page.text:
        yield 1, "expected the box 'In this chapter' with the class ml-objectives"
    headings = re.findall(r"^## (.*)$", page.prose, re.M)
    if "Check yourself" not in headings:
        yield 1, "expected a section 'Check yourself'"
    if headings[-1:] != ["What to remember"]:
        yield 1, f"expected 'What to remember' as the last section, got {headings[-1:]}"
    if (titles := len(re.findall(r"^# ", page.prose, re.M))) != 1:
        yield 1, f"expected one title, got {titles}"


def tables(page: Page) -> Iterator[Fault]:
    """Yield figures of data in sections that do not have the numbers in a table too."""
    starts = [1, *(page.text[: found.start()].count("\n") + 1 for found in re.finditer(r"^## ", page.text, re.M))]
    lines = page.text.splitlines()
    for start, end in zip(starts, [*starts[1:], len(lines) + 1], strict=True):
        cells = [cell for cell in page.cells if start <= cell.line < end]
        text = "\n".join(lines[start - 1 : end - 1])
        if any("Table(" in cell.code for cell in cells) or re.search(r"^\|[ -]*-{3}|\{list-table\}", text, re.M):
            continue
        for cell in cells:
            if cell.figure and cell.figure["name"] not in NO_TABLE and DRAWS_DATA.search(cell.code):
                yield cell.line, f"{cell.figure['name']} shows data in a section without a table"


def numbers(page: Page) -> Iterator[Fault]:
    """Yield numbers of the text that no cell records, and chapters that assert nothing."""
    if page.name in NO_RUN:
        return
    used = set(re.findall(r"\{glue:text\}`([a-z0-9_]+)", page.text))
    if not used:
        yield 1, "the text uses no number of the run"
    if not any("remove-cell" in cell.tags and "assert" in cell.code for cell in page.cells):
        yield 1, "no claim is asserted in a cell tagged remove-cell"
    known = re.compile("|".join(recorded(page)) or "(?!)")
    for name in sorted(used):
        if not known.fullmatch(name):
            yield page.line_of(f"{{glue:text}}`{name}"), f"no cell records {name!r}"


def recorded(page: Page) -> set[str]:
    """Return patterns for the names that cells record; a variable stands for any string of the code."""
    patterns, strings = set(), set()
    computed = False
    for cell in page.cells:
        for node in ast.walk(ast.parse(re.sub(r"^%", "#", cell.code, flags=re.M))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.add(re.escape(node.value))
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "record"):
                continue
            match node.args[0]:
                case ast.Constant(value=str(name)):
                    patterns.add(re.escape(name))
                case ast.JoinedStr(values=parts):
                    constants = [part.value if isinstance(part, ast.Constant) else None for part in parts]
                    patterns.add("".join(".+" if part is None else re.escape(str(part)) for part in constants))
                case _:
                    computed = True
    return patterns | strings if computed else patterns


# All together ----------------------------------------------------------------------------------------------------


def contents() -> Iterator[str]:
    """Yield pages that the table of contents does not name, and names without a page."""
    there = {file.relative_to(ROOT).as_posix() for file in (ROOT / "book").rglob("*.md")}
    listed = {f"{name}.md" for name in toc.pages()}
    for name in sorted(there - listed):
        if not name.startswith("book/exercises/"):
            yield f"_toc.yml: does not name {name}"
    for name in sorted(listed - there):
        yield f"_toc.yml: names {name}, which is not there"


def exercises() -> Iterator[str]:
    """Yield chapters with fewer than three exercises, and exercises whose visible tests call too little."""
    try:
        found = read_exercises(ROOT / "book" / "exercises", public=True)
    except ExerciseError as error:
        yield str(error)
        return
    index = set(re.findall(r"```\{exercises\} ([\w-]+)", read("book/exercises/index.md")))
    for chapter in [name for name in toc.chapters() if f"book/{name}" not in NO_RUN]:
        if (count := sum(exercise.chapter == chapter for exercise in found)) < 3:
            yield f"book/exercises/{chapter}.md: expected three exercises or more, got {count}"
        if chapter not in index:
            yield f"book/exercises/index.md: does not name the exercises of {chapter}"
    for exercise in found:
        asked = [node.name for node in ast.parse(exercise.stub).body if isinstance(node, ast.FunctionDef)]
        shown = "\n".join(test.code for test in exercise.tests if not test.hidden)
        for name in asked:
            if f"{name}(" not in shown:
                yield f"book/exercises/{exercise.chapter}.md: no visible test of {exercise.id} calls {name}"


def quizzes() -> Iterator[str]:
    """Yield quizzes that are not in order or belong to no page."""
    for file in sorted((ROOT / "book" / "quizzes").glob("*.yml")):
        try:
            read_quiz(file)
        except QuizError as error:
            yield str(error)
        if not (ROOT / "book" / f"{file.stem}.md").exists():
            yield f"book/quizzes/{file.name}: there is no page book/{file.stem}.md"


def versions() -> Iterator[str]:
    """Yield versions that differ, dependencies without a pin, and addresses in lock files."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    if (cited := yaml.safe_load(read("CITATION.cff"))["version"]) != project["version"]:
        yield f"CITATION.cff: version is {cited}; expected {project['version']}, as in pyproject.toml"
    if re.findall(r"^## (\S+)", read("CHANGELOG.md"), re.M)[:1] != [project["version"]]:
        yield f"CHANGELOG.md: expected {project['version']} first, as in pyproject.toml"
    for name in ("constraints.txt", "web/package-lock.json"):
        if re.search(r'"resolved"|://', re.sub(r'"url": "[^"]*"', "", read(name))):
            yield f"{name}: expected no address; take versions alone"
    pins = {line.split("==")[0].lower() for line in read("constraints.txt").splitlines()}
    for grouped in (project, tomllib.loads(read("grader/pyproject.toml"))["project"]):
        for group in (grouped["dependencies"], *grouped["optional-dependencies"].values()):
            names = {re.split(r"[^\w-]", line)[0].lower() for line in group}
            for name in sorted(names - pins - {"mnist-lessons", "coursegrader"}):
                yield f"constraints.txt: does not pin {name}; run make lock"


def workflows() -> Iterator[str]:
    """Yield targets that the Makefile lacks, and names in workflows that are others in a fork."""
    targets = set(re.findall(r"^([\w/.-]+):", read("Makefile"), re.M)) | {".venv/book/.done"}
    repository = yaml.safe_load(read("_config.yml"))["repository"]["url"].removeprefix("https://github.com/")
    for file in sorted((ROOT / ".github").rglob("*.yml")):
        text = file.read_text(encoding="utf-8")
        for target in re.findall(r"\bmake ([a-z]\S*|\.venv\S*)", "\n".join(re.findall(r"run: (.*)", text))):
            if target not in targets:
                yield f"{file.relative_to(ROOT)}: the Makefile has no target {target}"
        for name in re.findall(rf"\b(?:main|master)\b|{re.escape(repository)}", text):
            yield f"{file.relative_to(ROOT)}: names {name}, which a fork calls something else"


OF_A_PAGE: tuple[Callable[[Page], Iterator[Fault]], ...] = (figures, short_code, package_alone)
OF_A_CHAPTER = (front_matter, sections, tables, numbers)
OF_ALL = (contents, exercises, quizzes, versions, workflows)


def read(name: str) -> str:
    """Return the text of a file of the repository."""
    return Path(ROOT / name).read_text(encoding="utf-8")


def faults() -> Iterator[str]:
    """Yield what is wrong, by file and line where there is one."""
    for check in OF_ALL:
        yield from check()
    chapters = {f"book/{name}" for name in toc.chapters()}
    for name in toc.pages():
        if not (ROOT / f"{name}.md").is_file():
            continue  # contents() has named it
        page = Page(name)
        for check_page in OF_A_PAGE + (OF_A_CHAPTER if name in chapters else ()):
            yield from (f"{name}.md:{line}: {sentence}" for line, sentence in check_page(page))


if __name__ == "__main__":
    found = list(faults())
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
