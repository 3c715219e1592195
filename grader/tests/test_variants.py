import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from coursegrader import cli
from coursegrader.assignment import build_assignment
from coursegrader.exercises import Exercise, ExerciseError, load, read_exercises
from coursegrader.forkserver import Forkserver
from coursegrader.grade import OTHER_VALUES, grade_submission
from coursegrader.gradebook import Gradebook
from coursegrader.roster import Person, read_roster
from coursegrader.submissions import Submission
from coursegrader.variants import MAX_ENTRIES, NOT_LISTED, Variants, draw, draw_values, load_variants, samples

CHAPTER = r"""---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# Decay

+++ {"exercise": {"id": "decay-steps", "role": "task", "difficulty": 1, "minutes": 5}}

(exercise-decay-steps)=
## Shrink by {rate:.0%}

Write `shrink(x)`, which shrinks `x` by $\frac{rate_}{2}$, that is {rate}, {steps} times. `{x}` stays.

<details><summary>Hint</summary>

Multiply.

</details>

```{code-cell} ipython3
---
exercise: {id: decay-steps, role: variant}
---
import numpy as np

rng = np.random.default_rng()
rate = round(rng.uniform(0.1, 0.4), 3)
steps = int(rng.integers(2, 9))
samples = rng.integers(0, 100, 40).astype("float32")
```

```{code-cell} ipython3
---
exercise: {id: decay-steps, role: setup}
---
start = samples.mean()
```

```{code-cell} ipython3
---
exercise: {id: decay-steps, role: solution}
tags: [hide-input]
---
def shrink(x):
    return x * (1 - rate) ** steps
```

```{code-cell} ipython3
---
exercise: {id: decay-steps, role: test, points: 1}
---
assert shrink(0) == 0
```

```{code-cell} ipython3
---
exercise: {id: decay-steps, role: hidden, points: 2}
tags: [remove-cell]
---
assert abs(shrink(start) - start * (1 - rate) ** steps) < 1e-6, "the right share, as often as your task says"
```
"""
CLASS = "\n".join(["Name,ID", *(f"Student {number},{100 + number}" for number in range(30))])


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "decay.md").write_text(CHAPTER, encoding="utf-8")
    (found,) = read_exercises(tmp_path / "course")
    return found


@pytest.fixture
def people(tmp_path: Path) -> list[Person]:
    (tmp_path / "class.csv").write_text(CLASS, encoding="utf-8")
    return read_roster(tmp_path / "class.csv").people


def with_code(exercise: Exercise, code: str) -> Exercise:
    return Exercise.from_json(exercise.to_json() | {"variant": code})


def hand_in(
    exercises: list[Exercise], answer: str, student: str, forkserver: Forkserver, release: Path
) -> dict[str, Any]:
    notebook = nbformat.read(release, as_version=4)
    for cell in notebook.cells:
        if cell.metadata["nbgrader"]["grade_id"] == "decay-steps":
            cell.source = answer
    return grade_submission(Submission(student, nbformat.writes(notebook).encode(), ""), exercises, forkserver)


def test_values_follow_from_secret_and_student_and_stand_in_text_and_set_up(exercise: Exercise) -> None:
    ada, again, bob = (draw_values(exercise, "secret", student) for student in ("Ada", "Ada", "Bob"))
    assert (ada["rate"], ada["steps"], ada["samples"].tolist()) == (
        again["rate"],
        again["steps"],
        again["samples"].tolist(),
    )
    assert ada["samples"].tolist() != bob["samples"].tolist()
    assert ada["rate"] != draw_values(exercise, "another", "Ada")["rate"]
    drawn = draw(exercise, "secret", "Ada")
    assert drawn.title == f"Shrink by {ada['rate']:.0%}"
    assert rf"$\frac{{rate_}}{{2}}$, that is {ada['rate']}, {ada['steps']} times. `{{x}}` stays." in drawn.text
    names: dict[str, Any] = {}
    exec(drawn.setup[0], names)
    assert names["samples"].dtype == np.float32
    assert (names["rate"], names["steps"], names["samples"].tolist()) == (
        ada["rate"],
        ada["steps"],
        ada["samples"].tolist(),
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "the variant cell stopped with ZeroDivisionError"),
        ("import math", "the variant cell leaves no value"),
        ("x = float('nan')", "x: expected numbers"),
        ("x = [object()]", "x: expected numbers"),
        (f"import numpy as np\nx = np.zeros({MAX_ENTRIES + 1})", "x: expected an array of at most"),
    ],
)
def test_variant_that_cannot_be_written_out_is_refused(exercise: Exercise, code: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"exercise decay-steps: {message}"):
        draw(with_code(exercise, code), "", "")


def test_variant_cell_is_refused_in_the_book_and_after_the_set_up(exercise: Exercise, tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match="keep its file outside the book"):
        read_exercises(tmp_path / "course", public=True)
    cells = CHAPTER.split("```{code-cell}")
    cells[1], cells[2] = cells[2], cells[1]
    (tmp_path / "course" / "decay.md").write_text("```{code-cell}".join(cells), encoding="utf-8")
    with pytest.raises(ExerciseError, match="expected one variant cell, before"):
        read_exercises(tmp_path / "course")


def test_everybody_gets_a_notebook_and_keeps_it_when_the_class_grows(
    exercise: Exercise, people: list[Person], tmp_path: Path
) -> None:
    folder = tmp_path / "week-1"
    release, file = build_assignment("week-1", [exercise], folder, people=people[:20])
    notebooks = {path.parts[-3]: path.read_bytes() for path in release.glob("*/week-1/week-1.ipynb")}
    assert sorted(notebooks) == sorted(person.label for person in people[:20])
    assert len(set(notebooks.values())) == 20
    assert b"rng" not in b"".join(notebooks.values())
    renamed = [Person("Someone Else", 1, person.ids, person.names) for person in people[:1]]
    build_assignment("week-1", [exercise], folder, people=renamed + people[10:])
    later = {path.parts[-3]: path.read_bytes() for path in release.glob("*/week-1/week-1.ipynb")}
    assert len(later) == 30
    assert later | notebooks == later
    table = list(csv.reader(io.StringIO((folder / "variants.csv").read_text(encoding="utf-8"))))
    assert (len(table), table[0]) == (31, ["student", "decay-steps"])
    secret = json.loads(file.read_text(encoding="utf-8"))["variants"]["secret"]
    for private in (file, folder / "variants.csv", folder / "source" / "week-1" / "week-1.ipynb"):
        assert private.stat().st_mode & 0o77 == 0
    assert secret.encode() not in b"".join(later.values())


def test_own_variant_gets_full_marks_and_another_ones_is_graded_with_ones_own(
    exercise: Exercise, people: list[Person], tmp_path: Path, forkserver: Forkserver
) -> None:
    release, file = build_assignment("week-1", [exercise], tmp_path / "out", people=people)
    variants, (_, exercises) = load_variants(file), load(file)
    assert variants
    texts = {person.label: variants.exercises_of(exercises, person.label) for person in people}
    own, other = people[3].label, people[4].label
    values = draw_values(exercise, variants.secret, own)
    general, fixed = exercise.solution, f"def shrink(x):\n    return x * (1 - {values['rate']}) ** {values['steps']}"
    for answer, student, notebook, score in [
        (general, own, own, 3),
        (fixed, own, own, 3),
        (general, own, other, 3),
        (fixed, other, own, 1),
    ]:
        path = release / notebook / "week-1" / "week-1.ipynb"
        record = hand_in(texts[student], answer, student, forkserver, path)
        assert record["score"] == score, (answer, student, notebook)
        assert (record["questions"][0]["remark"] == OTHER_VALUES) == (student != notebook)


def test_student_is_found_by_any_id_of_the_class_list(exercise: Exercise) -> None:
    ada = Person("Ada (7)", 1, frozenset({"7", "ada@x.org"}), frozenset({"ada"}))
    namesake = Person("Ada", 2, frozenset({"ada8"}), frozenset({"ada"}))
    variants = Variants("secret", ()).add([ada, namesake, ada])
    assert [person.label for person in variants.people] == ["Ada (7)", "Ada"]
    by_id = variants.exercises_of([exercise], "Ada (7)")
    assert variants.exercises_of([exercise], "Countess (7)") == variants.exercises_of([exercise], "ada@x.org") == by_id
    assert variants.find("Ada") is None
    assert Variants.from_json(json.loads(json.dumps(variants.to_json()))) == variants


def test_class_list_and_variants_need_each_other(exercise: Exercise, people: list[Person], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="people: expected a class list, for the variants of decay-steps"):
        build_assignment("x", [exercise], tmp_path)
    with pytest.raises(ValueError, match="people: expected none: no exercise has variants"):
        build_assignment("x", [with_code(exercise, "")], tmp_path, people=people)


def test_samples_differ_and_are_ordinary_exercises(exercise: Exercise) -> None:
    found = samples(exercise)
    assert len({sample.values for sample in found}) == 10
    assert samples(with_code(exercise, "")) == [with_code(exercise, "")]


def test_class_is_graded_with_its_variants(
    exercise: Exercise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolation: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("class.csv").write_text("\n".join(CLASS.splitlines()[:4]), encoding="utf-8")
    build = ["assignment", "build", "week-1", "--exercises", "decay", "--source", "course", "--out", "week-1"]
    assert cli.main(build) == 1
    assert cli.main([*build, "--variants", "class.csv"]) == 0
    shutil.copytree("week-1/release", "submitted")
    notebooks = sorted(Path("submitted").rglob("*.ipynb"))
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[4].source = exercise.solution
        nbformat.write(notebook, path)
    shutil.copytree("submitted/Student 1 (101)", "submitted/Stranger (999)")
    shutil.copy(notebooks[2], notebooks[1])
    unsafe = [] if isolation else ["--unsafe"]
    assert cli.main(["grade", "submitted", "--assignment", "week-1", "--out", "grades", *unsafe]) == 0
    found = {record["student"]: record for record in Gradebook.open(Path("grades")).records()}
    assert {student: record["score"] for student, record in found.items()} == dict.fromkeys(found, 3)
    assert [record["questions"][0]["remark"] for record in found.values()] == [OTHER_VALUES, "", OTHER_VALUES, ""]
    assert [record["problem"] for record in found.values()] == [NOT_LISTED, "", "", ""]
    (own,) = Gradebook.open(Path("grades")).exercises_of(["Student 2 (102)"]).values()
    assert nbformat.read(notebooks[2], as_version=4).cells[2].source == own[0].values
