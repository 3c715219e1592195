"""The wheel alone, in an environment of its own, grades a course that has nothing to do with this repository."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GRADER = Path(__file__).resolve().parents[1]
EXERCISES = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# Words and waves

+++ {"exercise": {"id": "word-count", "role": "task", "difficulty": 1, "minutes": 5}}

(exercise-word-count)=
## Count words

Write `count_words(text)`, which returns how often each word occurs.

<details><summary>Hint</summary>

`text.split()` splits at white space.

</details>

```{code-cell} ipython3
---
exercise: {id: word-count, role: setup}
---
import collections
```

```{code-cell} ipython3
---
exercise: {id: word-count, role: solution}
tags: [hide-input]
---
def count_words(text):
    return dict(collections.Counter(text.split()))
```

```{code-cell} ipython3
---
exercise: {id: word-count, role: test, points: 1}
---
assert count_words("a b") == {"a": 1, "b": 1}
```

```{code-cell} ipython3
---
exercise: {id: word-count, role: hidden, points: 2}
tags: [remove-cell]
---
assert count_words("a b  a") == {"a": 2, "b": 1}, "each word with its count"
```

+++ {"exercise": {"id": "wave-energy", "role": "task", "difficulty": 2, "minutes": 5}}

(exercise-wave-energy)=
## Compute the energy of a wave

Write `energy(wave)`, the sum of squares of an array.

<details><summary>Hint</summary>

`wave**2` squares each element.

</details>

```{code-cell} ipython3
---
exercise: {id: wave-energy, role: setup}
---
import numpy as np
import signals
```

```{code-cell} ipython3
---
exercise: {id: wave-energy, role: solution}
tags: [hide-input]
---
def energy(wave):
    return float(np.sum(wave**2))
```

```{code-cell} ipython3
---
exercise: {id: wave-energy, role: test, points: 1}
---
assert energy(np.zeros(3)) == 0
```

```{code-cell} ipython3
---
exercise: {id: wave-energy, role: hidden, points: 3}
tags: [remove-cell]
---
assert np.isclose(energy(signals.load()), 8.5), "the sum of squares"
```
"""
SIGNALS = "import numpy as np\n\n\ndef load():\n    return np.array([0.5, 2.0, -1.5, -1.0, 1.0])\n"
ANSWERS = {
    "right": {},
    "half": {"word-count": "def count_words(text):\n    return dict.fromkeys(text.split(), 1)"},
    "crash": {"wave-energy": "import os\nos._exit(0)"},
    "spy": {"wave-energy": "def energy(wave):\n    return float(open(SECRET).read())"},
    "uses-the-course": {"wave-energy": "def energy(wave):\n    return float((wave**2).sum() + 0 * signals.load()[0])"},
}
EXPECTED = {"right": 7, "half": 5, "crash": 3, "spy": 3, "uses-the-course": 7}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of an environment that has the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    python, uv = folder / "venv" / "bin" / "python", Path(sys.executable).with_name("uv")
    constraints = ["--constraint", GRADER.parent / "constraints.txt"]
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, GRADER)
    run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv")
    run(uv, "pip", "install", "--quiet", "--python", python, *constraints, *folder.glob("*.whl"))
    return python.parent


def run(*command: Any, **options: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        list(map(str, command)), capture_output=True, encoding="utf-8", **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_brings_neither_the_book_nor_tensorflow(programs: Path) -> None:
    look = "import importlib.util as u; print([n for n in ('mnist_lessons', 'tensorflow', 'keras') if u.find_spec(n)])"
    assert run(programs / "python", "-P", "-c", look, cwd="/") == "[]\n"


@pytest.mark.usefixtures("needs_isolation")
def test_wheel_alone_grades_another_course(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "course.toml").write_text('preload = ["signals:load"]', encoding="utf-8")
    (tmp_path / "exercises" / "course.md").write_text(EXERCISES, encoding="utf-8")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "signals.py").write_text(SIGNALS, encoding="utf-8")
    (tmp_path / "secret").write_text("8.5", encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "package")}

    def coursegrader(*arguments: Any) -> str:
        return run(programs / "coursegrader", *arguments, cwd=tmp_path, env=environment)

    coursegrader("assignment", "build", "quiz", "--exercises", "course", "--out", "quiz")
    for student, answers in ANSWERS.items():
        notebook = json.loads((tmp_path / "quiz" / "source" / "quiz" / "quiz.ipynb").read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if answer := answers.get(cell["metadata"]["nbgrader"]["grade_id"]):
                cell["source"] = answer.replace("SECRET", repr(str(tmp_path / "secret")))
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / "quiz.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    coursegrader("grade", "in", "--assignment", "quiz", "--out", "grades")
    with (tmp_path / "grades" / "grades.csv").open(encoding="utf-8") as stream:
        assert {row["student_id"]: int(row["score"]) for row in csv.DictReader(stream)} == EXPECTED
