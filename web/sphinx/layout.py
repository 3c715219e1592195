"""What the layout shows around a page's text: head, addresses, ways to run its code, its own styles and scripts.

The markup is `web/theme/templates/layout.html`, the look `web/theme/static/site.css`. What a page needs from its front
matter are `summary` and a description; `minutes.py` adds how long a chapter takes.
"""

import base64
import hashlib
import re
from html import escape, unescape
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import addresses
import changes
import toc
from contents import number, title
from files import is_own

# Before the first paint: a page chosen to be dark does not flash, and no line moves for code that the reader has chosen
# to wrap or for a font that comes after it.
HEAD_SCRIPT = (
    'try{for(const k of["theme","wrap"]){const v=localStorage.getItem(k);'
    "if(v)document.documentElement.dataset[k]=v}}catch{/* no storage */}"
    "document.fonts.load('1em \"Source Sans\"')"
)
# A server sends the page for lost readers at any depth. Where the site is not under its published path, as on another
# host, this finds the folder before anything is loaded.
BASE_SCRIPT = (
    'try{const base=document.querySelector("base"),parts=location.pathname.split("/"),'
    'here=folder=>{const ask=new XMLHttpRequest;ask.open("HEAD",`${folder}_static/site.css`,false);ask.send();'
    'return ask.status===200&&/css/.test(ask.getResponseHeader("content-type"))};'
    'base.href=[base.getAttribute("href"),...parts.slice(0,-1).map((_,i)=>`${parts.slice(0,i+1).join("/")}/`)]'
    ".find(here)??base.href}catch{/* from disk */}"
)
TEMPLATE_TITLES = {"search": "Search", "genindex": "Index", "404": "Page not found"}


def content_policy(*scripts: str) -> str:
    """Return what a page may load: files of its own site, and these scripts of its own text."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *(f"'sha256-{name}'" for name in hashes)]),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "base-uri 'self'",
            "form-action 'self'",
        ]
    )


CONTENT_POLICY = content_policy(HEAD_SCRIPT)  # of every page but the one for lost readers


def finish_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give the layout what it shows."""
    env, here = app.env, app.config.html_context["addresses"]
    own = title(env, page) if page in env.titles else TEMPLATE_TITLES.get(page, page)
    name = app.config.html_title
    has_notebook = "kernelspec" in env.metadata[page] and page != app.config.root_doc
    context |= {
        "content_policy": content_policy(HEAD_SCRIPT, BASE_SCRIPT) if page == "404" else CONTENT_POLICY,
        "base_script": BASE_SCRIPT,
        "head_script": HEAD_SCRIPT,
        "page_titles": env.titles,
        "page_title": escape(name if page == app.config.root_doc else f"{own} · {name}"),
        "page_description": _description(env, page, context.get("metatags") or "") or f"{own}: a page of {name}.",
        "chapter": number(env, page).strip() if page.removeprefix("book/") in toc.chapters() else "",
        "page_address": here.site + app.builder.get_target_uri(page),
        "site_address": here.site,
        "site_path": urlsplit(here.site).path,
        "repository": here.repository,
        "version": changes.version(),
        "branch": here.branch,
        "launch": launch_menu(env, here, page, context["pathto"](f"_sources/{page}.ipynb", 1)) if has_notebook else {},
        "page_styles": _own_files(app, context["css_files"]),
        "page_scripts": _own_files(app, context["script_files"]),
    }


def _description(env: BuildEnvironment, page: str, metatags: str) -> str:
    given = re.search(r'<meta content="([^"]*)"[^>]* name="description"', metatags)
    return unescape(given[1]) if given else str(env.metadata[page].get("summary", ""))


def launch_menu(env: BuildEnvironment, here: addresses.Addresses, page: str, path: str) -> dict[str, Any]:
    """Return what opens a page as a notebook; `path` leads to the file that is offered to keep."""
    notebook = addresses.notebook(page)
    kind = "this chapter" if number(env, page) else "these exercises" if "/exercises/" in page else "this page"
    return {
        "label": f"Open {kind} in",
        "links": launch_links(here, notebook),
        "hub": escape(here.jupyterhub(notebook)),
        "path": path,
        "file": notebook.rpartition("/")[2],
    }


def launch_links(here: addresses.Addresses, notebook: str) -> list[dict[str, str]]:
    """Return the services that run a notebook: `text`, `note` and `address` of each."""
    file = notebook.rpartition("/")[2]
    ways = [
        ("Binder", "no account; starts in a few minutes, forgets your changes", here.binder(notebook)),
        ("Colab", "Google account; save a copy to keep your changes", here.colab(notebook)),
        ("Kaggle", "Kaggle account; switch on Internet in the settings first", here.kaggle(notebook)),
        ("Codespaces", f"GitHub account; opens all notebooks, of which this is {file}", here.codespaces()),
    ]
    return [{"text": name, "note": note, "address": escape(address)} for name, note, address in ways]


def _own_files(app: Sphinx, files: list[Any]) -> list[str]:
    """Return the styles or scripts that a page of this book asked for; those of theme and extensions are left out."""
    names = [str(getattr(file, "filename", file) or "") for file in files]
    return [name for name in dict.fromkeys(names) if name and is_own(app, name.removeprefix("_static/"))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for each page."""
    app.connect("html-page-context", finish_page, priority=900)  # after the theme and every page's own widgets
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
