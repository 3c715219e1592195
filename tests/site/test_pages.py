"""Every page of the built site: what issue after issue of other books gets wrong, and what this one promises."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import addresses

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
ADDRESS = addresses.read().site
BASE = urlsplit(ADDRESS).path
KIB = 1024
LIMIT = 200 * KIB
NO_ALT_TEXT = re.compile(r"^$|\.(svg|png|jpe?g)$|^(image|figure|plot)\b.{0,10}$|^[0-9a-f]{16,}", re.IGNORECASE)
pytestmark = pytest.mark.browser
STATES = ["light 1280", "dark 1280", "light 360", "dark 360"]


def site_pages():
    """Return the pages, as paths in the site, without the redirect at its root and the page for lost readers."""
    found = sorted(str(file.relative_to(SITE)) for file in SITE.rglob("*.html"))
    return [name for name in found if name not in ("index.html", "404.html")]


@pytest.fixture(scope="session")
def report():
    """What the browser saw."""
    if not site_pages():
        pytest.fail("there is no site in _build/html to test; build it with: make book")
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or "node"
    visit = Path(__file__).with_name("visit.mjs")
    done = subprocess.run(
        [node, visit, SITE, BASE], input="\n".join(site_pages()), capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def pytest_generate_tests(metafunc):
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", site_pages())


@pytest.fixture
def seen(report, page):
    """What the browser saw of one page."""
    return report["pages"][page]


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(seen, state):
    assert seen["states"][state]["axe"] == []


@pytest.mark.parametrize("state", STATES)
def test_nothing_moves_while_it_loads(seen, state):
    assert seen["states"][state]["shift"] < 0.02


@pytest.mark.parametrize("state", STATES)
def test_no_script_fails_and_no_other_host_is_asked(seen, state):
    assert seen["states"][state]["errors"] == []
    assert seen["states"][state]["elsewhere"] == []


def test_it_works_from_a_folder(seen):
    assert seen["file"] == {"errors": [], "elsewhere": []}


def test_the_policy_allows_no_other_host(seen):
    assert seen["policy"].startswith("default-src 'none'")
    assert "http" not in seen["policy"]
    assert "unsafe-inline" not in seen["policy"].split("style-src")[0]


def test_it_is_light(seen):
    """Widgets' own files are counted by their tests; the search page carries the whole text."""
    bytes_of = {name: size for name, size in seen["bytes"].items() if "widgets/" not in name and name != "sections.js"}
    assert sum(bytes_of.values()) <= LIMIT, bytes_of


def test_every_picture_is_described_and_sized(seen, page):
    # The logo stands beside the name that it would repeat.
    content = [picture for picture in seen["pictures"] if not picture["source"].endswith("logo.svg")]
    assert [p for p in content if NO_ALT_TEXT.search(p["text"] or "") or len(p["text"]) < 20] == []
    assert [p for p in seen["pictures"] if not p["sized"]] == []


def test_one_head_and_no_id_twice(seen):
    assert seen["heads"] == 1
    assert seen["twice"] == []


def test_it_says_what_it_is(seen, page):
    assert seen["title"].endswith("MNIST Lessons")
    assert 20 <= len(seen["description"]) <= 200
    assert seen["card"].startswith("https://")
    assert seen["card"].endswith("_static/card.png")


def test_nothing_stands_out_sideways(seen):
    assert seen["states"]["light 360"]["overflow"] == []
    assert seen["zoomed"] == {"200": [], "400": []}


def test_formulas_are_typeset(seen):
    assert seen["untypeset"] == 0
    assert all(seen["formulas"])


def test_the_keyboard_reaches_all_and_shows_where_it_is(seen):
    assert seen["keyboard"]["first"] == "Skip to the text"
    assert seen["keyboard"]["missed"] == []
    assert seen["keyboard"]["unseen"] == []


def test_it_can_be_read_without_scripts(seen, page):
    without = seen["noScript"]
    if page != "search.html":
        assert without["text"] > 0.9 * seen["text"]
    assert without["links"] > 5
    assert without["dead"] == []


def test_what_the_reader_asks_of_the_system_is_done(seen):
    assert seen["moving"] == []
    assert seen["contrast"] == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert seen["forced"] == []


# Links need no browser.


def parsed(name):
    return BeautifulSoup((SITE / name).read_text(), "html.parser")


@pytest.fixture(scope="module")
def anchors():
    return {name: {tag["id"] for tag in parsed(name).find_all(id=True)} for name in site_pages()}


def test_links_lead_somewhere(page, anchors):
    broken = []
    for link in parsed(page).find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme:
            if parts.scheme not in ("https", "mailto", "http") or not (parts.netloc or parts.path):
                broken.append(link["href"])
            continue
        target = (SITE / page).parent.joinpath(unquote(parts.path)).resolve() if parts.path else SITE / page
        name = str(target.relative_to(SITE)) if target.is_relative_to(SITE) else None
        if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors.get(name, ())):
            broken.append(link["href"])
    assert broken == []


def test_files_that_the_page_names_are_there(page):
    names = [tag.get("src") or tag.get("href") for tag in parsed(page).find_all(["script", "img", "link"])]
    local = [name for name in names if name and not urlsplit(name).scheme]
    assert [name for name in local if not (SITE / page).parent.joinpath(name).resolve().is_file()] == []


# The site as a whole.


def test_search_finds_the_right_section_first(report):
    for query in ("vanishing gradient", "vanishing gradeint"):
        for way, hits in report["searches"][query].items():
            assert hits["errors"] == [], way
            assert hits["links"][0].startswith("book/relu-vs-sigmoid.html"), (query, way)
    assert len(report["searches"]["softmax"]["http"]["links"]) > 1
    assert report["searches"]["learning rate"]["http"] == report["searches"]["learning rate"]["file"]


def test_the_scoreboard_sorts_by_each_column_and_back(report):
    first, *states = report["sorting"]["states"]
    assert report["sorting"]["errors"] == []
    columns = len(first["sorted"])
    assert first["sorted"] == [None] * columns
    assert len(states) == 2 * columns
    for column in range(columns):
        up, down = states[2 * column : 2 * column + 2]
        for state, word in ((up, "ascending"), (down, "descending")):
            assert sorted(state["rows"]) == sorted(first["rows"])
            assert state["sorted"] == [word if other == column else None for other in range(columns)]
            assert state["focus"] == column
        cells = [[row[column] for row in state["rows"]] for state in (up, down)]
        numbers = [[re.match(r"(?:about |<)?(-?\d\S*)", cell) for cell in side] for side in cells]
        if all(map(all, numbers)):
            values = [[float(number[1]) for number in side] for side in numbers]
        else:
            values = [[cell.lower() for cell in side] for side in cells]
        if column in (2, 3, 6, 7):  # published, ours, p, verdict
            assert values == [sorted(values[0]), sorted(values[0], reverse=True)]


def test_the_first_screen_has_all_that_a_visitor_needs(report):
    expected = ["h1", "h1 + p", "main img", ".ml-sheet", ".doors li:first-child", ".doors li:last-child"]
    assert report["firstScreen"] == expected


def test_a_lost_reader_finds_back(report):
    lost = report["missing"]
    assert lost["head"] == "This page is not here"
    assert lost["styled"] == "flex"
    assert lost["errors"] == []
    assert lost["axe"] == []
    assert f"{BASE}book/index.html" in lost["links"]
    assert all((SITE / link.removeprefix(BASE)).is_file() for link in lost["links"])


def test_the_root_leads_to_the_first_page():
    assert "url=book/index.html" in (SITE / "index.html").read_text()


def test_sitemap_names_every_page_under_the_address_of_the_repository():
    locations = re.findall(r"<loc>(.*?)</loc>", (SITE / "sitemap.xml").read_text())
    written = {page for page in site_pages() if page.startswith("book/")}
    assert {location.removeprefix(ADDRESS) for location in locations} == written


def test_the_font_comes_with_the_style_sheet():
    style = (SITE / "_static" / "site.css").read_text()
    assert style.count('url("data:font/woff2;base64,') == 1
    assert (SITE / "book" / "index.html").read_text().count("document.fonts.load") == 1


def test_the_first_mention_of_a_helper_leads_to_the_reference():
    links = [link["href"] for link in parsed("book/data.html").select("a.helper")]
    assert "api.html#mnist_lessons.data.load_mnist" in links
    assert len(links) == len(set(links))


def test_nothing_is_published_that_no_page_asks_for():
    """An update of the theme that adds scripts, fonts or styles of its own shows here."""
    known = set(Path(ROOT, "web", "theme", "static").iterdir())
    names = {file.name for file in (SITE / "_static").iterdir()}
    assert names <= {file.name for file in known} | {"fonts", "card.png", "minisearch.js", "widgets"}
