"""The list of all pages that every page has at its side, its neighbors, and what others need to know of that order."""

from html import escape
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


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


def short_title(env: BuildEnvironment, page: str) -> str:
    """Return what a page is called in lists: by `title` in _toc.yml, or a chapter by its subject, before the colon."""
    given = env.config.external_site_map[page].title
    subject, colon, _ = title(env, page).partition(":")
    return str(given or (subject if colon and number(env, page) else title(env, page)))


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
        entries = "".join(_entry(app, other, page, short_title(app.env, other)) for other in pages)
        lines.append(f"<p>{escape(caption)}</p><ul>{entries}</ul>")
    return "\n".join(lines)


def _entry(app: Sphinx, page: str, here: str, text: str) -> str:
    address = escape(app.builder.get_relative_uri(here, page))
    current = ' aria-current="page"' if page == here else ""
    place = number(app.env, page).strip()
    words = f'<span class="number">{place}</span> <span>{escape(text)}</span>' if place else escape(text)
    link = f'<a href="{address or "#main"}"{current}>{words}</a>'
    below = app.env.toctree_includes.get(page, []) if page != app.config.root_doc else []
    inner = "".join(_entry(app, child, here, short_title(app.env, child)) for child in below)
    if page == here and page != app.config.root_doc:
        inner = "".join(f'<li><a href="{escape(a)}">{escape(t)}</a></li>' for a, t in sections(app.env, page)) + inner
    elif not _holds(app.env, page, here):
        inner = ""
    return f"<li>{link}{f'<ul>{inner}</ul>' if inner else ''}</li>"


def _holds(env: BuildEnvironment, page: str, other: str) -> bool:
    return any(child == other or _holds(env, child, other) for child in env.toctree_includes.get(page, []))


def neighbors(app: Sphinx, page: str) -> list[dict[str, str]]:
    """Return what to read before and after a page: `rel`, `label`, `address` and `text` of each link.

    Chapters lead from one to the next, and each also to its exercises, which lead back to it and on to the next one.
    """
    env, root = app.env, app.config.root_doc
    order = [root, *(other for _, pages in parts(env) for other in pages)]
    below = {inner: other for other in order[1:] for inner in env.toctree_includes.get(other, [])}
    home = below.get(page, page)
    if home not in order:
        return []
    place = order.index(home)
    before = order[max(place - 1, 0) : place] if home == page else [home]
    found = [("prev", "Previous" if home == page else "The chapter", other) for other in before]
    found += [("", "Practice", inner) for inner, other in below.items() if other == page]
    found += [("next", "Next", other) for other in order[place + 1 : place + 2]]
    return [
        {
            "rel": rel,
            "label": label,
            "address": escape(app.builder.get_relative_uri(page, other)),
            "text": number(env, other) + escape("Home" if other == root else short_title(env, other)),
        }
        for rel, label, other in found
    ]


def add_contents(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give the layout the list as HTML, and the neighbors."""
    context |= {"contents": contents(app, page), "neighbors": neighbors(app, page)}


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for each page."""
    app.connect("html-page-context", add_contents)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
