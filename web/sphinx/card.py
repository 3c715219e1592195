"""The pictures that a link to the book or to a chapter shows elsewhere: its name over digits of the data set."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sphinx.application import Sphinx

from contents import number, title
from files import CARDS
from mnist_lessons import plots
from mnist_lessons.data import load_mnist
from pictures import DARK_PAGE

SIZE = 1200, 630  # what networks that show links ask for
PAPER, INK, ACCENT = DARK_PAGE, plots.DARK[plots.INK], plots.DARK[plots.BLUE]
COLUMNS, ROWS, SCALE = 10, 2, 4
LARGE, SMALL = 80, 40  # pixels
LINE = "A first image classifier, explained"


def draw_card(title: str, line: str, first_row: int = 0) -> Image.Image:
    """Return the picture: one line, a title of up to three lines, and rows of the ten digits.

    Of each digit, `first_row` images of the training set are left out, so that each chapter shows other ones.
    """
    card = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(card)
    draw.text((44, 34), line, fill=ACCENT, font=typeface(SMALL))
    font = typeface(LARGE, bold=True)
    while len(lines := list(wrapped(title, font))) > 3:
        font = font.font_variant(size=font.size - 4)
    draw.multiline_text((40, 96), "\n".join(lines), fill=INK, font=font, spacing=6)
    draw_digits(card, (40, 390), range(first_row, first_row + ROWS), Image.Resampling.NEAREST)
    return card


def typeface(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the typeface of these pictures in a size in pixels."""
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(fonts / f"DejaVuSans{'-Bold' * bold}.ttf", size)


def draw_digits(picture: Image.Image, place: tuple[int, int], rows: range, resampling: Image.Resampling) -> None:
    """Draw enlarged digits from 0 to 9, each row by other hands: row 2 has the third of each in the training set."""
    images, labels = training_set()
    drawn = [np.hstack([images[np.flatnonzero(labels == digit)[row]] for digit in range(COLUMNS)]) for row in rows]
    ink = Image.fromarray(np.vstack(drawn))
    ink = ink.resize((ink.width * SCALE, ink.height * SCALE), resampling)
    picture.paste(Image.new("RGB", ink.size, INK), place, mask=ink)


@functools.cache
def training_set() -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels, read once for all pictures."""
    return load_mnist()[0]


def wrapped(text: str, font: ImageFont.FreeTypeFont) -> Iterator[str]:
    """Yield a text's lines, none wider than the card."""
    line, *words = text.split()
    for word in words:
        if font.getlength(f"{line} {word}") > SIZE[0] - 80:
            yield line
            line = word
        else:
            line += f" {word}"
    yield line


def name_card(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Let the layout know the picture of a page, a chapter's or the book's, and what stands in its place."""
    book = app.config.html_title
    context["card"] = {"file": f"{CARDS}/index.png", "text": f"{book}: a first image classifier, with digits"}
    if place := number(app.env, page).strip():
        text = f"{book}, Chapter {place}: {title(app.env, page)}, with digits of the data set"
        context["card"] = {"file": f"{CARDS}/{Path(page).name}.png", "text": text}


def write_cards(app: Sphinx, error: Exception | None) -> None:
    """Write the pictures where the pages' heads say they are, unless they are there from the last build."""
    if error or app.builder.name != "html":
        return
    folder, book = Path(app.outdir, "_static", CARDS), app.config.html_title
    folder.mkdir(exist_ok=True)
    chapters = [page for page in sorted(app.env.found_docs) if number(app.env, page)]
    for file, *texts in [
        (folder / "index.png", book, LINE, 0),
        *(
            (folder / f"{Path(page).name}.png", title(app.env, page), f"{book} · Chapter {number(app.env, page)}", row)
            for row, page in enumerate(chapters, 1)
        ),
    ]:
        if not file.exists():
            draw_card(*texts).quantize(16, dither=Image.Dither.NONE).save(file, optimize=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Name them for each page; draw them last, when the folder is there."""
    app.connect("html-page-context", name_card)
    app.connect("build-finished", write_cards, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
