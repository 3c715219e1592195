"""The directive ``{exercises} CHAPTER``: links to a chapter's exercises.

The exercises themselves are pages, ``exercises/CHAPTER.md``, executed like any chapter. One that is not in order stops
the build with its file and line.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from coursegrader.exercises import DIFFICULTY, Exercise, ExerciseError, read_file
from folders import ROOT

FOLDER = ROOT / "book" / "exercises"
# A notebook of the chapter says what is beside it in its own words: plain.py.
INTRODUCTION = (
    "Each has a hint, tests, and a solution that stays closed until you open it. "
    "The page of the exercises opens as a notebook, too, with places for your answers.\n\n"
)


class ExercisesError(SphinxError):
    """An exercise is not in order; stops the build."""

    category = "Exercises"


class Exercises(SphinxDirective):
    """``{exercises} CHAPTER``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a list of links, with difficulty and minutes, and what is to be found behind them."""
        file = FOLDER / f"{self.arguments[0]}.md"
        self.env.note_dependency(str(file))
        try:
            found = read_file(file, public=True)
        except (ExerciseError, FileNotFoundError) as error:
            raise ExercisesError(str(error)) from error
        if not found:
            raise ExercisesError(f"{self.env.docname}: no exercises in {file}")
        return self.parse_text_to_nodes(_links(found))


def _links(exercises: list[Exercise]) -> str:
    return INTRODUCTION + "\n".join(
        f"- {{ref}}`{e.title} <exercise-{e.id}>` ({DIFFICULTY[e.difficulty]}, {e.minutes} min)" for e in exercises
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("exercises", Exercises)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
