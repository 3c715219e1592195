"""The quiz directive: what it renders, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup

import browser
from quiz import QuizError, read_quiz

BOOK = Path(__file__).parents[1] / "book"
WEB = Path(__file__).parents[1] / "web"
QUIZZES = sorted((BOOK / "quizzes").glob("*.yml"))


def question(text: str = "How many classes are there?") -> dict[str, Any]:
    return {
        "question": text,
        "options": [
            {"wrong": "Nine", "because": "Zero counts too."},
            {"right": "Ten", "because": "One for each digit, $0$ to $9$."},
            {"wrong": "`784`", "because": "That is the number of pixels."},
        ],
    }


def write(folder: Path, entries: object) -> Path:
    file = folder / "sample.yml"
    file.write_text(yaml.safe_dump(entries), encoding="utf-8")
    return file


def three() -> list[dict[str, Any]]:
    return [question(f"Question {number}?") for number in range(3)]


def test_quiz_is_read_with_its_options(tmp_path: Path) -> None:
    questions = read_quiz(write(tmp_path, three()))
    assert [question.text for question in questions] == ["Question 0?", "Question 1?", "Question 2?"]
    assert [option.right for option in questions[0].options] == [False, True, False]
    assert questions[0].options[2].text == "`784`"


def _spoil(entries: list[Any], kind: str) -> None:
    options = entries[1]["options"]
    if kind == "no right option":
        options[1]["wrong"] = options[1].pop("right")
    elif kind == "two right options":
        options[0]["right"] = options[0].pop("wrong")
    elif kind == "right and wrong at once":
        options[1]["wrong"] = "Ten"
    elif kind == "no feedback":
        del options[2]["because"]
    elif kind == "empty feedback":
        options[2]["because"] = "  "
    elif kind == "unknown key":
        entries[1]["hint"] = "Count."
    elif kind == "same option twice":
        options[2]["wrong"] = "Nine"
    elif kind == "no options":
        entries[1]["options"] = "Ten"
    elif kind == "one option":
        del options[0], options[1]
    elif kind == "two paragraphs":
        entries[1]["question"] = "One.\n\nTwo."
    elif kind == "not a mapping":
        entries[1] = "How many?"


@pytest.mark.parametrize(
    "kind",
    [
        "no right option",
        "two right options",
        "right and wrong at once",
        "no feedback",
        "empty feedback",
        "unknown key",
        "same option twice",
        "no options",
        "one option",
        "two paragraphs",
        "not a mapping",
    ],
)
def test_malformed_question_is_refused_by_file_and_number(tmp_path: Path, kind: str) -> None:
    entries = three()
    _spoil(entries, kind)
    with pytest.raises(QuizError, match=r"sample\.yml, question 2"):
        read_quiz(write(tmp_path, entries))


@pytest.mark.parametrize(
    "entries", [three()[:2], three() + three(), {"questions": three()}, [question(), question(), question()]]
)
def test_wrong_number_of_questions_or_repeated_ones_are_refused(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(QuizError, match=r"sample\.yml"):
        read_quiz(write(tmp_path, entries))


@pytest.mark.parametrize("text", ["- question: [", "- question: a\n  question: b\n"])
def test_broken_yaml_and_repeated_keys_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sample.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(QuizError, match=r"sample\.yml"):
        read_quiz(file)


CONF = f"""
import sys
sys.path.insert(0, {str(WEB / "sphinx")!r})
extensions = ["myst_parser", "quiz"]
myst_enable_extensions = ["dollarmath"]
html_theme = "basic"
html_static_path = [{str(WEB / "theme" / "static")!r}]
"""


def build(folder: Path, entries: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Build a page with a quiz and a page without one."""
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    (folder / "page.md").write_text("# Page\n\n```{quiz} sample\n```\n", encoding="utf-8")
    (folder / "index.md").write_text("# Other\n\n```{toctree}\npage\n```\n", encoding="utf-8")
    (folder / "quizzes").mkdir()
    write(folder / "quizzes", entries)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(folder), str(folder / "html")]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(folder, three())
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture
def page(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / "page.html").read_text(encoding="utf-8"), "html.parser")


def test_question_is_a_named_group_of_labeled_radio_buttons(page: BeautifulSoup) -> None:
    groups = page.find_all("fieldset")
    assert [group["id"] for group in groups] == ["quiz-sample-1", "quiz-sample-2", "quiz-sample-3"]
    assert "Question 1?" in groups[1].select("legend")[0].get_text()
    for group in groups:
        radios = group.find_all("input", type="radio")
        assert {radio["name"] for radio in radios} == {group["id"]}
        assert [radio["value"] for radio in radios] == ["A", "B", "C"]
        assert [radio.find_parents("label")[0].get_text() for radio in radios] == ["A Nine", "B Ten", "C 784"]
        assert group.select("[aria-live=polite]")


def test_inline_markup_is_rendered(page: BeautifulSoup) -> None:
    first = page.select("fieldset")[0]
    assert first.select("code")[0].get_text() == "784"
    assert first.select(".math")


def test_answers_without_scripts_are_in_a_native_disclosure(page: BeautifulSoup) -> None:
    first = page.select("fieldset")[0]
    assert first.select("button")[0].has_attr("hidden")
    answers = [item.get_text() for item in first.select("details")[0].find_all("li")]
    assert answers[0] == "A is wrong. Zero counts too."
    assert answers[1].startswith("B is right. One for each digit")


def test_only_the_page_with_a_quiz_loads_its_files(site: Path, page: BeautifulSoup) -> None:
    script = page.find("script", src=lambda source: source and "quiz.js" in source)
    assert script is not None
    assert script.has_attr("defer")
    assert page.find("link", href=lambda source: source and "questions.css" in source) is not None
    assert "quiz." not in (site / "index.html").read_text(encoding="utf-8")


def test_ids_are_unique(page: BeautifulSoup) -> None:
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_malformed_quiz_stops_the_build(tmp_path: Path) -> None:
    entries = three()
    _spoil(entries, "no feedback")
    built = build(tmp_path, entries)
    assert built.returncode != 0
    assert "sample.yml, question 2, option C" in built.stderr


# Checks without a choice, then each of two options; what the live region said becomes the title.
SCRIPTED = """<script>addEventListener("load", () => {
  const question = document.querySelector("fieldset");
  const result = question.querySelector("[aria-live]");
  const button = question.querySelector("button");
  const said = [];
  const note = () => said.push(`${result.className}: ${result.textContent}`);
  button.click(); note();
  for (const number of [0, 1]) {
    question.querySelectorAll("input")[number].click(); note();
    button.click(); note();
  }
  document.title = JSON.stringify({ said, hidden: button.hidden });
});</script></body>"""


@pytest.mark.browser
def test_script_shows_the_feedback_of_the_chosen_option(site: Path, tmp_path: Path) -> None:
    scripted = site / "scripted.html"
    scripted.write_text((site / "page.html").read_text(encoding="utf-8").replace("</body>", SCRIPTED), encoding="utf-8")
    chromium = browser.find()
    assert chromium
    command = [chromium, *browser.FLAGS, "--dump-dom", f"--user-data-dir={tmp_path}", scripted.as_uri()]
    dom = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True).stdout
    outcome = json.loads(BeautifulSoup(dom, "html.parser").select("title")[0].get_text())
    assert not outcome["hidden"]
    assert outcome["said"][:4] == [
        ": Choose an answer first.",
        ": ",
        "ml-quiz-wrong: A is wrong. Zero counts too.",
        ": ",
    ]
    assert outcome["said"][4].startswith("ml-quiz-right: B is right. One for each digit,")
