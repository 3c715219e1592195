"""Pictures for light and dark pages, with a text in their place and their size."""

import base64
import io
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

from mnist_lessons.plots import BLUE, DARK, INK, ORANGE, PAPER

logger = logging.getLogger(__name__)
PHONE = 360  # CSS pixels
DARK_PAGE = "#14181d"
FAINTEST = 0.75  # opacity at which each color of the palette keeps 3:1 against either page
EMBEDDED = re.compile(r'(xlink:href="data:image/png;base64,)\s*([^"]+)')


def pair_pictures(app: Sphinx, doctree: nodes.document) -> None:
    """Give each drawn figure a twin for dark pages; a picture without a text in its place is a warning."""
    for image in list(doctree.findall(nodes.image)):
        if not image.get("alt"):
            logger.warning("picture without alt text: %s", image["uri"], location=image)
        file = Path(app.env.relfn2path(image["uri"], app.env.docname)[1])
        if file.suffix != ".svg" or "jupyter_execute" not in file.parts:
            continue
        drawn = without_paper(file.read_text(encoding="utf-8"))
        file.write_text(drawn, encoding="utf-8")
        twin = file.with_suffix(".dark.svg")
        twin.write_text(darkened(drawn, photo="photo" in image["classes"]), encoding="utf-8")
        dark = image.deepcopy()
        dark["uri"] = str(Path(image["uri"]).with_suffix(".dark.svg"))
        image["classes"] += ["only-light"]
        dark["classes"] += ["only-dark"]
        image.replace_self([image, dark])


def without_paper(svg: str) -> str:
    """Return a figure without the ground that Matplotlib draws first, so that the page shows through.

    Marks that let others show through are seen at 3:1 all the same.
    """
    svg = re.sub(r"((?:fill|stroke)-opacity: )0\.[1-6]\d*", rf"\g<1>{FAINTEST}", svg)
    return re.sub(rf'(<g id="patch_1">\s*<path [^>]*fill: ){PAPER}', r"\1none", svg, count=1)


def darkened(svg: str, *, photo: bool = False) -> str:
    """Return a figure in the palette's dark colors: ink takes the color of the text, and paper that of the page.

    A photo, or a picture that is about black and white themselves, keeps its pixels: its cell says `image: {classes:
    photo}`.
    """
    drawn = re.sub("|".join(DARK), lambda found: DARK[found[0].lower()], svg, flags=re.IGNORECASE)
    if photo:
        return drawn
    drawn = re.sub(f"fill: {PAPER}", f"fill: {DARK_PAGE}", drawn)
    # Matplotlib leaves out the color where it is black.
    drawn = re.sub(r"<svg ", f'<svg fill="{DARK[INK]}" ', drawn, count=1).replace("#000000", DARK[INK])
    return EMBEDDED.sub(lambda found: found[1] + darkened_pixels(found[2]), drawn)


def darkened_pixels(png: str) -> str:
    """Return an embedded picture with its paper transparent and its ink in the dark page's colors.

    A pixel is a mix of white paper with one of three inks, black, orange (above 0) or blue (below 0).

    Parameters
    ----------
    png
        A PNG in base64, and so is what is returned.
    """
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype="float64")
    inks = np.array([rgb(color) for color in ("#000000", ORANGE, BLUE)])
    light = np.array([rgb(DARK[color]) for color in (INK, ORANGE, BLUE)])
    toward = inks - 255.0
    amounts = np.clip((pixels - 255.0) @ toward.T / (toward**2).sum(axis=1), 0, 1)  # (rows, columns, inks)
    misses = np.abs(pixels[..., np.newaxis, :] - 255.0 - amounts[..., np.newaxis] * toward).max(axis=-1)
    chosen = misses.argmin(axis=-1)
    amount = np.take_along_axis(amounts, chosen[..., np.newaxis], axis=-1)
    mixed = np.concatenate([light[chosen], 255.0 * amount], axis=-1).round().astype("uint8")
    text = io.BytesIO()
    Image.fromarray(mixed, "RGBA").save(text, "PNG")
    return base64.b64encode(text.getvalue()).decode()


def rgb(color: str) -> tuple[int, ...]:
    """Return the three numbers of a color such as #1f2933."""
    return tuple(bytes.fromhex(color[1:]))


def set_sizes(html: str, source_of: dict[str, Path]) -> str:
    """Return a page whose pictures state their size, so that nothing moves when they arrive, and load when near."""

    def with_size(found: re.Match[str]) -> str:
        name = re.search(r'src="([^"]+)"', found[0])
        file = name and source_of.get(Path(name[1]).name)
        if not file or " width=" in found[0]:
            return found[0]
        width, height = picture_size(file)
        wide = " data-wide" if width > PHONE else ""  # may use a phone's whole width, so that its labels stay large
        return f'<img width="{width}" height="{height}"{wide} loading="lazy" decoding="async"{found[0][4:]}'

    return re.sub(r"<img [^>]*>", with_size, html)


def picture_size(file: Path) -> tuple[int, int]:
    """Return a picture's size in CSS pixels."""
    if file.suffix != ".svg":
        with Image.open(file) as picture:
            return picture.size
    root = ElementTree.parse(file).getroot()
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    points = 4 / 3 if (root.get("width") or "").endswith("pt") else 1
    return round(width * points), round(height * points)


def address_of(app: Sphinx, page: str, image: nodes.image) -> str:
    """Return where a page finds a picture of any page."""
    return relative_uri(app.builder.get_target_uri(page), f"_images/{app.env.images[image['uri']][1]}")


def add_sizes(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """State the size of a page's pictures."""
    if "body" in context and doctree is not None:
        sources = {name: Path(app.srcdir, file) for file, (_, name) in app.env.images.items()}
        context["body"] = set_sizes(context["body"], sources)


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for each page, read and written."""
    app.connect("doctree-read", pair_pictures, priority=400)  # before Sphinx collects the pictures
    app.connect("html-page-context", add_sizes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
