"""`make` sets up what the book needs, and heals a set-up that was killed, failed, moved or made by another Python.

The rules are the Makefile's own. They are given a Python that makes real environments in which pip, uv and npm do
nothing, except to end the way that a test asks for.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(sys.executable).resolve()
BOOK, NODE = ".venv/book/.done", "web/node_modules/.done"
# What a step of the set-up does: end everything that make has started, fail as on a full disk, take long, or nothing.
STEP = """
if [ "$SLOW" = {0} ]; then sleep 3; fi
if [ "$KILL" = {0} ]; then kill -9 0; fi
if [ "$FAIL" = {0} ]; then echo "{0}: No space left on device" >&2; exit 1; fi
"""
PIP = f"import subprocess, sys\nsys.exit(subprocess.call(['sh', '-c', '''{STEP.format('pip')}''']))\n"
# On a full disk npm ends as if all were well.
NPM = """#!/bin/sh
if [ "$KILL" = npm ]; then kill -9 0; fi
if [ "$FAIL" != npm ]; then echo '{}' > node_modules/.package-lock.json; fi
"""
PYTHON = """#!/bin/sh
set -e
if [ "$1 $2" != "-m venv" ]; then exec '{real}' "$@"; fi
'{real}' -m venv --without-pip "$3" "$4"
{venv}
cp -R '{stand_ins}'/packages/* "$4"/lib/python*/site-packages
cp '{stand_ins}'/bin/* "$4"/bin
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with what the set-up reads, below a path that needs quotes."""
    folder = tmp_path / "a path with spaces é"
    (folder / "web" / "node_modules").mkdir(parents=True)
    (folder / "grader").mkdir()
    for name in (
        "Makefile",
        "pyproject.toml",
        "grader/pyproject.toml",
        "constraints.txt",
        "web/package-lock.json",
        "web/.npmrc",
    ):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def fake_python(tmp_path: Path) -> Callable[..., Path]:
    """Return what makes a program that acts like a Python and sets up with stand-ins."""
    stand_ins = tmp_path / "stand-ins"
    (stand_ins / "bin").mkdir(parents=True)
    for name in ("pip", "uv"):
        (stand_ins / "packages" / name).mkdir(parents=True)
        (stand_ins / "packages" / name / "__init__.py").touch()
    (stand_ins / "packages" / "pip" / "__main__.py").write_text(PIP, encoding="utf-8")
    program(stand_ins / "bin" / "uv", "#!/bin/sh" + STEP.format("uv"))
    program(stand_ins / "bin" / "npm", NPM)

    def make_python(name: str, real: Any = REAL) -> Any:
        return program(tmp_path / name, PYTHON.format(real=real, venv=STEP.format("venv"), stand_ins=stand_ins))

    return make_python


def program(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)
    return file


def start_make(target: str, folder: Path, *, python: Any = None, **variables: Any) -> Any:
    """Run make by itself, with no variable of the make that may have started the tests."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "MAKEFLAGS", "MAKELEVEL"}}
    command = ["make", target, *([f"PYTHON={python}"] if python else [])]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=kept | variables,
        encoding="utf-8",
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def make(target: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    with start_make(target, folder, **options) as process:
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def set_up(target: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    done = make(target, folder, **options)
    assert done.returncode == 0, done.stderr
    assert (folder / target).is_file()
    return done


def leave_mark(folder: Path) -> Path:
    """Put a file into an environment, which is gone once the environment is made again."""
    mark = folder / ".venv" / "book" / "mark"
    mark.touch()
    return mark


def refusal(target: str, folder: Path, **options: Any) -> str:
    """Return the one sentence that make fails with, besides its own line."""
    done = make(target, folder, **options)
    assert done.returncode
    (sentence,) = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    return sentence


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_unsupported_python_is_refused_in_one_sentence_before_anything_is_made(
    checkout: Path, tmp_path: Path, version: tuple[int, int]
) -> None:
    code = f"import sys; sys.version_info = {(*version, 0)}; exec(sys.argv[1])"
    python = program(tmp_path / "python", f"#!/bin/sh\n[ \"$1\" = -c ] || exit 1\nexec '{REAL}' -c '{code}' \"$2\"\n")
    sentence = refusal("book", checkout, python=python)
    assert sentence.startswith("This book needs Python 3.11, 3.12 or 3.13 and ")
    assert f"is {version[0]}.{version[1]}." in sentence
    assert not (checkout / ".venv").exists()


def test_python_without_venv_is_refused_with_the_name_of_the_package(checkout: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[1])"
    python = program(tmp_path / "python", f'#!/bin/sh\n[ "$1" = -c ] || exit 1\nexec \'{REAL}\' -c "{code}" "$2"\n')
    sentence = refusal("book", checkout, python=python)
    assert f"sudo apt-get install python3.{sys.version_info.minor}-venv" in sentence
    assert not (checkout / ".venv").exists()


def test_python_that_does_not_exist_is_refused_and_the_environment_kept(
    checkout: Path, fake_python: Callable[..., Path]
) -> None:
    set_up(BOOK, checkout, python=fake_python("python"))
    assert "There is no python3.99 here." in refusal(BOOK, checkout, python="python3.99")
    assert (checkout / BOOK).is_file()


@pytest.mark.parametrize("step", ["venv", "pip", "uv", "npm"])
def test_setup_killed_in_any_step_is_completed_by_the_next_make(
    checkout: Path, fake_python: Callable[..., Path], step: str
) -> None:
    python = fake_python("python")
    assert make(NODE, checkout, python=python, KILL=step).returncode == -9
    mark = leave_mark(checkout)
    set_up(NODE, checkout, python=python)
    assert mark.exists() == (step == "npm"), "an environment without its stamp is made from nothing"
    assert set_up(NODE, checkout).stdout == f"make: '{NODE}' is up to date.\n"


def test_second_make_waits_for_the_set_up_of_the_first_and_takes_it(
    checkout: Path, fake_python: Callable[..., Path]
) -> None:
    python = fake_python("python")
    with (
        start_make(NODE, checkout, python=python, SLOW="uv") as first,
        start_make(NODE, checkout, python=python, SLOW="uv") as second,
    ):
        said = [*first.communicate(), *second.communicate()]
    assert first.returncode == second.returncode == 0, said
    text = "".join(said)
    assert text.count("Waiting for another make") >= 1
    assert text.count("Setting up .venv/book") == text.count("Installing what bundles") == 1


@pytest.mark.parametrize("step", ["venv", "pip", "uv", "npm"])
def test_setup_that_fails_says_why_and_is_completed_by_the_next_make(
    checkout: Path, fake_python: Callable[..., Path], step: str
) -> None:
    python = fake_python("python")
    failed = make(NODE, checkout, python=python, FAIL=step)
    assert failed.returncode
    *reasons, hint, _ = failed.stderr.splitlines()
    assert reasons == ([] if step == "npm" else [f"{step}: No space left on device"])
    assert re.search(r"^Setting up \S+ failed, with [\d.,]+\w* free on the disk; .* run make again\.$", hint)
    set_up(NODE, checkout, python=python)


def test_update_that_is_killed_leaves_no_environment_that_counts_as_whole(
    checkout: Path, fake_python: Callable[..., Path]
) -> None:
    python = fake_python("python")
    set_up(BOOK, checkout, python=python)
    mark = leave_mark(checkout)
    os.utime(checkout / "constraints.txt", (2**32, 2**32))
    assert make(BOOK, checkout, python=python, KILL="uv").returncode == -9
    assert mark.exists(), "an update starts from what is there"
    os.utime(checkout / "constraints.txt", (0, 0))
    set_up(BOOK, checkout, python=python)
    assert not mark.exists()


def test_given_python_replaces_another_and_plain_make_keeps_it(
    checkout: Path, fake_python: Callable[..., Path], tmp_path: Path
) -> None:
    first = fake_python("first")
    second = fake_python("second", real=shutil.copy(REAL, tmp_path / "another-python"))
    set_up(BOOK, checkout, python=first)
    cases: list[tuple[dict[str, Any], bool]] = [
        ({"python": first}, True),
        ({"python": second}, False),
        ({"python": second}, True),
        ({}, True),
        ({"PYTHON": str(first)}, False),
    ]
    for options, kept in cases:
        mark = leave_mark(checkout)
        set_up(BOOK, checkout, **options)
        assert mark.exists() == kept, options


@pytest.mark.parametrize("damage", ["moved", "python gone", "pip gone"])
def test_environment_that_is_not_whole_is_made_again(
    checkout: Path, fake_python: Callable[..., Path], damage: str
) -> None:
    python = fake_python("python")
    set_up(BOOK, checkout, python=python)
    mark = leave_mark(checkout)
    if damage == "moved":
        checkout = checkout.rename(checkout.with_name("moved"))
        mark = checkout / ".venv" / "book" / mark.name
    elif damage == "python gone":
        link = checkout / ".venv" / "book" / "bin" / "python"
        link.unlink()
        link.symlink_to("/nowhere/python")
    else:
        shutil.rmtree(next((checkout / ".venv" / "book").rglob("pip")))
    set_up(BOOK, checkout, python=python)
    assert not mark.exists()


def test_variables_of_python_and_an_ascii_locale_spoil_no_setup(
    checkout: Path, fake_python: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "pip.py").write_text("raise ImportError('of PYTHONPATH')", encoding="utf-8")
    variables = {
        **{"PYTHONPATH": str(tmp_path / "libraries"), "PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error"},
        **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    }
    python = fake_python("python")
    set_up(NODE, checkout, python=python, **variables)
    mark = leave_mark(checkout)
    set_up(NODE, checkout, python=python, **variables)
    assert mark.exists()
