"""Claims: marks in the text, what they open, and the list of all of them."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup

import claims
import toc
from claims import Claim

ROOT = Path(__file__).parents[1]
CHECK = {
    "claim": "faster",
    "value": 3.0,
    "at_least": 2.5,
    "interval": [2.9, 3.1],
    "seeds": 4,
    "per_seed": [2, 4, 3, 3],
    "failing_seeds": 1,
    "margin": 9.8,
    "margin_unit": "standard errors",
}
# The checks of a page come from its cells and their last run; here they are given.
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "web" / "sphinx")!r})
import claims
CHECKS = {{
    "faster": claims.Claim(7, 'check("faster", ratio, at_least=2.5)', [{CHECK!r}]),
    "unmarked": claims.Claim(9, "", []),
}}
claims.read_claims = lambda page: CHECKS if page == "index" else {{}}
extensions = ["myst_parser", "claims"]
html_theme = "basic"
"""
PAGE = "# Page\n\nOurs is faster.{claim}`faster`\n\nIt is.{claim}`faster`\n\nIt costs less.{claim}`unchecked`\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[BeautifulSoup, str]:
    """Return a page with claims, and what the build says of it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    (folder / "index.md").write_text(PAGE, encoding="utf-8")
    (folder / "book").mkdir()
    (folder / "book" / "claims.md").write_text("---\norphan: true\n---\n# Claims\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", str(folder), str(folder / "html")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    page = (folder / "html" / "index.html").read_text(encoding="utf-8")
    return BeautifulSoup(page, "html.parser"), done.stderr


def test_mark_opens_value_bounds_interval_seeds_and_code(built: tuple[BeautifulSoup, str]) -> None:
    (mark,) = built[0].select("p > button#claim-faster")
    assert mark["aria-label"] == "How this is checked: faster"
    (note,) = built[0].select(f"[popover]#{mark['popovertarget']}")
    said = " ".join(note.get_text(" ").split())
    assert "Now 3 , expected at least 2.5." in said
    assert "interval: 2.9 to 3.1. 4 seeds, of which 1 would fail alone." in said
    assert note.select_one("pre").get_text() == 'check("faster", ratio, at_least=2.5)'  # type: ignore[union-attr]
    assert note.select_one("a")["href"] == "book/claims.html#index-faster"  # type: ignore[index]


@pytest.mark.parametrize(
    "said",
    [
        r"index.md:5: WARNING: the claim 'faster' has a second mark",
        r"index.md:7: WARNING: the claim 'unchecked' has a mark, and no cell checks it",
        r"index.md:9: WARNING: the claim 'unmarked' is checked, and no sentence has its mark; write {claim}`unmarked`",
    ],
)
def test_mark_without_a_check_and_check_without_a_mark_are_named_by_line(
    built: tuple[BeautifulSoup, str], said: str
) -> None:
    assert said in built[1]  # the build of the book ends if anything is said


def test_code_of_a_check_comes_with_what_it_stands_in() -> None:
    lines = [
        "a = 1",
        "for n in names:",
        "    b = 2",
        "    if n:",
        '        check("one", n, at_least=2)',
        "    else:",
        '        check(\n            "two", n, at_most=1\n        )',
        'check("one", a == 1)',
    ]
    assert claims.code_of_checks("\n".join(lines)) == {"one": {2, 4, 5, 10}, "two": {2, 4, 6, 7, 8, 9}}


def test_list_begins_with_the_weakest_claim_and_links_to_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    strong, weak = CHECK, {**CHECK, "margin": 0.5}
    share = {"claim": "c", "value": 2.0, "at_most": 4.0, "margin": 0.5, "margin_unit": "share"}
    found = {
        "a": Claim(1, "", [strong]),
        "b": Claim(1, "", [strong, weak, share]),
        "c": Claim(1, "", [{"claim": "c", "value": True}]),
    }
    monkeypatch.setattr(claims, "read_claims", lambda _: found)
    monkeypatch.setattr(toc, "chapters", lambda: ["train"])
    env = SimpleNamespace(toc_secnumbers={"book/train": {"": (5,)}})
    app: Any = SimpleNamespace(env=env, builder=SimpleNamespace(get_relative_uri=lambda _, page: f"{page}.html"))
    page = claims.claim_list(app, "book/claims")
    assert re.findall(r'href="book/train.html#claim-(\w)"', page) == ["b", "a", "b", "c"]
    assert re.findall(r'id="train-(\w)"', page) == ["b", "a", "c"]


def test_claim_that_fails_on_a_tenth_of_its_seeds_is_warned_of() -> None:
    entry = {**CHECK, "chapter": "train"}
    entries = [entry, {**entry, "failing_seeds": 0}, {"chapter": "train", "name": "x", "value": 1}]
    (warning,) = claims.fragile([*entries, {**entry, "per_seed": [3] * 20}])
    assert warning == "book/train.md: the claim 'faster' would fail on 1 of 4 seeds alone: expected at least 2.5"
