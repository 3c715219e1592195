import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
from pathlib import Path

import pytest

import mnist_lessons  # noqa: F401, before Keras
from mnist_lessons.grading import sandbox
from mnist_lessons.grading.source import read_exercises
from mnist_lessons.grading.zygote import Zygote

FOLDER = Path(__file__).parents[2] / "book" / "exercises"


@pytest.fixture(scope="session")
def isolation():
    return sandbox.available()


@pytest.fixture(scope="session")
def needs_isolation(isolation):
    if not isolation:
        pytest.skip("this machine lets nobody make namespaces")


@pytest.fixture(scope="session")
def zygote(isolation):
    with Zygote(unsafe=not isolation) as zygote:
        yield zygote


@pytest.fixture(scope="session")
def exercises():
    return {exercise.id: exercise for exercise in read_exercises(FOLDER)}
