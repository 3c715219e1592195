"""Pages and tests are the same on a machine whose locale, settings and variables are nothing like a developer's."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_build import make_book, outputs, write

SEEN = """
import locale, os
import matplotlib, mnist_lessons, keras

print(keras.config.backend(), keras.config.floatx(), keras.config.image_data_format())
print(matplotlib.rcParams["backend"], matplotlib.rcParams["font.size"], locale.getpreferredencoding(), "Erdős → é")
print(os.environ.get("SECRET"), "startup" in globals(), __debug__)
"""


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, Any]:
    """Return variables that each change what a library does, with a home full of settings that do so too."""
    home = tmp_path / "home"
    for name, text in {
        ".keras/keras.json": json.dumps({"floatx": "float64", "image_data_format": "channels_first"}),
        ".config/matplotlib/matplotlibrc": "font.size: 30",
        ".ipython/profile_default/startup/00.py": "startup = print('startup')",
        ".local/share/jupyter/kernels/python3/kernel.json": '{"argv": ["false"], "display_name": "", "language": ""}',
        "libraries/nbformat.py": "raise ImportError('a library on PYTHONPATH')",
        "startup.py": "raise SystemExit('PYTHONSTARTUP')",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "SECRET": "token",
        # With these, Python reads and writes ASCII, whatever locales the machine has.
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
        **{"PYTHONOPTIMIZE": "1", "PYTHONWARNINGS": "error", "PYTHONSAFEPATH": "1"},
        "PYTHONPATH": str(home / "libraries"),
        "PYTHONSTARTUP": str(home / "startup.py"),
        "JUPYTER_PATH": str(home / ".local/share/jupyter"),
        **{"MPLBACKEND": "QtAgg", "KERAS_BACKEND": "torch", "TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_MAX_VLOG_LEVEL": "1"},
    }


def build(book: Any, variables: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-E", "web/sphinx/environment.py", "web/sphinx/build.py", "--execute", "a"]
    return subprocess.run(command, cwd=book, env=variables, capture_output=True, encoding="utf-8")


def test_chapter_sees_nothing_of_hostile_variables_and_settings_nor_of_its_path(
    tmp_path: Path, hostile: dict[str, Any]
) -> None:
    (tmp_path / "a path with spaces é").mkdir()
    book = make_book(tmp_path / "a path with spaces é")
    write(book, "a", SEEN)
    done = build(book, hostile)
    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs(book, "a")[0].text.splitlines() == [
        "tensorflow float32 channels_last",
        "module://matplotlib_inline.backend_inline 10.0 utf-8 Erdős → é",
        "None False True",
    ]


def test_chapter_is_executed_where_the_home_cannot_be_written(tmp_path: Path, hostile: dict[str, Any]) -> None:
    book = make_book(tmp_path)
    write(book, "a", "import matplotlib\n\nmatplotlib.get_cachedir()")
    done = build(book, hostile | {"HOME": "/dev/null"})
    assert done.returncode == 0, done.stdout + done.stderr
