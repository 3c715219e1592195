"""The picture that a link to the book shows elsewhere: its name over digits of the data set."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sphinx.application import Sphinx

from files import CARD
from mnist_lessons.data import load_mnist

SIZE = 1200, 630  # what networks that show links ask for
PAPER, INK, ACCENT = "#14181d", "#e6e9ec", "#6cb6f5"
COLUMNS, ROWS, SCALE = 10, 2, 4


def draw_card(title: str, line: str) -> Image.Image:
    """Return the picture: title, one line, and two rows of the ten digits."""
    card = Image.new("RGB", SIZE, PAPER)
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    draw = ImageDraw.Draw(card)
    draw.text((40, 60), title, fill=INK, font=ImageFont.truetype(fonts / "DejaVuSans-Bold.ttf", 92))
    draw.text((44, 190), line, fill=ACCENT, font=ImageFont.truetype(fonts / "DejaVuSans.ttf", 40))
    (images, labels), _ = load_mnist()
    chosen = [np.flatnonzero(labels == digit)[row] for row in range(ROWS) for digit in range(COLUMNS)]
    rows = [np.hstack(list(images[chosen[start : start + COLUMNS]])) for start in range(0, len(chosen), COLUMNS)]
    ink = Image.fromarray(np.vstack(rows))
    ink = ink.resize((ink.width * SCALE, ink.height * SCALE), Image.Resampling.NEAREST)
    card.paste(Image.new("RGB", ink.size, INK), (40, 340), mask=ink)
    return card


def write_card(app: Sphinx, error: Exception | None) -> None:
    """Write the picture where the pages' heads say it is, unless it is there from the last build."""
    file = Path(app.outdir, "_static", CARD)
    if not error and app.builder.name == "html" and not file.exists():
        draw_card(app.config.html_title, "A first image classifier, explained").save(file, optimize=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Draw it last, when the folder is there."""
    app.connect("build-finished", write_card, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
