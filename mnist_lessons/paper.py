"""Render photographs of handwritten digits on paper, to test what reads them."""

import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Ink = npt.NDArray[np.uint8]

BAND = 100  # rows of a photo that are lit together
RULINGS = ("blank", "ruled", "squared")
# The strokes of each digit, in one or two ways of writing it: points from the left and from the top, in percent.
STROKES: dict[int, list[list[list[tuple[int, int]]]]] = {
    0: [[[(55, 0), (20, 12), (8, 50), (22, 90), (50, 100), (80, 88), (92, 50), (80, 12), (50, 0)]]],
    1: [[[(50, 0), (50, 50), (48, 100)]], [[(25, 25), (42, 14), (55, 0)], [(55, 0), (54, 50), (53, 100)]]],
    2: [[[(10, 22), (25, 4), (55, 0), (84, 14), (82, 38), (50, 68), (10, 100)], [(10, 100), (50, 99), (95, 98)]]],
    3: [[[(12, 12), (40, 0), (78, 8), (80, 34), (40, 47), (84, 58), (88, 85), (50, 100), (8, 88)]]],
    4: [
        [[(60, 0), (36, 32), (8, 64)], [(8, 64), (50, 65), (95, 62)], [(68, 30), (67, 65), (66, 100)]],
        [[(22, 0), (18, 28), (12, 52)], [(12, 52), (50, 54), (92, 50)], [(78, 0), (76, 50), (74, 100)]],
    ],
    5: [
        [
            [(22, 2), (19, 22), (16, 44)],
            [(16, 44), (45, 36), (84, 50), (86, 80), (50, 100), (8, 90)],
            [(20, 2), (90, 0)],
        ]
    ],
    6: [[[(70, 0), (35, 22), (12, 60), (22, 92), (50, 100), (82, 88), (80, 62), (50, 52), (18, 66)]]],
    7: [[[(8, 4), (50, 4), (90, 2)], [(90, 2), (60, 45), (40, 100)]]],
    8: [
        [
            [(50, 48), (20, 34), (20, 10), (50, 0), (80, 10), (80, 34), (50, 48)],
            [(50, 48), (14, 62), (14, 90), (50, 100), (86, 90), (86, 62), (50, 48)],
        ]
    ],
    9: [[[(82, 28), (60, 50), (25, 46), (16, 20), (45, 0), (78, 6), (84, 28)], [(84, 28), (78, 65), (62, 100)]]],
}


class Photo(NamedTuple):
    """A rendered photo of a sheet.

    Attributes
    ----------
    pixels : array of shape (height, width, 3), uint8
        The photo in RGB.
    centers : array of shape (digits, 2), float
        Row and column of the middle of each digit's field, in reading order.
    sides : array of shape (digits,), float
        The side of each digit's square field in pixels.
    """

    pixels: npt.NDArray[np.uint8]
    centers: npt.NDArray[np.float64]
    sides: npt.NDArray[np.float64]


def write_digit(digit: int, rng: np.random.Generator, *, side: int = 168) -> Ink:
    """Write a digit with a pen of random width, slant and shape.

    Parameters
    ----------
    digit : int
        0 to 9.
    rng : numpy.random.Generator
        Where the randomness comes from.
    side : int
        Height and width of the image in pixels.

    Returns
    -------
    array of shape (side, side), uint8
        0 is paper, 255 full ink.
    """
    ways = STROKES[digit]
    strokes = ways[rng.integers(len(ways))]
    height = rng.uniform(0.64, 0.74)
    width = height * rng.uniform(0.55, 0.8)
    slant = rng.uniform(-0.1, 0.3)
    pen = max(1, round(side * rng.uniform(0.035, 0.09)))
    image = Image.new("L", (2 * side, 2 * side))
    draw = ImageDraw.Draw(image)
    # The same error moves points that lie close together, so strokes that meet still meet.
    bend = rng.normal(0, 0.03, size=(2, 2, 2))
    for stroke in strokes:
        points = _smooth(np.array(stroke, float) / 100)
        points = points + np.einsum("ni,nj,ijk->nk", _both(points[:, 0]), _both(points[:, 1]), bend)
        points = points + rng.normal(0, 0.004, size=points.shape)
        x = 0.5 + width * (points[:, 0] - 0.5) + slant * height * (0.5 - points[:, 1])
        y = 0.5 + height * (points[:, 1] - 0.5)
        corners = [(2 * side * a, 2 * side * b) for a, b in zip(x, y, strict=True)]
        draw.line(corners, fill=255, width=2 * pen, joint="curve")
        for a, b in corners:
            draw.ellipse((a - pen, b - pen, a + pen, b + pen), fill=255)
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


def _both(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.stack([1 - values, values], axis=1)


def _smooth(points: npt.NDArray[np.float64], *, steps: int = 8) -> npt.NDArray[np.float64]:
    """Points of a Catmull-Rom spline through the given ones."""
    if len(points) == 2:
        return points
    padded = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate([*pieces, points[-1:]])


def render_sheet(
    digits: Sequence[Ink],
    *,
    seed: int,
    ruling: str = "blank",
    table: bool = False,
    size: tuple[int, int] = (2000, 1500),
) -> Photo:
    """Render a photo of a sheet on which the given digits stand in lines.

    Light, shadow, noise, blur, JPEG quality, ink, the size and the places of the digits and a turn of up to 5 degrees
    are random.

    Parameters
    ----------
    digits : sequence of arrays of shape (side, side), uint8
        0 is paper, 255 full ink. As many as fit on the sheet are taken.
    seed : int
        The seed of all that is random.
    ruling : {"blank", "ruled", "squared"}
        What the paper has printed on it.
    table : bool
        Whether the photo shows the whole sheet, on a darker table, or the sheet fills the photo.
    size : tuple of int
        Height and width of the photo in pixels.

    Returns
    -------
    Photo
        The pixels, and where the digits stand.

    Raises
    ------
    ValueError
        If `ruling` is not one of the three.
    """
    if ruling not in RULINGS:
        raise ValueError(f"ruling: expected one of {', '.join(RULINGS)}; got {ruling}")
    rng = np.random.default_rng(seed)
    height, width = size
    # A sheet that fills the photo is larger than the photo, so that a turn shows no corner.
    page = np.array([0.84 * height, 0.8 * width] if table else [1.2 * height, 1.2 * width]).astype(int)
    margin = (page - np.array([0.8 * height, 0.76 * width] if table else [height, width])) / 2 + 0.06 * width
    fields = _place_fields(len(digits), page, margin, unit=width, rng=rng)
    ink = Image.new("L", (int(page[1]), int(page[0])))
    for (row, column, side), digit in zip(fields, digits, strict=False):
        drawn = Image.fromarray(digit).resize((int(side), int(side)), Image.Resampling.BICUBIC)
        ink.paste(255, (int(column - side / 2), int(row - side / 2)), drawn)
    sheet = _compose(ink, ruling, width, rng)
    view = _choose_view(page, size, rng)
    places = np.stack([fields[:, 1], fields[:, 0], np.ones(len(fields))], axis=1) @ view.T
    return Photo(_photograph(sheet, view, size, rng), places[:, 1::-1] / places[:, 2:], fields[:, 2])


def _place_fields(
    count: int, page: npt.NDArray[np.int64], margin: npt.NDArray[np.float64], *, unit: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Row, column and side of the square field of each digit, line by line."""
    usual = unit * rng.uniform(0.06, 0.12)
    fields: list[tuple[float, float, float]] = []
    row = margin[0] + usual / 2
    while row < page[0] - margin[0] - usual / 2 and len(fields) < count:
        column = margin[1] + usual * rng.uniform(0.5, 2)
        while column < page[1] - margin[1] - usual / 2 and len(fields) < count:
            side = usual * rng.uniform(0.9, 1.15)
            fields.append((row + usual * rng.uniform(-0.08, 0.08), column, side))
            column += usual * rng.uniform(0.95, 1.6)
        row += usual * rng.uniform(1.3, 1.8)
    return np.array(fields)


def _compose(ink: Image.Image, ruling: str, unit: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Paper, ruling and ink in RGB, one color at a time and in bytes, since floats take much memory."""
    paper = np.array([1.0, 0.99, 0.96]) * rng.uniform(0.9, 1)
    lines = np.zeros(ink.size[::-1], bool)
    step, thick = int(unit * rng.uniform(0.028, 0.05)), max(1, round(unit * rng.uniform(0.001, 0.002)))
    for start in range(thick):
        if ruling != "blank":
            lines[start + step // 2 :: step * (1 if ruling == "squared" else 2)] = True
        if ruling == "squared":
            lines[:, start + step // 2 :: step] = True
    line_color = np.array([0.45, 0.55, 0.75]) if rng.random() < 0.6 else np.array([0.6, 0.6, 0.6])
    ink_color = np.array([[0.1, 0.12, 0.4], [0.1, 0.1, 0.1], [0.45, 0.45, 0.46]])[
        rng.integers(3)
    ]  # blue, black, pencil
    strength = rng.uniform(0.5, 1)
    written = np.empty((*lines.shape, 3), np.uint8)
    for color in range(3):
        inked = 1 - np.arange(256) / 255 * (1 - ink_color[color])
        line = paper[color] * (1 - (1 - line_color[color]) * strength)
        # A table of 256 levels: what becomes of each level of ink, on paper and on a line.
        on_paper, on_line = (
            np.asarray(ink.point((255 * (sheet * inked)).astype(int).tolist())) for sheet in (paper[color], line)
        )
        written[:, :, color] = np.where(lines, on_line, on_paper)
    return written


def _choose_view(
    page: npt.NDArray[np.int64], size: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Choose the homography, of shape (3, 3), from a page to its photo: turned, and not quite from above."""
    angle = np.deg2rad(rng.uniform(-5, 5))
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    to_middle, from_middle = np.eye(3), np.eye(3)
    to_middle[:2, 2], from_middle[:2, 2] = -page[::-1] / 2, np.array(size[::-1]) / 2
    tilt = np.eye(3)
    tilt[2, :2] = rng.uniform(-0.06, 0.06, size=2) / max(size)
    view: npt.NDArray[np.float64] = from_middle @ tilt @ turn @ to_middle
    return view


def _photograph(
    sheet: npt.NDArray[np.uint8], view: npt.NDArray[np.float64], size: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Look at a sheet on a table, light it, and take a photo of it."""
    height, width = size
    back = np.linalg.inv(view)
    table = rng.uniform(0.1, 0.4) * np.array([1.0, 0.8, 0.6])
    turned = Image.fromarray(sheet).transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        (back / back[2, 2]).ravel()[:8].tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=tuple(int(255 * color) for color in table),
    )
    turned = turned.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.0012 * width)))
    light, noise = _choose_light(size, rng), rng.uniform(1, 8)
    pixels = np.array(turned)
    for start in range(0, height, BAND):  # floats of a whole photo would take much memory
        band = pixels[start : start + BAND]
        lit = band * light(slice(start, start + BAND))[:, :, None]
        lit += rng.normal(0, noise, size=(*band.shape[:2], 1))
        band[:] = np.clip(lit, 0, 255, out=lit)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(50, 95)))
    return np.asarray(Image.open(buffer))


def _choose_light(size: tuple[int, int], rng: np.random.Generator) -> Callable[[slice], npt.NDArray[np.float64]]:
    """Choose how much light falls on a photo; return a function from its rows to the light on each of their pixels.

    1 is full light.
    """
    height, width = size
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    direction = rng.uniform(0, 2 * np.pi)
    full, fall = rng.uniform(0.75, 1), rng.uniform(0, 0.2)
    # The soft shadow of a hand or of the camera over a part of the sheet.
    edge, depth, softness = rng.uniform(-0.8, 0.8), rng.uniform(0, 0.4), rng.uniform(0.06, 0.3)

    def light(rows: slice) -> npt.NDArray[np.float64]:
        along = x * np.cos(direction) + y[rows] * np.sin(direction)
        across = y[rows] * np.cos(direction) - x * np.sin(direction) + edge
        lit: npt.NDArray[np.float64] = (full - fall * along) * (1 - depth / (1 + np.exp(-across / softness)))
        return lit

    return light
