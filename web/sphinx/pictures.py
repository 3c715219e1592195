"""Pictures for light and dark pages, with a text in their place and their size."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging

from mnist_lessons.plots import DARK, PAPER

logger = logging.getLogger(__name__)
PHONE = 360  # CSS pixels


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
        twin.write_text(darkened(drawn), encoding="utf-8")
        dark = image.deepcopy()
        dark["uri"] = str(Path(image["uri"]).with_suffix(".dark.svg"))
        image["classes"] += ["only-light"]
        dark["classes"] += ["only-dark"]
        image.replace_self([image, dark])


def without_paper(svg: str) -> str:
    """Return a figure without the ground that Matplotlib draws first, so that the page shows through."""
    return re.sub(rf'(<g id="patch_1">\s*<path [^>]*fill: ){PAPER}', r"\1none", svg, count=1)


def darkened(svg: str) -> str:
    """Return a figure in the palette's dark colors."""
    return re.sub("|".join(DARK), lambda found: DARK[found[0].lower()], svg, flags=re.IGNORECASE)


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
