"""Every page of the built site: what issue after issue of other books gets wrong, and what this one promises."""

import csv
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import addresses
import toc

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
ADDRESS = addresses.read().site
BASE = urlsplit(ADDRESS).path
KIB = 1024
LIMIT = 200 * KIB
NO_ALT_TEXT = re.compile(r"^$|\.(svg|png|jpe?g)$|^(image|figure|plot)\b.{0,10}$|^[0-9a-f]{16,}", re.IGNORECASE)
pytestmark = pytest.mark.browser
BLACK_AND_WHITE = ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


def site_pages() -> list[str]:
    """Return the pages, as paths in the site, without slides, the redirect at its root, the page for lost readers."""
    found = sorted(str(file.relative_to(SITE)) for file in SITE.rglob("*.html"))
    return [name for name in found if name not in ("index.html", "404.html") and not name.endswith(".slides.html")]


@pytest.fixture(scope="module", params=["2", pytest.param("4", marks=pytest.mark.weekly)], ids="in {} states".format)
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the browser saw of each page, light and dark, on wide and narrow screens, in some combinations or all."""
    if not site_pages():
        pytest.fail("there is no site in _build/html to test; build it with: make book")
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or "node"
    visit = Path(__file__).with_name("visit.mjs")
    done = subprocess.run(
        [node, visit, SITE, BASE, request.param],
        input="\n".join(site_pages()),
        capture_output=True,
        encoding="utf-8",
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def faults(page: str, seen: dict[str, Any], anchors: dict[str, set[str]]) -> dict[str, object]:
    """Return all that is wrong with a page, under what it is."""
    keyboard, without = seen["keyboard"], seen["noScript"]
    pictures = [picture for picture in seen["pictures"] if not picture["source"].endswith("logo.svg")]
    # Widgets' own files are counted by their tests; the search page carries the whole text.
    bytes_of = {name: size for name, size in seen["bytes"].items() if "widgets/" not in name and name != "sections.js"}
    lengths = [without["text"], seen["text"]]
    found = {
        "errors of scripts, from a folder": seen["file"]["errors"],
        "other hosts are asked, from a folder": seen["file"]["elsewhere"],
        "content policy": unless(is_strict(seen["policy"]), seen["policy"]),
        "heavier than 200 KiB": unless(sum(bytes_of.values()) <= LIMIT, bytes_of),
        "pictures without a description": [p for p in pictures if lacks_text(p["text"] or "")],
        "pictures without a size": [p for p in seen["pictures"] if not p["sized"]],
        "number of titles": unless(seen["heads"] == 1, seen["heads"]),
        "ids that occur twice": seen["twice"],
        "title": unless(seen["title"].endswith("MNIST Lessons"), seen["title"]),
        "description": unless(20 <= len(seen["description"]) <= 200, seen["description"]),
        "card": unless((SITE / seen["card"].removeprefix(ADDRESS)).is_file(), seen["card"]),
        "formulas that are not typeset": seen["untypeset"],
        "formulas that are not seen": seen["formulas"].count(False),
        "first stop of the keyboard": unless(keyboard["first"] == "Skip to the text", keyboard["first"]),
        "not reached by the keyboard": keyboard["missed"],
        "focus that is not seen": keyboard["unseen"],
        "text lost without scripts": unless(page == "search.html" or lengths[0] > 0.9 * lengths[1], lengths),
        "contents lost without scripts": unless(without["links"] > 5, without["links"]),
        "dead buttons without scripts": without["dead"],
        "moves where the reader asks for no motion": seen["moving"],
        "low contrast where the reader asks for more": unless(seen["contrast"] == BLACK_AND_WHITE, seen["contrast"]),
        "edges lost in forced colors": seen["forced"],
        "wider than the window of a phone": seen["states"]["dark 360"]["overflow"],
        "wider than the window at 200 %": seen["zoomed"]["200"],
        "wider than the window at 400 %": seen["zoomed"]["400"],
        "broken links": broken_links(page, anchors),
        "missing files": missing_files(page),
    }
    for name, state in seen["states"].items():
        found |= {
            f"axe, {name}": state["axe"],
            f"moves while it loads, {name}": unless(state["shift"] < 0.02, state["shift"]),
            f"errors of scripts, {name}": state["errors"],
            f"other hosts are asked, {name}": state["elsewhere"],
        }
    return {what: fault for what, fault in found.items() if fault}


def unless(fine: object, found: object) -> object:
    """Return what was found, or nothing where it is fine."""
    return None if fine else found or "nothing"


def is_strict(policy: str) -> bool:
    """Tell whether a content policy lets a page load from its own site alone, and run no script of its own text."""
    before_styles = policy.split("style-src")[0]
    return policy.startswith("default-src 'none'") and "http" not in policy and "unsafe-inline" not in before_styles


def lacks_text(text: str) -> bool:
    return len(text) < 20 or bool(NO_ALT_TEXT.search(text))


def parsed(name: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / name).read_text(encoding="utf-8"), "html.parser")


def broken_links(page: str, anchors: dict[str, set[str]]) -> list[str]:
    """Return the links of a page that lead to no file or no place in it."""
    broken = []
    for link in parsed(page).find_all("a", href=True):
        address = str(link["href"])
        parts = urlsplit(address)
        if parts.scheme:
            if parts.scheme not in ("https", "mailto", "http") or not (parts.netloc or parts.path):
                broken.append(address)
            continue
        target = (SITE / page).parent.joinpath(unquote(parts.path)).resolve() if parts.path else SITE / page
        name = str(target.relative_to(SITE)) if target.is_relative_to(SITE) else ""
        if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors.get(name, ())):
            broken.append(address)
    return broken


def missing_files(page: str) -> list[str]:
    """Return the scripts, pictures and styles that a page names and that are not there."""
    names = [str(tag.get("src") or tag.get("href") or "") for tag in parsed(page).find_all(["script", "img", "link"])]
    local = [name for name in names if name and not urlsplit(name).scheme]
    return [name for name in local if not (SITE / page).parent.joinpath(name).resolve().is_file()]


@pytest.fixture(scope="module")
def anchors() -> dict[str, set[str]]:
    return {name: {str(tag["id"]) for tag in parsed(name).find_all(id=True)} for name in site_pages()}


@pytest.mark.parametrize("page", site_pages())
def test_page_has_no_fault(page: str, report: dict[str, Any], anchors: dict[str, set[str]]) -> None:
    assert faults(page, report["pages"][page], anchors) == {}


# The site as a whole.


def test_search_finds_the_right_section_first(report: dict[str, Any]) -> None:
    for query in ("vanishing gradient", "vanishing gradeint"):
        for way, hits in report["searches"][query].items():
            assert hits["errors"] == [], way
            assert hits["links"][0].startswith("./book/relu-vs-sigmoid.html"), (query, way)
            assert hits["reached"] == hits["links"][1], (query, way)
    assert report["searches"]["learning rate"]["http"] == report["searches"]["learning rate"]["file"]


def test_search_is_used_by_keys_alone_from_any_page(report: dict[str, Any]) -> None:
    for way, seen in report["keys"].items():
        assert seen["errors"] == [], way
        assert seen["axe"] == [], way
        # On a phone the drawer opens first. What comes while one types takes the place of the contents.
        assert seen["focus"] == ["find", "find"]
        assert seen["before"] == 0
        assert re.fullmatch(r"\d+ pages for “convolutoin”, read as “convolution”\.", seen["count"])
        assert seen["hidden"]
        assert seen["escaped"] == ["", True]
        # The place found is marked, until Escape.
        assert "/book/cnn.html?found=" in seen["address"]
        assert {word.lower() for word in seen["marked"]} >= {"convolution"}
        assert seen["cleared"]


def test_scoreboard_sorts_by_each_column_in_both_directions(report: dict[str, Any]) -> None:
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
            values = [[float(number[1]) for number in side if number] for side in numbers]
        else:
            values = [[cell.lower() for cell in side] for side in cells]
        if column in (1, 2, 3):  # published, ours, verdict; the others are text with numbers in it
            assert values == [sorted(values[0]), sorted(values[0], reverse=True)]


def test_figure_is_heard_and_enlarged_by_keys(report: dict[str, Any]) -> None:
    seen = report["figure"]
    assert seen["errors"] == []
    hear, enlarge = seen["hear"], seen["enlarge"]
    assert hear["before"] == 0  # the player comes when somebody asks for it
    assert 'application "Figure 6.1: Learning curves of the dense network, Sonified chart"' in hear["panel"]
    assert all(f'button "{name}"' in hear["panel"] for name in ("Play", "Previous", "Next", "Next series", "Close"))
    with (SITE / "_downloads" / "fig-learning-curves.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    numbers = {key: [float(part) for part in re.findall(r"\d+(?:\.\d+)?", text)] for key, text in hear["heard"].items()}
    assert numbers["ArrowRight"] == [2, float(rows[1][1])]
    assert hear["heard"]["ArrowRight"].startswith(f"{head[0]} 2")
    assert numbers["End"] == [len(rows), float(rows[-1][1])]
    assert head[2] in hear["heard"]["PageDown"]
    assert numbers["Home"] == [1, float(rows[0][2])]
    assert hear["tones"] >= 3
    assert hear["live"] == "assertive"
    assert hear["focus"] == "hear"
    fit, larger, again = enlarge["widths"]
    assert fit == again
    assert larger > 1.4 * fit
    assert enlarge["axe"] == []
    assert enlarge["focus"] == "enlarge"


def test_code_is_copied_and_wrapped_by_touch(report: dict[str, Any]) -> None:
    code = report["figure"]["code"]
    assert code == {"status": code["status"], "copied": True, "wrapped": "true", "scrolls": False, "small": []}
    assert "Code copied" in code["status"]
    assert report["figure"]["enlarge"]["closed"] == 0


def test_wide_table_keeps_its_first_column_and_shows_ours_on_a_phone(report: dict[str, Any]) -> None:
    assert report["wide"]["first"][:3] == [0, 1, 2]  # method, published, ours
    assert report["wide"]["last"][0] == 0
    assert report["wide"]["last"][-1] == 6


def test_drawer_opens_at_the_section_being_read_and_closes_in_each_way(report: dict[str, Any]) -> None:
    seen = report["finding"]["drawer"]
    assert seen["errors"] == []
    shut = {"open": False, "expanded": False, "focused": "Contents"}
    opened = shut | {"open": True, "expanded": True}
    assert seen["states"] == {
        "touched": opened,
        "closed": shut,
        "entered": opened | {"focused": "Close"},
        "escaped": shut,
        "touched outside": shut | {"focused": ""},  # it is where the reader touched
        "touched again": shut,
    }
    assert 200 < seen["entry"]["y"] < 560
    assert min(seen["button"]["width"], seen["button"]["height"]) >= 44


def test_contents_mark_the_section_that_is_read(report: dict[str, Any]) -> None:
    seen = report["finding"]["reading"]
    assert seen["errors"] == []
    assert seen["before"] == 0
    assert len(seen["steps"]) > 5
    assert [step["marked"] for step in seen["steps"]] == [[step["title"]] for step in seen["steps"]]
    places = [step["place"] for step in seen["steps"]]
    assert places == sorted(places)  # the list scrolls, and not the page
    assert seen["inSight"]


def test_chapter_opens_elsewhere_from_one_menu_by_keys(report: dict[str, Any]) -> None:
    seen = report["finding"]["launch"]
    assert seen["errors"] == []
    assert [stop.split()[0] for stop in seen["stops"]] == ["Binder", "Colab", "Kaggle", "Codespaces", "hub", "Download"]
    links = list(seen["hubs"].values())
    assert links[0] is links[4] is None  # no address, and none of a web page
    pull = links[1].removeprefix("https://hub.example.edu/")
    assert pull.startswith("hub/user-redirect/git-pull?repo=")
    assert links[2:4] == [f"https://hub.example.edu/{path}{pull}" for path in ("class/", "")]
    assert (seen["expanded"], seen["focused"]) == (True, seen["label"])
    assert seen["kept"] == "https://hub.example.edu"


def test_chapters_lead_to_their_exercises_and_to_the_next_chapter() -> None:
    def links(page: str) -> dict[str, str]:
        found = parsed(page).select(".neighbors a")
        return {next(link.stripped_strings): os.path.normpath(f"{page}/../{link['href']}") for link in found}

    chapters = [f"book/{name}.html" for name in toc.chapters()]
    for chapter, following in itertools.pairwise(chapters):
        ways = links(chapter)
        assert ways["Next"] == following
        assert links(following)["Previous"] == chapter
        if "Practice" in ways:
            assert links(ways["Practice"]) == {"The chapter": chapter, "Next": following}


def test_contents_name_subjects_and_list_exercises_with_their_chapter() -> None:
    entries = parsed("book/cnn.html").select("#contents .entries > ul > li > a")
    texts = [" ".join(entry.get_text(" ").split()) for entry in entries]
    assert "12 Convolution" in texts
    assert max(map(len, texts)) <= 28
    inner = {str(entry["href"]) for entry in parsed("book/cnn.html").select("#contents li li a")}
    assert {link for link in inner if link.startswith("exercises/")} == {"exercises/cnn.html"}


def test_browser_keeps_what_a_reader_does_until_it_is_deleted(report: dict[str, Any]) -> None:
    """By keys from disk, and by touch from a server: tests/site/visit/kept.mjs says what happens on the way."""
    assert report["kept"] == ["", ""]


def test_first_screen_shows_all_that_a_visitor_needs(report: dict[str, Any]) -> None:
    sheet = ["h1", "h1 + p", ".ml-sheet", ".ml-probabilities"]
    assert report["firstScreen"] == {
        "laptop": [*sheet[:3], ".ml-passage", ".ml-probabilities", ".doors"],
        "phone": sheet,
        "plain": ["h1", "h1 + p", "main img", ".doors"],
    }


def test_missing_page_leads_back_to_the_book(report: dict[str, Any]) -> None:
    assert len(report["missing"]) == 2  # the published path, and another one
    for folder, lost in report["missing"].items():
        assert lost["head"] == "This page is not here"
        assert lost["styled"] == "flex"
        assert lost["errors"] == []
        assert lost["axe"] == []
        assert f"{folder}book/index.html" in lost["links"]
        assert all((SITE / link.removeprefix(folder)).is_file() for link in lost["links"])


def test_kept_book_works_without_a_server_until_it_is_removed(report: dict[str, Any]) -> None:
    seen = report["offline"]
    whole, rest = seen["sizes"]
    assert "no room" in seen["full"]
    assert 0 < rest < whole  # an interrupted download goes on where it stopped
    assert seen["search"] > 1
    assert "keeps version" in seen["foot"]
    assert seen["pictures"] is True
    assert "has changed since" in seen["newer"]
    assert "still works" in seen["failed"]
    assert (seen["paintBefore"], seen["paintAfter"]) == ("", "yes")
    assert seen["left"] == []


@pytest.mark.parametrize("chapter", toc.chapters())
def test_chapter_has_a_slide_for_each_mark(chapter: str) -> None:
    page, deck = parsed(f"book/{chapter}.html"), parsed(f"book/{chapter}.slides.html")
    marks = re.findall(r"^% slide(?: [\d-]+)?(?:: (.+))?$", (ROOT / "book" / f"{chapter}.md").read_text("utf-8"), re.M)
    titles = [heading.get_text().replace("\xa0", " ").replace("’", "'") for heading in deck.select(".slide h2")]
    assert len(titles) == len(marks) + 1
    assert [title for title, mark in zip(titles[1:], marks, strict=True) if mark and title != mark] == []
    assert [link["href"] for link in page.select(".facts > li > a")] == [f"{chapter}.slides.html"]
    assert "% slide" not in page.get_text()
    ids = {str(tag["id"]) for tag in page.find_all(id=True)}
    inside = [str(link["href"]).partition("#") for link in deck.select(".slide a[href]")]
    assert [anchor for file, _, anchor in inside if file == f"{chapter}.html" and anchor and anchor not in ids] == []
    assert missing_files(f"book/{chapter}.slides.html") == []


def test_slides_are_shown_by_keys_and_touch_and_print_one_a_sheet(report: dict[str, Any]) -> None:
    for way in report["slides"]:
        assert way["errors"] == way["axe"] == way["overflow"] == []
        assert way["followed"] == "2"
        assert way["keys"] == ["2", "3", "3 answered", "4", "3", "18", "1"]
        assert way["touch"] == ["2", "1"]
        assert way["said"].startswith("Slide 1 of 18. Training")
        assert way["notes"] == [False, True]
        assert way["sheets"] == 18
        assert way["left"] == "train.html"
        assert way["withoutScripts"] == 18


def test_root_redirects_to_the_first_page() -> None:
    assert "url=book/index.html" in (SITE / "index.html").read_text(encoding="utf-8")


def test_sitemap_names_every_page_under_the_address_of_the_repository() -> None:
    locations = re.findall(r"<loc>(.*?)</loc>", (SITE / "sitemap.xml").read_text(encoding="utf-8"))
    written = {page for page in site_pages() if page.startswith("book/")}
    assert {location.removeprefix(ADDRESS) for location in locations} == written


def test_site_embeds_its_font_in_the_style_sheet() -> None:
    style = (SITE / "_static" / "site.css").read_text(encoding="utf-8")
    assert style.count('url("data:font/woff2;base64,') == 1
    assert (SITE / "book" / "index.html").read_text(encoding="utf-8").count("document.fonts.load") == 1


def test_first_mention_of_a_helper_links_to_the_reference() -> None:
    links = [link["href"] for link in parsed("book/data.html").select("a.helper")]
    assert "api.html#mnist_lessons.data.load_mnist" in links
    assert len(links) == len(set(links))


def test_static_folder_holds_only_known_files() -> None:
    """An update of the theme that adds scripts, fonts or styles of its own shows here."""
    known = set(Path(ROOT, "web", "theme", "static").iterdir())
    names = {file.name for file in (SITE / "_static").iterdir()}
    assert names <= {file.name for file in known} | {"fonts", "cards", "minisearch.js", "widgets"}
