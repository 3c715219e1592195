"""The directive that puts a widget on a page, and on no other page anything of it.

    ```{widget} draw-digit
    What stands here instead, where scripts are off or fail: prose, a figure of the chapter.
    ```

The widgets' scripts, style and data are built before into the folder `widgets_path` (see web/build.mjs).
"""

import json
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from folders import ROOT

STYLE = "widgets.css"  # of all widgets; after it comes a widget's own, called as its script, where it has one
PLAYER = "hear.js"  # of figures: loaded when asked for
MANIFEST = "manifest.json"


def widget_names() -> list[str]:
    """Return the names of the widgets there are now: while `make live` runs, somebody may write another."""
    return sorted(file.stem for file in (ROOT / "web" / "widgets").glob("*.js"))


def styles() -> list[str]:
    """Return the files of styles."""
    return sorted(file.name for file in (ROOT / "web" / "widgets").glob("*.css"))


class widget(nodes.General, nodes.Element):  # noqa: N801  docutils' visitors go by this name
    """A place for a widget; its children are shown until the widget's script has replaced them."""


class WidgetDirective(SphinxDirective):
    """Put a widget on the page; the content stands in for it."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the widget's node around the parsed content."""
        name = self.arguments[0]
        if name not in (known := widget_names()):
            raise self.error(f"widget: expected one of {', '.join(known)}; got {name}")
        if not self.content:
            raise self.error(f"widget {name}: expected content that stands in where scripts are off, got none")
        node = widget(name=name)
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def visit_html(translator: Any, node: widget) -> None:
    """Open the element that the script looks for."""
    translator.body.append(f'<div class="ml-widget" data-widget="{node["name"]}">\n')


def depart_html(translator: Any, node: widget) -> None:
    """Close it."""
    translator.body.append("</div>\n")


def copy_files(app: Sphinx) -> None:
    """Copy the built widgets beside the site's other static files, where pages link to them."""
    source, target = Path(app.confdir) / app.config.widgets_path, Path(app.outdir) / "_static" / "widgets"
    files = [*styles(), *(f"{name}.js" for name in widget_names()), PLAYER]
    if (source / MANIFEST).is_file():
        files += [
            entry["file"] for entry in json.loads((source / MANIFEST).read_text(encoding="utf-8"))["files"].values()
        ]
    missing = [file for file in [MANIFEST, *files] if not (source / file).is_file()]
    if missing:
        raise FileNotFoundError(f"widgets_path {source}: expected {', '.join(missing)}; see web/build.mjs")
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(source / file, target / file)


def add_to_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Link the style and the scripts of a page's own widgets."""
    shown = sorted({node["name"] for node in doctree.findall(widget)}) if doctree else []
    if not shown:
        return
    own = {f"{name}.css" for name in shown}
    for style in [STYLE, *(file for file in styles() if file in own)]:
        app.add_css_file(f"widgets/{style}")
    for name in shown:
        app.add_js_file(f"widgets/{name}.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and its files."""
    app.add_config_value("widgets_path", "_build/widgets", "env")
    app.add_node(widget, html=(visit_html, depart_html))
    app.add_directive("widget", WidgetDirective)
    app.connect("builder-inited", copy_files)
    app.connect("html-page-context", add_to_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
