"""What tests share: the browser, what grades answers, and what measures the coverage of copies of the build."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

import browser

ROOT = Path(__file__).resolve().parents[1]
MEASURE = """[run]
source = {source}
data_file = {data}
parallel = true
disable_warnings = no-data-collected
"""
FOUND = browser.find()
if FOUND:
    os.environ["CHROMIUM"] = FOUND  # for the scripts that drive it


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asking = [item for item in items if item.get_closest_marker("browser")]
    items.sort(key=lambda item: item not in asking)  # they take longest, so that they begin
    if FOUND or not asking:
        return
    if os.environ.get("CI"):
        raise pytest.UsageError(browser.NONE)
    for item in asking:
        item.add_marker(pytest.mark.skip(reason=browser.NONE))


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Any]:
    """What grades answers to the book's exercises. Isolation itself is tested in grader/tests."""
    from coursegrader import sandbox
    from coursegrader.forkserver import Forkserver

    with Forkserver(unsafe=sandbox.obstacle() is not None) as forkserver:
        yield forkserver


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Return what has the lines counted that a copy of the build runs, in all processes that the test then starts."""

    def measure(folder: Path) -> None:
        if coverage.Coverage.current() is not None:
            settings = folder.with_name(f"{folder.name}.coveragerc")
            settings.write_text(
                MEASURE.format(source=folder / "web" / "sphinx", data=ROOT / ".coverage"), encoding="utf-8"
            )
            monkeypatch.setenv("COVERAGE_PROCESS_START", str(settings))

    return measure
