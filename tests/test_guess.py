"""The guess directive: what a page holds, what is refused, and what a reader is told."""

import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

import browser
from guess import GuessError, check_number, read_guess

ROOT = Path(__file__).parents[1]
# Recorded numbers come from myst-nb; here they come from a role that knows three.
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "web" / "sphinx")!r})
from docutils import nodes
from sphinx.domains import Domain
extensions = ["myst_parser", "guess"]
myst_enable_extensions = ["colon_fence"]
html_theme = "basic"
html_static_path = [{str(ROOT / "web" / "theme" / "static")!r}]

def recorded(name, rawtext, text, lineno, inliner, options=None, content=()):
    known = {{"share:.1f": "99.4", "images:,": "2,099", "digit": "six"}}
    return [nodes.inline("", known[text])] if text in known else [], []

class Glue(Domain):
    name, roles = "glue", {{"text": recorded}}

def setup(app):
    app.add_domain(Glue)
"""
PAGE = """# Page

:::{guess} How many will *it* get right, in "percent"?
:answer: share:.1f
:unit: %

Because **ink** decides.
:::

:::{guess} What does the loss do?
- [ ] It `falls`.
- [x] It rises.

It always does.
:::

:::{guess} How many of 2,111?
:answer: images:,

Count.
:::
"""


CELL = '<div class="cell"><div class="cell_output" id="output">2099</div></div>'


def build(folder: Path, page: str) -> subprocess.CompletedProcess[str]:
    """Build a page with guesses and one without."""
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    (folder / "page.md").write_text(page, encoding="utf-8")
    (folder / "index.md").write_text("# Other\n\n```{toctree}\npage\n```\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(folder), str(folder / "html")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(folder, PAGE)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture
def forms(site: Path) -> list[Tag]:
    return BeautifulSoup((site / "page.html").read_text(encoding="utf-8"), "html.parser").select("form.ml-guess")


def test_page_holds_question_answer_and_explanation_as_text(forms: list[Tag]) -> None:
    texts = [" ".join(form.get_text(" ").split()) for form in forms]
    assert texts[0].startswith("How many will it get right, in “percent”?")
    assert texts[0].endswith("Show the answer Measured: 99.4 %. Because ink decides.")
    assert texts[1].startswith("What does the loss do? A It falls . B It rises.")
    assert texts[1].endswith("The answer is B : It rises. It always does.")
    assert texts[2].endswith("Measured: 2,099 . Count.")


def test_controls_are_named_and_wait_for_the_script(forms: list[Tag]) -> None:
    for form in forms:
        assert form.select("legend")[0].find_parents()[0].name == "fieldset"
        assert form.select("button")[0].find_parents()[0].has_attr("hidden")
        assert all(field.find_parent("label") for field in form.find_all("input"))
        assert form.select("[aria-live=polite]")
    assert len({form["id"] for form in forms}) == 3


def test_only_page_with_a_guess_loads_its_files(site: Path) -> None:
    assert "guess.js" in (site / "page.html").read_text(encoding="utf-8")
    other = (site / "index.html").read_text(encoding="utf-8")
    assert "guess.js" not in other
    assert "questions.css" not in other


@pytest.mark.parametrize(
    ("question", "options", "lines", "fault"),
    [
        ("", {"answer": "share"}, ["Why."], "expected a question behind {guess}, got none"),
        ("How?", {}, ["Why."], "expected ':answer: NAME' or a list of choices, got neither"),
        ("How?", {"answer": "share"}, ["- [x] a", "- [ ] b", "Why."], "list of choices, got both"),
        ("How?", {"answer": "99.4"}, ["Why."], "expected the name of a recorded number, as share or share:.1f, got "),
        ("How?", {"unit": "%"}, ["- [x] a", "- [ ] b", "Why."], "expected a unit only beside ':answer:'"),
        ("How?", {}, ["- [x] a", "Why."], "expected 2 to 5 choices, got 1"),
        ("How?", {}, ["- [x] a", "- [x] b", "Why."], "expected exactly one choice marked [x], got 2"),
        ("How?", {}, ["- [ ] a", "- [ ] b", "Why."], "expected exactly one choice marked [x], got 0"),
        ("How?", {}, ["- [x] a", "- [ ] a", "Why."], "a choice stands there twice"),
        ("How?", {}, ["- [X] a", "- [ ] b", "Why."], "expected a choice as '- [x] right' or '- [ ] wrong', got "),
        ("How?", {"answer": "share"}, [""], "expected an explanation, got none"),
    ],
)
def test_faulty_guess_is_refused_by_place_and_question(
    question: str, options: dict[str, str], lines: list[str], fault: str
) -> None:
    with pytest.raises(GuessError) as refused:
        read_guess(question, options, lines, "book/a.md:7")
    assert str(refused.value).startswith(f"book/a.md:7, guess {question!r}: ")
    assert fault in str(refused.value)


def test_list_after_the_choices_belongs_to_the_explanation() -> None:
    found = read_guess("How?", {}, ["- [x] a", "- [ ] b", "", "Because:", "- [ ] c"], "a.md")
    assert (found.choices, found.explanation) == (["a", "b"], ["Because:", "- [ ] c"])


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("shore", "page.md:3, guess 'How many will *it* get right, in \"percent\"?': no cell records 'shore'"),
        ("digit", "expected an answer that reads as a number, such as 2,099 or 0.057, got 'six'"),
    ],
)
def test_answer_that_no_cell_records_as_a_number_stops_the_build(tmp_path: Path, answer: str, fault: str) -> None:
    built = build(tmp_path, PAGE.replace("share:.1f", answer))
    assert built.returncode != 0
    assert fault in built.stderr


def test_answer_in_percent_format_is_refused() -> None:
    with pytest.raises(GuessError, match="got '99.4%'"):
        check_number("99.4%", "a.md")


@pytest.mark.browser
@pytest.mark.parametrize("scripts", ["with", "without"])
def test_reader_commits_by_keyboard_and_is_told(site: Path, scripts: str) -> None:
    page = (site / "page.html").read_text(encoding="utf-8")
    # The site's own style sheet and frame in place of Sphinx's.
    style = (ROOT / "web/theme/static/site.css").read_text(encoding="utf-8").replace("url(", "url(data:,")
    (site / "_static" / "site.css").write_text(style, encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    forms = "".join(map(str, soup.select("form.ml-guess")))
    (site / "guesses.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Guesses</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="_static/site.css">'
        '<link rel="stylesheet" href="_static/questions.css"><script defer src="_static/guess.js"></script>'
        f"<body><main><h1>Guesses</h1><article><section>{forms}{CELL}</section></article></main></body></html>",
        encoding="utf-8",
    )
    command = [Path(sys.executable).with_name("node"), ROOT / "tests/widgets/guess.mjs", site / "guesses.html", scripts]
    chromium = browser.find()
    assert chromium
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120, env={"CHROMIUM": chromium}
    )
    assert done.returncode == 0, done.stdout + done.stderr
