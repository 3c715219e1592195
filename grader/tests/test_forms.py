import csv
import io
import json

import pytest

from coursegrader.forms import (
    Asked,
    Form,
    Marked,
    make_notebook,
    make_page,
    make_table,
    mark_forms,
    read_key,
    write_forms,
)
from coursegrader.questions import Question
from coursegrader.submissions import Submission

CODE = "def first(x):\n    # <script>alert(1)</script> ``` $x$\n    return x[0]\n"
QUESTION = Question("value", "What does this call return?", "first([3, 4])", ("3", "4", "[3]", "0"), 0)


def make_form(student: str = "Ada (7)", number: str = "0123456789abcdef") -> Form:
    return Form(student, "ada", number, (Asked("first-item", "Take the first", CODE, QUESTION),) * 2)


def filled(form: Form, *letters: str) -> bytes:
    notebook = make_notebook(form, assignment="week-1")
    answers = [cell for cell in notebook["cells"] if cell["source"].startswith("answer_")]
    for cell, letter in zip(answers, letters, strict=True):
        cell["source"] = cell["source"].replace('""', f'"{letter}"')
    return json.dumps(notebook).encode()


def test_letters_are_read_and_marked_without_running_the_form() -> None:
    form = make_form()
    notebook = filled(form, " A ", "d").replace(b"# a, b, c or d", b"; raise SystemExit")
    (marked,) = mark_forms([form], [Submission("Ada L. (7)", notebook)])  # found by id
    assert marked == Marked("Ada (7)", ["a", "d"])
    (row,) = csv.DictReader(io.StringIO(make_table([form], [marked])))
    assert (row["right"], row["questions"], row["given_2"], row["right_2"]) == ("1", "2", "d", "a")


@pytest.mark.parametrize(
    ("submission", "remark"),
    [
        (Submission("Ada (7)", filled(make_form(number="f" * 16), "a", "a")), "another form"),
        (Submission("Ada (7)", b"{"), "not a notebook"),
        (Submission("Ada (7)", None, "There is no notebook."), "There is no notebook."),
        (Submission("Bob (8)", filled(make_form(), "a", "a")), "No form was handed in."),
    ],
)
def test_form_that_does_not_count_has_a_remark_and_no_letters(submission: Submission, remark: str) -> None:
    marked = list(mark_forms([make_form()], [submission]))
    assert remark in marked[0].remark
    assert marked[0].given == ["", ""]


def test_students_without_a_form_are_in_the_table() -> None:
    form = make_form()
    marked = mark_forms([form], [Submission("=1+1", filled(form, "a", "a"))])
    rows = list(csv.reader(io.StringIO(make_table([form], marked))))
    assert rows[2][0] == "'=1+1"
    assert rows[2][3] == "There is no form for this student."


def test_code_is_shown_as_text_on_the_page_and_in_the_notebook() -> None:
    form = make_form(student="<b>Ada</b>")
    page = make_page([form], assignment="week-1")
    assert "<script>" not in page
    assert "<b>" not in page
    source = make_notebook(form, assignment="week-1")["cells"][2]["source"]
    assert source.count("````text\n  1  def first(x):") == 1  # a fence longer than the one in the code


def test_key_is_private_and_read_again(tmp_path) -> None:  # type: ignore[no-untyped-def]
    write_forms([make_form()], tmp_path / "questions", assignment="week-1")
    assert read_key(tmp_path / "questions") == ("week-1", [make_form()])
    for file in [tmp_path / "questions", *(tmp_path / "questions").rglob("*")]:
        assert file.stat().st_mode & 0o077 == 0
    shown = (tmp_path / "questions/forms/ada/week-1-questions.ipynb").read_text(encoding="utf-8")
    assert "right" not in shown.replace("one right answer", "")


def test_missing_key_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"key\.json: expected the key that `ask` wrote"):
        read_key(tmp_path)
