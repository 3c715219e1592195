"""The directive ``{quiz} NAME``: the questions of ``quizzes/NAME.yml``, to be answered in the page.

The file is a list of questions::

    - question: What does the layer compute?
      options:
        - right: A weighted sum.
          because: What the reader should take away.
        - wrong: A mean.
          because: What speaks against it.

Texts are one paragraph of MyST each. Without JavaScript the answers are read by opening a native
``<details>``; with it, ``quiz.js`` shows the one that belongs to the chosen option, and ``kept.js`` keeps the choice.
"""

import string
from collections import Counter
from collections.abc import Hashable
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from markup import files_where, fingerprint, inline, raw_html

QUESTIONS = range(3, 6)
OPTIONS = range(2, 6)


class QuizError(SphinxError):
    """The data of a quiz are not in order; stops the build."""

    category = "Quiz error"


class Option(NamedTuple):
    """One answer to choose, and what the reader who chose it is told."""

    text: str
    right: bool
    because: str


class Question(NamedTuple):
    """A question and its options, exactly one of them right."""

    text: str
    options: list[Option]

    @property
    def key(self) -> str:
        """Return the name that a browser keeps an answer under: another one when question or options change."""
        return fingerprint(self.text, *(f"{option.right:d} {option.text}" for option in self.options))


def read_quiz(file: Path) -> list[Question]:
    """Return the questions of a file.

    Raises
    ------
    QuizError
        Something is missing, unknown, twice there or of another form; file and question are named.
    """
    try:
        # BaseLoader: every scalar is text, so that the option `0.10` stays as it was written.
        entries = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, yaml.YAMLError) as error:
        raise QuizError(f"{file}: {error}") from error
    _check_length(entries, QUESTIONS, "questions", str(file))
    questions = [_question(entry, f"{file}, question {number}") for number, entry in enumerate(entries, 1)]
    _refuse_twice([question.text for question in questions], str(file))
    return questions


class _Loader(yaml.BaseLoader):
    """YAML in which every scalar is text and no key of a mapping may stand twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise yaml.MarkedYAMLError(problem=f"a key stands twice in {keys}", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _question(entry: Any, place: str) -> Question:
    fields = _fields(entry, {"question", "options"}, place)
    _check_length(fields["options"], OPTIONS, "options", place)
    lettered = _lettered(fields["options"])
    options = [_option(option, f"{place}, option {letter}") for option, letter in lettered]
    right = sum(option.right for option in options)
    if right != 1:
        raise QuizError(f"{place}: expected exactly one right option, got {right}")
    _refuse_twice([option.text for option in options], place)
    return Question(_text(fields["question"], place), options)


def _option(entry: Any, place: str) -> Option:
    verdict = "right" if isinstance(entry, dict) and "right" in entry else "wrong"
    fields = _fields(entry, {verdict, "because"}, place)
    return Option(_text(fields[verdict], place), verdict == "right", _text(fields["because"], place))


def _fields(entry: Any, expected: set[str], place: str) -> dict[str, Any]:
    if not isinstance(entry, dict) or set(entry) != expected:
        found = set(entry) if isinstance(entry, dict) else type(entry).__name__
        raise QuizError(f"{place}: expected the keys {sorted(expected)}, got {found}")
    return entry


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\n\n" in value.strip():
        raise QuizError(f"{place}: expected one paragraph of text, got {value!r}")
    return value.strip()


def _check_length(entries: Any, lengths: range, what: str, place: str) -> None:
    if not isinstance(entries, list) or len(entries) not in lengths:
        got = len(entries) if isinstance(entries, list) else type(entries).__name__
        raise QuizError(f"{place}: expected a list of {lengths[0]} to {lengths[-1]} {what}, got {got}")


def _refuse_twice(texts: list[str], place: str) -> None:
    for text, count in Counter(texts).items():
        if count > 1:
            raise QuizError(f"{place}: stands there {count} times: {text!r}")


def _lettered(options: list[Any]) -> list[tuple[Any, str]]:
    return list(zip(options, string.ascii_uppercase, strict=False))


class quiz(nodes.General, nodes.Element):  # noqa: N801, docutils names nodes so
    """All questions of one file."""


class Quiz(SphinxDirective):
    """``{quiz} NAME``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the quiz of the file beside the page."""
        name = self.arguments[0]
        file = Path(self.env.doc2path(self.env.docname)).parent / "quizzes" / f"{name}.yml"
        self.env.note_dependency(str(file))
        result = quiz(ids=[f"quiz-{name}"])
        for number, question in enumerate(read_quiz(file), 1):
            result += self.question(question, name, number, f"quiz-{name}-{number}")
        return [result]

    def question(self, question: Question, name: str, number: int, identity: str) -> list[nodes.Node]:
        """Return a question with its options and answers, under an id that no other one of the page has."""
        lettered = _lettered(question.options)
        attributes = f'id="{escape(identity)}" data-key="{escape(name)}-{question.key}"'
        return [
            raw_html(f'<fieldset class="ml-quiz-question" {attributes}><legend>{number}. '),
            *inline(self, question.text, QuizError),
            raw_html("</legend>"),
            *(node for option, letter in lettered for node in self._choice(option, letter, identity)),
            raw_html(
                # The button does something only where the script runs, which is what reveals it.
                '<button type="button" hidden>Check</button><p role="status" aria-live="polite"></p>'
                f"<details><summary>Answers to question {number}</summary><ul>"
            ),
            *(node for option, letter in lettered for node in self._answer(option, letter)),
            raw_html("</ul></details></fieldset>"),
        ]

    def _choice(self, option: Option, letter: str, identity: str) -> list[nodes.Node]:
        return [
            raw_html(
                '<label class="ml-quiz-option">'
                f'<input type="radio" name="{escape(identity)}" value="{letter}"><span><b>{letter}</b> '
            ),
            *inline(self, option.text, QuizError),
            raw_html("</span></label>"),
        ]

    def _answer(self, option: Option, letter: str) -> list[nodes.Node]:
        verdict = "right" if option.right else "wrong"
        return [
            raw_html(f'<li class="ml-quiz-{verdict}"><strong>{letter} is {verdict}.</strong> '),
            *inline(self, option.because, QuizError),
            raw_html("</li>"),
        ]


def _visit(translator: Any, node: quiz) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="ml-quiz"))


def _depart(translator: Any, _: quiz) -> None:
    translator.body.append("</div>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_node(quiz, html=(_visit, _depart))
    app.add_directive("quiz", Quiz)
    app.connect("html-page-context", files_where(quiz, script="quiz.js", style="questions.css"))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
