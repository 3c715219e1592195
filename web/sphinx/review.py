"""What the page "Your progress" is made of: the questions of all quizzes, to be asked again, and the list of chapters.

The questions stand hidden behind the text of the page; ``review.js`` shows those that are due. Both it and the list of
chapters know what the browser keeps from ``kept.js``. Outside of all sections, they are not found by the search, which
knows them from their chapters.
"""

from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

import toc
from contents import number, title
from markup import files_where, raw_html
from quiz import Quiz, quiz, read_quiz

WITHOUT_SCRIPTS = (
    "This page needs JavaScript, which is off in this browser. With it, questions that are due appear here, and you can"
    " tick chapters, and export, import or delete your progress."
)


class review(quiz):  # noqa: N801, docutils names nodes so
    """The questions of all quizzes."""


class Review(Quiz):
    """``{review}``: the questions of the quizzes of all chapters, behind the text of the page."""

    required_arguments = 0

    def run(self) -> list[nodes.Node]:
        """Return the place for what is due, and all questions."""
        folder = Path(self.env.doc2path(self.env.docname)).parent / "quizzes"
        result = review()
        for name in toc.chapters():
            file = folder / f"{name}.yml"
            self.env.note_dependency(str(file))
            for place, question in enumerate(read_quiz(file), 1):
                result += raw_html(f'<div data-page="book/{escape(name)}" data-place="quiz-{escape(name)}-{place}">')
                result += self.question(question, name, place, f"review-{name}-{place}")
                result += raw_html("</div>")
        asked = f'<p role="status" id="due"></p><div class="ml-due"></div><noscript><p>{WITHOUT_SCRIPTS}</p></noscript>'
        return [raw_html(asked), result]


def move_behind(app: Sphinx, doctree: nodes.document) -> None:
    """Move the questions out of the section that they stand in."""
    for node in list(doctree.findall(review)):
        node.parent.remove(node)
        doctree += node


def chapters_read(app: Sphinx, page: str) -> str:
    """Return the list of chapters, each with a box to tick and a place for how many questions were answered right."""
    items = []
    for name in toc.chapters():
        other = f"book/{name}"
        place = number(app.env, other).strip()
        address = escape(app.builder.get_relative_uri(page, other))
        items.append(
            f'<li data-page="{escape(other)}">'
            f'<label hidden><input type="checkbox" autocomplete="off"> Chapter {place}</label> '
            f'<a href="{address}">{escape(title(app.env, other))}</a> <span class="ml-score"></span></li>'
        )
    return f'<div class="ml-chapters"><ul>{"".join(items)}</ul></div>'


def kept_data(app: Sphinx, page: str) -> str:
    """Return what exports, imports and deletes all that is kept."""
    return (
        '<div class="ml-data" hidden><p><button type="button" id="export">Export</button>'
        ' <label>Import a file: <input type="file" id="import" accept=".json,application/json"></label></p>'
        '<p><button type="button" id="delete">Delete all</button></p><p role="status" id="data-status"></p></div>'
    )


def _visit(translator: Any, node: review) -> None:
    translator.body.append('<div class="ml-review" hidden>')


def _depart(translator: Any, _: review) -> None:
    translator.body.append("</div>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_node(review, html=(_visit, _depart))
    app.add_directive("review", Review)
    app.connect("doctree-read", move_behind)
    app.connect("html-page-context", files_where(review, script="review.js", style="questions.css"))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
