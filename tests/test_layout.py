"""Importing the package is cheap and silent; its command belongs to the grader."""

import subprocess
import sys
from pathlib import Path

import mnist_lessons

PACKAGE = Path(mnist_lessons.__file__).parent


def test_importing_all_modules_loads_no_tensorflow() -> None:
    modules = ", ".join(f"mnist_lessons.{file.stem}" for file in PACKAGE.glob("*.py") if file.stem != "__init__")
    heavy = ("tensorflow", "keras", "matplotlib.pyplot")
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    assert run(code).stdout == "[]\n"


def test_tensorflow_starts_silently() -> None:
    done = run("import mnist_lessons, keras; print(keras.ops.ones(1).shape)")
    assert (done.stdout.strip(), done.stderr) == ("(1,)", "")


def test_stderr_is_restored_after_the_silenced_import() -> None:
    code = (
        "import os, mnist_lessons\nwith mnist_lessons._silenced_stderr(): os.write(2, b'noise')\nos.write(2, b'news')"
    )
    assert run(code).stderr == "news"


def test_command_without_the_grader_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['coursegrader'] = None; from mnist_lessons.__main__ import main; main()"
    assert "pip install ./grader '.[teach]'" in run(code).stderr


def test_command_lists_the_exercises_of_the_book() -> None:
    command = [sys.executable, "-m", "mnist_lessons", "assignment", "list"]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert "model-softmax" in done.stdout


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
