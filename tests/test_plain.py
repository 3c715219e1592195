"""The text of a notebook: plain Markdown with the words of the site."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from addresses import Addresses
from coursegrader.exercises import Exercise
from plain import Book, picture_text, writer
from widgets import widget_names

SITE = "https://someone.github.io/their-book/"
REFERENCES: dict[str, dict[str, Any]] = {
    "pages": {"book/a": ["3", "Read digits", "book/a.html"], "book/index": ["", "Start", "book/index.html"]},
    "labels": {
        "fig-b": ["Figure 3.2", "book/a.html#fig-b"],
        "tab-c": ["Table 3.1", "book/a.html#tab-c"],
        "sec-b": ["Go on", "book/a.html#sec-b"],
    },
    "equations": {"eq-a": "3.1"},
    "terms": {"softmax": "book/glossary.html#term-softmax", "test set": "book/glossary.html#term-test-set"},
    "citations": {
        "lecun1998": ["LeCun et al., 1998", "book/bibliography.html#id1"],
        "simard2003": ["Simard et al., 2003", "book/bibliography.html#id2"],
    },
}
EXERCISE = Exercise("a-one", "a", "Count the ones", 2, 10, 60, "", (), "", ())


@pytest.fixture
def book(tmp_path: Path) -> Book:
    (tmp_path / "book" / "quizzes").mkdir(parents=True)
    return Book(
        tmp_path,
        Addresses("https://github.com/Someone/their-book", "main", SITE),
        REFERENCES,
        [EXERCISE],
        tmp_path / "pictures",
    )


@pytest.fixture
def write(book: Book) -> Callable[[str], str]:
    return writer("book/a.md", {"share": 12.345, "steps": 2346}, book)


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("{glue:text}`share:.1f` % of {glue:text}`steps:,`", "12.3 % of 2,346"),
        ("as {numref}`fig-b` and {numref}`tab-c` show, by {eq}`eq-a`", "as Figure 3.2 and Table 3.1 show, by (3.1)"),
        ("{ref}`sec-b`, {ref}`later <sec-b>`", f"[Go on]({SITE}book/a.html#sec-b), [later]({SITE}book/a.html#sec-b)"),
        ("[](a.md), [](index.md)", f"[Chapter 3]({SITE}book/a.html), [Start]({SITE}book/index.html)"),
        ("[home](index.md#top)", f"[home]({SITE}book/index.html#top)"),
        ("[on](sec-b), [out](https://x.org)", f"[on]({SITE}book/a.html#sec-b), [out](https://x.org)"),
        (
            "{cite}`lecun1998,simard2003`",
            f"([LeCun et al., 1998]({SITE}book/bibliography.html#id1); "
            f"[Simard et al., 2003]({SITE}book/bibliography.html#id2))",
        ),
        ("{cite:t}`lecun1998` says", f"[LeCun et al. (1998)]({SITE}book/bibliography.html#id1) says"),
        ("$$\ny = w x\n$$ (eq-a)", "$$\ny = w x\n\\tag{3.1} $$"),
        ("It is so.{claim}`so` And so on.", "It is so. And so on."),
        ("{py:func}`mnist_lessons.data.split`", "`mnist_lessons.data.split`"),
        ("(sec-b)=\n## Go on", "## Go on"),
        ("% slide: A title\n\nIt is so.\n% A remark", "It is so."),
        ("```{math}\ny = x\n```", "$$\ny = x\n$$"),
    ],
)
def test_role_reads_as_on_the_site(write: Callable[[str], str], myst: str, plain: str) -> None:
    assert write(myst) == plain


def test_term_is_linked_where_it_stands_first(write: Callable[[str], str]) -> None:
    link = f"{SITE}book/glossary.html#term-"
    assert write("{term}`Softmax`, {term}`sets <test set>`") == f"[Softmax]({link}softmax), [sets]({link}test-set)"
    assert write("{term}`softmax` again") == "softmax again"


def test_code_is_left_alone(write: Callable[[str], str]) -> None:
    code = '```python\nprint(f"{glue:text}`share`")\n(a)=\n```'
    assert write(code) == code
    assert write("`{x}` and `y`, ``{ref}`z` ``") == "`{x}` and `y`, ``{ref}`z` ``"


def test_picture_of_each_widget_has_a_text_of_its_own() -> None:
    texts = {picture_text(name) for name in widget_names()}
    assert len(texts) == len(widget_names())


def test_note_from_the_margin_follows_what_it_stands_beside(write: Callable[[str], str]) -> None:
    text = "```{margin} Why?\nSee {eq}`eq-a`.\n```\n\nHere.\n\n(sec-b)=\n## Go on\n\nThere."
    assert write(text) == "Here.\n\n> **Why?**\n>\n> See (3.1).\n\n## Go on\n\nThere."


def test_boxes_become_quotations_and_dropdowns_fold(write: Callable[[str], str]) -> None:
    box = ":::{admonition} In this chapter\n:class: ml-objectives\n- **You will** read {glue:text}`share:.2f`.\n:::"
    assert write(box) == "> **In this chapter**\n>\n> - **You will** read 12.35."
    folded = write(":::{admonition} Code\n:class: dropdown answers\n\nText.\n\n:::")
    assert folded == "<details>\n<summary>Code</summary>\n\nText.\n\n</details>"


def test_list_table_becomes_a_table_with_its_number(write: Callable[[str], str]) -> None:
    table = "```{list-table} Errors by {term}`softmax`.\n:name: tab-c\n:header-rows: 1\n\n"
    table += "* - Method\n  - Error\n* - linear\n  - {glue:text}`share:.1f`\n```"
    link = f"[softmax]({SITE}book/glossary.html#term-softmax)"
    expected = f"| Method | Error |\n| :-- | :-- |\n| linear | 12.3 |\n\n*Table 3.1. Errors by {link}.*"
    assert write(table) == expected


def test_included_code_is_there(write: Callable[[str], str], book: Book) -> None:
    (book.root / "code.py").write_text(
        "ONE = 1\n\n\ndef first():\n    return 1\n\n\ndef second():\n    return 2\n", encoding="utf-8"
    )
    text = "```{literalinclude} ../code.py\n:language: python\n:pyobject: second\n```"
    assert write(text) == "```python\ndef second():\n    return 2\n```"


def test_quiz_is_questions_with_folded_answers(write: Callable[[str], str], book: Book) -> None:
    questions = "".join(
        f"- question: Is {number} {{term}}`softmax`?\n  options:\n"
        "    - right: Yes.\n      because: It is.\n    - wrong: No.\n      because: It is not.\n"
        for number in range(3)
    )
    (book.root / "book" / "quizzes" / "a.yml").write_text(questions, encoding="utf-8")
    first = write("```{quiz} a\n```").split("</details>")[0]
    seen, folded = first.split("<details>\n<summary>Answers to question 1</summary>")
    assert seen.startswith("**1.** Is 0 [softmax](")
    assert "- **A** Yes.\n- **B** No." in seen
    assert "It is" not in seen
    assert "- **A is right.** It is.\n- **B is wrong.** It is not." in folded


def test_guess_is_a_question_with_a_folded_answer(write: Callable[[str], str]) -> None:
    text = write(
        ":::{guess} How many are {term}`softmax`?\n:answer: share:.1f\n:unit: %\n\nBecause **ink** decides.\n:::"
    )
    seen, folded = text.split("<details>\n<summary>Show the answer</summary>")
    assert seen.strip() == f"**Your guess:** How many are [softmax]({SITE}book/glossary.html#term-softmax)?"
    assert folded.startswith("\n\nMeasured: 12.3 %.\n\nBecause **ink** decides.\n\n</details>")
    text = write(":::{guess} What happens?\n- [ ] It falls.\n- [x] It rises.\n\nIt does.\n:::")
    seen, folded = text.split("<details>")
    assert "- **A** It falls.\n- **B** It rises." in seen
    assert "The answer is **B**: It rises.\n\nIt does." in folded


def test_exercises_are_named_and_linked_as_notebook(write: Callable[[str], str]) -> None:
    text = write("```{exercises} a\n```")
    assert "[exercises/a.ipynb](exercises/a.ipynb)" in text
    assert "(https://colab.research.google.com/github/Someone/their-book/blob/notebooks/exercises/a.ipynb)" in text
    assert "- Count the ones (medium, 10 min)" in text


def test_widget_is_a_picture_and_a_link_to_where_it_runs(write: Callable[[str], str], book: Book) -> None:
    there = f"({SITE}book/a.html#sec-b)"
    link = f"[Try it on the site]{there}"
    place = "(sec-b)=\n## Go on\n\n```{widget} draw-digit\nNeeds JavaScript.\n```"
    assert "data:image" not in write(place)
    assert link in write(place)
    book.pictures.mkdir()
    Image.new("L", (2, 2)).save(book.pictures / "draw-digit.png")
    text = write(place)
    assert "](data:image/png;base64,iVBOR" in text
    assert text.count(there) == 2
    assert "Needs JavaScript" not in text


@pytest.mark.parametrize(
    ("myst", "named"),
    [
        ("{glue:text}`shore`", "book/a.md: the text uses 'shore', which no cell records"),
        ("{numref}`fig-z`", "book/a.md: the text refers to 'fig-z', which no page of the site has"),
        ("{term}`sigmoid`", "book/a.md: the glossary has no term 'sigmoid'"),
        ("{kbd}`x`", "book/a.md: the notebooks have no form for the role 'kbd'"),
        ("```{plot} x\n```", "book/a.md: the notebooks have no form for the directive 'plot'"),
    ],
)
def test_markup_without_a_form_in_notebooks_is_an_error(write: Callable[[str], str], myst: str, named: str) -> None:
    with pytest.raises(KeyError, match=named):
        write(myst)
