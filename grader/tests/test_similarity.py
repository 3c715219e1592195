import html
import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest

from coursegrader import cli, report
from coursegrader.assignment import build_assignment
from coursegrader.exercises import Exercise
from coursegrader.fingerprints import MAX_CODE, RUN, WINDOW, fingerprint
from coursegrader.gradebook import Gradebook
from coursegrader.similarity import compare, similarities
from coursegrader.similarity_page import MOST, make_page

ANSWER = '''import numpy as np
from math import exp as power

def scale(images):
    """Scale."""
    low = images.min()  # the smallest
    high = images.max()
    return (images - low) / (high - low + power(-9))

def best(probabilities, count=3):
    order = np.argsort(-probabilities, axis=1)
    names = ["zero", 'one']
    if count > 2:
        return order[:, :count]
    else:
        raise ValueError("too few")
'''
# The same with other names, another order, other quotes, annotations, comments and line breaks.
DISGUISED = """import math, numpy
import numpy as xp

def best(p: "array", k: int = 3) -> None:
    # mine
    words: list = ['zero',
                   "one"]
    ranked = numpy.argsort(
        -p, axis=1,
    )
    if (k > 2):
        return ranked[:, :k]
    else:
        raise ValueError('too few')

def scale(pixels):
    top = pixels.max()
    bottom = pixels.min()
    '''Mine.'''
    return ((pixels - bottom) / (top - bottom + math.exp(-9)))
"""
OTHER = """def scale(x):
    spread = np.ptp(x)
    return np.divide(np.subtract(x, np.amin(x)), spread + 1e-9)

def best(rows, k=3):
    assert k > 2
    return [sorted(range(len(row)), key=row.__getitem__)[::-1][:k] for row in rows]
"""


def records(**codes: str | list[str]) -> dict[str, dict[str, Any]]:
    """Return records of students with the code of their answers, by student."""
    return {
        student: {
            "student": student,
            "questions": [
                {"id": f"q-{number}", "title": f"Question {number}", "answer": answer, "score": 1}
                for number, answer in enumerate([code] if isinstance(code, str) else code)
            ],
        }
        for student, code in codes.items()
    }


def a_class(count: int, seed: int = 0) -> dict[str, str | list[str]]:
    """Return answers that have little in common."""
    rng = random.Random(seed)
    steps = [
        "total = total {} {}(x, {})",
        "for part in {1}({0!r}):\n        total += part",
        "while x {0} {2}:\n        x = {1}(x)",
    ]
    found: dict[str, str | list[str]] = {}
    for number in range(count):
        lines = [
            rng.choice(steps).format(rng.choice("+-*/"), f"helper_{rng.randrange(40)}", rng.randrange(50))
            for _ in range(12)
        ]
        code = (
            "def f(x):\n    total = 0\n    "
            + "\n    ".join(lines)
            .replace("while x /", "while x >")
            .replace("while x *", "while x <")
            .replace("while x +", "while x >=")
            .replace("while x -", "while x <=")
            + "\n    return total\n"
        )
        found[f"Student {number}"] = code
    return found


def test_names_order_comments_quotes_and_formatting_make_no_difference() -> None:
    ours, theirs = (fingerprint(code.replace("numpy", "np").replace("xp", "np")) for code in (ANSWER, DISGUISED))
    assert ours.chosen == theirs.chosen
    assert len(ours.chosen) > 15
    assert not ours.chosen & fingerprint("").chosen
    assert len(ours.chosen & fingerprint(OTHER).chosen) < 0.2 * len(ours.chosen)


def test_imported_names_stand_for_what_they_import() -> None:
    first = "import numpy as np\ndef f(a):\n    return np.mean(np.sqrt(a) + 1)"
    assert fingerprint(first).chosen == fingerprint(first.replace("np", "xp")).chosen
    other = "from numpy import mean as m, sqrt\ndef f(a):\n    return m(sqrt(a) + 1)"
    assert fingerprint(other).chosen == fingerprint(other.replace(" as m", "").replace("m(", "mean(")).chosen
    assert fingerprint(first).chosen != fingerprint(first.replace("sqrt", "exp")).chosen


def test_common_part_of_a_guaranteed_length_has_a_common_fingerprint() -> None:
    rng = random.Random(0)
    for _ in range(50):
        part = [f"x{rng.randrange(9)}" for _ in range(RUN + WINDOW - 1)]
        before, after = ([f"{side}{rng.randrange(9)}" for _ in range(rng.randrange(9))] for side in "yz")
        ours, theirs = ("[" + ", ".join(names) + "]" for names in (before + part, part + after))
        assert fingerprint(ours + "[0]").chosen & fingerprint(theirs + "[1]").chosen


def test_code_with_mistakes_and_magics_is_compared_where_it_can_be_read() -> None:
    broken = "%matplotlib inline\n!pip install numpy\n" + ANSWER + "\nprint(1 +\n"
    ours, whole = fingerprint(broken), fingerprint(ANSWER)
    assert len(ours.chosen & whole.chosen) > 0.5 * len(whole.chosen)
    unreadable = "def f(x)\n    return x + + max(x, 'a') where 3 # a comment"
    assert fingerprint(unreadable).chosen == fingerprint(unreadable.replace("x", "why").split(" #")[0]).chosen


HOSTILE = {
    "parentheses": "(" * 50_000,
    "balanced": "(" * 9_000 + ")" * 9_000,
    "signs": "-" * 1_000_000 + "1",
    "attributes": "a" + ".a" * 9_000,
    "sums": "1" + "+1" * 9_000,
    "calls": "f" + "()" * 9_000,
    "powers": "2" + "**2" * 6_000,
    "branches": "if a:\n b\n" + "elif a:\n b\n" * 1_500,
    "blocks": "".join(" " * depth + "if a:\n" for depth in range(99)) + " " * 99 + "a",
    "deeper blocks": "".join(" " * depth + "if a:\n" for depth in range(180)),
    "lines": "a=1\n" * 250_000,
    "mistakes": "a b\n" * 250_000,
    "quotes": "'''\"" * 250_000,
    "long number": "x = " + "9" * 19_000,
    "long text": "x = '" + "a" * 1_000_000 + "'",
    "null": "a = 1\0\nb = 2",
    "surrogate": "a = '\ud800'\nb = \ud800",
    "lambdas": "lambda:" * 2_800 + "0",
    "f-strings": "f'{" * 3_000,
    "warning": "x = '\\d' is 3",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_takes_little_time(name: str) -> None:
    start = time.process_time()
    found = fingerprint(HOSTILE[name])
    assert len(found.words) <= MAX_CODE
    assert time.process_time() - start < 2


def test_copy_stands_out_in_a_class_and_what_everybody_has_does_not_count() -> None:
    codes = a_class(30)
    for student in codes:
        codes[student] = ["answer = {'a': 1, 'b': 2, 'c': [3, 4, 5], 'd': ('x', 'y', 'z')}", str(codes[student])]
    first, last = codes["Student 3"], codes["Student 17"]
    last[1] = re.sub("total|part", lambda match: f"my_{match[0]}", first[1])  # type: ignore[index]
    found = compare(records(**codes))
    matches, count = found.matches(most=9)
    assert (matches[0].one, matches[0].other) == ("Student 17", "Student 3")
    assert matches[0].share > 0.95
    assert list(matches[0].questions) == ["q-0", "q-1"] or list(matches[0].questions) == ["q-1"]
    assert count == 1
    shares = similarities(records(**codes))
    assert shares["Student 3"] == (shares["Student 17"][0], "Student 17")
    assert max(share for share, _ in shares.values() if share < 0.95) < 0.4


def test_what_everybody_was_given_does_not_count(exercises: dict[str, Exercise]) -> None:
    exercise = exercises["model-softmax"]
    given = [{"id": exercise.id, "title": "", "answer": exercise.stub + "\n".join(exercise.setup)}]
    graded = {student: {"questions": given} for student in "ab"}
    (with_all,), (without,) = compare(graded).questions, compare(graded, [exercise]).questions
    assert with_all.share("a", "b")[0] == 1
    assert without.share("a", "b") == (0, 0)
    assert similarities({}) == {}
    assert similarities(records(a=ANSWER)) == {"a": (0.0, "")}
    assert similarities(records(a=ANSWER, b=DISGUISED))["a"][1] == "b"


def test_page_shows_code_side_by_side_and_nothing_of_it_is_markup() -> None:
    hostile = ANSWER + "\nx = '</pre><script>alert(1)</script>\u202e\x1b[2J\ud800'"
    codes = a_class(10) | {"Ada <b> (1)": hostile, "Bob & Co (2)": DISGUISED.replace("numpy", "np")}
    page = make_page(compare(records(**codes)), assignment="week <1>")
    page.encode()
    assert "<script" not in page
    assert "<b>" not in page
    assert not re.search("[\u202e\x1b]", page)
    assert "Bob &amp; Co (2)" in page
    assert "= <mark>    order = np.argsort(-probabilities, axis=1)</mark>" in page
    assert "  x = " in html.unescape(page)
    assert "Read the code, and talk to people" in page
    assert not re.search(r"plagiar|cheat|copied|guilty|suspect", page, re.I)


def test_page_of_a_class_that_is_all_equal_is_bounded() -> None:
    long = "\n".join(f"value_{number} = function_{number}({number}, x={number})" for number in range(2000))
    codes = a_class(20) | {f"Twin {number}": long for number in range(12)}
    found = compare(records(**codes))
    page = make_page(found, assignment="x")
    assert found.matches(most=0)[1] > MOST
    assert page.count('<h2 id="match-') == MOST
    assert len(page) < 5_000_000


def graded(exercise: Exercise, folder: Path, works: dict[str, dict[str, Any]]) -> Gradebook:
    """Return a folder of grades with these records."""
    build_assignment("week-1", [exercise], folder / "week-1")
    book = Gradebook(folder / "grades")
    book.remember(folder / "week-1", [], platform="", unsafe=True)
    (book.folder / "records").mkdir()
    for student, record in works.items():
        about = {
            "file": student,
            "digest": "",
            "problem": "",
            "score": 1,
            "max_score": 1,
            "notebook": f"{student}.ipynb",
        }
        record = {**about, "seed": student, **record}
        (book.folder / "records" / f"{student}.json").write_text(json.dumps(record), encoding="utf-8")
    return book


def test_command_writes_a_private_page_and_changes_no_mark(
    exercises: dict[str, Exercise], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = graded(exercises["predict-top"], tmp_path, records(Ada=ANSWER, Bob=DISGUISED, Cy=OTHER))
    before = {file: file.read_bytes() for file in book.folder.rglob("*") if file.is_file()}
    assert cli.main(["similarity", str(book.folder)]) == 0
    assert capsys.readouterr().out.startswith("3 pieces of work, 1 matches: ")
    page = book.folder / "similarity.html"
    assert page.stat().st_mode & 0o77 == 0
    assert "Ada and Bob" in page.read_text(encoding="utf-8")
    assert {file: file.read_bytes() for file in before} == before
    assert cli.main(["similarity", str(book.folder), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_bytes() == page.read_bytes()


def test_work_of_a_group_is_compared_once_and_with_others_only(
    exercises: dict[str, Exercise],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    works = records(Ada=ANSWER, Bob=ANSWER, Cy=ANSWER.replace("low", "least"), Dan=OTHER, Eva=OTHER)
    for student in ("Dan", "Eva"):
        works[student] |= {"notebook": "submission_1/week-1.ipynb", "seed": "one"}  # a group of Gradescope's
    book = graded(exercises["predict-top"], tmp_path, works)
    table = tmp_path / "groups.csv"
    table.write_text("group,student\nTeam <1>,Ada\nTeam <1>,Bob\n", encoding="utf-8")
    book.remember_tables({"groups": table})
    assert cli.main(["similarity", str(book.folder)]) == 0
    assert capsys.readouterr().out.startswith("3 pieces of work, 1 matches: ")
    page = (book.folder / "similarity.html").read_text(encoding="utf-8")
    assert "Cy and Team &lt;1&gt;: Ada; Bob</a>" in page
    similar: dict[str, tuple[float, str]] = {}
    monkeypatch.setattr(report, "write_reports", lambda *_, **tables: similar.update(tables["similar"]))
    book.write_tables(tell=print)
    assert {student: closest for student, (_, closest) in similar.items()} == {
        "Ada": "Cy",
        "Bob": "Cy",
        "Cy": "Team <1>: Ada; Bob",
        "Dan": "",
        "Eva": "",
    }
