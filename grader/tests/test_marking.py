"""Questions that a person marks: from the exercise to the table, and what the journal keeps."""

import base64
import binascii
import csv
import json
import random
import shutil
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from sklearn.metrics import cohen_kappa_score

from coursegrader import cli, sandbox
from coursegrader.agreement import cohen_kappa, compare_markers
from coursegrader.essays import MAX_FIGURE, MAX_SIDE, clean_png, read_essays
from coursegrader.exercises import Exercise, ExerciseError, read_exercises, read_file
from coursegrader.gradebook import Gradebook
from coursegrader.marking import Item, Journal, Mark, apply, decide, find_items, find_unmarked, read_marks
from coursegrader.rubrics import Criterion, read_rubric

SOURCE = Path(__file__).parent / "by_hand"
EXERCISES = read_exercises(SOURCE)
TEXT, FIGURE = (exercise.rubric for exercise in EXERCISES)


def png(width: int = 2, height: int = 2, *extra: tuple[bytes, bytes]) -> bytes:
    """A gray image, with further chunks before its data."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", binascii.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    more = b"".join(chunk(kind, content) for kind, content in extra)
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def encode(image: bytes) -> str:
    return base64.b64encode(image).decode()


def hand_in(release: Path, text: str | None, *figures: str, below: str = "") -> str:
    """Answer both questions in a release."""
    notebook = nbformat.read(release, as_version=4)
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}
    if text is not None:
        cells["axis-mislead"].source = text
    outputs = [new_output("display_data", data={"image/png": figure}) for figure in figures]
    cells["axis-draw"].source = "plt.plot([1, 2])" if figures else cells["axis-draw"].source
    cells["axis-draw"].outputs = outputs
    if below:
        notebook.cells.insert(notebook.cells.index(cells["axis-mislead"]) + 1, new_markdown_cell(below))
    return str(nbformat.writes(notebook))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("assignment") / "week-1"
    command = ["assignment", "build", "week-1", "--exercises", "plots", "--source", str(SOURCE), "--out", str(out)]
    assert cli.main(command) == 0
    return out / "release" / "week-1" / "week-1.ipynb"


@pytest.fixture
def grades(graded: Path, tmp_path: Path) -> Path:
    """A copy of `graded` to change."""
    return shutil.copytree(graded, tmp_path / "grades")


@pytest.fixture(scope="module")
def graded(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada and Bob answered both questions, Cy the first, Dan none."""
    tmp_path = tmp_path_factory.mktemp("graded")
    answers = {
        "Ada": hand_in(release, "It looks twice as good.", encode(png())),
        "Bob": hand_in(release, "Start at 0.", encode(png(3, 3))),
        "Cy": hand_in(release, "No idea."),
        "Dan": hand_in(release, None),
    }
    for student, notebook in answers.items():
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / "week-1.ipynb").write_text(notebook, encoding="utf-8")
    command = ["grade", str(tmp_path / "in"), "--assignment", str(release.parents[2]), "--out", str(tmp_path / "out")]
    assert cli.main([*command, *(["--unsafe"] if sandbox.obstacle() else [])]) == 0
    return tmp_path / "out"


def make_item(text: str = "An answer.") -> Item:
    assert TEXT
    return Item(EXERCISES[0], TEXT, text, (), "")


def make_mark(item: Item, *met: int, marker: str = "Ada", **more: Any) -> Mark:
    texts = tuple(criterion.text for criterion in item.rubric.criteria)
    return Mark(*item.key, texts, tuple(texts[number] for number in met), marker=marker, **more)


def read_scores(grades: Path) -> dict[str, str]:
    with open(grades / "grades.csv", encoding="utf-8", newline="") as stream:
        return {row["student_id"]: row["score"] for row in csv.DictReader(stream)}


def test_rubric_is_read_with_points_and_note() -> None:
    assert TEXT
    assert TEXT.points == 3
    assert TEXT.criteria[1] == Criterion(
        "names a remedy, such as an axis that starts at 0, or a chart of the errors", 1
    )
    assert TEXT.note.startswith("A good answer:")
    assert EXERCISES[0] == Exercise.from_json(json.loads(json.dumps(EXERCISES[0].to_json())))


@pytest.mark.parametrize("text", ["", "- names it", "- 0: names it", "- 1: a\n- 2: a", "Some words.\n\n- 1: a"])
def test_rubric_without_criteria_that_can_be_told_apart_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rubric: expected"):
        read_rubric(text, answer="text")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (', "tags": ["remove-cell"]}', "}", "needs the tag remove-cell"),
        ('"answer": "figure"', '"answer": "song"', "answer: expected one of text, figure"),
        ('"answer": "figure"', '"answer": "text"', "has no solution"),
        ("- 1: both", "- x: both", "rubric: expected lines"),
    ],
)
def test_malformed_rubric_is_refused_with_its_place(before: str, after: str, reason: str, tmp_path: Path) -> None:
    text = (SOURCE / "plots.md").read_text(encoding="utf-8")
    (tmp_path / "plots.md").write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(ExerciseError, match=rf"plots.md:\d+: .*{reason}"):
        read_file(tmp_path / "plots.md")


def test_published_book_refuses_a_question_that_nobody_would_mark() -> None:
    with pytest.raises(ExerciseError, match="an exercise for marks"):
        read_file(SOURCE / "plots.md", public=True)


def test_release_leaves_both_answers_to_a_person_in_nbgrader_too(release: Path) -> None:
    text = release.read_text(encoding="utf-8")
    assert "remedy" not in text
    assert "marked by a person" in text
    assert "NotImplementedError" not in text
    assert "plt.bar" not in text
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in nbformat.reads(text, as_version=4).cells}
    for name, kind, points in [("axis-mislead", "markdown", 3), ("axis-draw", "code", 2)]:
        about = cells[name].metadata.nbgrader
        assert (cells[name].cell_type, about.grade, about.solution, about.points) == (kind, True, True, points)


def test_answer_below_its_cell_and_in_another_kind_of_cell_is_found(release: Path) -> None:
    both = hand_in(release, "First.", below="Second.")
    assert read_essays(both.encode(), EXERCISES)["axis-mislead"].text == "First.\n\nSecond."
    notebook = nbformat.reads(hand_in(release, None), as_version=4)
    place = next(n for n, cell in enumerate(notebook.cells) if cell.metadata.nbgrader.grade_id == "axis-mislead")
    metadata = notebook.cells[place].metadata
    notebook.cells[place] = new_code_cell("Written into code.", metadata=metadata)
    assert read_essays(nbformat.writes(notebook).encode(), EXERCISES)["axis-mislead"].text == "Written into code."
    assert read_essays(hand_in(release, "").encode(), EXERCISES) == {}


def test_picture_that_colab_writes_into_the_text_does_not_crowd_it_out(release: Path) -> None:
    text = f"See ![it](data:image/png;base64,{'A' * 300_000}), which is mine."
    assert read_essays(hand_in(release, text).encode(), EXERCISES)["axis-mislead"].text.endswith("which is mine.")


def test_figure_keeps_nothing_but_the_image(release: Path) -> None:
    full = png(2, 2, (b"tEXt", b"Author\0Ada"), (b"iCCP", zlib.compress(b"x" * 1000)))
    (figure,) = read_essays(hand_in(release, "x", encode(full)).encode(), EXERCISES)["axis-draw"].figures
    assert base64.b64decode(figure) == png()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (encode(b"<svg onload=alert(1)>"), "no PNG"),
        ("not base64!", "no PNG"),
        (encode(png()[:-14]), "damaged"),
        (encode(png().replace(b"\x08\x00\x00\x00\x00", b"\x08\x02\x00\x00\x00")), "damaged"),
        (encode(png(MAX_SIDE + 1, 1)), "pixels"),
        ("A" * (2 * MAX_FIGURE), "at most 2 MB"),
    ],
)
def test_output_that_is_no_small_image_is_left_out(image: str, reason: str, release: Path) -> None:
    with pytest.raises(ValueError, match=reason):
        clean_png(image)
    essay = read_essays(hand_in(release, "x", image).encode(), EXERCISES)["axis-draw"]
    assert essay.figures == ()
    assert reason in essay.remark


def test_student_has_no_mark_until_a_person_gave_it(grades: Path) -> None:
    assert read_scores(grades) == {"Ada": "", "Bob": "", "Cy": "", "Dan": "0"}
    assert "Not marked yet: 2 questions." in (grades / "summary.html").read_text(encoding="utf-8")
    book = Gradebook.open(grades)
    items = find_items(book.records(), EXERCISES)
    assert [item.exercise.id for item in items] == ["axis-mislead"] * 3 + ["axis-draw"] * 2
    with Journal(grades, "Eve").opened() as journal:
        for item in items:
            journal.add(make_mark(item, 0, comment=f"<b>{item.text}</b>"))
        journal.add(make_mark(next(item for item in items if item.text == "Start at 0."), 0, 1, adjustment=-0.5))
    assert cli.main(["tables", str(grades)]) == 0
    assert read_scores(grades) == {"Ada": "3", "Bob": "3.5", "Cy": "2", "Dan": "0"}
    page = next(grades.glob("feedback/Ada*")).read_text(encoding="utf-8")
    assert "&lt;b&gt;It looks twice as good.&lt;/b&gt;" in page
    assert "names a remedy" in page
    assert oct((grades / "marking" / "Eve.jsonl").stat().st_mode)[-3:] == "600"


def test_marks_outlast_a_kill_and_a_line_that_was_cut_off(tmp_path: Path) -> None:
    mark = make_mark(make_item(), 0)
    code = f"""if True:
        import os, signal
        from pathlib import Path
        from coursegrader.marking import Journal, Mark
        with Journal(Path({str(tmp_path)!r}), "Ada").opened() as journal:
            journal.add({mark!r})
            os.kill(os.getpid(), signal.SIGKILL)"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == -9
    file = tmp_path / "marking" / "Ada.jsonl"
    file.write_text(file.read_text(encoding="utf-8") + '{"question": "axis', encoding="utf-8")
    with Journal(tmp_path, "Ada").opened() as journal:
        assert len(journal.marks()) == 1
        journal.add(make_mark(make_item("Another."), 1))
        assert [mark.answer for mark in journal.marks()] == [mark.answer, make_item("Another.").digest]
        with pytest.raises(ValueError, match="another process"), Journal(tmp_path, "Ada").opened():
            pass
    whole = file.read_bytes()
    file.write_bytes(b"\xef\xbb\xbf" + whole.replace(b"\n", b"\r\n"))
    assert len(read_marks(tmp_path)["Ada"]) == 2, "whatever an editor puts before, and at the ends of lines"
    file.write_bytes(whole.replace(b"{", b"", 1))
    with pytest.raises(ValueError, match=r"Ada\.jsonl, line 1: expected a mark"):
        read_marks(tmp_path)


def test_undo_brings_back_what_was_there_and_keeps_every_line(tmp_path: Path) -> None:
    item = make_item()
    with Journal(tmp_path, "Ada").opened() as journal:
        journal.add(make_mark(item, 0))
        journal.add(make_mark(item, 1))
        undone = journal.undo()
        assert undone
        assert undone.met == make_mark(item, 1).met
        assert [mark.met for mark in journal.marks()] == [make_mark(item, 0).met]
        journal.undo()
        assert journal.undo() is None
    assert len((tmp_path / "marking" / "Ada.jsonl").read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.parametrize("marker", ["", "../Ada", "A/b", ".hidden", "Ada\n", "x" * 50, "Ada "])
def test_marker_whose_name_is_no_file_name_is_refused(marker: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="marker: expected a name"):
        Journal(tmp_path, marker)


def test_mark_counts_for_this_answer_and_these_words_alone() -> None:
    item = make_item()
    mark = make_mark(item, 0)
    assert decide([item], {"Ada": [mark]})[item.key].state == "marked"
    other = replace(item, text="Another answer.")
    assert decide([other], {"Ada": [mark]})[other.key].state == "unmarked"
    reworded = replace(item.rubric, criteria=(*item.rubric.criteria[:1], Criterion("says why", 1)))
    assert decide([replace(item, rubric=reworded)], {"Ada": [mark]})[item.key].state == "unmarked"
    repriced = replace(item.rubric, criteria=tuple(replace(c, points=5) for c in item.rubric.criteria))
    final = decide([replace(item, rubric=repriced)], {"Ada": [mark]})[item.key].final
    assert final
    assert final.points(repriced) == 5


def test_markers_who_differ_leave_no_mark_until_it_is_settled() -> None:
    item = make_item()
    record = {
        "student": "Ada",
        "questions": [{"id": item.exercise.id, "score": None, "remark": "", "answer": item.text, "tests": []}],
    }
    record["questions"][0]["by_hand"] = {"figures": [], "remark": ""}  # type: ignore[index]
    marks = {"Eve": [make_mark(item, 0, marker="Eve")], "Mo": [make_mark(item, 1, marker="Mo", comment="No.")]}
    assert find_unmarked(apply([record], EXERCISES, marks)) == {"Ada": "Markers differ: 1 question."}
    marks["Mo"].append(make_mark(item, marker="Mo", comment="Agreed.", settles=True))
    (settled,) = apply([record], EXERCISES, marks)
    assert (settled["score"], settled["questions"][0]["remark"], find_unmarked([settled])) == (0, "Agreed.", {})
    marks = {"Eve": [make_mark(item, 0, comment="Good.")], "Mo": [make_mark(item, 0, comment="Yes.")]}
    (agreed,) = apply([record], EXERCISES, marks)
    assert (agreed["score"], agreed["questions"][0]["remark"]) == (2, "Good. Yes.")


def test_answer_whose_rubric_is_gone_is_not_marked() -> None:
    record = {"student": "Ada", "questions": [{"id": "gone", "score": None, "answer": "x"}]}
    assert find_unmarked(apply([record], EXERCISES, {})) == {"Ada": "Not marked yet: 1 question."}


def test_adjustment_never_leaves_the_range_of_the_rubric() -> None:
    item = make_item()
    assert [make_mark(item, 0, adjustment=by).points(item.rubric) for by in (-5, -0.5, 0, 5)] == [0, 1.5, 2, 3]


def test_answers_come_without_names_equal_ones_once_in_an_order_of_their_own() -> None:
    texts = [f"Answer {number:02}" for number in range(20)]
    hidden = {"figures": [], "remark": ""}
    records = [
        {"student": f"Student {text}", "questions": [{"id": "axis-mislead", "answer": text, "by_hand": hidden}]}
        for text in texts
    ]
    items = find_items(records + records[:5], EXERCISES)
    assert "Student" not in repr(items)
    found = [item.text for item in items]
    assert sorted(found) == texts
    assert found != texts
    assert found == [item.text for item in find_items(records[::-1], EXERCISES)]


@pytest.mark.parametrize("seed", range(20))
def test_kappa_equals_that_of_scikit_learn(seed: int) -> None:
    draw = random.Random(seed)
    first = [draw.choice("abcd") for _ in range(30)]
    second = [one if draw.random() < 0.6 else draw.choice("abcde") for one in first]
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_agreement_covers_scores_and_criteria_of_what_both_marked() -> None:
    items = [make_item(name) for name in ("Ada", "Bob", "Cy", "Dan")]
    eve = [make_mark(item, 0) for item in items]
    mo = [make_mark(items[0], 0), make_mark(items[1], 1), make_mark(items[2], 0, 1)]
    found = list(compare_markers(items, {"Eve": eve, "Mo": [*mo, make_mark(items[3], settles=True)]}))
    assert [(each.answers, round(each.same, 2)) for each in found] == [(3, 0.33), (3, 0.67), (3, 0.33)]


def test_status_and_wrong_options_of_the_command(
    grades: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    item = find_items(Gradebook.open(grades).records(), EXERCISES)[0]
    for name, met in {"Eve": 0, "Mo": 1}.items():
        with Journal(grades, name).opened() as journal:
            journal.add(make_mark(item, met))
    capsys.readouterr()
    assert cli.main(["mark", str(grades), "--status"]) == 0
    out = capsys.readouterr().out
    assert "axis-mislead: 0 marked, 2 not marked, 1 to settle\naxis-draw: 0 marked, 2 not marked, 0 to settle\n" in out
    assert "answers  alike  kappa\n      1     0%   0.00  Eve and Mo: axis-mislead\n" in out
    assert "Ada" not in out
    for wrong in (["--question", "axis-x"], ["--share", "9/9"], []):
        assert cli.main(["mark", str(grades), *wrong, *(["--marker", "Eve"] if wrong else [])]) == 1
    assert read_marks(tmp_path) == {}
