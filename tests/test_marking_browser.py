"""The page on which a person marks answers, used by keys in a real Chromium: see widgets/marking.mjs."""

import base64
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from test_widgets import NODE, ROOT

from coursegrader.exercises import read_exercises
from coursegrader.marking import Item, Journal, Mark, decide
from coursegrader.marking_page import Session
from coursegrader.marking_server import MarkingServer

pytestmark = pytest.mark.browser
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
    items = [Item(f"Student {n}", text, text.rubric, answer, (), "") for n, answer in enumerate(TEXTS)]
    return [*items, Item("Student 1", figure, figure.rubric, "plt.plot([1, 2])", (image,), "")]


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


def test_class_is_marked_by_keys_alone(tmp_path: Path) -> None:
    with Journal(tmp_path, "Ada").opened() as journal, serve(Session(make_items(), journal)) as address:
        drive(address, "mark")
        found = [(mark.student, len(mark.met), mark.adjustment, mark.comment) for mark in journal.marks()]
    assert found == [
        ("Student 0", 2, 0, "Says it all."),
        ("Student 1", 1, -0.5, "Says it all."),
        ("Student 2", 1, 0, ""),
        ("Student 1", 0, 0, ""),
    ]


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
