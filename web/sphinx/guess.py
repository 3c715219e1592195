"""The directive ``{guess} QUESTION``: the reader commits to a guess in the page before the result is shown.

A number that the chapter records, under its name and in a format as in ``{glue:text}``::

    :::{guess} How many of the 2,111 images will the neuron get right, in percent?
    :answer: neuron_share:.1f
    :unit: %

    Why people guess wrong, or what to look for: any Markdown.
    :::

Or one of two to five choices, of which one is right::

    :::{guess} Raise the bias a little. What does the loss do?
    - [x] It rises.
    - [ ] It falls.

    The explanation.
    :::

Without JavaScript, answer and explanation are read by opening a native ``<details>``; with it, ``guess.js`` takes the
guess, opens them, and says how far off it was. The browser keeps a guess (``kept.js``), and sends it nowhere. What the
two cells that follow put out stays hidden until the fold is open.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from markup import files_where, fingerprint, inline, raw_html

CHOICES = range(2, 6)
LETTERS = "ABCDE"
NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?")


class GuessError(SphinxError):
    """A guess is not in order; stops the build."""

    category = "Guess error"


class Guess(NamedTuple):
    """A question, and either the recorded number or the choices that answer it."""

    question: str
    answer: str  # name:format of a recorded number, or nothing
    unit: str
    choices: list[str]
    right: int  # which of the choices
    explanation: list[str]  # lines of Markdown


def read_guess(question: str, options: Mapping[str, str], lines: Sequence[str], place: str) -> Guess:
    """Return a guess from the parts of its directive.

    Raises
    ------
    GuessError
        Something is missing, too much, or of another form; `place` and the question are named.
    """
    place = f"{place}, guess {question!r}"
    choices: list[tuple[str, str]] = []
    rest = list(lines)
    while rest and (not rest[0].strip() or re.match(r"- \[.?\] ", rest[0])):
        line = rest.pop(0).strip()
        found = re.fullmatch(r"- \[([ x])\] +(\S.*)", line)
        if line and not found:
            raise GuessError(f"{place}: expected a choice as '- [x] right' or '- [ ] wrong', got {line!r}")
        if found:
            choices.append((found[1], found[2]))
    texts = [text for _, text in choices]
    right = [index for index, (mark, _) in enumerate(choices) if mark == "x"]
    answer = options.get("answer", "")
    wrong = {
        "expected a question behind {guess}, got none": not question.strip(),
        "expected ':answer: NAME' or a list of choices, got neither": not answer and not choices,
        "expected ':answer: NAME' or a list of choices, got both": answer and choices,
        f"expected the name of a recorded number, as share or share:.1f, got {answer!r}": answer
        and not re.fullmatch(r"[a-z][a-z0-9_]*(:\S+)?", answer),
        "expected a unit only beside ':answer:'": "unit" in options and not answer,
        f"expected {CHOICES[0]} to {CHOICES[-1]} choices, got {len(choices)}": choices and len(choices) not in CHOICES,
        f"expected exactly one choice marked [x], got {len(right)}": choices and len(right) != 1,
        "a choice stands there twice": len(set(texts)) < len(texts),
        "expected an explanation, got none": not "".join(rest).strip(),
    }
    for fault, is_so in wrong.items():
        if is_so:
            raise GuessError(f"{place}: {fault}")
    return Guess(question.strip(), answer, options.get("unit", ""), texts, right[0] if right else 0, rest)


class guess(nodes.General, nodes.Element):  # noqa: N801, docutils names nodes so
    """A guess; its children are the question, what takes the guess, and the fold with answer and explanation."""


class GuessDirective(SphinxDirective):
    """``{guess} QUESTION``."""

    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = {"answer": directives.unchanged_required, "unit": directives.unchanged_required}  # noqa: RUF012
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the guess."""
        place = f"{self.env.doc2path(self.env.docname, base=False)}:{self.lineno}"
        found = read_guess("".join(self.arguments), self.options, list(self.content), place)
        node = guess(ids=[f"guess-{self.env.new_serialno('guess') + 1}"])
        node["key"] = f"{self.env.docname.rsplit('/')[-1]}-{fingerprint(found.question, *found.choices)}"
        answer = [self._words(found.choices[found.right])] if found.choices else self._number(found, place)
        if not found.choices:
            node["measured"], node["unit"] = answer[0].astext().replace(",", ""), found.unit
        says = [raw_html(f"<b>{LETTERS[found.right]}</b>: ")] if found.choices else []
        node += [
            raw_html('<fieldset class="ml-guess-question"><legend>'),
            self._words(found.question),
            raw_html("</legend>"),
            *self._controls(found, node),
            raw_html(
                '<p role="status" aria-live="polite"></p>'
                '<details><summary>Show the answer</summary><p class="ml-guess-answer">'
            ),
            nodes.Text("The answer is " if found.choices else "Measured: "),
            *says,
            *answer,
            nodes.Text("" if re.search(r"[.?!]$", node_text(answer)) else "."),
            raw_html("</p>"),
        ]
        before = len(self.content) - len(found.explanation)
        self.state.nested_parse(self.content[before:], self.content_offset + before, node)
        node += raw_html("</details></fieldset>")
        return [node]

    def _controls(self, found: Guess, node: guess) -> list[nodes.Node]:
        """Return the choices or a field for a number, and the button; only the script makes the latter useful."""
        result: list[nodes.Node] = []
        for letter, choice in zip(LETTERS, found.choices, strict=False):
            opening = f'<label class="ml-guess-option"><input type="radio" name="{node["ids"][0]}" value="{letter}">'
            result += [raw_html(f"{opening}<span><b>{letter}</b> "), self._words(choice), raw_html("</span></label>")]
        keys = "text" if node.get("measured", "").startswith("-") else "decimal"  # some keypads have no minus
        field = f'<label>Your guess: <input type="text" inputmode="{keys}" size="8"> {escape(found.unit)}</label> '
        button = "<button>Commit to it</button>"
        return [*result, raw_html(f'<p class="ml-guess-act" hidden>{"" if found.choices else field}{button}</p>')]

    def _number(self, found: Guess, place: str) -> list[nodes.Node]:
        """Return the recorded number with its unit; without one, this directive fails and other pages are built."""
        number = inline(self, f"{{glue:text}}`{found.answer}`", GuessError)
        if not number:
            name = found.answer.partition(":")[0]
            raise self.error(f"{place}, guess {found.question!r}: no cell records {name!r}")
        try:
            check_number(node_text(number), f"{place}, guess {found.question!r}")
        except GuessError as error:
            raise self.error(str(error)) from error
        return [*number, nodes.Text(f" {found.unit}" if found.unit else "")]

    def _words(self, text: str) -> nodes.Node:
        """Return text in an element of its own, in which Sphinx curls quotes."""
        return nodes.inline("", "", *inline(self, text, GuessError))


def node_text(parts: Sequence[nodes.Node]) -> str:
    """Return the text of nodes."""
    return "".join(part.astext() for part in parts)


def check_number(text: str, place: str) -> None:
    """Raise a GuessError if an answer does not read as a number that a reader could type."""
    if not NUMBER.fullmatch(text):
        raise GuessError(f"{place}: expected an answer that reads as a number, such as 2,099 or 0.057, got {text!r}")


def _visit(translator: Any, node: guess) -> None:
    data = {f"data-{name}": node[name] for name in ("key", "measured", "unit") if node.get(name)}
    translator.body.append(translator.starttag(node, "form", CLASS="ml-guess", autocomplete="off", **data))


def _depart(translator: Any, _: guess) -> None:
    translator.body.append("</form>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_node(guess, html=(_visit, _depart))
    app.add_directive("guess", GuessDirective)
    app.connect("html-page-context", files_where(guess, script="guess.js", style="questions.css"))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
