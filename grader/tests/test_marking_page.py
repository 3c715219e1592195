"""The page on which a person marks: what it shows and refuses. In a browser: tests/test_marking_browser.py."""

import base64
import threading
import urllib.parse
from collections.abc import Iterator
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from coursegrader.exercises import Exercise
from coursegrader.marking import Decision, Item, Journal, Mark
from coursegrader.marking_page import Session, make_page
from coursegrader.marking_server import MarkingServer
from coursegrader.rubrics import Criterion, Rubric

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)> {token} &amp; ![x](http://a.example/x.png)"
RUBRIC = Rubric("text", (Criterion("names <b>both</b> axes", 2), Criterion("gives units", 1)), "A note.")
EXERCISE = Exercise("axis-mislead", "plots", "What is wrong?", 1, 5, 30, "Say it.", (), "", (), (), RUBRIC)
DRAWN = Exercise("axis-draw", "plots", "Draw it", 1, 5, 30, "Draw.", (), "", (), (), Rubric("figure", RUBRIC.criteria))
IMAGE = base64.b64encode(b"\x89PNG\r\n\x1a\n...").decode()


def make_items() -> list[Item]:
    assert DRAWN.rubric
    items = [Item(EXERCISE, RUBRIC, text, (), "") for text in (HOSTILE, "Another answer.")]
    return [*items, Item(DRAWN, DRAWN.rubric, "plot()", (IMAGE,), "")]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Journal(tmp_path, "Eve").opened() as journal:
        yield Session(make_items(), journal)


@pytest.fixture
def server(session: Session) -> Iterator[MarkingServer]:
    with MarkingServer(session) as server:
        server.timeout = 0.02  # seconds until it sees that it has ended
        thread = threading.Thread(target=server.run)
        thread.start()
        yield server
        server.ended.set()
        thread.join()


def ask(server: MarkingServer, path: str, form: dict[str, Any] | None = None, **headers: str) -> HTTPResponse:
    """Ask for a page below the token, or send a form to it."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    whole = path if path.startswith("//") else f"/{server.token}/{path}"
    if form is None:
        connection.request("GET", whole.replace("//", "/"), headers=headers)
    else:
        body = urllib.parse.urlencode({"token": server.token, **form}, doseq=True)
        connection.request("POST", whole, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})
    return connection.getresponse()


class Reader(HTMLParser):
    """Collects tags and the text of each `pre`."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        if tag == "pre":
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data


def test_hostile_text_is_shown_as_it_was_typed_and_adds_nothing_to_the_page(session: Session) -> None:
    page = make_page(session, 0, token="T")
    found = Reader(page)
    assert found.texts[1].startswith(HOSTILE)
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    session.save(0, {"comment": ["</textarea><script>x</script>"]})
    assert Reader(make_page(session, 0, token="T")).tags.count("script") == 1
    assert 'data-comment="&lt;/textarea&gt;' in make_page(session, 1, token="T")


def test_page_has_a_policy_and_a_figure_is_sent_as_an_image_alone(server: MarkingServer) -> None:
    policy = ask(server, "1").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    response = ask(server, "3/1.png")
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.read() == base64.b64decode(IMAGE)
    assert {ask(server, path).status for path in ("3/2.png", "1/1.png", "4", "../mark.js", "mark.py")} == {404}


def test_strangers_are_refused(server: MarkingServer) -> None:
    assert ask(server, "//1").status == 404
    assert ask(server, f"//{'x' * len(server.token)}/1").status == 404
    assert ask(server, "1", Host="evil.example").status == 421
    assert ask(server, "1", {"action": "next"}, Origin="http://evil.example").status == 403
    assert ask(server, "1", {"action": "next", "token": "guess"}).status == 403
    assert ask(server, "1", {"action": "next", "comment": "x" * 200_000}).status == 413
    assert ask(server, "1", {"action": "next", "met": "7"}).status == 400
    assert ask(server, "1", {"action": "next", "adjustment": "nan"}).status == 400
    assert ask(server, "1", {"action": "dance"}).status == 400
    assert server.session.journal.marks() == []
    assert server.server_address[0] == "127.0.0.1"


def test_marking_goes_on_where_it_was_left(server: MarkingServer, tmp_path: Path) -> None:
    assert ask(server, "").headers["Location"].endswith("/1")
    sent = {"action": "next", "met": ["0"], "adjustment": "0.5", "comment": "Fine."}
    assert ask(server, "1", sent).headers["Location"].endswith("/2")
    assert [mark.points(RUBRIC) for mark in server.session.journal.marks()] == [2.5]
    assert Session(make_items(), server.session.journal).following(-1) == 1
    assert ask(server, "2", {"action": "previous"}).headers["Location"].endswith("/1")
    ask(server, "1", sent)
    assert len(server.session.journal.marks()) == 2  # what says the same is not written again
    assert ask(server, "3", {"action": "next"}).headers["Location"].endswith("/done")
    assert ask(server, "1", {"action": "undo"}).headers["Location"].endswith("/3?undone")
    assert [mark.question for mark in server.session.journal.marks()] == ["axis-mislead"] * 2


def test_settling_shows_both_marks_and_leaves_the_own_one_alone(tmp_path: Path) -> None:
    item = make_items()[0]
    texts = tuple(criterion.text for criterion in RUBRIC.criteria)
    given = [
        Mark(*item.key, texts, texts[:1], comment="Too <i>short</i>.", marker="Eve"),
        Mark(*item.key, texts, marker="Mo"),
    ]
    with Journal(tmp_path, "Eve").opened() as journal:
        journal.add(given[0])
        session = Session([item], journal, {item.key: Decision("differs", given)})
        page = make_page(session, 0, token="T")
        assert "Too &lt;i&gt;short&lt;/i&gt;." in page
        assert session.undo() is None
        session.save(0, {"met": ["0", "1"]})
        assert [mark.settles for mark in journal.marks()] == [False, True]
        assert session.left() == []


def test_server_ends_when_it_is_told_to_or_nobody_comes(session: Session) -> None:
    with MarkingServer(session, idle=0) as server:
        server.run()
    with MarkingServer(session) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        assert b"You can close this page" in ask(server, "1", {"action": "end"}).read()
        thread.join(timeout=10)
        assert not thread.is_alive()
