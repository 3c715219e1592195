"""Serve the page on which a person marks answers, to this machine alone.

The address has a random token, without which there is no page. Forms send it again, and requests must name this host:
no other page that is open in the browser can read or send anything.
"""

import base64
import re
import secrets
import threading
import time
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from coursegrader.marking_page import Session, make_message, make_page

IDLE = 3600  # seconds after the last request
MAX_FORM = 100_000  # bytes
_FILES = {"mark.css": "text/css; charset=utf-8", "mark.js": "text/javascript; charset=utf-8"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class MarkingServer(ThreadingHTTPServer):
    """A server on the loopback address, for one marker.

    Parameters
    ----------
    session
        What is marked.
    port
        0 for any that is free.
    idle
        Seconds after the last request until it ends by itself.

    Attributes
    ----------
    token : str
        The secret in the address.
    address : str
        What to open in the browser.
    """

    daemon_threads = True
    timeout = 0.5  # seconds, how often it looks whether it should end

    def __init__(self, session: Session, *, port: int = 0, idle: float = IDLE) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.session = session
        self.lock = threading.Lock()  # a browser may ask for two pages at once
        self.token = secrets.token_urlsafe(24)
        self.address = f"http://127.0.0.1:{self.server_port}/{self.token}/"
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}
        self.ended = threading.Event()
        self.last = time.monotonic()
        self._idle = idle

    def run(self) -> None:
        """Answer requests until the page's button ends it, or nothing comes for a long time."""
        while not self.ended.is_set() and time.monotonic() < self.last + self._idle:
            self.handle_request()


class _Handler(BaseHTTPRequestHandler):
    """Answer one request."""

    server: MarkingServer
    timeout = 30  # seconds to send a request

    def log_message(self, *_: Any) -> None:
        """Write no line for each request."""

    def do_GET(self) -> None:
        """Send a page, a figure, or what belongs to the page."""
        parts = self._authorize()
        if parts is None:
            return
        session = self.server.session
        with self.server.lock:
            if parts == [""]:
                following = session.following(-1)
                return self._redirect("done" if following is None else str(following + 1))
            if parts == ["done"]:
                text = f"All {len(session.items)} answers have a mark of yours."
                page = make_message("Done", text, token=self.server.token, can_end=True)
                return self._send(page.encode(), "text/html; charset=utf-8")
            if len(parts) == 1 and parts[0] in _FILES:
                content = files("coursegrader").joinpath("page", parts[0]).read_bytes()
                return self._send(content, _FILES[parts[0]])
            place = self._place(parts[0])
            if place is not None and len(parts) == 1:
                note = "The last mark was taken back." if self.path.endswith("?undone") else ""
                page = make_page(session, place, token=self.server.token, note=note)
                return self._send(page.encode(), "text/html; charset=utf-8")
            figure = re.fullmatch(r"([1-9])\.png", parts[1]) if len(parts) == 2 else None
            if place is not None and figure and int(figure[1]) <= len(session.items[place].figures):
                image = base64.b64decode(session.items[place].figures[int(figure[1]) - 1])
                return self._send(image, "image/png")
        self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Do what the page's form asks for."""
        parts = self._authorize()
        if parts is None:
            return
        length = self.headers.get("Content-Length", "")
        place = self._place(parts[0])
        if place is None or len(parts) > 1 or not length.isdecimal():
            return self._refuse(HTTPStatus.BAD_REQUEST)
        if int(length) > MAX_FORM:
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            text = self.rfile.read(int(length)).decode()
            form = urllib.parse.parse_qs(text, keep_blank_values=True, max_num_fields=200, errors="strict")
        except ValueError:
            return self._refuse(HTTPStatus.BAD_REQUEST)
        if not secrets.compare_digest(form.get("token", [""])[0].encode(), self.server.token.encode()):
            return self._refuse(HTTPStatus.FORBIDDEN)
        with self.server.lock:
            try:
                self._do(form.get("action", [""])[0], place, form)
            except (ValueError, OSError) as error:
                page = make_message("Nothing was saved", str(error), token=self.server.token)
                self._send(page.encode(), "text/html; charset=utf-8", HTTPStatus.BAD_REQUEST)

    def _do(self, action: str, place: int, form: dict[str, list[str]]) -> None:
        session = self.server.session
        if action == "undo":
            undone = session.undo()
            self._redirect(str(place + 1) if undone is None else f"{undone + 1}?undone")
        elif action == "end":
            page = make_message("Ended", "You can close this page.", token=self.server.token)
            self._send(page.encode(), "text/html; charset=utf-8")
            self.wfile.flush()
            self.server.ended.set()
        elif action in ("next", "previous"):
            session.save(place, form)
            following = session.following(place) if action == "next" else max(place - 1, 0)
            self._redirect("done" if following is None else str(following + 1))
        else:
            self._refuse(HTTPStatus.BAD_REQUEST)

    def _authorize(self) -> list[str] | None:
        """Return the parts of the path behind the token; refuse whoever does not know it, or comes by another name."""
        origin = self.headers.get("Origin")
        path = urllib.parse.urlsplit(self.path).path.encode()
        start = f"/{self.server.token}/".encode()
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
        elif origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            self._refuse(HTTPStatus.FORBIDDEN)
        elif not secrets.compare_digest(path[: len(start)], start):
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            self.server.last = time.monotonic()
            return path[len(start) :].decode("ascii", errors="replace").split("/")
        return None

    def _place(self, text: str) -> int | None:
        found = re.fullmatch(r"[1-9][0-9]{0,6}", text)
        return int(text) - 1 if found and int(text) <= len(self.server.session.items) else None

    def _redirect(self, to: str) -> None:
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", f"/{self.server.token}/{to}")
        self._end_headers(0)

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(f"{status.phrase}\n".encode(), "text/plain; charset=utf-8", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self._end_headers(len(content))
        self.wfile.write(content)

    def _end_headers(self, length: int) -> None:
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "same-origin")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
