"""What every page is made of besides its prose: head, contents, pictures for light and dark, terms explained in place.

The markup is `web/theme/templates/layout.html`, the look `web/theme/static/site.css`. Formulas are `formulas.py`'s.
Nothing here decides what a chapter says; what a page needs from its front matter are `minutes`, `summary` and a
description.
"""

import base64
import functools
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from docutils import nodes
from PIL import Image
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import addresses
from formulas import typeset
from mnist_lessons.plots import DARK, PAPER

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
# Before the first paint: a page chosen to be dark does not flash, and no line moves for a font that comes after it.
HEAD_SCRIPT = (
    'try{const t=localStorage.getItem("theme");if(t)document.documentElement.dataset.theme=t}catch{/* no storage */}'
    "document.fonts.load('1em \"Source Sans\"')"
)
CONTENT_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'sha256-" + base64.b64encode(hashlib.sha256(HEAD_SCRIPT.encode()).digest()).decode() + "'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'self'",
        "form-action 'self'",
    ]
)
TEMPLATE_TITLES = {"search": "Search", "genindex": "Index", "404": "Page not found"}
PHONE = 360  # CSS pixels
FONTS = {
    "source-sans-3.woff2": "@fontsource-variable/source-sans-3/files/source-sans-3-latin-wght-normal.woff2",
    "source-sans-3-italic.woff2": "@fontsource-variable/source-sans-3/files/source-sans-3-latin-wght-italic.woff2",
}


# The address -----------------------------------------------------------------------------------------------------


def set_addresses(app: Sphinx, config: Any) -> None:
    """Let Sphinx and every page know where the site and its repository are."""
    here = addresses.read(Path(app.confdir, "_config.yml"))
    config.html_baseurl = here.site
    config.html_context["addresses"] = here


# Contents --------------------------------------------------------------------------------------------------------


def parts(env: BuildEnvironment) -> list[tuple[str, list[str]]]:
    """Return each part's caption and pages, in reading order; parts of numbered chapters have a number too."""
    found, count = [], 0
    for tree in env.tocs[env.config.root_doc].findall(addnodes.toctree):
        caption, pages = tree.get("caption") or "", list(tree["includefiles"])
        if pages and number(env, pages[0]):
            count += 1
            caption = f"Part {count}: {caption}"
        found.append((caption, pages))
    return found


def number(env: BuildEnvironment, page: str) -> str:
    """Return a chapter's number with a space after it, or nothing."""
    numbers = env.toc_secnumbers.get(page, {}).get("")
    return ".".join(map(str, numbers)) + " " if numbers else ""


def title(env: BuildEnvironment, page: str) -> str:
    """Return a page's title as plain text."""
    return env.titles[page].astext()


def sections(env: BuildEnvironment, page: str) -> list[tuple[str, str]]:
    """Return the anchor and the title of each of a page's sections of the second level."""
    inner = env.tocs[page].next_node(nodes.bullet_list, descend=True)
    if inner is None:
        return []
    heads = [item.next_node(nodes.reference) for item in inner.children if isinstance(item, nodes.list_item)]
    return [(head["anchorname"], head.astext()) for head in heads if head is not None and head["anchorname"]]


def contents(app: Sphinx, page: str) -> str:
    """Return the list of all pages as HTML, open at the page that it stands on."""
    root = app.config.root_doc
    lines = [f"<ul>{_entry(app, root, page, 'Home')}</ul>"]
    for caption, pages in parts(app.env):
        entries = "".join(_entry(app, other, page, title(app.env, other)) for other in pages)
        lines.append(f"<p>{escape(caption)}</p><ul>{entries}</ul>")
    return "\n".join(lines)


def _entry(app: Sphinx, page: str, here: str, text: str) -> str:
    address = escape(app.builder.get_relative_uri(here, page))
    current = ' aria-current="page"' if page == here else ""
    place = number(app.env, page).strip()
    words = f'<span class="number">{place}</span> <span>{escape(text)}</span>' if place else escape(text)
    link = f'<a href="{address or "#main"}"{current}>{words}</a>'
    below = app.env.toctree_includes.get(page, []) if page != app.config.root_doc else []
    inner = "".join(_entry(app, child, here, title(app.env, child)) for child in below)
    if page == here and page != app.config.root_doc:
        inner = "".join(f'<li><a href="{escape(a)}">{escape(t)}</a></li>' for a, t in sections(app.env, page)) + inner
    elif not _holds(app.env, page, here):
        inner = ""
    return f"<li>{link}{f'<ul>{inner}</ul>' if inner else ''}</li>"


def _holds(env: BuildEnvironment, page: str, other: str) -> bool:
    return any(child == other or _holds(env, child, other) for child in env.toctree_includes.get(page, []))


# Lists that the site writes itself -------------------------------------------------------------------------------


class listing(nodes.General, nodes.Element):  # noqa: N801, docutils names nodes so
    """The place of a list that is known only when all pages are read."""


class Listing(SphinxDirective):
    """``{way-through}``: the chapters; ``{reading-time}``, ``{figure-list}`` and ``{take-away}``: what they say."""

    def run(self) -> list[nodes.Node]:
        """Mark the place."""
        return [listing(kind=self.name)]


def way_through(app: Sphinx, page: str) -> str:
    """Return parts and chapters with what their front matter says of them; pages without minutes are left out."""
    blocks = []
    for index, (caption, pages) in enumerate(parts(app.env), 1):
        chapters = [other for other in pages if "minutes" in app.env.metadata[other]]
        if not chapters:
            continue
        total = sum(int(app.env.metadata[other]["minutes"]) for other in chapters)
        items = "".join(_chapter(app, page, other) for other in chapters)
        blocks.append(
            f'<div class="part"><p id="part-{index}"><strong>{escape(caption)}</strong>'
            f' <span>{_hours(total)}</span></p><ul aria-labelledby="part-{index}">{items}</ul></div>'
        )
    return f'<div class="way">{"".join(blocks)}</div>'


def reading_time(app: Sphinx, page: str) -> str:
    """Return how many chapters there are and how long they take."""
    pages = [other for _, pages in parts(app.env) for other in pages]
    minutes = [int(app.env.metadata[other]["minutes"]) for other in pages if "minutes" in app.env.metadata[other]]
    return f"<p>{len(minutes)} chapters, {_hours(sum(minutes))}</p>"


def _chapter(app: Sphinx, page: str, other: str) -> str:
    about = app.env.metadata[other]
    return (
        f'<li><a href="{escape(app.builder.get_relative_uri(page, other))}">'
        f"{number(app.env, other)}{escape(title(app.env, other))}</a> <span>{about['minutes']} min</span>"
        f"<p>{escape(str(about.get('summary', '')))}</p></li>"
    )


def _hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest))


def figure_list(app: Sphinx, page: str) -> str:
    """Return every numbered figure with its caption, in reading order."""
    labels = app.env.get_domain("std").labels
    found = [
        (other, name, f"Figure {'.'.join(map(str, digits))}")
        for other in _reading_order(app.env, app.config.root_doc)
        for name, digits in app.env.toc_fignumbers.get(other, {}).get("figure", {}).items()
    ]
    # Captions know each other by label.
    numbers = {label: text for label, (*place, _) in labels.items() for *at, text in found if place == at}
    captions = {tuple(place): _named(caption, numbers) for *place, caption in labels.values()}
    items = "".join(
        f'<li><a href="{escape(app.builder.get_relative_uri(page, other))}#{name}">{text}</a>'
        f" {escape(captions.get((other, name), ''))}</li>"
        for other, name, text in found
    )
    return f"<ul>{items}</ul>"


def _named(caption: str, numbers: dict[str, str]) -> str:
    return re.sub(r"\bfig-[\w-]+", lambda label: numbers.get(label[0], label[0]), str(caption))


def _reading_order(env: BuildEnvironment, page: str) -> Iterator[str]:
    yield page
    for child in env.toctree_includes.get(page, []):
        yield from _reading_order(env, child)


def take_away(app: Sphinx, page: str) -> str:
    """Return links to the book as one PDF and the site as one zip, where `downloads.py` puts them when published."""
    site = app.config.html_baseurl
    return (
        f'<ul><li><a href="{escape(site)}mnist-lessons.pdf">The book as one PDF</a>, to print or to read on paper.</li>'
        f'<li><a href="{escape(site)}mnist-lessons.zip">The site as one zip</a>: unpack it and open'
        " <code>index.html</code>. Drawing, formulas and search work without a network.</li></ul>"
    )


LISTINGS = {
    "way-through": way_through,
    "reading-time": reading_time,
    "figure-list": figure_list,
    "take-away": take_away,
}


def fill_listings(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Write each list now that every page is known."""
    for node in list(doctree.findall(listing)):
        node.replace_self(_html(LISTINGS[node["kind"]](app, page)))


# Pictures --------------------------------------------------------------------------------------------------------


def pair_pictures(app: Sphinx, doctree: nodes.document) -> None:
    """Give each drawn figure a twin for dark pages; a picture without a text in its place is a warning."""
    for image in list(doctree.findall(nodes.image)):
        if not image.get("alt"):
            logger.warning("picture without alt text: %s", image["uri"], location=image)
        file = Path(app.env.relfn2path(image["uri"], app.env.docname)[1])
        if file.suffix != ".svg" or "jupyter_execute" not in file.parts:
            continue
        drawn = without_paper(file.read_text())
        file.write_text(drawn)
        twin = file.with_suffix(".dark.svg")
        twin.write_text(darkened(drawn))
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

    def with_size(found: re.Match) -> str:
        name = re.search(r'src="([^"]+)"', found[0])
        file = name and source_of.get(Path(name[1]).name)
        if not file or " width=" in found[0]:
            return found[0]
        width, height = picture_size(file)
        wide = " data-wide" if width > PHONE else ""  # may use a phone's whole width, so that its labels stay large
        return f'<img width="{width}" height="{height}"{wide} loading="lazy" decoding="async"{found[0][4:]}'

    return re.sub(r"<img [^>]*>", with_size, html)


@functools.cache
def picture_size(file: Path) -> tuple[int, int]:
    """Return a picture's size in CSS pixels."""
    if file.suffix != ".svg":
        with Image.open(file) as picture:
            return picture.size
    root = ElementTree.parse(file).getroot()
    width, height = (float(number) for number in root.get("viewBox").split()[2:])
    points = 4 / 3 if (root.get("width") or "").endswith("pt") else 1
    return round(width * points), round(height * points)


# Text ------------------------------------------------------------------------------------------------------------


@functools.cache
def definitions(env: BuildEnvironment) -> dict[str, str]:
    """Return as HTML what the glossary says of each term, by the term's anchor, without where it is taught."""
    glossaries = {page for (kind, _), (page, _) in env.get_domain("std").objects.items() if kind == "term"}
    found = {}
    for page in glossaries:
        for item in env.get_doctree(page).findall(nodes.definition_list_item):
            text = item.next_node(nodes.definition).next_node(nodes.paragraph)
            for term in item.findall(nodes.term):
                found |= {name: definition(text) for name in term["ids"]}
    return found


def definition(paragraph: nodes.paragraph) -> str:
    """Return a glossary's sentences up to "Taught in", with their formulas typeset and without citations."""
    html = ""
    for node in paragraph.children:
        if isinstance(node, addnodes.pending_xref) and node["refdomain"] == "cite":
            html = html.rstrip()
            continue
        if isinstance(node, nodes.math):
            html += typeset(node.astext(), display=False)
            continue
        text, *rest = re.split(r"\s*\bTaught in\b", node.astext(), maxsplit=1)
        html += f"<code>{escape(text)}</code>" if isinstance(node, nodes.literal) else escape(text)
        if rest:
            break
    return html


def explain_terms(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn a term's first use on a page into a button that opens its definition; the browser does the rest.

    A popover needs no script, closes with Escape, and is reached by keyboard and touch.
    """
    known = definitions(app.env)
    seen: dict[str, str] = {}
    for reference in list(doctree.findall(nodes.reference)):
        word = reference.next_node(nodes.inline)
        name = (reference.get("refuri") or "").partition("#")[2]
        if word is None or "std-term" not in word["classes"] or name not in known or name in seen:
            continue
        if _within(reference, nodes.title, nodes.caption, nodes.term):
            continue
        seen[name] = reference["refuri"]
        word = escape(reference.astext())
        button = f'<button type="button" class="term" popovertarget="about-{name}">{word}</button>'
        reference.parent.replace(reference, _html(button))
    doctree += [
        _html(
            f'<div class="about-term" id="about-{name}" popover><p>{known[name]}</p>'
            f'<p><a href="{escape(address)}">In the glossary</a></p></div>'
        )
        for name, address in seen.items()
    ]


def link_helpers(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn the first mention of each function of the package into a link to what the reference says of it."""
    known = helpers(app.env)
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext().split("(")[0].strip()
        home, anchor = known.get(name, ("", ""))
        if not home or home == page or _within(literal, nodes.title, nodes.caption, nodes.reference, nodes.term):
            continue
        address = f"{app.builder.get_relative_uri(page, home)}#{anchor}"
        literal.parent.replace(
            literal, nodes.reference("", "", literal.deepcopy(), refuri=address, internal=True, classes=["helper"])
        )
        known = {other: place for other, place in known.items() if place != (home, anchor)}


@functools.cache
def helpers(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """Return page and anchor of what the reference describes, by its name, also in short where only one has it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for full, thing in env.get_domain("py").objects.items():
        parts = full.split(".")
        for start in range(len(parts)):
            found.setdefault(".".join(parts[start:]), []).append((thing.docname, thing.node_id))
    # A module's short name is a word like any other.
    modules = {full.split(".")[-1] for full, thing in env.get_domain("py").objects.items() if thing.objtype == "module"}
    return {name: places[0] for name, places in found.items() if len(places) == 1 and name not in modules}


def keep_units(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Never break a line between a number and its per cent sign."""
    for text in list(doctree.findall(nodes.Text)):
        if " %" in text and not _within(text, nodes.literal, nodes.literal_block, nodes.raw, nodes.math):
            text.parent.replace(text, nodes.Text(text.replace(" %", "\u00a0%")))


def _within(node: nodes.Node, *kinds: type) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def fold_dropdowns(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn an admonition of class dropdown into a native <details>, which needs no script."""
    for node in [node for node in doctree.findall(nodes.Admonition) if "dropdown" in node["classes"]]:
        head = node.next_node(nodes.title)
        node.remove(head)
        start = f'<details class="admonition"><summary>{escape(head.astext())}</summary>'
        place = node.parent.index(node)
        node.parent[place : place + 1] = [_html(start), *node.children, _html("</details>")]


def tidy(html: str) -> str:
    """Return a page without what extensions write that is wrong or that nothing here uses."""
    # sphinx-thebe's scripts, written even where Thebe is off.
    html = re.sub(
        r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName.*?</script>', "", html, flags=re.S
    )
    # docutils gives entries of the bibliography roles that are out of date, and a list that has no items.
    html = html.replace(' role="doc-biblioentry"', "").replace(
        '<div role="list" class="citation-list">', '<div class="citation-list">'
    )
    # A corner of a table that heads nothing is no header.
    html = re.sub(r"<th\b[^>]*>(?:<p>)?\s*(?:</p>)?</th>", "<td></td>", html)
    # Parameters one a line come as lists of definitions, inside what is to be defined.
    html = re.sub(
        r'<dt class="sig.*?</dt>', lambda found: re.sub(r"<(/?)d[ld]>", r"<\1span>", found[0]), html, flags=re.S
    )
    # myst-nb names every fold alike, over the text that says what it holds, and puts paragraphs where none may stand.
    html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    return re.sub(r'<p class="(collapsed|expanded) admonition-title">(.*?)</p>', r'<span class="\1">\2</span>', html)


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


# The page --------------------------------------------------------------------------------------------------------


def finish_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give the layout what it shows."""
    env, here = app.env, app.config.html_context["addresses"]
    own = title(env, page) if page in env.titles else TEMPLATE_TITLES.get(page, page)
    name = app.config.html_title
    context |= {
        "content_policy": CONTENT_POLICY,
        "head_script": HEAD_SCRIPT,
        "page_titles": env.titles,
        "page_title": escape(name if page == app.config.root_doc else f"{own} · {name}"),
        "page_description": _description(env, page, context.get("metatags") or "") or f"{own}: a page of {name}.",
        "page_address": here.site + app.builder.get_target_uri(page),
        "site_address": here.site,
        "site_path": urlsplit(here.site).path,
        "contents": contents(app, page),
        "repository": here.repository,
        "branch": here.branch,
        "launch": launch_links(here, page, context["pathto"]) if "kernelspec" in env.metadata[page] else [],
        "page_styles": _own_files(app, context["css_files"]),
        "page_scripts": _own_files(app, context["script_files"]),
    }
    if "body" in context and doctree is not None:
        sources = {name: Path(app.srcdir, file) for file, (_, name) in env.images.items()}
        context["body"] = tidy(set_sizes(context["body"], sources))


def _description(env: BuildEnvironment, page: str, metatags: str) -> str:
    given = re.search(r'<meta content="([^"]*)"[^>]* name="description"', metatags)
    return unescape(given[1]) if given else str(env.metadata[page].get("summary", ""))


def launch_links(here: addresses.Addresses, page: str, pathto: Callable[[str, int], str]) -> list[dict[str, Any]]:
    """Return where a page's code runs, and the same notebook to keep."""
    notebook = addresses.notebook(page)
    ways = {"Binder": here.binder(notebook), "Colab": here.colab(notebook), "Kaggle": here.kaggle(notebook)}
    links = [{"text": f"Run on {name}", "address": escape(address)} for name, address in ways.items()]
    return [*links, {"text": "Download notebook", "address": pathto(f"_sources/{page}.ipynb", 1), "download": True}]


def _own_files(app: Sphinx, files: list) -> list[str]:
    """Return the styles or scripts that a page of this book asked for; those of theme and extensions are left out."""
    names = [str(getattr(file, "filename", file) or "") for file in files]
    return [name for name in dict.fromkeys(names) if name and is_own(app, name.removeprefix("_static/"))]


def is_own(app: Sphinx, name: str) -> bool:
    """Tell whether a static file or folder is this book's: one of web/theme/static, or the built widgets."""
    folders = [folder for folder in app.config.html_static_path if "site-packages" not in str(folder)]
    return name.split("/")[0] == "widgets" or any(Path(app.confdir, folder, name).exists() for folder in folders)


# Search ----------------------------------------------------------------------------------------------------------

SECTIONS: dict[str, list[dict[str, str]]] = {}
# A glossary's entries are found one by one.
NOT_PROSE = (nodes.raw, nodes.math, nodes.math_block, nodes.comment, nodes.footnote_reference, addnodes.glossary)


def note_sections(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Keep for the search what the page says, before its terms become buttons."""
    SECTIONS[page] = list(searchable(app, page, doctree))


def searchable(app: Sphinx, page: str, doctree: nodes.document) -> Iterator[dict[str, str]]:
    """Yield what the search knows of each section: address, title, page, text and kind."""
    for section in doctree.findall(nodes.section):
        own = [node for node in section.children if not isinstance(node, nodes.section | nodes.title)]
        words = (text.astext() for node in own for text in node.findall(nodes.Text) if not _within(text, *NOT_PROSE))
        is_page = section.parent is doctree
        yield {
            "address": app.builder.get_target_uri(page) + ("" if is_page else f"#{section['ids'][0]}"),
            "title": section.next_node(nodes.title).astext(),
            "page": "" if is_page else title(app.env, page),
            "text": re.sub(r" (?=[,.;:?!)])", "", " ".join(" ".join(words).split())),
            "kind": "chapter" if "minutes" in app.env.metadata[page] else "page",
        }
    for term in doctree.findall(nodes.term):
        if term["ids"] and isinstance(term.parent.parent.parent, addnodes.glossary):
            text = term.parent.next_node(nodes.definition).astext()
            address = f"{app.builder.get_target_uri(page)}#{term['ids'][0]}"
            found = {"address": address, "title": term.astext(), "page": title(app.env, page)}
            yield found | {"text": text, "kind": "term"}


# Files -----------------------------------------------------------------------------------------------------------


def not_found(app: Sphinx) -> list[tuple[str, dict, str]]:
    """Add the page that the server shows in place of one that is not there."""
    return [("404", {}, "404.html")]


def write_files(app: Sphinx, error: Exception | None) -> None:
    """Add fonts, search and sitemap; drop what theme and extensions put beside them and no page asks for."""
    if error or app.builder.name != "html":
        return
    out, modules = Path(app.outdir), ROOT / "web" / "node_modules"
    for file in (out / "_static").iterdir():
        if not is_own(app, file.name):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    (out / "_static" / "fonts").mkdir()
    for name, source in FONTS.items():
        shutil.copyfile(modules / source, out / "_static" / "fonts" / name)
    embed_font(out / "_static" / "site.css", "fonts/source-sans-3.woff2")
    shutil.copyfile(modules / "minisearch" / "dist" / "umd" / "index.js", out / "_static" / "minisearch.js")
    (out / "searchindex.js").unlink(missing_ok=True)
    entries = [entry for page in sorted(SECTIONS) for entry in SECTIONS[page]]
    (out / "sections.js").write_text(f"window.bookSections = {json.dumps(entries, ensure_ascii=False)};\n")
    locations = [app.config.html_baseurl + app.builder.get_target_uri(page) for page in sorted(app.env.found_docs)]
    (out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "".join(f"<url><loc>{escape(location)}</loc></url>\n" for location in locations)
        + "</urlset>\n"
    )


def embed_font(style: Path, name: str) -> None:
    """Put a font into the style sheet: it is there with the first paint, on a first visit and from file:// too."""
    address = f'url("{name}")'
    text = style.read_text()
    if address not in text:
        raise ExtensionError(f"{style.name}: expected {address}, which is to be put into it")
    font = base64.b64encode((style.parent / name).read_bytes()).decode()
    style.write_text(text.replace(address, f'url("data:font/woff2;base64,{font}")'))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all of it."""
    app.add_node(listing)
    for name in LISTINGS:
        app.add_directive(name, Listing)
    app.connect("config-inited", set_addresses)
    app.connect("doctree-read", pair_pictures, priority=400)  # before Sphinx collects the pictures
    app.connect("doctree-resolved", note_sections, priority=400)
    app.connect("doctree-resolved", fill_listings)
    app.connect("doctree-resolved", keep_units)
    app.connect("doctree-resolved", link_helpers)
    app.connect("doctree-resolved", explain_terms)
    app.connect("doctree-resolved", fold_dropdowns)
    app.connect("html-page-context", finish_page, priority=900)  # after the theme and every page's own widgets
    app.connect("html-collect-pages", not_found)
    app.connect("build-finished", write_files, priority=800)  # after the theme has written what it writes
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
