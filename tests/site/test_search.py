"""What the search finds: the page's own code, on the built site, without a browser."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
QUERIES: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("queries.yml").read_text(encoding="utf-8"))


def search(queries: list[str]) -> list[list[str]]:
    """Return the pages that each query finds, best first."""
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or "node"
    done = subprocess.run(
        [node, Path(__file__).with_name("find.mjs"), SITE],
        input=json.dumps(queries),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[list[str]] = json.loads(done.stdout)
    return [[page.removesuffix(".html") for page in pages] for pages in found]


@pytest.fixture(scope="module", autouse=True)
def site() -> None:
    if not (SITE / "sections.js").is_file():
        pytest.fail("there is no site in _build/html to search; build it with: make book")


def test_search_finds_the_right_page_first_and_always_near_the_top() -> None:
    right = {query: pages.split() for pages, queries in QUERIES.items() for query in queries}
    assert len(right) >= 120
    found = dict(zip(right, search(list(right)), strict=True))
    places = {q: next((i for i, page in enumerate(found[q]) if page in right[q]), None) for q in right}
    assert [query for query, place in places.items() if place is None or place > 2] == []
    later = [query for query, place in places.items() if place != 0]
    assert len(later) <= 0.05 * len(right), later


def test_search_counts_all_pages_and_says_so_where_there_is_none() -> None:
    softmax, nothing, symbols = search(["softmax", "zzzzqqqq", "?! ()"])
    assert len(softmax) > 10
    assert len(softmax) == len(set(softmax))
    assert nothing == symbols == []
