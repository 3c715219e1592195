"""What the site's own extensions make of pictures, formulas and code, without a browser."""

import sys
from pathlib import Path

import pytest
from PIL import Image
from sphinx.errors import ExtensionError

from mnist_lessons.plots import DARK

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "_ext"))
import api
import card
import formulas
import pages


@pytest.fixture
def typeset():
    yield formulas.typeset
    formulas.typeset.close()


def test_a_figure_for_dark_pages_has_every_color_of_the_palette_replaced():
    drawn = "".join(f'<path fill="{color}"/>' for color in DARK)
    dark = pages.darkened(drawn.upper() + '<path fill="#ffffff"/>')
    assert [color for color in DARK if color in dark.lower()] == []
    assert all(color in dark for color in DARK.values())
    assert "#ffffff" in dark


def test_the_size_of_a_picture_is_in_css_pixels(tmp_path):
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="300pt" viewBox="0 0 300 150"/>')
    Image.new("L", (40, 30)).save(tmp_path / "b.png")
    assert pages.picture_size(tmp_path / "a.svg") == (400, 200)
    assert pages.picture_size(tmp_path / "b.png") == (40, 30)


def test_a_picture_gets_its_size_once_and_others_are_left_alone(tmp_path):
    Image.new("L", (40, 30)).save(tmp_path / "b.png")
    done = pages.set_sizes('<img src="../b.png" alt="x"><img src="other.png">', {"b.png": tmp_path / "b.png"})
    assert '<img width="40" height="30" loading="lazy" decoding="async" src="../b.png" alt="x">' in done
    assert '<img src="other.png">' in done
    assert pages.set_sizes(done, {"b.png": tmp_path / "b.png"}) == done


def test_a_formula_becomes_mathml_with_its_source(typeset):
    html = typeset(r"\frac{1}{n} \sum_i x_i", display=True)
    assert html.startswith("<math")
    assert "<mfrac>" in html
    assert r"\frac{1}{n} \sum_i x_i" in html
    assert typeset("x < y", display=False).count("<math") == 1


def test_a_formula_that_cannot_be_typeset_stops_the_build(typeset):
    with pytest.raises(ExtensionError, match="frax"):
        typeset(r"\frax{1}{2}", display=False)


def test_the_first_page_that_imports_a_function_teaches_it(tmp_path):
    cell = "```{code-cell} ipython3\nfrom mnist_lessons.data import (\n    load_mnist,\n    split,\n)\n```\n"
    (tmp_path / "one.md").write_text("from mnist_lessons.data import one_hot\n")
    (tmp_path / "two.md").write_text(cell)
    (tmp_path / "three.md").write_text(cell.replace("split", "one_hot"))
    assert api.first_uses(tmp_path, ("one", "two", "three")) == {
        "mnist_lessons.data.load_mnist": "two",
        "mnist_lessons.data.split": "two",
        "mnist_lessons.data.one_hot": "three",
    }


def test_the_card_has_the_size_that_networks_ask_for():
    assert card.draw_card("A", "b").size == (1200, 630)
