"""Write the book as an EPUB 3, which wraps its lines to any width and any size of type.

It is the manuscript, a file a page, with formulas as MathML and each claim's check as a footnote. Colors are the
reading system's, except that figures bring their paper along. The same sources give the same bytes.
"""

import copy
import io
import re
import subprocess
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import yaml
from bs4 import Tag
from PIL import Image, ImageDraw

import addresses
import card
import toc
from folders import ROOT
from manuscript import anchor, title
from markup import first
from mnist_lessons.plots import PAPER
from mnist_lessons.source import Source
from mnist_lessons.store import moved_when_whole

STYLE = ROOT / "web" / "theme" / "epub.css"
TYPES = {".xhtml": "application/xhtml+xml", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
# What a page is, in the vocabulary of EPUB; the role for screen readers has the same name.
KINDS = {"book-glossary": "glossary", "book-bibliography": "bibliography", "answers": "appendix"}
# What epub.css marks in code, in bold and italics. Without marks for the rest, chapters are a third smaller.
HIGHLIGHTED = ".k, .kn, .kc, .ow, .c1, .sd"
COVER = "cover.png"
FEATURES = (
    *("alternativeText", "displayTransformability", "MathML", "readingOrder", "structuralNavigation"),
    *("tableOfContents", "unlocked"),
)
SUMMARY = (
    "Each figure has a text alternative, and formulas are MathML. Lines wrap, and size and color of the type are the "
    "reader's choice. Answers to questions and solutions of exercises are in an appendix, with links there and back. "
    "Pictures stand for what can be used only on the book's site."
)
ACCESSIBILITY: dict[str, Sequence[str]] = {
    "schema:accessMode": ["textual", "visual"],
    "schema:accessModeSufficient": ["textual", "textual,visual"],
    "schema:accessibilityFeature": FEATURES,
    "schema:accessibilityHazard": ["none"],
    "schema:accessibilitySummary": [SUMMARY],
    "dcterms:conformsTo": ["EPUB Accessibility 1.1 - WCAG 2.1 Level AA"],
}
CONTAINER = """<?xml version="1.0" encoding="utf-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""


def write(file: Path, texts: Mapping[str, Tag], source: Source) -> None:
    """Write the EPUB; `texts` is what `manuscript.manuscript` returns and stays as it is."""
    about = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    places = {str(part["id"]): name for name, text in texts.items() for part in [text, *text.select("[id]")]}
    pictures: dict[str, bytes] = {}
    pages = {f"{name}.xhtml": page(name, copy.copy(text), places, pictures) for name, text in texts.items()}
    home, *others = pages
    cover = f'<img src="{COVER}" alt="{escape(about["title"])}" role="doc-cover"/>'
    documents = {
        "cover.xhtml": document("Cover", f'<section epub:type="cover" class="cover">{cover}</section>'),
        home: pages[home],
        "contents.xhtml": document("Contents", contents(texts)),
        **{name: pages[name] for name in others},
    }
    files: dict[str, str | bytes] = {
        **documents,
        STYLE.name: STYLE.read_text(encoding="utf-8"),
        COVER: draw_cover(*about["title"].split(": ")),
        **pictures,
    }
    moment = modified(source, str(about["date-released"]))
    files["package.opf"] = package(about, moment, files, list(documents))
    with moved_when_whole(file, file.with_suffix(".part")) as part, zipfile.ZipFile(part, "w") as archive:
        # Readers tell an EPUB by its first file, which is not compressed.
        head = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
        for name, content in {**head, **{f"book/{name}": files[name] for name in files}}.items():
            entry = zipfile.ZipInfo(name, moment.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


# Pages ------------------------------------------------------------------------------------------------------------


def page(name: str, text: Tag, places: Mapping[str, str], pictures: dict[str, bytes]) -> str:
    """Return a text of the manuscript as XHTML, and add the files of its pictures."""
    heading = title(text)
    kind = KINDS.get(name, "chapter")
    text.name, text.attrs = "section", {"id": name, "epub:type": kind, "role": f"doc-{kind}", "aria-label": heading}
    for drop in text.select(".on-paper"):
        drop.decompose()
    for link in text.select('a[href^="#"]'):
        identity = str(link["href"])[1:]
        if identity not in places:
            raise LookupError(f"{name}: a link leads to {identity!r}, which is nowhere in the book")
        link["href"] = address(identity, places, name)
    for image in text.select("img"):
        image["src"] = add_picture(Path(url2pathname(urlsplit(str(image["src"])).path)), pictures)
    for mark in text.select(".claim > a"):
        mark["epub:type"], mark["role"] = "noteref", "doc-noteref"
    for note in text.select(".claim-note"):
        note.name, note["epub:type"], note["role"] = "aside", "footnote", "doc-footnote"
        first(note, "a")["role"] = "doc-backlink"
    for formula in text.select("math"):
        formula["xmlns"] = "http://www.w3.org/1998/Math/MathML"
        # A reading system that doesn't know MathML would show the formula and its TeX, one after the other.
        formula["alttext"] = first(formula, "annotation").extract().get_text()
        first(formula, "semantics").unwrap()
    for wide in text.select(".formula, .text_html, .pst-scrollable-table-container"):
        wide["tabindex"] = "0"  # a keyboard has to get there to scroll it
    # Sphinx puts lists of what a function returns into a paragraph, which HTML ends there and XML does not allow.
    for around in text.select("p:has(> :is(ul, ol, dl, pre, div))"):
        around.unwrap()
    for plain in text.select(f"code span, .highlight span:not(.line, {HIGHLIGHTED})"):
        plain.unwrap()
    return document(heading, str(text))


def document(heading: str, text: str) -> str:
    """Return a file of XHTML."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head><title>{heading}</title><link rel="stylesheet" href="{STYLE.name}"/></head>
<body>{text}</body></html>
"""


def address(identity: str, places: Mapping[str, str], here: str = "") -> str:
    """Return the link from a page to an element."""
    there = places[identity]
    file = "" if there == here else f"{there}.xhtml"
    return file if identity == there != here else f"{file}#{identity}"


def add_picture(file: Path, pictures: dict[str, bytes]) -> str:
    """Add a picture and return its name; a figure gets its paper back, since a page may be dark or sepia."""
    content = file.read_bytes()
    if file.suffix == ".svg":
        drawn = content.decode()
        drawn = re.sub(r'(<g id="patch_1">\s*<path [^>]*fill: )none', rf"\1{PAPER}", drawn, count=1)
        content = re.sub(r' id="image\w+"', "", drawn).encode()  # an image drawn twice has the same id
    if pictures.setdefault(file.name, content) != content:
        raise ValueError(f"{file}: expected one picture of this name, got two")
    return file.name


def contents(texts: Mapping[str, Tag]) -> str:
    """Return the contents, as a page to read and as what reading systems list, and the landmarks."""
    home, *_, appendix = texts
    entries = [entry(home, texts[home])]
    for part in toc.parts():
        inside = "".join(entry(name, texts[name]) for name in map(anchor, part.pages) if name in texts)
        entries.append(f"<li><span>{escape(part.caption)}</span><ol>{inside}</ol></li>")
    entries.append(entry(appendix, texts[appendix]))
    start = next(anchor(part.pages[0]) for part in toc.parts() if part.numbered)
    marks = {"toc": "contents", "bodymatter": start} | {kind: name for name, kind in KINDS.items() if name in texts}
    landmarks = "".join(
        f'<li><a epub:type="{kind}" href="{name}.xhtml">{title(texts[name]) if name in texts else "Contents"}</a></li>'
        for kind, name in marks.items()
    )
    return (
        '<nav epub:type="toc" role="doc-toc" aria-labelledby="contents"><h1 id="contents">Contents</h1>'
        f"<ol>{''.join(entries)}</ol></nav>"
        f'<nav epub:type="landmarks" aria-label="Landmarks" hidden="hidden"><ol>{landmarks}</ol></nav>'
    )


def entry(name: str, text: Tag) -> str:
    """Return a page's line in the contents, with those of its sections."""
    heads = [(head.parent, head.get_text(" ", strip=True)) for head in text.select("section[id] > h2")]
    inside = "".join(
        f'<li><a href="{name}.xhtml#{section["id"]}">{escape(words, quote=False)}</a></li>'
        for section, words in heads
        if section is not None
    )
    return f'<li><a href="{name}.xhtml">{title(text)}</a>{f"<ol>{inside}</ol>" if inside else ""}</li>'


# Package ----------------------------------------------------------------------------------------------------------


def package(about: Mapping[str, Any], moment: datetime, files: Mapping[str, str | bytes], spine: list[str]) -> str:
    """Return the package document: what the book is, which files it has, and in which order they are read."""
    listed = "\n".join(item(name, content) for name, content in files.items())
    read = "\n".join(f'<itemref idref="{identity(name)}"/>' for name in spine)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en"
 prefix="a11y: http://www.idpf.org/epub/vocab/package/a11y/#">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
{"".join(f"{line}{chr(10)}" for line in metadata(about, moment))}</metadata>
<manifest>
{listed}
</manifest>
<spine>
{read}
</spine>
</package>
"""


def metadata(about: Mapping[str, Any], moment: datetime) -> Iterator[str]:
    """Yield the lines that say what the book is and how accessible."""
    authors = [str(author["name"]) for author in about["authors"]]
    yield f'<dc:identifier id="id">urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, addresses.read().site)}</dc:identifier>'
    values = {"title": [about["title"]], "language": ["en"], "creator": authors, "date": [about["date-released"]]}
    values |= {"description": [about["abstract"].strip()], "rights": [about["license"]], "subject": about["keywords"]}
    for name, texts in values.items():
        yield from (f"<dc:{name}>{escape(str(text), quote=False)}</dc:{name}>" for text in texts)
    properties = {"dcterms:modified": [f"{moment:%Y-%m-%dT%H:%M:%SZ}"], **ACCESSIBILITY, "a11y:certifiedBy": authors}
    for name, said in properties.items():
        yield from (f'<meta property="{name}">{escape(text, quote=False)}</meta>' for text in said)


def item(name: str, content: str | bytes) -> str:
    """Return the line of the manifest for a file."""
    properties = {COVER: "cover-image", "contents.xhtml": "nav"}.get(name, "")
    if isinstance(content, str) and "<math" in content:
        properties = "mathml"
    kept = f' properties="{properties}"' if properties else ""
    return f'<item id="{identity(name)}" href="{name}" media-type="{TYPES[Path(name).suffix]}"{kept}/>'


def identity(name: str) -> str:
    """Return the id of a file in the package."""
    return f"file-{name}"


def modified(source: Source, released: str) -> datetime:
    """Return when the source was committed, or where that is not known, the day of the release."""
    if source.commit:
        command = ["git", "-C", str(ROOT), "show", "--no-patch", "--format=%ct", source.commit]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        return datetime.fromtimestamp(int(done.stdout), UTC)
    return datetime.fromisoformat(released).replace(tzinfo=UTC)


def draw_cover(name: str, line: str) -> bytes:
    """Return the cover as a PNG of 1,200 by 1,800 pixels: title, one line, and digits of the data set."""
    cover = Image.new("RGB", (1200, 1800), card.PAPER)
    draw = ImageDraw.Draw(cover)
    draw.text((60, 110), name, fill=card.INK, font=card.typeface(124, bold=True))
    words = (line[:1].upper() + line[1:]).replace(", ", ",\n")
    draw.multiline_text((66, 320), words, fill=card.ACCENT, font=card.typeface(46), spacing=18)
    card.draw_digits(cover, (40, 600), range(10), Image.Resampling.LANCZOS)
    made = io.BytesIO()
    cover.quantize(64).save(made, "png", optimize=True)
    return made.getvalue()
