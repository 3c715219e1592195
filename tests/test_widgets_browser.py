"""Each widget used to its end in a real Chromium, from a server and from disk: see widgets/browser.mjs."""

import functools
import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_widgets import NODE, ROOT, build_site, built  # noqa: F401  a fixture

from layout import CONTENT_POLICY
from widgets import widget_names

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:  # noqa: F811
    """A small site with a page for each widget, under the real site's style sheet and content policy."""
    pages = {name: f"# {name}\n\n```{{widget}} {name}\nWhat stands here instead.\n```\n" for name in widget_names()}
    listed = "\n".join(widget_names())
    folder = tmp_path_factory.mktemp("site")
    target, done = build_site(folder, {"index": f"# Widgets\n\n```{{toctree}}\n{listed}\n```\n"} | pages, widgets=built)
    assert done.returncode == 0, done.stderr
    style = (ROOT / "web/theme/static/site.css").read_text(encoding="utf-8")
    # The fonts are not part of this small site.
    (target / "_static/site.css").write_text(re.sub(r"@font-face\s*{[^}]*}", "", style), encoding="utf-8")
    for name in widget_names():
        (target / f"{name}.html").write_text(
            page(name, (target / f"{name}.html").read_text(encoding="utf-8")), encoding="utf-8"
        )
    return target


def page(name: str, built_by_sphinx: Any) -> str:
    """Put the widget's part of a page that Sphinx built into a page without Sphinx's own theme."""
    links = re.findall(r"<(?:link|script)[^>]*_static/widgets/[^>]*>(?:</script>)?", built_by_sphinx)
    widget = re.search(r'<div class="ml-widget".*?</div>', built_by_sphinx, re.DOTALL)
    own = [f"{name}.css"] if (ROOT / "web" / "widgets" / f"{name}.css").is_file() else []
    assert re.findall(r"widgets/([\w.-]+)", "".join(links)) == ["widgets.css", *own, f"{name}.js"]
    assert widget
    return f"""<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{name}</title>
<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="_static/site.css">{"".join(links)}</head>
<body style="display: block; padding: 1rem"><main style="max-width: 43rem; margin: auto; padding: 0"><h1>{name}</h1>
<p><a id="before" href="#x">Before it</a></p>
{widget.group()}
<p><a id="after" href="#x">After it</a></p><p style="height: 60rem">And more.</p></main></body></html>
"""


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[str]:
    """The address of a loopback server of the small site."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize("name", widget_names())
def test_widget_works_from_start_to_end(name: Any, scheme: str, site: Path, server: str) -> None:
    base = server if scheme == "http" else f"{site.as_uri()}/"
    command = [str(NODE), str(ROOT / "tests/widgets/browser.mjs"), base, name]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
