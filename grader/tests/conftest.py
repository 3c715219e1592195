import os
import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coursegrader import sandbox
from coursegrader.exercises import Exercise, read_exercises
from coursegrader.forkserver import Forkserver

COURSE = Path(__file__).parent / "course"
# A module of a course: the value tells calls apart.
LOADS = "import os, time\n\ndef load():\n    return [os.urandom(8).hex(), time.time()]\n"

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}  # before anything imports Keras


def cannot_run(reason: str | None) -> None:
    """Skip a test of isolation on a developer's machine; fail in CI."""
    text = f"isolation cannot be tested here: {reason}"
    pytest.fail(text, pytrace=False) if os.environ.get("CI") else pytest.skip(text)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report at the end how many tests were skipped, by reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, count in Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped).items():
        terminalreporter.write_line(f"skipped {count}: {reason}")


@pytest.fixture(scope="session")
def isolation() -> bool:
    """Whether students' code is isolated in these tests, as it must be in CI."""
    if reason := sandbox.other_system():
        pytest.skip(reason)
    obstacle = sandbox.obstacle()
    if obstacle and os.environ.get("CI"):
        cannot_run(obstacle)
    return obstacle is None


@pytest.fixture(scope="session")
def needs_isolation(isolation: bool) -> None:
    if not isolation:
        cannot_run(sandbox.obstacle())


@pytest.fixture(scope="session")
def needs_user_namespaces(needs_isolation: None) -> None:
    """For tests that create user namespaces as an ordinary user, which a machine may allow root only."""
    ordinary: Any = {"user": 65534, "group": 65534, "extra_groups": []} if sandbox.find_users() else {}
    done = subprocess.run(["unshare", "-Ur", "true"], capture_output=True, encoding="utf-8", **ordinary)
    if done.returncode:
        cannot_run(sandbox.explain_failure(done.stderr))


@pytest.fixture(scope="session")
def forkserver(isolation: bool) -> Iterator[Forkserver]:
    with Forkserver(unsafe=not isolation) as forkserver:
        yield forkserver


@pytest.fixture(scope="session")
def exercises() -> dict[str, Exercise]:
    return {exercise.id: exercise for exercise in read_exercises(COURSE)}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@pytest.fixture
def package_below_tmp() -> Iterator[str]:
    """A copy of the package, and a package of a course, below /tmp, as in a clone there."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        package, ignore = os.path.dirname(sandbox.__file__), shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, f"{folder}/coursegrader", ignore=ignore)
        os.mkdir(f"{folder}/a_course")
        for name, code in {"__init__": "", "data": LOADS, "later": "VALUE = 3"}.items():
            with open(f"{folder}/a_course/{name}.py", "w", encoding="utf-8") as file:
                file.write(code)
        yield folder
