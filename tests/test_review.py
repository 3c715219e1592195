"""What the browser keeps, as far as it is not used in one: tests/site/visit/kept.mjs does that."""

import re
from pathlib import Path

from quiz import Option, Question

WEB = Path(__file__).parents[1] / "web"
SCRIPTS = [*WEB.glob("theme/static/*.js"), *WEB.glob("widgets/**/*.js"), WEB / "sphinx" / "layout.py"]


def test_question_has_another_key_when_its_words_change() -> None:
    options = [Option("Nine", False, "Zero counts."), Option("Ten", True, "So it is.")]
    question = Question("How many?", options)
    assert Question("How\n  many?", options).key == question.key
    assert question._replace(options=[options[0], options[1]._replace(because="Others.")]).key == question.key
    others = [
        Question("How few?", options),
        Question("How many?", options[::-1]),
        Question("How many?", [options[0], options[1]._replace(text="Eleven")]),
        Question("How many?", [option._replace(right=not option.right) for option in options]),
    ]
    assert len({other.key for other in [question, *others]}) == 5


def test_delete_knows_all_that_the_site_keeps() -> None:
    review = (WEB / "theme" / "static" / "review.js").read_text(encoding="utf-8")
    texts = [file.read_text(encoding="utf-8") for file in SCRIPTS]
    literal = r'(?:Storage\.\w+Item\(|preferences\.[gs]et\(|keepAs: |KEPT\w* = )"([\w-]+)"'
    names = {name for text in texts for name in re.findall(literal, text)}
    assert {"theme", "ml-draw-digit", "ml-teach-it", "mnist-lessons"} <= names
    assert {name for name in names - {"mnist-lessons"} if f'"{name}"' not in review} == set()
