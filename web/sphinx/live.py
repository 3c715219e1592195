"""Serve the site on this machine alone and build again what changes, executing nothing; open pages reload.

    python web/sphinx/live.py [PORT]

Each build runs in a fork of this process, which has imported all that Sphinx needs by building once. A change in
`web/sphinx` or `mnist_lessons` is therefore seen after a new start.
"""

import os
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
from sphinx_autobuild.filter import IgnoreFilter
from sphinx_autobuild.middleware import JavascriptInjectorMiddleware
from sphinx_autobuild.server import RebuildServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

import build
import toc
from execute import EXECUTED, BuildError
from folders import BUILD, ROOT, SITE

WATCHED = ["book", "web/theme", "web/widgets", "_config.yml", "_toc.yml"]
NOT_SOURCES = r"/\.[^/]*$|~$|/4913$|\.part$|\.writing$"  # what editors and executions leave for a moment
RELOAD = "new WebSocket(`ws://${location.host}/changes`).onmessage = () => location.reload();"


class ReloadMiddleware(JavascriptInjectorMiddleware):
    """Adds the script to each page as a file, since the pages' content policy allows no script in line."""

    def __init__(self, app: Any) -> None:
        super().__init__(app, ws_url="")
        self.script = b'<script src="/reload.js"></script>'


def main() -> None:
    """Serve until interrupted."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    if not (SITE / "index.html").is_file():
        sys.exit("live: there is no site yet; build it with: make book")
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        sys.exit(f"live: port {port}: {os.strerror(error.errno or 0)}; name another, as in make live PORT={port + 1}")
    rebuild(changed_paths=[])
    watcher = RebuildServer(
        [*(ROOT / name for name in WATCHED), EXECUTED], IgnoreFilter([], [NOT_SOURCES]), change_callback=rebuild
    )
    server = Starlette(
        routes=[
            WebSocketRoute("/changes", watcher),
            Route("/reload.js", send_script),
            Mount("/", StaticFiles(directory=SITE, html=True)),
        ],
        middleware=[Middleware(ReloadMiddleware)],
        lifespan=watcher.lifespan,
    )
    print(f"The book is at http://127.0.0.1:{port} (end with Ctrl-C)", flush=True)
    uvicorn.run(server, host="127.0.0.1", port=port, log_level="warning")


def rebuild(*, changed_paths: Sequence[Path]) -> None:
    """Build what has changed, and print what is wrong with it."""
    start = time.perf_counter()
    names = [file.relative_to(ROOT).as_posix() for file in changed_paths]
    try:
        with build.only_build():
            (BUILD / "site.key").unlink(missing_ok=True)  # the rest of the site may be older
            if any(name.startswith("web/widgets") for name in names):
                build.bundle()
            # Sphinx copies styles and scripts only where it writes a page.
            lines = build.sphinx([toc.home()] if any(name.startswith("web/") for name in names) else [])
    except BuildError as error:
        lines = [str(error)]
    except Exception:
        lines = [traceback.format_exc()]
    print(*lines, f"{', '.join(names) or 'Site'}: built in {time.perf_counter() - start:.1f} s", sep="\n", flush=True)


def send_script(request: Request) -> Response:
    """Send the script that waits for the next change."""
    return Response(RELOAD, media_type="text/javascript")


if __name__ == "__main__":
    main()
