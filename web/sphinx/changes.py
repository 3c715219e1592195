"""What changed when: the versions of the book from CHANGELOG.md, also as a feed, and each page's last change."""

import re
import subprocess
import tomllib
from datetime import UTC, date, datetime
from typing import NamedTuple
from xml.etree import ElementTree

import addresses
import toc
from folders import ROOT, SITE
from mnist_lessons.store import write_atomically

FEED = "changes.xml"
ATOM = "http://www.w3.org/2005/Atom"
VERSION = re.compile(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class Version(NamedTuple):
    """A version of the book."""

    name: str  # as in pyproject.toml
    released: date
    text: str  # what changed, in Markdown


def version() -> str:
    """Return the version of these sources."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def versions(changelog: str) -> list[Version]:
    """Return the versions that a changelog describes, the newest first."""
    return [Version(name, date.fromisoformat(day), text.strip()) for name, day, text in VERSION.findall(changelog)]


def write_feed() -> None:
    """Write the versions as an Atom feed beside the site's pages."""
    here = addresses.read()
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    text = feed(versions(changelog), here.site, here.page("book/about", "sec-changes"))
    write_atomically(SITE / FEED, text)


def feed(versions: list[Version], site: str, page: str) -> str:
    """Return versions as an Atom feed, with all that RFC 4287 requires of a feed and its entries.

    Parameters
    ----------
    versions
        The newest first.
    site
        Address of the site, which ends with a slash.
    page
        Address of the page that shows the changes.
    """
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(f"{{{ATOM}}}feed")

    def add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
        element = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
        element.text = text or None
        return element

    add(root, "id", f"{site}{FEED}")
    add(root, "title", "Changes to MNIST Lessons")
    add(root, "updated", _at(versions[0].released))
    add(add(root, "author"), "name", "MNIST Lessons contributors")
    add(root, "link", rel="self", type="application/atom+xml", href=f"{site}{FEED}")
    add(root, "link", rel="alternate", type="text/html", href=page)
    for each in versions:
        entry = add(root, "entry")
        add(entry, "id", f"{site}{FEED}#{each.name}")
        add(entry, "title", f"Version {each.name}")
        add(entry, "updated", _at(each.released))
        add(entry, "link", rel="alternate", type="text/html", href=page)
        add(entry, "content", each.text, type="text")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _at(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def last_changes() -> dict[str, date]:
    """Return the day on which each page's source was last changed by a commit; without Git, the day of this build."""
    done = subprocess.run(
        ["git", "log", "--format=%x00%cs", "--name-only", "--", "book"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    found: dict[str, date] = {}
    for commit in done.stdout.split("\0")[1:]:
        day, *names = commit.split()
        for name in names:
            found.setdefault(name.removesuffix(".md"), date.fromisoformat(day))
    today = datetime.now(UTC).date()
    return {page: found.get(page, today) for page in toc.pages()}


def written(day: date) -> str:
    """Return a day as HTML: November 26, 2026."""
    return f'<time datetime="{day.isoformat()}">{day:%B} {day.day}, {day.year}</time>'
