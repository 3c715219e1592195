"""The site's files besides its pages: fonts, sitemap, the page for lost readers; and nothing that no page asks for."""

import base64
import shutil
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from folders import ROOT

CARDS = "cards"
MODULES = ROOT / "web" / "node_modules"
FONTS = {
    "source-sans-3.woff2": "@fontsource-variable/source-sans-3/files/source-sans-3-latin-wght-normal.woff2",
    "source-sans-3-italic.woff2": "@fontsource-variable/source-sans-3/files/source-sans-3-latin-wght-italic.woff2",
}


def is_own(app: Sphinx, name: str) -> bool:
    """Tell whether a static file or folder is this book's: one of web/theme/static, the built widgets, the cards."""
    folders = [folder for folder in app.config.html_static_path if "site-packages" not in str(folder)]
    built = name.split("/")[0] in ("widgets", CARDS)
    return built or any(Path(app.confdir, folder, name).exists() for folder in folders)


def not_found(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Add the page that the server shows in place of one that is not there."""
    return [("404", {}, "404.html")]


def write_files(app: Sphinx, error: Exception | None) -> None:
    """Add fonts and sitemap; drop what theme and extensions put beside them and no page asks for."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    for file in (out / "_static").iterdir():
        if not is_own(app, file.name):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    (out / "_static" / "fonts").mkdir()
    for name, source in FONTS.items():
        shutil.copyfile(MODULES / source, out / "_static" / "fonts" / name)
    # Sphinx leaves the last one, which has its font, where no page was to be written.
    style = shutil.copy(ROOT / "web" / "theme" / "static" / "site.css", out / "_static")
    embed_font(Path(style), "fonts/source-sans-3.woff2")
    locations = [app.config.html_baseurl + app.builder.get_target_uri(page) for page in sorted(app.env.found_docs)]
    (out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "".join(f"<url><loc>{escape(location)}</loc></url>\n" for location in locations)
        + "</urlset>\n",
        encoding="utf-8",
    )


def embed_font(style: Path, name: str) -> None:
    """Put a font into the style sheet: it is there with the first paint, on a first visit and from file:// too."""
    address = f'url("{name}")'
    text = style.read_text(encoding="utf-8")
    if address not in text:
        raise ExtensionError(f"{style.name}: expected {address}, which is to be put into it")
    font = base64.b64encode((style.parent / name).read_bytes()).decode()
    style.write_text(text.replace(address, f'url("data:font/woff2;base64,{font}")'), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for the end."""
    app.connect("html-collect-pages", not_found)
    app.connect("build-finished", write_files, priority=800)  # after the theme has written what it writes
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
