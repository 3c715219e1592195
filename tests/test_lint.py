"""The checks that `make lint` makes of the book's own rules, each on a page that breaks it."""

from pathlib import Path
from typing import Any

import pytest

import execute
import lint
import toc
from folders import ROOT

FIGURE = """
```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-curve
    caption: A curve.
  image: {alt: "The loss falls quickly at first, then slowly, and then no more."}
table: below
---
plot_curve(losses);
```
"""
GUESS = """
:::{guess} What is the last loss, of `fit`?
:answer: last_loss:.2f

Few expect so little.
:::
"""
MARKS = "% slide\n\nThe loss falls.\n\n" * 8
CHAPTER = f"""---
kernelspec: {{name: python3, display_name: Python 3}}
summary: What a chapter is.
myst:
  html_meta:
    description lang=en: {"A chapter that breaks no rule, as a search engine quotes it. " * 2}
---
# Title

:::{{admonition}} In this chapter
:class: ml-objectives
:::

## Curves

The loss is {{glue:text}}`last_loss:.2f`, and {{glue:text}}`share_dense` of it is noise.
{FIGURE}
```{{code-cell}} ipython3
Table(losses)
```

```{{code-cell}} ipython3
---
tags: [remove-cell]
---
check("loss_falls", losses[-1], at_most=0.1)
record("last_loss", losses[-1])
for name in ("dense", "cnn"):
    record(f"share_{{name}}", shares[name])
```

## Check yourself
{GUESS * 3}
## What to remember

{MARKS}"""


def faults(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """Return what is wrong with a chapter, and with the line where it is."""
    (folder / "book" / "instructors").mkdir(parents=True)
    (folder / "book" / "a.md").write_text(text, encoding="utf-8")
    (folder / "book" / "instructors" / "notes.md").write_text("# Notes\n\n## Title\n", encoding="utf-8")
    for module in (lint, execute):
        monkeypatch.setattr(module, "ROOT", folder)
    page = lint.Page("book/a")
    return [f"{line}: {said}" for check in lint.OF_A_PAGE + lint.OF_A_CHAPTER for line, said in check(page)]


def test_chapter_that_keeps_all_rules_has_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(tmp_path, monkeypatch, CHAPTER) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("summary:", "minutes: 20\nsummary:", "1: minutes: the build counts them; take the line out"),
        ("What a chapter is.", "A chapter", "1: summary: expected a sentence, got 'A chapter'"),
        ("as a search engine quotes it", "", "1: html_meta, description: expected 100 to 160 characters, got 65"),
        ("ml-objectives", "note", "1: expected the box 'In this chapter' with the class ml-objectives"),
        ("## Check yourself", "", "1: expected a section 'Check yourself'"),
        ("## What to remember", "## More", "1: expected 'What to remember' as the last section, got ['More']"),
        ("## Curves", "# Curves", "1: expected one title, got 2"),
        ("fig-curve", "curve", "18: the name of a figure begins with fig-; got 'curve'"),
        ("caption: A curve.", "caption: ''", "18: a figure without a caption"),
        ("and then no more.", "no", "18: expected an alt text that is a sentence of more than 40 characters; got "),
        ("table: below", "tags: []", "18: fig-curve shows data; expected a folded table as the next cell, or table:"),
        ("Table(losses)", "Table(plot_curve(1));", "30: a drawing without mystnb.figure, which gives it a name and a"),
        ("Table(losses)", f"Table({'1' * 95})", "30: a line of 102 characters; expected at most 68"),
        ("Table(losses)", "Table(losses)\n" * 21, "30: a cell of 21 lines; expected at most 20"),
        ("Table(losses)", "Table(load_data())", "30: 'load_data(' reads what does not come with the package"),
        ("Table(losses)", "Table(model.fit(verbose=1))", "30: verbose=1 prints a progress bar"),
        ('check("loss_falls", losses[-1], at_most=0.1)\n', "", "1: no claim is checked in a cell tagged remove-cell"),
        ('record("last_loss"', 'assert losses\nrecord("last_loss"', "34: assert losses; instead: check(...)"),
        ('record("last_loss"', 'record("loss"', "16: no cell records 'last_loss'"),
        ('f"share_{name}"', 'f"part_{name}"', "16: no cell records 'share_dense'"),
        ('f"share_{name}"', "name", "16: no cell records 'share_dense'"),
        ("The loss is", "Who knows that the loss is", "16: 'Who knows'; instead: if you know"),
        (
            "The loss is",
            "By {ref}`ch-train`, it is",
            "16: {ref}`ch-train` reads as a title; [](page.md) reads Chapter N",
        ),
        ("The loss is", "The chapter [](train.md) is", "16: 'chapter [](train.md)' reads 'chapter Chapter N'"),
        ("The loss is", "{glue:text}`last_loss` " * 14, "1: 16 numbers of the run in the text; expected at most 15"),
        (GUESS * 3, GUESS * 2, "1: 2 guesses; expected 3 or more"),
        (
            ":answer: last_loss:.2f\n\nFew expect so little.\n:::\n\n## ",
            "- [x] a\n\nB.\n:::\n\n## ",
            "58: guess 'What is",
        ),
        (GUESS * 3, GUESS * 2 + GUESS.replace(":::", "```"), "58: a fence of backticks cannot have one in its first"),
        (GUESS * 3, GUESS * 2 + GUESS.replace("last_loss", "first_loss"), "59: no cell records 'first_loss'"),
        ("## Curves", "## Curves\n:::{admonition} Compare your answers\n:class: dropdown\n:::", "15: expected :class:"),
        (MARKS, MARKS[: len(MARKS) // 2], "1: 4 marks of slides; expected 8 to 17"),
        (MARKS, f"{MARKS}% slide Curves", "98: expected 'slide: TITLE', 'slide 1-2: TITLE', 'also', 'answer' or 'note"),
        ("# Title", "# Other", "1: book/instructors/notes.md has no section 'Other'"),
    ],
)
def test_chapter_that_breaks_a_rule_is_named_by_rule_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: Any, new: Any, fault: str
) -> None:
    assert old in CHAPTER
    (found,) = faults(tmp_path, monkeypatch, CHAPTER.replace(old, new))
    assert found.startswith(fault)


def test_numbers_in_tables_and_folds_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = "{glue:text}`last_loss` "
    table, fold = f"| {number * 9} |\n", f":::{{admonition}} More\n:class: dropdown\n{number * 9}\n:::\n"
    assert faults(tmp_path, monkeypatch, CHAPTER.replace("## Check", f"{table}\n{fold}\n## Check")) == []


def quiz(*right_places: Any, right: str = "Yes it is.", wrong: str = "No it is not.") -> str:
    return "".join(
        f"- question: Is it {number}?\n  options:\n"
        + "".join(
            f"    - {'right' if place == right_place else 'wrong'}: {right if place == right_place else wrong}{place}\n"
            "      because: So.\n"
            for place in range(3)
        )
        for number, right_place in enumerate(right_places)
    )


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (quiz(0, 1, 2), []),
        (quiz(0, 1, 2, right="Yes it is, and for good reasons."), ["right options are longer", "who always picks the"]),
        (quiz(0, 1, 1), ["option B is right in 67%"]),
    ],
)
def test_right_options_are_told_by_reading_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: Any, faults: Any
) -> None:
    (tmp_path / "book" / "quizzes").mkdir(parents=True)
    (tmp_path / "book" / "quizzes" / "a.yml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    found = list(lint.quiz_balance())
    assert len(found) == len(faults)
    assert all(fault in sentence for fault, sentence in zip(faults, found, strict=True))


def test_name_recorded_by_a_variable_is_any_string_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = CHAPTER.replace('f"share_{name}"', "name").replace('"cnn"', '"share_dense"')
    assert faults(tmp_path, monkeypatch, text) == []


def test_cells_of_a_chapter_are_short_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = "\n```{code-cell} ipython3\n" + "1\n" * 20 + "```\n"
    (found,) = faults(tmp_path, monkeypatch, CHAPTER.replace("## Check", cells * 10 + "\n## Check"))
    assert found.endswith(f" lines of code; expected at most {lint.LINES_A_CHAPTER}")


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("1 +", "book/a.md:4: a cell is not Python: invalid syntax in its line 1"),
        ("---\ntags: [remove-cell\n---\n1", "book/a.md:4: the header of this cell is not YAML"),
    ],
)
def test_page_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str, fault: str
) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.md").write_text(
        f"---\nkernelspec: {{name: python3}}\n---\n```{{code-cell}} ipython3\n{cell}\n```\n", encoding="utf-8"
    )
    for module in (lint, execute):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    with pytest.raises(execute.BuildError, match=fault):
        lint.recorded(lint.Page("book/a"))


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("_toc.yml", "file: book/glossary", "file: book/missing", "_toc.yml: does not name book/glossary.md"),
        ("CITATION.cff", "\nversion: ", "\nversion: 9", "CITATION.cff: version is 9"),
        ("CHANGELOG.md", "## ", "## 9", "CHANGELOG.md: expected "),
        ("constraints.txt", "filelock==", "filelocks==", "constraints.txt: does not pin filelock"),
        ("web/package-lock.json", '"version"', '"resolved"', "web/package-lock.json: expected no address"),
        (".github/workflows/check.yml", "make test", "make tests", ".github/workflows/check.yml: the Makefile has no"),
        (".github/workflows/check.yml", "run: make", "run: git fetch main; make", ".github/workflows/check.yml: names"),
        ("book/quizzes/train.yml", "because:", "reason:", "train.yml, question 1"),
        ("book/exercises/train.md", "role: solution", "role: answer", "train.md:"),
        ("book/exercises/index.md", "{exercises} train", "{exercises} data", "book/exercises/index.md: does not name"),
    ],
)
def test_files_that_disagree_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, file: str, fault: str
) -> None:
    """On the repository's own files, of which one is replaced."""
    names = ("_toc.yml", "_config.yml", "CITATION.cff", "CHANGELOG.md", "constraints.txt", "pyproject.toml", "Makefile")
    for name in (*names, "grader/pyproject.toml", "web/package-lock.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    for folder in ("book", ".github"):
        for source in (ROOT / folder).rglob("*.*"):
            target = tmp_path / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_file():
                target.symlink_to(source)
    text = (ROOT / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).unlink()
    (tmp_path / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    for module in (lint, toc, execute):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(lint, "OF_A_PAGE", ())
    monkeypatch.setattr(lint, "OF_A_CHAPTER", ())
    checks = [check for check in lint.OF_ALL if check is not lint.quiz_balance]  # which is about all of them
    found = [sentence for check in checks for sentence in check()]
    assert any(fault in sentence for sentence in found)
    assert len(found) <= 2
