import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import mnist_lessons  # noqa: F401, before Keras
from mnist_lessons.grading import sandbox
from mnist_lessons.grading.source import read_exercises
from mnist_lessons.grading.zygote import Zygote

FOLDER = Path(__file__).parents[2] / "book" / "exercises"


def cannot_run(reason):
    """Skip a test of isolation, which a person may have to do without; CI may not."""
    text = f"isolation cannot be tested here: {reason}"
    pytest.fail(text, pytrace=False) if os.environ.get("CI") else pytest.skip(text)


def pytest_terminal_summary(terminalreporter):
    """Say at the end, once for each reason, how many tests were skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, count in Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped).items():
        terminalreporter.write_line(f"skipped {count}: {reason}")


@pytest.fixture(scope="session")
def isolation():
    """Whether students' code is isolated in these tests; in CI it is."""
    obstacle = sandbox.obstacle()
    if obstacle and os.environ.get("CI"):
        cannot_run(obstacle)
    return obstacle is None


@pytest.fixture(scope="session")
def needs_isolation(isolation):
    if not isolation:
        cannot_run(sandbox.obstacle())


@pytest.fixture(scope="session")
def needs_user_namespaces(needs_isolation):
    """For tests that make them as an ordinary user does, whom a machine may forbid what it allows root."""
    ordinary = {"user": 65534, "group": 65534, "extra_groups": []} if sandbox._can_become_others() else {}
    done = subprocess.run(["unshare", "-Ur", "true"], capture_output=True, text=True, **ordinary)
    if done.returncode:
        cannot_run(sandbox.explain_failure(done.stderr))


@pytest.fixture(scope="session")
def zygote(isolation):
    with Zygote(unsafe=not isolation) as zygote:
        yield zygote


@pytest.fixture(scope="session")
def exercises():
    return {exercise.id: exercise for exercise in read_exercises(FOLDER)}
