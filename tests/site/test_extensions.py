"""What the site's own extensions make of pictures, formulas and code, without a browser."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from docutils import nodes
from docutils.utils import new_document
from PIL import Image, ImageColor
from sphinx.errors import ExtensionError

import api
import card
import changes
import figures
import files
import formulas
import markup
import minutes
import outputs
import pictures
import slides
import text
from mnist_lessons.plots import BLUE, DARK, GREEN, INK, ORANGE, PURPLE


@pytest.fixture
def typeset() -> Iterator[Callable[..., str]]:
    yield formulas.typeset
    formulas.typeset.close()


def test_dark_figure_has_every_color_of_the_palette_replaced() -> None:
    drawn = "".join(f'<path fill="{color}"/>' for color in DARK)
    dark = pictures.darkened(drawn.upper() + '<path fill="#ffffff"/>')
    assert [color for color in DARK if color in dark.lower()] == []
    assert all(color in dark for color in DARK.values())
    assert "#ffffff" in dark


def embedded(*colors: tuple[int, ...]) -> str:
    """Return a figure with a picture of one row of pixels in it."""
    row = io.BytesIO()
    Image.fromarray(np.array([colors], dtype="uint8")).save(row, "PNG")
    return f'<svg ><image xlink:href="data:image/png;base64,\n{base64.b64encode(row.getvalue()).decode()}"/></svg>'


def pixels_of(svg: str) -> Any:
    found = pictures.EMBEDDED.search(svg)
    assert found
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found[2]))).convert("RGBA")).tolist()


def test_digits_take_the_text_color_on_a_dark_page_and_their_paper_lets_it_through() -> None:
    half_orange = tuple(round((255 + part) / 2) for part in pictures.rgb(ORANGE))
    drawn = embedded((255, 255, 255), (0, 0, 0), half_orange, pictures.rgb(BLUE))
    ((paper, ink, orange, blue),) = pixels_of(pictures.darkened(drawn))
    assert paper[3] == 0
    assert ink == [*pictures.rgb(DARK[INK]), 255]
    assert orange[:3] == [*pictures.rgb(DARK[ORANGE])]
    assert orange[3] == pytest.approx(128, abs=2)
    assert blue == [*pictures.rgb(DARK[BLUE]), 255]


def test_photo_keeps_its_pixels_on_a_dark_page() -> None:
    drawn = embedded((255, 255, 255), (90, 70, 50))
    assert pixels_of(pictures.darkened(drawn, photo=True)) == [[[255, 255, 255, 255], [90, 70, 50, 255]]]


@pytest.mark.parametrize("color", [BLUE, ORANGE, GREEN, PURPLE])
def test_faint_marks_are_seen_at_3_to_1_on_either_page(color: str) -> None:
    def luminance(rgb: Any) -> Any:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    (faint,) = re.findall(r"opacity: ([\d.]+)", pictures.without_paper('<path style="fill-opacity: 0.2"/>'))
    for mark, page in ((color, "#fdfdfb"), (DARK[color], pictures.DARK_PAGE)):
        below, above = (np.array(pictures.rgb(name)) / 255 for name in (page, mark))
        values = sorted([luminance(below), luminance(float(faint) * above + (1 - float(faint)) * below)])
        assert (values[1] + 0.05) / (values[0] + 0.05) >= 3


def figure_page(table: str = "", *, folded: bool = True) -> Any:
    """Return a page with a table, a figure whose cell says where its own is, and another table."""

    def cell(*shown: Any, **metadata: Any) -> Any:
        return nodes.container("", *shown, classes=["cell"], cell_metadata=metadata)

    def numbers(text: str) -> Any:
        rows = f"<tr><th>x</th><th>y</th></tr><tr><th>{text}</th><td>\u22121,234.5</td></tr>"
        return nodes.raw("", f"<table>{rows}</table>", format="html")

    document = new_document("")
    tags = ["remove-input", "hide-output"] if folded else []
    figure = nodes.figure("", nodes.image(uri="a.svg"), ids=["fig-a"])
    metadata = {"table": table} if table else {}
    document += [cell(numbers("above")), cell(figure, **metadata), cell(numbers("below"), tags=tags)]
    return document, figure


@pytest.mark.parametrize(
    ("table", "folded", "found"),
    [("", True, "below"), ("", False, None), ("above", True, "above"), ("below", False, "below")],
)
def test_table_of_a_figure_is_the_folded_one_after_it_or_where_its_cell_says(
    table: str, folded: bool, found: str | None
) -> None:
    document, figure = figure_page(table, folded=folded)
    own = figures.table_of(figure, document, "page")
    rows = [["x", "y"], [found, "-1234.5"]]
    assert (own and figures.cells_of(own)) == (found and rows)


def test_figure_whose_table_is_not_where_its_cell_says_stops_the_build() -> None:
    document, figure = figure_page("beside")
    with pytest.raises(figures.FigureError, match="fig-a: expected a table above or below"):
        figures.table_of(figure, document, "page")


@pytest.mark.parametrize(
    ("cells", "heard"),
    [
        (["0.5", "7e-3"], True),
        (["98.1 ± 0.2", "about 3 %"], True),
        (["(0, 1)", "(2, 3)"], False),
        (["yes", "4"], False),
    ],
)
def test_figure_is_heard_where_a_column_holds_numbers(cells: list[str], heard: bool) -> None:
    assert figures.can_be_heard([["x", "y"], *([str(index), cell] for index, cell in enumerate(cells))]) is heard


def test_table_keeps_the_identifier_that_its_first_figure_gave_it() -> None:
    document, figure = figure_page()
    table = figures.table_of(figure, document, "page")
    assert table is not None
    assert figures.identify(table, "fig-a") == figures.identify(table, "fig-b") == "fig-a-numbers"
    assert table.astext().startswith('<table id="fig-a-numbers">')


def test_size_of_a_picture_is_in_css_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="300pt" viewBox="0 0 300 150"/>', encoding="utf-8"
    )
    Image.new("L", (40, 30)).save(tmp_path / "b.png")
    assert pictures.picture_size(tmp_path / "a.svg") == (400, 200)
    assert pictures.picture_size(tmp_path / "b.png") == (40, 30)


def test_picture_gets_its_size_once_and_others_are_left_alone(tmp_path: Path) -> None:
    Image.new("L", (40, 30)).save(tmp_path / "b.png")
    done = pictures.set_sizes('<img src="../b.png" alt="x"><img src="other.png">', {"b.png": tmp_path / "b.png"})
    assert '<img width="40" height="30" loading="lazy" decoding="async" src="../b.png" alt="x">' in done
    assert '<img src="other.png">' in done
    assert pictures.set_sizes(done, {"b.png": tmp_path / "b.png"}) == done
    Image.new("L", (500, 30)).save(tmp_path / "b.png")
    wide = pictures.set_sizes('<img src="b.png">', {"b.png": tmp_path / "b.png"})
    assert wide.startswith('<img width="500" height="30" data-wide ')


def test_formula_becomes_mathml_with_its_source(typeset: Callable[..., str]) -> None:
    html = typeset(r"\frac{1}{n} \sum_i x_i", display=True)
    assert html.startswith("<math")
    assert "<mfrac>" in html
    assert r"\frac{1}{n} \sum_i x_i" in html
    assert typeset("x < y", display=False).count("<math") == 1


def test_formula_that_cannot_be_typeset_stops_the_build(typeset: Callable[..., str]) -> None:
    with pytest.raises(ExtensionError, match="frax"):
        typeset(r"\frax{1}{2}", display=False)


def test_first_page_that_imports_a_function_is_linked_from_its_reference(tmp_path: Path) -> None:
    cell = "```{code-cell} ipython3\nfrom mnist_lessons.data import (\n    load_mnist,\n    split,\n)\n```\n"
    (tmp_path / "one.md").write_text("from mnist_lessons.data import one_hot\n", encoding="utf-8")
    (tmp_path / "two.md").write_text(cell, encoding="utf-8")
    (tmp_path / "three.md").write_text(cell.replace("split", "one_hot"), encoding="utf-8")
    assert api.first_uses(tmp_path, ("one", "two", "three")) == {
        "mnist_lessons.data.load_mnist": "two",
        "mnist_lessons.data.split": "two",
        "mnist_lessons.data.one_hot": "three",
    }


def test_card_has_the_size_that_social_networks_ask_for_and_its_title_stays_above_the_digits() -> None:
    drawn = card.draw_card("A title that is too long for three lines of a card unless it is written smaller. " * 2, "b")
    assert drawn.size == (1200, 630)
    assert drawn.crop((0, 370, 1200, 390)).getcolors() == [(20 * 1200, ImageColor.getrgb(card.PAPER))]


class Environment:
    """What a build knows of the package, as far as links to it need it."""

    def __init__(self, names: Any) -> None:
        things = {name: SimpleNamespace(docname="api", node_id=name, objtype=kind) for name, kind in names.items()}
        self.domain = SimpleNamespace(objects=things)

    def get_domain(self, name: str) -> Any:
        return self.domain


NAMES = {
    "book.data": "module",
    "book.data.load": "function",
    "book.data.Splits": "class",
    "book.plots.draw": "function",
    "book.other.draw": "function",
}


def test_helpers_are_known_by_unambiguous_short_names() -> None:
    known = api.helpers(Environment(NAMES))
    assert known["load"] == known["data.load"] == ("api", "book.data.load")
    assert known["plots.draw"] == ("api", "book.plots.draw")
    assert "draw" not in known
    assert "data" not in known
    assert known["book.data"] == ("api", "book.data")


def resolved(step: Any, *children: Any) -> Any:
    """Return a paragraph after one of the extensions' steps, as HTML-like text."""
    builder = SimpleNamespace(get_relative_uri=lambda page, home: f"{home}.html")
    document = new_document("")
    document += nodes.paragraph("", "", *children)
    step(SimpleNamespace(env=Environment(NAMES), builder=builder), document, "page")
    return document


def test_first_mention_of_a_helper_links_to_the_reference() -> None:
    document = resolved(
        api.link_helpers,
        nodes.literal("", "load(path)"),
        nodes.literal("", "load"),
        nodes.literal("", "x.load"),
        nodes.reference("", "", nodes.literal("", "Splits"), refuri="elsewhere"),
    )
    links = [(link.astext(), link["refuri"]) for link in document.findall(nodes.reference)]
    assert links == [("load(path)", "api.html#book.data.load"), ("Splits", "elsewhere")]


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    html = "<p><span>98</span> % and 2 % of <code>5 % 3</code></p><pre>7 %</pre>"
    kept = "<p><span>98</span>\u00a0% and 2\u00a0% of <code>5 % 3</code></p><pre>7 %</pre>"
    assert text.keep_units(html) == kept


def read_in(*shown: Any) -> Any:
    document = new_document("")
    document += shown
    return minutes.reading_minutes(document)


def test_minutes_count_words_figures_tables_and_code_that_are_shown() -> None:
    words = nodes.paragraph("", "word " * 400)
    code = nodes.literal_block("", "x = 1\n" * 30)
    table = nodes.raw("", "<table><caption>Many words</caption></table>", format="html")
    assert read_in(words) == 2
    assert read_in(words, code, table, nodes.table("", nodes.paragraph("", "word " * 400)), nodes.figure()) == 7
    assert read_in(nodes.paragraph("", "word " * 401)) == 3


def test_minutes_leave_out_what_is_folded_or_printed() -> None:
    def cell(tag: Any, part: Any, block: Any) -> Any:
        return nodes.container("", nodes.container("", block, classes=[part]), cell_metadata={"tags": [tag]})

    lines = "x = 1\n" * 30
    assert read_in(cell("hide-input", "cell_input", nodes.literal_block("", lines))) == 0
    assert read_in(cell("hide-output", "cell_output", nodes.raw("", "<table>", format="html"))) == 0
    assert read_in(cell("hide-input", "cell_output", nodes.raw("", "<table>", format="html"))) == 1
    assert read_in(nodes.literal_block("", lines, classes=["output"])) == 0
    assert read_in(nodes.admonition("", nodes.paragraph("", "word"), classes=["dropdown"])) == 0


def test_empty_header_cell_of_a_table_becomes_a_plain_cell() -> None:
    html = '<thead><tr><th class="head"><p></p></th><th scope="col"></th><th><p>a</p></th></tr></thead>'
    assert markup.tidy(html) == "<thead><tr><td></td><td></td><th><p>a</p></th></tr></thead>"


def test_parameters_inside_a_term_are_no_definition_list() -> None:
    html = '<dl><dt class="sig">f(<dl>\n<dd>a,</dd>\n</dl>\n)</dt><dd><p>Text.</p></dd></dl>'
    done = '<dl><dt class="sig">f(<span>\n<span>a,</span>\n</span>\n)</dt><dd><p>Text.</p></dd></dl>'
    assert markup.tidy(html) == done


def test_font_is_embedded_in_the_style_sheet_or_the_build_stops(tmp_path: Path) -> None:
    (tmp_path / "font.woff2").write_bytes(b"font")
    style = tmp_path / "style.css"
    style.write_text('src: url("font.woff2") format("woff2"), url("other.woff2")', encoding="utf-8")
    files.embed_font(style, "font.woff2")
    assert (
        style.read_text(encoding="utf-8")
        == 'src: url("data:font/woff2;base64,Zm9udA==") format("woff2"), url("other.woff2")'
    )
    with pytest.raises(ExtensionError, match="font.woff2"):
        files.embed_font(style, "font.woff2")


CHAPTER = "---\nkernelspec: {name: python3}\n---\n# Title\n"
CELL = "\n```{code-cell}\n%s\n```\n"


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A chapter of two cells that was run; calling it reads another version of its source."""
    notebook = nbformat.v4.new_notebook()
    for code in ("1 + 1", "2 + 2"):
        output = nbformat.v4.new_output("stream", text=f"output of {code}")
        notebook.cells.append(nbformat.v4.new_code_cell(code, outputs=[output]))
    nbformat.write(notebook, tmp_path / "a.ipynb")
    warnings = []
    monkeypatch.setattr(outputs.logger, "warning", lambda text, *values, **_: warnings.append(text % values))
    monkeypatch.setattr(outputs, "executed_file", lambda name: tmp_path / name.replace(".md", ".ipynb"))

    def read(*cells: Any, page: str = "a") -> Any:
        warnings.clear()
        found = outputs.read_with_outputs(CHAPTER + "".join(CELL % cell for cell in cells), page)
        return [[output.text for output in cell.outputs] for cell in outputs.code_cells(found)], warnings

    return read


def test_cells_have_the_outputs_of_their_last_run_wherever_they_moved(ran: Any) -> None:
    first, second = ["output of 1 + 1"], ["output of 2 + 2"]
    assert ran("1 + 1", "2 + 2") == ([first, second], [])
    assert ran("2 + 2") == ([second], [])
    assert ran("0", "1 + 1", "2 + 2")[0] == [[outputs.CHANGED], first, second]


def test_changed_cell_keeps_its_old_output_with_a_mark_and_a_warning(ran: Any) -> None:
    cells, warnings = ran("1 + 1", "2 + 3")
    assert cells == [["output of 1 + 1"], ["output of 2 + 2", outputs.CHANGED]]
    assert warnings == [
        "1 of 2 code cells have changed since they were last run; to run them: make book ONLY=a",
    ]


def test_chapter_that_was_never_run_shows_its_cells_marked(ran: Any) -> None:
    assert ran("1 + 1", page="b")[0] == [[outputs.CHANGED]]


def test_feed_holds_each_version_and_what_rfc_4287_requires() -> None:
    known = changes.versions(
        "# Changes\n\n## 2.0 (2027-02-03)\n\nNew & *old*.\n\n- One\n\n## 1.0 (2026-01-02)\n\nFirst.\n"
    )
    root = ElementTree.fromstring(changes.feed(known, "https://book.example/", "https://book.example/about.html"))
    text = {name: [each.text for each in root.iter(f"{{{changes.ATOM}}}{name}")] for name in ("id", "title", "updated")}
    assert text["title"] == ["Changes to MNIST Lessons", "Version 2.0", "Version 1.0"]
    assert text["updated"] == ["2027-02-03T00:00:00Z", "2027-02-03T00:00:00Z", "2026-01-02T00:00:00Z"]
    assert len(set(text["id"])) == 3
    assert root.find(f"{{{changes.ATOM}}}author/{{{changes.ATOM}}}name") is not None
    assert [link.get("rel") for link in root.findall(f"{{{changes.ATOM}}}link")] == ["self", "alternate"]
    content = [entry.findtext(f"{{{changes.ATOM}}}content") for entry in root.findall(f"{{{changes.ATOM}}}entry")]
    assert content[0] == "New & *old*.\n\n- One"


def slides_of(body: str) -> list[tuple[str, str]]:
    """Return title and HTML of each slide of a page with one section."""
    page = f'<section id="a"><h2>Its title<a class="headerlink" href="#a">#</a></h2>{body}</section>'
    return [(slide.title, "".join(map(str, slide.shown))) for slide in slides.read_slides(page, "name")]


def test_slide_shows_the_sentences_items_and_rows_that_its_mark_names() -> None:
    paragraph = "<!--slide 2: Two--><p>One.\nTwo <b>and</b>.\nThree.</p>"
    items = "<!--slide\nalso 1--><ul><li>A</li><li>B</li></ul>"
    table = '<!--slide 2-3--><div class="cell"><table><tbody><tr>1</tr><tr>2</tr><tr>3</tr></tbody></table></div>'
    assert slides_of(paragraph + items + table) == [
        ("Two", "<p>Two <b>and</b>. </p>"),
        ("Its title", "<ul><li>A</li><li>B</li></ul><ul><li>A</li></ul>"),
        ("Its title", "<table><tbody><tr>2</tr><tr>3</tr></tbody></table>"),
    ]


def test_slide_keeps_an_answer_for_the_next_key_and_counts_its_words() -> None:
    body = f"<section><h2>T</h2><!--slide 1\nanswer 2--><p>One?\n{'two ' * 67}</p></section>"
    fits, full = (next(slides.read_slides(text, "name")) for text in (body, body.replace("One", "One more")))
    assert [str(part)[:16] for part in fits.shown] == ["<p>One? </p>", '<p class="step">']
    assert (list(fits.faults()), len(list(full.faults()))) == ([], 1)


def test_slide_leads_to_places_of_its_chapter_and_repeats_no_id() -> None:
    shown = slides_of('<!--slide--><p id="b">See <a href="#fig-x">it</a> or <a href="o.html">that</a>.</p>')[0][1]
    assert shown == '<p>See <a href="name.html#fig-x">it</a> or <a href="o.html">that</a>.</p>'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<!--slide--><section></section>", "expected a block after its mark in the same section"),
        ("<p>a</p><!--slide-->", "expected a block after its mark in the same section"),
        ("<!--also--><p>a</p>", "a mark 'also' stands before the first slide"),
        ("<!--slide 3--><p>a.\nb.</p>", "asks for part 3 of 2"),
        ("<!--slide Title--><p>a</p>", "got 'slide Title'"),
        ("<!--slide--><details>a</details>", "cannot be shown"),
    ],
)
def test_mark_that_shows_nothing_is_refused(body: str, fault: str) -> None:
    with pytest.raises(slides.SlideError, match=re.escape(fault)):
        slides_of(body)


def test_slide_too_full_for_the_last_row_is_a_fault() -> None:
    full = next(slides.read_slides(f"<section><h2>T</h2><!--slide--><p>{'word ' * 46}</p></section>", "name"))
    assert list(full.faults()) == ["slide 'T': 46 words; expected at most 45"]
