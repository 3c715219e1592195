"""Print the exercises as a handout: tasks with points and room to write, without hints, tests and solutions."""

from collections.abc import Mapping
from copy import copy
from pathlib import Path

from bs4 import Tag
from pypdf import PdfReader

import toc
from coursegrader.exercises import DIFFICULTY, Exercise, read_file
from folders import ROOT
from manuscript import anchor, markup
from markup import first
from mnist_lessons.store import moved_when_whole
from pdf import THEME, document, print_html

# Of ruled paper: a line for each two minutes that an exercise takes, within these.
FEWEST_LINES, MOST_LINES = 6, 14


def write(file: Path, texts: Mapping[str, Tag]) -> int:
    """Write the handout of all exercises, from the book's manuscript, and return how many pages it has."""
    parts = [handout(page, texts[anchor(page)]) for page in toc.pages() if is_exercises(page)]
    with moved_when_whole(file, file.with_suffix(".part")) as part:
        print_html(document("Exercises", "".join(map(str, parts)), THEME / "handout.css"), part)
    return len(PdfReader(file).pages)


def is_exercises(page: str) -> bool:
    """Tell whether a page is that of the exercises of a chapter."""
    return page.startswith("book/exercises/") and not page.endswith("/index")


def handout(page: str, text: Tag) -> Tag:
    """Return the tasks of a page of exercises."""
    text = copy(text)
    text["class"] = "starts-page"
    for drop in text.select(".hint, .paged, .cell, .lead, :scope > section > p"):
        drop.decompose()
    for link in text.select("a"):
        link.unwrap()
    for exercise in read_file(ROOT / f"{page}.md", public=True):
        identity = anchor(page, f"exercise-{exercise.id}")
        add_room(first(text, f"section:not(:has(h1)):has(#{identity})"), exercise)
    return text


def add_room(section: Tag, exercise: Exercise) -> None:
    """Say under the heading of an exercise what it is worth, and put lines to write on below it."""
    points = f"{exercise.points} point{'s' * (exercise.points != 1)}"
    says = f'<p class="worth">{points} · {DIFFICULTY[exercise.difficulty]} · {exercise.minutes} minutes</p>'
    first(section, "h2").insert_after(markup(says))
    lines = min(max(exercise.minutes // 2, FEWEST_LINES), MOST_LINES)
    section.append(markup(f'<div class="room" aria-hidden="true">{"<p></p>" * lines}</div>'))
