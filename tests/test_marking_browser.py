"""Marking by hand: the page used by keys in a real Chromium, see widgets/marking.mjs, and the instructors' example."""

import base64
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from test_widgets import NODE, ROOT

from coursegrader import cli, sandbox
from coursegrader.exercises import read_exercises
from coursegrader.marking import Item, Journal, Mark, decide
from coursegrader.marking_page import Session
from coursegrader.marking_server import MarkingServer

TEXTS = [f"Answer {number}. <script>document.title = 'hacked'</script> {'long' * 60}" for number in range(1, 4)]


def make_items() -> list[Item]:
    """Three texts and a figure."""
    text, figure = read_exercises(ROOT / "grader" / "tests" / "by_hand")
    assert text.rubric
    assert figure.rubric
    stream = BytesIO()
    drawn = Figure(figsize=(8, 3))
    drawn.subplots().plot([1, 2])
    drawn.savefig(stream, format="png")
    image = base64.b64encode(stream.getvalue()).decode()
    items = [Item(text, text.rubric, answer, (), "") for answer in TEXTS]
    return [*items, Item(figure, figure.rubric, "plt.plot([1, 2])", (image,), "")]


@contextmanager
def serve(session: Session) -> Iterator[str]:
    with MarkingServer(session) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        yield server.address
        server.ended.set()
        thread.join()


def drive(address: str, part: str) -> None:
    command = [str(NODE), str(ROOT / "tests/widgets/marking.mjs"), address, part]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.browser
def test_class_is_marked_by_keys_alone(tmp_path: Path) -> None:
    with Journal(tmp_path, "Ada").opened() as journal, serve(Session(make_items(), journal)) as address:
        drive(address, "mark")
        marks = journal.marks()
    assert [mark.answer for mark in marks] == [item.digest for item in make_items()]
    assert [(len(mark.met), mark.adjustment, mark.comment) for mark in marks] == [
        (2, 0, "Says it all."),
        (1, -0.5, "Says it all."),
        (1, 0, ""),
        (0, 0, ""),
    ]


@pytest.mark.browser
def test_difference_is_settled_beside_what_both_markers_gave(tmp_path: Path) -> None:
    item = make_items()[0]
    texts = tuple(criterion.text for criterion in item.rubric.criteria)
    marks = {"Eve": [Mark(*item.key, texts, texts, marker="Eve")], "Mo": [Mark(*item.key, texts, marker="Mo")]}
    with Journal(tmp_path, "Ada").opened() as journal:
        with serve(Session([item], journal, decide([item], marks))) as address:
            drive(address, "settle")
        (mark,) = journal.marks()
    assert mark.settles
    assert mark.met == texts[:1]


def test_example_on_the_instructors_page_leads_to_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "book" / "instructors" / "marking.md").read_text(encoding="utf-8")
    build, grade, mark, *_ = [shlex.split(line)[1:] for line in re.findall(r"(?m)^mnist-lessons .+$", page)]
    (example,) = re.findall(r"(?ms)^````markdown\n(.+?)^````$", page)
    monkeypatch.chdir(tmp_path)
    Path("exercises").mkdir()
    Path("exercises/plots.md").write_text(example, encoding="utf-8")
    assert cli.main(build) == 0
    for name, answer in {"Bea": "Start the axis at 0.", "Cem": "*Write your answer here.*"}.items():
        release = Path("week-3/release/week-3/week-3.ipynb").read_text(encoding="utf-8")
        Path("handed-in", name).mkdir(parents=True)
        Path("handed-in", name, "week-3.ipynb").write_text(
            release.replace("*Write your answer here.*", answer), encoding="utf-8"
        )
    assert cli.main([*grade, *(["--unsafe"] if sandbox.obstacle() else [])]) == 0
    table = Path("grades-week-3/grades.csv")
    assert "Bea,,,,,0,,3" in table.read_text(encoding="utf-8")
    monkeypatch.setattr(MarkingServer, "run", lambda server: server.session.save(0, {"met": ["1"]}))
    assert cli.main(mark) == 0
    assert "Bea,,,,1,0,1,3" in table.read_text(encoding="utf-8")
    assert "Cem,,,,0,0,0,3" in table.read_text(encoding="utf-8")
