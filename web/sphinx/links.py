"""What a chapter is called in the text: the link ``[](model.md)`` reads "Chapter 3", by the contents.

Titles say what the reader will do, which is a poor name in the middle of a sentence. Other pages have no number, and
links to them read their title.
"""

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from contents import number


def chapter_name(place: str) -> str:
    """Return what links to the chapter with this number read."""
    return f"Chapter {place.strip()}"


class NameChapters(SphinxPostTransform):
    """Give links to chapters their text."""

    default_priority = 8  # before MyST's own, which takes the title

    def run(self, **options: Any) -> None:
        """Name the chapter in each link that has no text and leads to no section of it."""
        for link in self.document.findall(addnodes.pending_xref):
            if link.get("refdomain") == "doc" and not link["refexplicit"] and not link.get("reftargetid"):
                place = number(self.env, link["reftarget"])
                if place:
                    link["refexplicit"] = True
                    text = link[0]
                    assert isinstance(text, nodes.Element)
                    text += nodes.Text(chapter_name(place))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the step."""
    app.add_post_transform(NameChapters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
