"""Turn the Markdown of a chapter into Markdown that every notebook viewer shows.

Chapters use roles and directives that only the site knows: recorded numbers, terms, citations, numbered figures and
equations, boxes, quizzes, widgets. Here each becomes plain Markdown with the same words as on the site, which
`references.py` has written down, and with links to the site where a notebook cannot show the thing.
"""

import base64
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sphinx.config import Config
from sphinx.directives.code import LiteralIncludeReader

from addresses import Addresses
from coursegrader.exercises import DIFFICULTY, Exercise
from guess import LETTERS, read_guess
from links import chapter_name
from quiz import Question, read_quiz

# What the picture of each widget shows, and what can be done there.
PICTURED = {
    "backprop-steps": (
        "A drawing of a network of two inputs, two hidden units and two outputs whose numbers are covered, a field "
        "to type the next number into, and a curve of the loss beside the straight line that the derivative "
        "predicts."
    ),
    "convolution": (
        "A digit with a window of 3 by 3 pixels on it, the filter's nine weights, pixels and products, and the map "
        "of all sums, positive ones orange and negative ones blue."
    ),
    "descent": (
        "A long, narrow valley drawn as contour lines with the paths that gradient descent, momentum and Adam take "
        "in it, the loss of each after every step, and sliders for learning rates and start."
    ),
    "digit-map": (
        "A map of test digits as small colored digits, most of them among others with the same label, and below it "
        "the chosen digit with the network's answer and its nearest neighbors."
    ),
    "draw-digit": (
        "A sheet with a handwritten digit, the same digit as the 28 by 28 pixels that the network sees, and bars for "
        "the ten probabilities that it answers with."
    ),
    "error-gallery": (
        "The table of test digits by label and prediction, in which each number can be pressed, and below it the "
        "misread digits, the ones that the network was surest of first."
    ),
    "fool-it": (
        "A test digit, the small push that moves the network toward another digit, the pushed digit, and one pushed "
        "at random by as much, with what the network reads in each."
    ),
    "one-neuron": (
        "Zeros and ones as points in a plane that a line divides, with sliders for the neuron's two weights and its "
        "bias, which turn and move the line."
    ),
    "read-sheet": (
        "A photo of a sheet with rows of handwritten digits, a frame around each that was found, and the digits that "
        "the network read, with a question mark where it answers that it doesn't know."
    ),
    "relu-race": (
        "Four charts of a network with ReLU and one with sigmoid while they train: loss, accuracy, size of the "
        "gradients by layer, and share of dead or saturated units, under the controls for depth and learning rate."
    ),
    "small-digit": "A sheet with a 7 drawn on it, and the answer of the network of a few kilobytes.",
    "teach-it": (
        "A sheet to write each digit on three times, beside the digits written so far, and a button that trains the "
        "network's last layer on them."
    ),
    "try-digit": (
        "A sheet to draw on, a handwritten digit as the maps of each layer of a convolutional network, and bars for "
        "the ten probabilities that it answers with."
    ),
    "watch-training": (
        "Ten validation images with what the network says about each while it trains, the weights of its first "
        "hidden layer as images, and the numbers of dead units."
    ),
}
BOXES = {"admonition": "", "note": "Note", "tip": "Tip", "warning": "Warning", "margin": "", "seealso": "See also"}


class Book(NamedTuple):
    """What the text of all chapters refers to."""

    root: Path
    addresses: Addresses
    references: Mapping[str, Mapping[str, Any]]  # what references.py wrote
    exercises: list[Exercise]
    pictures: Path  # a folder with NAME.png for each widget; without one the notebooks have a link alone

    def link(self, place: str) -> str:
        """Return the address of a place on the site, which is given from the site's root."""
        return self.addresses.site + place


def picture_text(widget: str) -> str:
    """Return what stands in place of a widget's picture, as `web/pictures.mjs` takes it.

    Raises
    ------
    KeyError
        The widget has no text yet.
    """
    return PICTURED[widget]


def writer(name: str, values: Mapping[str, object], book: Book) -> Callable[[str], str]:
    """Return a function that rewrites the Markdown of one chapter.

    Parameters
    ----------
    name
        The chapter, as ``book/train.md``.
    values
        The numbers that it recorded, by their names.

    Raises
    ------
    KeyError
        From that function: the text uses a number that no cell records, or a label that the site does not know.
    """
    return _Writer(name, values, book).write


class _Writer:
    """The state of one chapter: which terms were explained, under which heading the text stands."""

    def __init__(self, name: str, values: Mapping[str, object], book: Book) -> None:
        self.name, self.values, self.book = name, values, book
        self.page = name.removesuffix(".md")
        self.explained: set[str] = set()
        self.section = ""

    def write(self, markdown: str) -> str:
        text = "\n".join(self._blocks(iter(markdown.splitlines())))
        return re.sub(r"\n{3,}", "\n\n", text).strip()

    # Blocks ---------------------------------------------------------------------------------------------------

    def _blocks(self, lines: Iterator[str]) -> Iterator[str]:
        """Yield the lines, those of code as they are; a note from the margin follows the text that it stands beside."""
        prose: list[str] = []
        notes: list[str] = []
        for line in lines:
            if line.startswith("%"):  # a comment, such as the mark of a slide
                continue
            if line.startswith("#"):
                yield from [self._inline("\n".join(prose)), *notes]
                prose, notes = [], []
            label = re.fullmatch(r"\(([\w-]+)\)=", line)
            fence = re.match(r"(:{3,}|`{3,})(?:\{([\w:-]+)\})? *(.*)", line)
            if not label and not fence:
                prose.append(line)
                continue
            yield self._inline("\n".join(prose))
            prose = []
            if label:
                self.section = label[1]
            elif fence:
                mark, kind, argument = fence.groups()
                inside = list(_until(mark, lines))
                if kind == "margin":
                    notes += self._directive(kind, argument, inside)
                    continue
                yield from self._directive(kind, argument, inside) if kind else [line, *inside, mark]
        yield from [self._inline("\n".join(prose)), *notes]

    def _directive(self, kind: str, argument: str, inside: list[str]) -> Iterator[str]:
        options: dict[str, str] = {}
        while inside and (option := re.match(r":([\w-]+): *(.*)", inside[0])):
            options[option[1]] = option[2]
            inside.pop(0)
        known: dict[str, Callable[[], Iterable[str]]] = {
            "math": lambda: ["$$", *inside, "$$"],
            "list-table": lambda: self._table(argument, options, inside),
            "literalinclude": lambda: self._code(argument, options),
            "quiz": lambda: self._quiz(argument),
            "guess": lambda: self._guess(argument, options, inside),
            "exercises": lambda: self._exercises(argument),
            "widget": lambda: self._widget(argument),
        }
        if kind in known:
            yield from ["", *known[kind](), ""]
        elif kind in BOXES and "dropdown" in options.get("class", "").split():
            yield from [
                "<details>",
                f"<summary>{argument}</summary>",
                "",
                *self._blocks(iter(inside)),
                "",
                "</details>",
            ]
        elif kind in BOXES:
            head = self._inline(argument) or BOXES[kind]
            text = "\n".join(self._blocks(iter(inside))).splitlines()
            yield from ["", *([f"> **{head}**", ">"] if head else []), *(f"> {line}".rstrip() for line in text), ""]
        else:
            raise KeyError(
                f"{self.name}: the notebooks have no form for the directive {kind!r}; give it one in plain.py"
            )

    def _table(self, caption: str, options: Mapping[str, str], inside: list[str]) -> list[str]:
        """Return a list of lists as a table."""
        rows: list[list[str]] = []
        for line in filter(str.strip, inside):
            if line.startswith("* - "):
                rows.append([])
            rows[-1].append(self._inline(line[4:]))
        lines = [f"| {' | '.join(row)} |" for row in rows]
        lines.insert(1, "|" + " :-- |" * len(rows[0]))
        label = self._label(options["name"])[0] + ". " if "name" in options else ""
        return [*lines, "", f"*{label}{self._inline(caption)}*"]

    def _code(self, file: str, options: Mapping[str, str]) -> list[str]:
        """Return the lines of a file that the chapter shows."""
        path = (self.book.root / self.name).parent / file
        wanted = {name: value.strip('"') for name, value in options.items()}
        text, _ = LiteralIncludeReader(str(path), wanted, Config()).read()
        return ["```python", *text.rstrip().splitlines(), "```"]

    def _quiz(self, name: str) -> Iterator[str]:
        questions = read_quiz((self.book.root / self.name).parent / "quizzes" / f"{name}.yml")
        for number, question in enumerate(questions, 1):
            yield from self._question(number, question)

    def _question(self, number: int, question: Question) -> list[str]:
        lettered = list(zip(LETTERS, question.options, strict=False))
        return [
            f"**{number}.** {self._one_line(question.text)}",
            "",
            *(f"- **{letter}** {self._one_line(option.text)}" for letter, option in lettered),
            "",
            f"<details>\n<summary>Answers to question {number}</summary>\n",
            *(
                f"- **{letter} is {'right' if option.right else 'wrong'}.** {self._one_line(option.because)}"
                for letter, option in lettered
            ),
            "\n</details>\n<br>\n",
        ]

    def _guess(self, question: str, options: Mapping[str, str], inside: list[str]) -> list[str]:
        guess = read_guess(question, options, inside, self.name)
        answer = f"Measured: {self._number(guess.answer)} {guess.unit}".rstrip() if guess.answer else ""
        lettered = list(zip(LETTERS, map(self._one_line, guess.choices), strict=False))
        if guess.choices:
            answer = "The answer is **{}**: {}".format(*lettered[guess.right])
        return [
            f"**Your guess:** {self._one_line(guess.question)}",
            "",
            *(f"- **{letter}** {text}" for letter, text in lettered),
            "",
            "<details>\n<summary>Show the answer</summary>\n",
            answer if answer.endswith((".", "?", "!")) else f"{answer}.",
            "",
            *self._blocks(iter(guess.explanation)),
            "\n</details>\n<br>\n",
        ]

    def _exercises(self, chapter: str) -> Iterator[str]:
        file = f"exercises/{chapter}.ipynb"
        yield "They are a notebook of their own, with places for your answers:"
        yield f"[{file}]({file}) beside this one, or [the same on Colab]({self.book.addresses.colab(file)}).\n"
        for exercise in self.book.exercises:
            if exercise.chapter == chapter:
                yield f"- {exercise.title} ({DIFFICULTY[exercise.difficulty]}, {exercise.minutes} min)"

    def _widget(self, name: str) -> list[str]:
        address = self.book.addresses.page(self.page, self.section)
        file = self.book.pictures / f"{name}.png"
        link = [f"[Try it on the site]({address}); it runs in your browser."]
        if not file.is_file():
            return link
        data = base64.b64encode(file.read_bytes()).decode()
        return [
            f"[![{picture_text(name)}](data:image/png;base64,{data})]({address})",
            "",
            *link,
        ]

    # Text -----------------------------------------------------------------------------------------------------

    def _one_line(self, text: str) -> str:
        return " ".join(self._inline(text).split())

    def _inline(self, text: str) -> str:
        """Return text without roles; what stands in code is left alone."""
        text = re.sub(r"(?:\{([\w:]+)\})?(`+)(.+?)\2(?!`)", self._role, text, flags=re.DOTALL)
        text = re.sub(r"\$\$ *\(([\w-]+)\)", lambda m: rf"\tag{{{self.book.references['equations'][m[1]]}}} $$", text)
        return re.sub(r"(?<!!)\[([^\]]*)\]\((?!\w+:)([^)\s]*)\)", self._link, text)

    def _role(self, found: re.Match[str]) -> str:
        role, _, inside = found.groups()
        if role is None:
            return found[0]
        inside = " ".join(inside.split())
        label, target = _parts(inside)
        if role == "glue:text":
            return self._number(inside)
        if role == "numref":
            return self._label(target)[0]
        if role == "eq":
            return f"({self.book.references['equations'][target]})"
        if role == "ref":
            title, place = self._label(target)
            return f"[{label or title}]({self.book.link(place)})"
        if role == "term":
            return self._term(label or target, target)
        if role in ("cite", "cite:p", "cite:t"):
            return self._citation(target, textual=role == "cite:t")
        if role == "claim":
            return ""  # the check is the build's
        if role.startswith("py:"):
            return f"`{(label or target).removeprefix('~')}`"
        raise KeyError(f"{self.name}: the notebooks have no form for the role {role!r}; give it one in plain.py")

    def _number(self, inside: str) -> str:
        key, _, spec = inside.partition(":")
        if key not in self.values:
            raise KeyError(f"{self.name}: the text uses {key!r}, which no cell records")
        return format(self.values[key], spec)

    def _label(self, target: str) -> tuple[str, str]:
        try:
            text, place = self.book.references["labels"][target.lower()]
        except KeyError:
            raise KeyError(f"{self.name}: the text refers to {target!r}, which no page of the site has") from None
        return text, place

    def _term(self, text: str, term: str) -> str:
        """Link a term where a chapter uses it first, as the site does."""
        terms = self.book.references["terms"]
        place = terms.get(term) or terms.get(term.lower())
        if place is None:
            raise KeyError(f"{self.name}: the glossary has no term {term!r}")
        if place in self.explained:
            return text
        self.explained.add(place)
        return f"[{text}]({self.book.link(place)})"

    def _citation(self, keys: str, *, textual: bool) -> str:
        found = []
        for key in keys.split(","):
            text, place = self.book.references["citations"][key.strip()]
            names, year = text.rsplit(", ", 1)
            found.append(
                f"[{names} ({year})]({self.book.link(place)})" if textual else f"[{text}]({self.book.link(place)})"
            )
        return ", ".join(found) if textual else f"({'; '.join(found)})"

    def _link(self, found: re.Match[str]) -> str:
        text, target = found.groups()
        file, _, anchor = target.partition("#")
        if file.endswith(".md"):
            page = posixpath.normpath(posixpath.join(posixpath.dirname(self.page), file)).removesuffix(".md")
            number, title, place = self.book.references["pages"][page]
            name = chapter_name(number) if number and not anchor else title
            return f"[{text or name}]({self.book.link(place)}{f'#{anchor}' if anchor else ''})"
        if file.endswith(".ipynb"):
            return found[0]  # our own, to the notebook beside this one
        title, place = self._label(anchor or file)
        return f"[{text or title}]({self.book.link(place)})"


def _until(mark: str, lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines of a block up to its end."""
    for line in lines:
        if line.rstrip() == mark:
            return
        yield line


def _parts(target: str) -> tuple[str, str]:
    """Split the inside of a role, ``text <target>`` or ``target``, in text and target."""
    found = re.fullmatch(r"(.*?) *<(.+)>", target)
    return (found[1], found[2]) if found else ("", target)
