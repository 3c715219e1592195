"""Check what no other linter knows: the form of the chapters, and facts that several files have to agree on.

Run as `python web/sphinx/lint.py`, by `make lint` among others. It names each fault by file and line, executes nothing.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

import toc
from coursegrader.exercises import ExerciseError, read_exercises
from execute import BuildError, is_notebook, python_of, read_notebook
from folders import ROOT
from guess import GuessError, read_guess
from quiz import Question, QuizError, read_quiz
from slides import NOTES, SlideError, read_marks

Fault = tuple[int, str]  # line and sentence

CHARACTERS_A_LINE, LINES_A_CELL, LINES_A_CHAPTER = 68, 20, 185
NUMBERS_A_CHAPTER, GUESSES_A_CHAPTER = 15, 3
SLIDES_A_CHAPTER = range(8, 18)  # besides the title
# Readers who know nothing, but always pick the longest option of a question, or the one in the same place.
BY_LENGTH, BY_PLACE = 0.35, 0.40
NOT_SHOWN = {"remove-cell", "remove-input"}
NOT_TAUGHT = {"remove-cell", "remove-input", "hide-input"}
DRAWS = re.compile(r"plt\.|plot_|show_digit|\bfig(ure)?\b")
DRAWS_DATA = re.compile(r"plot_\w+\(|\.(plot|semilog[xy]|loglog|barh?|hist|errorbar|step|scatter|boxplot|violinplot)\(")
# These drawings show no measurement, so no table stands beside them.
NO_TABLE = {"fig-box-and-center", "fig-architecture", "fig-paper-network"}
NO_RUN = {"book/why-mnist"}  # a chapter that shows published numbers only
# What sounds translated, by what to write in its place. Brackets keep a search for such words from finding this list.
PHRASES = {
    r"that (?:are|is) to judge": "say that evaluation data leak into training",
    r"believe what we measure": "say what tells us how good it is",
    r"seen by nobody but": "only ... sees it",
    r"are worth that, and yet": "say at which level it is",
    r"shall make small": "should minimize",
    r"\bWho(?:ever)? knows?\b(?! (?:if|how|what|why)\b)": "if you know",
    r"learns? to bear": "learns to tolerate",
    r"\b(?:is|are|was|were) dear\b": "expensive",
    r"\bis another one\b": "changes, or differs",
    r"Further goes": "... goes further",
    r"have each their": "each have",
    r"which the data keep asking for": "rewrite the sentence",
    r"hard put to": "rewrite the sentence",
    r"but for luck": "except by luck",
    r"no matter of toys": "rewrite the sentence",
    r"\b(?:drawn|chosen) by l[o]t\b": "random, sampled",
    r"\b(?:made|trained|drawn) ane[w]\b": "regenerated, retrained, redrawn",
    r"(?<!standard )\bdeviations?\b": "standard deviation",
    r"is not a number\b": "NaN",
}
FOREIGN = re.compile(r"load_data\(|urlopen|requests\.|open\(\s*[\"']\.{0,2}/")


class Cell:
    """A code cell of a page."""

    def __init__(self, node: dict[str, Any], line: int) -> None:
        self.line, self.code = line, node["source"]
        self.tags = set(node["metadata"].get("tags", ()))
        mystnb = node["metadata"].get("mystnb", {})
        self.figure: dict[str, Any] | None = mystnb.get("figure")
        self.alt: str = mystnb.get("image", {}).get("alt", "")
        self.table: str = node["metadata"].get("table", "")


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
    """Yield cells and chapters of code that are too long to read."""
    total = 0
    for cell in page.cells:
        if not NOT_TAUGHT & cell.tags:
            written = sum(1 for line in cell.code.splitlines() if line.strip())
            total += written
            if written > LINES_A_CELL:
                yield cell.line, f"a cell of {written} lines; expected at most {LINES_A_CELL}"
    if total > LINES_A_CHAPTER:
        yield 1, f"{total} lines of code; expected at most {LINES_A_CHAPTER}"


def narrow_code(page: Page) -> Iterator[Fault]:
    """Yield lines of code that a phone or half a screen cannot show whole."""
    for cell in page.cells:
        longest = max(map(len, cell.code.splitlines()), default=0)
        if not NOT_SHOWN & cell.tags and longest > CHARACTERS_A_LINE:
            yield cell.line, f"a line of {longest} characters; expected at most {CHARACTERS_A_LINE}"


def package_alone(page: Page) -> Iterator[Fault]:
    """Yield cells that read data from elsewhere than the package, or print a progress bar."""
    for cell in page.cells:
        if found := FOREIGN.search(cell.code):
            yield cell.line, f"{found[0]!r} reads what does not come with the package"
        if "verbose=1" in cell.code:
            yield cell.line, "verbose=1 prints a progress bar; expected verbose=0 or a callback"


def phrases(page: Page) -> Iterator[Fault]:
    """Yield phrases that sound translated."""
    for found, instead in dict.fromkeys(in_phrases(page.prose)):
        yield page.line_of(found), f"{found!r}; instead: {instead}"


def in_phrases(text: str) -> Iterator[tuple[str, str]]:
    """Yield each of the PHRASES that a text has, and what to write in its place."""
    without_code = re.sub(r"`[^`\n]*`", lambda code: " " * len(code[0]), text)
    for pattern, instead in PHRASES.items():
        for found in re.finditer(pattern, without_code):
            yield found[0], instead


def links(page: Page) -> Iterator[Fault]:
    """Yield links that put a title, which says what to do, into the middle of a sentence."""
    for found in re.finditer(r"\{ref\}`(ch|sec)-[\w-]+`|\[\]\((ch|sec)-[\w-]+\)", page.prose):
        instead = "[](page.md) reads Chapter N" if "ch" in found.groups() else "give the link words of its own"
        yield page.line_of(found[0]), f"{found[0]} reads as a title; {instead}"
    for found in re.finditer(r"\b[Cc]hapters?,? \[\]\([\w./-]+\.md\)", page.prose):
        yield page.line_of(found[0]), f"{found[0]!r} reads 'chapter Chapter N'"


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
    """Yield figures of data without a table of their numbers; `figures.py` says where it may stand."""
    for cell, after in zip(page.cells, [*page.cells[1:], None], strict=True):
        if not cell.figure or cell.figure["name"] in NO_TABLE or not DRAWS_DATA.search(cell.code):
            continue
        folded = after is not None and {"remove-input", "hide-output"} <= after.tags and "Table(" in after.code
        if not folded and cell.table not in ("above", "below"):
            name = cell.figure["name"]
            yield cell.line, f"{name} shows data; expected a folded table as the next cell, or table: above or below"


def numbers(page: Page) -> Iterator[Fault]:
    """Yield numbers of the text that no cell records, and chapters that assert nothing."""
    if page.name in NO_RUN:
        return
    used = set(re.findall(r"(?:\{glue:text\}`|^:answer: )([a-z0-9_]+)", page.text, re.M))
    if not used:
        yield 1, "the text uses no number of the run"
    if not any("remove-cell" in cell.tags and "check(" in cell.code for cell in page.cells):
        yield 1, "no claim is checked in a cell tagged remove-cell"
    known = re.compile("|".join(recorded(page)) or "(?!)")
    for name in sorted(used):
        if not known.fullmatch(name):
            place = re.search(rf"(?:\{{glue:text\}}`|^:answer: ){name}\b", page.text, re.M)
            yield page.line_of(place[0]) if place else 1, f"no cell records {name!r}"


def bare_asserts(page: Page) -> Iterator[Fault]:
    """Yield assertions in cells that readers don't see: a check says which sentence it guards, and by what margin."""
    for cell in page.cells:
        if "remove-cell" in cell.tags:
            for node in ast.walk(ast.parse(python_of(cell.code, f"{page.name}.md:{cell.line}: a cell"))):
                if isinstance(node, ast.Assert):
                    yield cell.line, f"assert {ast.unparse(node.test)}; instead: check(...) of mnist_lessons.results"


def few_numbers(page: Page) -> Iterator[Fault]:
    """Yield a chapter whose running text, without tables and folds, holds so many numbers that none stands out."""
    text = re.sub(r"^\|.*$", "", page.prose, flags=re.M)
    text = re.sub(r"^(`{3,}|:{3,})\{list-table\}.*?^\1$", "", text, flags=re.M | re.S)
    text = re.sub(r"^(`{3,}|:{3,})\{admonition\}[^\n]*\n:class: dropdown\b.*?^\1$", "", text, flags=re.M | re.S)
    if (count := text.count("{glue:text}")) > NUMBERS_A_CHAPTER:
        yield 1, f"{count} numbers of the run in the text; expected at most {NUMBERS_A_CHAPTER} outside tables"


def guesses(page: Page) -> Iterator[Fault]:
    """Yield guesses that are not in order."""
    for fence in re.finditer(
        r"^(`{3,}|:{3,})\{guess\} *([^\n]*)\n((?::[\w-]+:[^\n]*\n)*)(.*?)^\1$", page.text, re.M | re.S
    ):
        mark, question, options, body = fence.groups()
        line = page.line_of(fence[0])
        if "`" in mark and "`" in question:
            yield line, "a fence of backticks cannot have one in its first line; write :::{guess}"
        try:
            read_guess(question, dict(re.findall(r"^:([\w-]+): *(.*)", options, re.M)), body.splitlines(), page.name)
        except GuessError as error:
            yield line, str(error).partition(", ")[2]


def enough_guesses(page: Page) -> Iterator[Fault]:
    """Yield a chapter that asks for fewer guesses than it should."""
    count = len(re.findall(r"^(?:`{3,}|:{3,})\{guess\}", page.text, re.M))
    if count < GUESSES_A_CHAPTER:
        yield 1, f"{count} guesses; expected {GUESSES_A_CHAPTER} or more"


def answers(page: Page) -> Iterator[Fault]:
    """Yield answers to the questions at the beginning that stay beside them in PDF and EPUB."""
    for found in re.finditer(r"\{admonition\} Compare your answers\n(?!:class: dropdown answers\n)", page.text):
        line = page.text[: found.start()].count("\n") + 1
        yield line, "expected :class: dropdown answers under 'Compare your answers', as the appendix needs it"


def slides(page: Page) -> Iterator[Fault]:
    """Yield a chapter whose slides fill no lesson or several, or that the instructors' notes leave out."""
    count = len(re.findall(r"^% slide\b", page.text, re.M))
    if count not in SLIDES_A_CHAPTER:
        yield 1, f"{count} marks of slides; expected {SLIDES_A_CHAPTER[0]} to {SLIDES_A_CHAPTER[-1]}"
    for line, text in enumerate(page.text.splitlines(), 1):
        try:
            read_marks(text.removeprefix("% ") if text.startswith("% ") else "")
        except SlideError as error:
            yield line, str(error)
    title = re.search(r"^# (.+)$", page.prose, re.M)
    if title and f"\n## {title[1]}\n" not in read(f"{NOTES}.md"):
        yield 1, f"{NOTES}.md has no section {title[1]!r}, whose notes go with the slides"


def recorded(page: Page) -> set[str]:
    """Return patterns for the names that cells record; a variable stands for any string of the code."""
    patterns, strings = set(), set()
    computed = False
    for cell in page.cells:
        for node in ast.walk(ast.parse(python_of(cell.code, f"{page.name}.md:{cell.line}: a cell"))):
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
        for found, instead in in_phrases(file.read_text(encoding="utf-8")):
            yield f"book/quizzes/{file.name}: {found!r}; instead: {instead}"


def quiz_balance() -> Iterator[str]:
    """Yield by what the right options of all quizzes can be told from the wrong ones without reading them."""
    files = sorted((ROOT / "book" / "quizzes").glob("*.yml"))
    questions = [question for file in files for question in read_quiz(file)]
    right, wrong = (
        [len(option.text) for question in questions for option in question.options if option.right == is_right]
        for is_right in (True, False)
    )
    if sum(right) * len(wrong) > sum(wrong) * len(right):
        lengths = f"{sum(right) / len(right):.0f} and {sum(wrong) / len(wrong):.0f}"
        yield f"book/quizzes: right options are longer than wrong ones, {lengths} characters on average"
    if (score := sum(map(longest, questions)) / len(questions)) >= BY_LENGTH:
        yield f"book/quizzes: who always picks the longest is right in {score:.0%}; expected less than {BY_LENGTH:.0%}"
    for place in range(max(len(question.options) for question in questions)):
        score = sum(question.options[place].right for question in questions if place < len(question.options))
        if (score := score / len(questions)) >= BY_PLACE:
            yield f"book/quizzes: option {'ABCDE'[place]} is right in {score:.0%}; expected less than {BY_PLACE:.0%}"


def longest(question: Question) -> float:
    """Return how probable it is that one of a question's longest options is the right one."""
    length = max(len(option.text) for option in question.options)
    those = [option.right for option in question.options if len(option.text) == length]
    return sum(those) / len(those)


def versions() -> Iterator[str]:
    """Yield versions that differ, dependencies without a pin, and addresses in lock files."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    citation = yaml.safe_load(read("CITATION.cff"))
    if citation["version"] != project["version"]:
        yield f"CITATION.cff: version is {citation['version']}; expected {project['version']}, as in pyproject.toml"
    latest = f"{project['version']} ({citation['date-released']})"
    if re.findall(r"^## (.+)", read("CHANGELOG.md"), re.M)[:1] != [latest]:
        yield f"CHANGELOG.md: expected {latest} first, as in pyproject.toml and CITATION.cff"
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


Check = Callable[[Page], Iterator[Fault]]
OF_A_PAGE: tuple[Check, ...] = (figures, short_code, narrow_code, package_alone, phrases, links)
OF_A_CHAPTER: tuple[Check, ...] = (
    front_matter,
    sections,
    tables,
    numbers,
    bare_asserts,
    few_numbers,
    guesses,
    enough_guesses,
    answers,
    slides,
)
OF_ALL = (contents, exercises, quizzes, quiz_balance, versions, workflows)


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
            for line, sentence in check_page(page):
                yield f"{name}.md:{line}: {sentence}"


if __name__ == "__main__":
    try:
        found = list(faults())
    except (BuildError, QuizError) as error:  # a page or quiz that cannot be read, so not checked either
        found = [str(error)]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
