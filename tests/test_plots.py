import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_lessons import plots

DIGITS = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype("uint8")


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        plots.use_style()
        yield
        plt.close("all")


def contrast(first: Any, second: Any) -> Any:
    """The contrast ratio of WCAG 2 between two colors."""

    def luminance(color: Any) -> Any:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(color)]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    dark, light = sorted([luminance(first), luminance(second)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("color", [plots.INK, plots.BLUE, plots.ORANGE, plots.GREEN, plots.PURPLE])
def test_colors_can_be_told_from_either_page(color: Any) -> None:
    needed = 7 if color == plots.INK else 3
    assert contrast(color, "#ffffff") >= needed
    assert contrast(plots.DARK[color], "#14181d") >= needed


def save(ax: Axes, file: Path) -> None:
    assert isinstance(ax.figure, Figure)
    ax.figure.savefig(file, metadata={"Date": None})


def test_same_figure_is_saved_as_the_same_file(tmp_path: Path) -> None:
    files = []
    for name in ("a.svg", "b.svg"):
        save(plots.plot_curves({"training": [0.3, 0.2]}, ylabel="loss (nats)"), tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_figures_use_no_color_that_the_dark_page_does_not_know(tmp_path: Path) -> None:
    save(plots.plot_curves({str(i): [i, 1] for i in range(4)}, ylabel="loss (nats)"), tmp_path / "figure.svg")
    drawn = set(re.findall(r"(?:stroke|fill): (#[0-9a-f]{6})", (tmp_path / "figure.svg").read_text(encoding="utf-8")))
    assert drawn <= {*plots.DARK, plots.PAPER}  # the site takes the paper away
    assert len(drawn) >= 5


def test_digits_are_drawn_with_their_captions_in_a_grid() -> None:
    figure = plots.show_digits(DIGITS, list("abcde"), columns=3)
    drawn = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == list("abcde")
    for ax, image in zip(drawn, DIGITS, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)
    assert len(figure.axes) == 6


def test_digits_refuse_a_wrong_number_of_captions() -> None:
    with pytest.raises(ValueError, match="captions: expected 5, one an image, got 2"):
        plots.show_digits(DIGITS, ["a", "b"])


def test_digits_refuse_other_images() -> None:
    with pytest.raises(ValueError, match="images: expected"):
        plots.show_digits(DIGITS / 255)


def test_curves_differ_in_dash_and_marker_not_only_in_color() -> None:
    ax = plots.plot_curves({str(i): [3.0, 2.0, 1.0] for i in range(4)}, ylabel="loss (nats)")
    assert len({line.get_linestyle() for line in ax.lines}) == 4
    assert len({line.get_marker() for line in ax.lines}) == 4
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2, 3])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss (nats)")


def test_matrix_shows_each_count_but_zero_and_shades_rare_ones() -> None:
    matrix = np.array([[90, 2, 0], [0, 80, 7], [1, 0, 70]])
    ax = plots.plot_matrix(matrix, xlabel="predicted", ylabel="true")
    assert sorted(int(text.get_text()) for text in ax.texts) == [1, 2, 7, 70, 80, 90]
    for drawn, darkest in ((ax, 7), (plots.plot_matrix(matrix, xlabel="", ylabel="", diagonal=True), 90)):
        shades = drawn.images[0].get_array()
        assert shades is not None
        assert shades.max() == darkest


@pytest.mark.parametrize("matrix", [np.zeros(3), np.zeros((2, 3)), -np.eye(2)])
def test_matrix_that_is_not_square_counts_is_refused(matrix: Any) -> None:
    with pytest.raises(ValueError, match="matrix: expected a square array of counts"):
        plots.plot_matrix(matrix, xlabel="", ylabel="")
