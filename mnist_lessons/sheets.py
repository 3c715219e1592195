"""Find the handwritten digits on a photographed sheet of paper, and prepare them as MNIST's were."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mnist_lessons.drawing import prepare_drawing

LONGEST = 1400  # pixels of the longer side to which a larger photo is reduced
SMALLEST = 28  # pixels of a photo's side
LOWEST = 8  # pixels of a digit's longer side, in the reduced photo
CROWD = 1000  # pieces of ink; a printed page has thousands, and comparing all pairs of them would take minutes
TILES = 40  # along the longer side, to find the paper and the light on it
BAND = 4  # how far a ruled line may lie from its path, in pixels
CHUNK = 32  # columns of a path that move together
STROKE = 7  # a digit of MNIST is about seven times as high as its stroke is wide
AROUND = np.ones((3, 3), bool)

Gray = npt.NDArray[np.signedinteger[Any]]  # a whole photo in 32 bits, which saves memory
Mask = npt.NDArray[np.bool_]


class Sheet(NamedTuple):
    """The digits of a sheet, in reading order.

    Attributes
    ----------
    boxes : array of shape (digits, 4), int
        Top, left, height and width of each digit, in pixels of the photo.
    lines : array of shape (digits,), int
        The line in which each digit stands, from 0.
    images : array of shape (digits, 28, 28), uint8
        Each digit as MNIST has it: 0 is paper, 255 full ink.
    """

    boxes: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]
    images: npt.NDArray[np.uint8]


class Part(NamedTuple):
    """Ink that hangs together, or several pieces of it: its box, its number of pixels, and the pieces' labels."""

    top: int
    left: int
    bottom: int
    right: int
    pixels: int
    labels: tuple[int, ...]

    @property
    def side(self) -> int:
        """The longer side of the box in pixels."""
        return max(self.bottom - self.top, self.right - self.left)


def read_sheet(photo: npt.ArrayLike) -> Sheet:
    """Find the digits on a photographed sheet of paper and prepare each as a digit of MNIST.

    The paper may lie on something darker, in uneven light, ruled or squared, and turned by up to 5 degrees. Digits
    must not touch each other. A digit that touches the edge of the paper or of the photo is left out, and so are specks
    smaller than a third of the other digits.

    All arithmetic is done in integers, so that the copy of this function in the page gives the same pixels.

    Parameters
    ----------
    photo : array of shape (height, width) or (height, width, 3), uint8
        Dark ink on light paper, in shades of gray or in RGB, at least 28 pixels high and wide. A photo with a side of
        more than 1,400 pixels is first reduced, by averaging squares of pixels.

    Returns
    -------
    Sheet
        The digits' boxes, lines and images.

    Raises
    ------
    ValueError
        If `photo` has another shape or type or is too small; if it shows light ink on dark paper, more ink than
        paper, ink along most of the paper's border, more than 1,000 pieces of ink, or no ink from which a digit of 8
        pixels could be made.
    """
    gray, scale = reduce_photo(photo)
    paper, inner, light = find_paper(gray)
    darkness, noise = remove_light(gray, paper, light)
    clear, ruling = erase_ruling(darkness, paper, noise)
    ink = np.where(inner, clear, 0)
    level = _check_ink(ink, darkness, inner, noise)
    labels, parts = find_digits(ink, ruling, inner, level)
    if not parts:
        raise ValueError(
            f"photo: expected digits at least {LOWEST * scale} pixels high, found no ink of that size; "
            "is the sheet empty, out of focus, or too far away?"
        )
    lines = arrange([(part.top, part.left, part.bottom, part.right) for part in parts])
    order = sorted(range(len(parts)), key=lambda i: (lines[i], parts[i].left + parts[i].right, i))
    boxes = [(part.top, part.left, part.bottom - part.top, part.right - part.left) for part in parts]
    return Sheet(
        np.array([boxes[i] for i in order]) * scale,
        np.array([lines[i] for i in order]),
        np.stack([_prepare(ink, labels, parts[i], level) for i in order]),
    )


def reduce_photo(photo: npt.ArrayLike) -> tuple[Gray, int]:
    """Return a photo in shades of gray, its longer side at most 1,400 pixels, and by how much it was reduced.

    Raises
    ------
    ValueError
        If `photo` is not an array of shape (height, width) or (height, width, 3), not uint8, or too small.
    """
    photo = np.asarray(photo)
    if photo.ndim not in (2, 3) or (photo.ndim == 3 and photo.shape[2] != 3):
        raise ValueError(f"photo: expected shape (height, width) or (height, width, 3), got {photo.shape}")
    if photo.dtype != np.uint8:
        raise ValueError(f"photo: expected uint8, got {photo.dtype}")
    if min(photo.shape[:2]) < SMALLEST:
        raise ValueError(f"photo: expected at least {SMALLEST} pixels on each side, got {photo.shape[:2]}")
    scale = -(-max(photo.shape[:2]) // LONGEST)
    height, width = (length // scale for length in photo.shape[:2])
    squares = photo[: height * scale, : width * scale].reshape(height, scale, width, scale, -1)
    # Weights of red, green and blue as in ITU-R BT.601.
    weights = [299, 587, 114] if squares.shape[4] == 3 else [1000]
    weighted = np.zeros((height, width), np.int64)
    for channel, weight in enumerate(weights):  # together they would take much memory
        weighted += weight * squares[..., channel].sum(axis=(1, 3), dtype=np.int64)
    area = 1000 * scale**2
    return ((2 * weighted + area) // (2 * area)).astype(np.int32), scale


# Paper and light


def find_paper(gray: Gray) -> tuple[Mask, Mask, Gray]:
    """Return where the paper is, where nothing but paper is, and how bright it is at each pixel.

    The photo is cut into tiles. Paper and its light change little from one tile to the next, and where they end the
    brightness jumps. Of all regions without jumps, the paper is the one that is brightest in sum, with its holes: a
    tile full of ink is a hole. A tile next to something else may have a part of it.

    Raises
    ------
    ValueError
        If more tiles have light marks than dark ones.
    """
    tile = max(LOWEST, -(-max(gray.shape) // TILES))
    tiles = _measure_tiles(gray, tile)
    region = _largest_region(tiles)
    whole = ndimage.binary_fill_holes(region)
    inner = ndimage.binary_erosion(whole, AROUND, border_value=1)
    paper, inner = (
        np.kron(mask, np.ones((tile, tile), bool))[: gray.shape[0], : gray.shape[1]]
        for mask in (whole, inner if inner.any() else whole)
    )
    return paper, inner, _interpolate(_fill(tiles, region), tile, gray.shape)


def _measure_tiles(gray: Gray, tile: int) -> Gray:
    """Return what four fifths of a tile's pixels do not exceed: the paper's brightness, if ink covers less."""
    starts = [range(0, length, tile) for length in gray.shape]
    pieces = [[gray[i : i + tile, j : j + tile] for j in starts[1]] for i in starts[0]]
    above, below = (
        np.array([[abs(_quantile(piece, part, 1) - _quantile(piece, 1, 2)) for piece in row] for row in pieces])
        for part in (1, 0)
    )
    light, dark = np.count_nonzero(above > 2 * below + 20), np.count_nonzero(below > 2 * above + 20)
    if 4 * light > 5 * dark:  # the edge of the paper gives about as many of both
        raise ValueError(
            "photo: expected dark ink on light paper, got light marks on something dark; is it inverted? "
            "255 - photo turns it round"
        )
    return np.array([[_quantile(piece, 4, 5) for piece in row] for row in pieces])


def _largest_region(tiles: Gray) -> Mask:
    """Return, of the regions without jumps, the one with the largest sum.

    Where a tile has less than seven tenths of the brightest within two tiles, there is a jump.
    """
    labels, count = ndimage.label(10 * tiles >= 7 * ndimage.maximum_filter(tiles, 5, mode="nearest"))
    sums = np.bincount(labels.ravel(), weights=tiles.ravel(), minlength=count + 1)
    region: Mask = labels == 1 + sums[1:].argmax()
    return region


def _fill(tiles: Gray, known: Mask) -> Gray:
    """Give the other tiles the mean of their known neighbors, ring by ring; then take the median of nine each."""
    values, known = np.where(known, tiles, 0), known.copy()
    while not known.all():
        sums, counts = (ndimage.convolve(part, np.ones((3, 3), int), mode="constant") for part in (values, 1 * known))
        new = ~known & (counts > 0)
        values[new] = sums[new] // counts[new]
        known |= new
    smooth: Gray = np.maximum(ndimage.median_filter(values, 3, mode="nearest"), 1)
    return smooth


def _interpolate(tiles: Gray, tile: int, shape: Sequence[int]) -> Gray:
    """Interpolate linearly between the values at the middle of each tile."""
    for axis, length in enumerate(shape):
        # In half pixels, so that the middle of a tile is a whole number.
        place = np.clip(2 * np.arange(length) + 1 - tile, 0, 2 * tile * (tiles.shape[axis] - 1))
        before = place // (2 * tile)
        after = np.minimum(before + 1, tiles.shape[axis] - 1)
        share = np.expand_dims(place % (2 * tile), 1 - axis)
        tiles = (2 * tile - share) * tiles.take(before, axis) + share * tiles.take(after, axis)
    return ((tiles + 2 * tile**2) // (4 * tile**2)).astype(np.int32)


def remove_light(gray: Gray, paper: Mask, light: Gray) -> tuple[Gray, int]:
    """Return how much darker than the paper each pixel is, 0 to 255, and the noise of the paper.

    The noise is the distance from the median down to the quantile of 0.16: the standard deviation, if it is normal.
    """
    darkness = np.where(paper, np.maximum(255 - (255 * gray + light // 2) // light, -255), 0)
    middle, low = (_quantile(darkness[paper], part, 100) for part in (50, 16))
    darkness = np.where(paper, darkness - middle, 0)
    return np.clip(darkness, 0, 255), max(middle - low, 1)


# Ruling


def erase_ruling(darkness: Gray, paper: Mask, noise: int) -> tuple[Gray, Gray]:
    """Return the darkness without straight lines across or upright, and near the lines how dark they were.

    Where ink that is darker, or a stroke that goes on above and below, crosses a line, it stays.
    """
    across, rows = _erase_lines(darkness, paper, noise)
    clear, columns = _erase_lines(across.T, paper.T, noise)
    return clear.T, np.maximum(rows, columns.T)


def _erase_lines(darkness: Gray, paper: Mask, noise: int) -> tuple[Gray, Gray]:
    columns = np.arange(darkness.shape[1])
    erased, ruling = darkness.copy(), np.zeros_like(darkness)
    for straight in _find_lines(darkness, paper, 2 * noise + 6):
        path = _follow(darkness, straight, _along(paper, straight))
        rows = path + np.arange(-BAND, BAND + 1)[:, None]
        band = _along(darkness, rows)
        on_paper = _along(paper, path)
        profile = np.array([_quantile(row[on_paper], 3, 5) for row in band])
        is_line = 5 * profile > profile.max()
        if profile.max() <= noise:
            continue
        dark = _quantile(band[is_line].max(axis=0)[on_paper], 1, 2)
        first, last = np.flatnonzero(is_line)[[0, -1]]
        above, below = (
            ndimage.maximum_filter1d(_along(darkness, path + step), 3, mode="constant") > 5 * dark // 4 + 3 * noise
            for step in (first - BAND - 1, last - BAND + 1)
        )
        is_ink = (band > 3 * dark // 2 + 3 * noise) | (above & below)
        drop = is_line[:, None] & ~is_ink & (band > 0)
        erased[rows[drop], np.broadcast_to(columns, rows.shape)[drop]] = 0
        for step in range(first - BAND - 2, last - BAND + 3):
            inside = (path + step >= 0) & (path + step < len(ruling))
            ruling[(path + step)[inside], columns[inside]] = dark
    return erased, ruling


def _follow(darkness: Gray, path: Gray, on_paper: Mask) -> Gray:
    """Move every 32 columns of a path by up to 3 pixels to where the line is darkest: paper is never quite flat.

    Digits do not count for more than the line, and a move that the columns around do not share is none.
    """
    if not on_paper.any():
        return path
    band = _along(darkness, path + np.arange(-BAND, BAND + 1)[:, None])
    most = _quantile(band.max(axis=0)[on_paper], 1, 2)
    sums = np.add.reduceat(np.minimum(band, most), np.arange(0, len(path), CHUNK), axis=1)
    smooth = sums[:-2] + 2 * sums[1:-1] + sums[2:]
    # Of equally dark rows, always the uppermost: so the path stays at one side of a line of two rows.
    best = ndimage.median_filter(smooth.argmax(axis=0) - BAND + 1, 5, mode="nearest")
    moved: Gray = path + np.repeat(best, CHUNK)[: len(path)]
    return moved


def _find_lines(darkness: Gray, paper: Mask, least: int) -> list[Gray]:
    """Return the row of each straight line at every column; a line is dark in half of its columns on the paper.

    Each dark pixel votes for all lines through it (a Hough transform). Slopes go up to 1 in 8, in steps of a pixel over
    the width.
    """
    height, width = darkness.shape
    steepest = width // 8
    slopes = np.arange(-steepest, steepest + 1)
    shifts = slopes[:, None] * (2 * np.arange(width) - width) // (2 * width)
    rows, columns = np.nonzero(darkness >= least)
    starts = height + 2 * steepest
    votes = np.stack([np.bincount(rows - shift[columns] + steepest, minlength=starts) for shift in shifts])
    shortest = np.count_nonzero(paper.any(axis=0)) // 6
    found: list[Gray] = []
    while True:
        slope, start = np.unravel_index(votes.argmax(), votes.shape)
        if (dark := votes[slope, start]) < max(shortest, 1):
            return found
        path = start - steepest + shifts[slope]
        if 2 * dark >= np.count_nonzero(_along(paper, path)):
            found.append(path)
        # Paths that come close to this one share its pixels.
        near = BAND + 2 + np.abs(slopes - slopes[slope]) // 2
        votes[np.abs(np.arange(starts) - start) <= near[:, None]] = 0


def _along(values: npt.NDArray[Any], rows: Gray) -> npt.NDArray[Any]:
    """Return the values at the given row of each column, which is the last axis; 0 outside."""
    inside = (rows >= 0) & (rows < len(values))
    return np.where(inside, values[np.clip(rows, 0, len(values) - 1), np.arange(values.shape[1])], values.dtype.type(0))


# Digits


def _check_ink(ink: Gray, darkness: Gray, paper: Mask, noise: int) -> int:
    """Return the darkness from which on something is ink: two fifths of what ink has.

    Raises
    ------
    ValueError
        If ink covers more than half of the paper, or, with what passed for ruling, of its border.
    """
    faint = 4 * noise + 12
    values = ink[ink > faint]
    level = max(faint, 2 * _typical(values) // 5)
    if 2 * np.count_nonzero(values > level) > np.count_nonzero(paper):
        raise ValueError("photo: expected less than half of the paper covered by ink, got more; is it inverted?")
    border = _border(paper)
    covered = np.count_nonzero(darkness[border] > level)
    if 2 * covered > np.count_nonzero(border):
        raise ValueError(
            f"photo: expected paper all around the digits, got ink on {100 * covered // np.count_nonzero(border)} % of "
            "the border; photograph the sheet with its margin"
        )
    return level


def _typical(values: Gray) -> int:
    """Return the mean of values, each weighted by itself: faint ones hardly change it."""
    return int((values**2).sum() // max(values.sum(), 1))


def _border(paper: Mask) -> Mask:
    border: Mask = paper & ~ndimage.binary_erosion(paper)
    return border


def find_digits(ink: Gray, ruling: Gray, paper: Mask, level: int) -> tuple[npt.NDArray[np.int32], list[Part]]:
    """Return a label for each pixel of ink, and the digits as parts that join one or more labels.

    Raises
    ------
    ValueError
        If there are more than 1,000 pieces of ink.
    """
    labels, count = ndimage.label(ink > level, AROUND)
    pixels, darkness, ruled, line_darkness = (
        np.bincount(labels.ravel(), weights=values.ravel(), minlength=count + 1)
        for values in (np.ones_like(ink), ink, ruling > 0, ruling)
    )
    # What is hardly dark enough, or not much darker than the line on which it lies, is left of a ruling.
    rest = (3 * darkness < 4 * level * pixels) | ((10 * ruled >= 9 * pixels) & (2 * darkness < 3 * line_darkness))
    left_out = set(labels[_border(paper)]) | set(np.flatnonzero(rest))
    parts = [
        Part(rows.start, columns.start, rows.stop, columns.stop, int(pixels[label]), (label,))
        for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1)
        if label not in left_out
    ]
    if not parts:
        return labels, []
    usual = _usual_side(parts)
    pieces = sorted(part for part in parts if 8 * part.side >= usual)
    if len(pieces) > CROWD:
        raise ValueError(
            f"photo: expected handwritten digits, of at most {CROWD} pieces of ink, got {len(pieces)} pieces; "
            "is it a printed page, or a texture?"
        )
    return labels, [part for part in _join(pieces, usual) if part.side >= max(LOWEST, -(-usual // 3))]


def _usual_side(parts: Sequence[Part]) -> int:
    """Return the median of the longer sides, each counted once a pixel, so that specks do not matter."""
    half, counted = sum(part.pixels for part in parts), 0
    for part in sorted(parts, key=lambda part: part.side):
        counted += 2 * part.pixels
        if counted >= half:
            break
    return part.side


def _join(parts: Sequence[Part], usual: int) -> list[Part]:
    """Join the pieces of broken strokes, those that are nearest to each other first."""
    groups, owner = list(parts), list(range(len(parts)))
    pairs = [
        (_distance(first, second), i, j)
        for i, first in enumerate(parts)
        for j, second in enumerate(parts[:i])
        if _belong_together(first, second, usual)
    ]
    for _, i, j in sorted(pairs):
        first, second = owner[i], owner[j]
        if first != second and _belong_together(groups[first], groups[second], usual):
            groups[first] = _union(groups[first], groups[second])
            owner = [first if each == second else each for each in owner]
    return [groups[i] for i in sorted(set(owner))]


def _belong_together(first: Part, second: Part, usual: int) -> bool:
    """Whether one is a fragment near the other, or both are halves of a digit that was cut across."""
    distance = _distance(first, second)
    if 25 * distance > usual**2:
        return False
    whole = _union(first, second)
    smaller, larger = sorted((first.side, second.side))
    fragment = 2 * smaller < usual and 2 * whole.side <= 3 * max(usual, larger)
    shared = min(first.right, second.right) - max(first.left, second.left)
    narrower = min(first.right - first.left, second.right - second.left)
    return fragment or (3 * shared >= narrower and 4 * (whole.bottom - whole.top) <= 5 * usual)


def _union(first: Part, second: Part) -> Part:
    return Part(
        min(first.top, second.top),
        min(first.left, second.left),
        max(first.bottom, second.bottom),
        max(first.right, second.right),
        first.pixels + second.pixels,
        first.labels + second.labels,
    )


def _distance(first: Part, second: Part) -> int:
    """Return the squared distance between two boxes."""
    down = max(0, first.top - second.bottom, second.top - first.bottom)
    across = max(0, first.left - second.right, second.left - first.right)
    return down**2 + across**2


def arrange(boxes: Sequence[tuple[int, int, int, int]]) -> list[int]:
    """Return the line of each box (top, left, bottom, right), from 0 for the uppermost.

    Of all slopes up to 1 in 10, that is taken under which the boxes overlap most when seen along the lines.
    """
    top, left, bottom, right = np.array(boxes, np.int64).T
    twice = left + right

    def shifted(slope: int) -> tuple[Gray, Gray]:
        shift = slope * twice // 200  # the slope is a hundredth
        return top - shift, bottom - shift

    def overlap(slope: int) -> int:
        upper, lower = shifted(slope)
        low = upper.min()
        changes = np.bincount(upper - low, minlength=lower.max() - low + 1) - np.bincount(
            lower - low, minlength=lower.max() - low + 1
        )
        return int((changes.cumsum() ** 2).sum())

    slope = max(range(-10, 11), key=lambda slope: (overlap(slope), -abs(slope), slope))
    upper, lower = shifted(slope)
    middles = upper + lower
    usual = int(np.sort(bottom - top)[len(top) // 2])
    lines = np.zeros(len(top), int)
    order = sorted(range(len(top)), key=lambda i: (middles[i], i))
    for before, after in itertools.pairwise(order):
        # Middles are counted in half pixels: a new line begins after half a digit.
        lines[after] = lines[before] + (middles[after] - middles[before] > usual)
    return [int(line) for line in lines]


def _prepare(ink: Gray, labels: npt.NDArray[np.int32], part: Part, level: int) -> npt.NDArray[np.uint8]:
    """Cut one digit out, stretch its darkness to full ink, thicken thin strokes, and prepare it as MNIST's."""
    rows, columns = slice(max(part.top - 2, 0), part.bottom + 2), slice(max(part.left - 2, 0), part.right + 2)
    own = np.isin(labels[rows, columns], part.labels)
    full = _typical(ink[rows, columns][own])
    low = level // 2
    near = ndimage.binary_dilation(own, AROUND, iterations=2) & ((labels[rows, columns] == 0) | own)
    stretched = np.clip(255 * (ink[rows, columns] - low) // max(full - low, 1), 0, 255)
    digit = np.where(near, stretched, 0)
    # A stroke has two edges, so its width is twice its pixels for each pixel of its edge.
    edge = np.count_nonzero(own & ~ndimage.binary_erosion(own))
    thin = part.side * edge - STROKE * 2 * part.pixels
    radius = max(0, int(thin // (2 * STROKE * edge)))
    return prepare_drawing(ndimage.maximum_filter(np.pad(digit, radius), 2 * radius + 1).astype(np.uint8))


def _quantile(values: Gray, part: int, whole: int) -> int:
    """Return the value below which a share of the values lies, without interpolation."""
    place = (values.size - 1) * part // whole
    return int(np.partition(values, place, axis=None)[place])
