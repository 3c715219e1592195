"""How the package hangs together: imports run one way, and importing it is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mnist_lessons

PACKAGE = Path(mnist_lessons.__file__).parent
# A module may import those left of it.
ORDER = [
    "__init__",
    "fingerprint",
    "store",
    "data",
    "augmentation",
    "models",
    "progress",
    "loops",
    "recipes",
    "evaluation",
    "plots",
    "drawing",
    "results",
    "tables",
    "sweeps",
    "__main__",
]
CAPTURED = {"capture_output": True, "text": True, "check": True}
MODULES = sorted(PACKAGE.rglob("*.py"))


def place(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_run_one_way(file):
    here = place(file)
    assert here in ORDER, f"give {here} its place in ORDER"
    for name in imported(file):
        parts = name.split(".")
        assert parts[0] not in {"tests", "bench", "book"}, name
        if parts[0] == "mnist_lessons" and len(parts) > 1 and parts[1] != here:
            assert ORDER.index(parts[1]) < ORDER.index(here), f"{here} imports {name}"


@pytest.mark.parametrize("module", sorted({place(file) for file in MODULES} - {"__init__"}))
def test_importing_loads_no_tensorflow(module):
    heavy = ("tensorflow", "keras", "matplotlib.pyplot")
    code = f"import sys, mnist_lessons.{module}; print([name for name in {heavy} if name in sys.modules])"
    assert run(code).stdout == "[]\n"


def test_tensorflow_starts_silently():
    done = run("import mnist_lessons, keras; print(keras.ops.ones(1).shape)")
    assert (done.stdout.strip(), done.stderr) == ("(1,)", "")


def test_python_errors_during_the_silence_still_get_out():
    code = (
        "import os, mnist_lessons\nwith mnist_lessons._silenced_stderr(): os.write(2, b'noise')\nos.write(2, b'news')"
    )
    assert run(code).stderr == "news"


def test_command_without_the_grader_says_how_to_install_it():
    code = "import sys; sys.modules['coursegrader'] = None; from mnist_lessons.__main__ import main; main()"
    assert "pip install ./grader '.[teach]'" in run(code).stderr


def test_command_lists_the_exercises_of_the_book():
    done = subprocess.run([sys.executable, "-m", "mnist_lessons", "assignment", "list"], cwd=PACKAGE.parent, **CAPTURED)
    assert "model-softmax" in done.stdout


def run(code):
    return subprocess.run([sys.executable, "-c", code], **CAPTURED)
