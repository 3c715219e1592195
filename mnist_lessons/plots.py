"""Figures in the book's style: arrays in, figure out. Nothing here trains or loads."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnist_lessons.data import check_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Each color of a figure on a light page, and what the site puts in its place on a dark one.
# The four colors of lines keep 3:1 against either page and differ for the color-blind;
# no figure tells things apart by them alone.
PAPER, INK, GRID = "#ffffff", "#1f2933", "#c9d1d9"
BLUE, ORANGE, GREEN, PURPLE = "#1f6fb2", "#b8520a", "#1b7f5c", "#8250a8"
DARK = {
    INK: "#e6e9ec",
    GRID: "#46505a",
    BLUE: "#6cb6f5",
    ORANGE: "#f0964f",
    GREEN: "#4fc3a1",
    PURPLE: "#c79bea",
}
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")


def use_style() -> None:
    """Set Matplotlib to the book's style for this process; in a notebook, draw figures as SVG."""
    import matplotlib as mpl
    from matplotlib.rcsetup import cycler

    mpl.rcParams.update(
        {
            "axes.axisbelow": True,  # grid lines behind bars
            "axes.edgecolor": INK,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "axes.labelcolor": INK,
            "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PURPLE], linestyle=LINES),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlecolor": INK,
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "figure.constrained_layout.use": True,
            "figure.figsize": (5.2, 3.2),  # inches; readable when a phone shows it 340 px wide
            "figure.facecolor": PAPER,  # dark ink stays readable on a dark notebook; the site takes the paper away
            "axes.facecolor": "none",
            "font.size": 11,
            "grid.color": GRID,
            "grid.linewidth": 0.6,
            "image.cmap": "gray_r",  # ink on paper
            "image.composite_image": False,
            "image.interpolation": "none",
            "legend.frameon": False,
            "lines.linewidth": 2,
            "lines.markersize": 5,
            "svg.hashsalt": "mnist-lessons",  # the same figure, the same file
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
        }
    )
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        # A tight box would give figures of one size different widths.
        set_matplotlib_formats("svg", bbox_inches=None, metadata={"Date": None})  # type: ignore[no-untyped-call]


def show_digits(
    images: np.ndarray, captions: Sequence[str] | None = None, *, columns: int = 8, size: float = 0.75
) -> "Figure":
    """Draw digits in a grid, ink on paper, each with a caption above it.

    Parameters
    ----------
    images
        (n, 28, 28) uint8.
    captions
        One short text an image.
    columns
        How many stand side by side.
    size
        Width of one digit in inches.

    Raises
    ------
    ValueError
        Images of another form, or another number of captions than of images.
    """
    import matplotlib.pyplot as plt

    check_images(images)
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"captions: expected {len(images)}, one an image, got {len(captions)}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = size + (0.25 if captions is not None else 0)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * size, rows * height), squeeze=False)
    for index, ax in enumerate(axes.flat):
        if index >= len(images):
            ax.axis("off")
            continue
        show_digit(images[index], caption=None if captions is None else captions[index], ax=ax)
    return figure


def show_digit(image: np.ndarray, *, caption: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw one image (28, 28) uint8, ink on paper on either page, with a caption above it."""
    import matplotlib.pyplot as plt

    check_images(image[np.newaxis], name="image")
    ax = plt.subplots(figsize=(1.6, 1.6))[1] if ax is None else ax
    ax.imshow(image, vmin=0, vmax=255)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set(visible=True, color=GRID)
    if caption is not None:
        ax.set_title(caption, loc="center", fontsize=10, pad=3)
    return ax


def plot_curves(
    curves: Mapping[str, Sequence[float]], *, ylabel: str, xlabel: str = "epoch", ax: "Axes | None" = None
) -> "Axes":
    """Draw one line for each named series, from epoch 1; lines differ in dash and marker too.

    Parameters
    ----------
    curves
        For each name in the legend one number an epoch.
    ylabel, xlabel
        What the axes measure, with the unit.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    ax = plt.subplots()[1] if ax is None else ax
    for index, (name, values) in enumerate(curves.items()):
        ax.plot(np.arange(1, len(values) + 1), values, marker=MARKERS[index % 4], label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return ax


def plot_matrix(
    matrix: np.ndarray, *, xlabel: str, ylabel: str, ax: "Axes | None" = None, diagonal: bool = False
) -> "Axes":
    """Draw a square matrix of counts as shaded cells with the numbers written in them.

    Parameters
    ----------
    matrix
        (k, k) whole numbers, not negative; zeros are left blank.
    xlabel, ylabel
        What columns and rows stand for.
    diagonal
        Whether the diagonal is shaded too; without, the rare cells off it stay visible.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import LinearSegmentedColormap

    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or (matrix < 0).any():
        raise ValueError(f"matrix: expected a square array of counts, got shape {matrix.shape}, least {matrix.min()}")
    ax = plt.subplots(figsize=(5.2, 5.2))[1] if ax is None else ax
    shades = matrix.astype("float64")
    if not diagonal:
        np.fill_diagonal(shades, 0)
    ax.imshow(shades, cmap=LinearSegmentedColormap.from_list("paper", ["#ffffff", ORANGE]))
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            dark = shades[row, column] > 0.6 * shades.max()
            ax.text(column, row, f"{count:g}", ha="center", va="center", fontsize=9, color="white" if dark else "black")
    ax.set(xlabel=xlabel, ylabel=ylabel, xticks=range(len(matrix)), yticks=range(len(matrix)))
    ax.grid(False)
    return ax
