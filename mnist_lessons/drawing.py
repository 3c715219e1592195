"""Prepare a new drawing as the digits of MNIST were prepared."""

import numpy as np
import numpy.typing as npt

SIDE = 28
BOX = 20
CENTER = 14


def prepare_drawing(ink: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Scale a drawing's ink to 20 pixels and put its center of mass where MNIST's digits have theirs.

    The drawing is cut to its bounding box, scaled by area averaging until the longer side measures 20 pixels
    (the aspect ratio is kept), and moved by whole pixels until its center of mass lies nearest to pixel index
    14 in both directions. An image that was prepared so before comes back unchanged.

    All arithmetic is done in integers, so that the copy of this function in the page gives the same pixels.

    Parameters
    ----------
    ink : array of shape (height, width)
        0 is paper. Either uint8 with full ink at 255, or floating point with full ink at 1.0.

    Returns
    -------
    array of shape (28, 28), uint8
        0 is paper, 255 full ink.

    Raises
    ------
    ValueError
        If `ink` is not two-dimensional, not uint8 or floating point, not in its range, or empty of ink.

    Notes
    -----
    The 20-pixel box and the center of mass follow the description of the data by LeCun, Cortes and Burges.
    That the center lies at index 14.0, and not at 13.5, is measured: its mean over the training set is
    13.996 (rows) and 14.007 (columns).
    """
    box = _cut_to_ink(_as_uint8(ink))
    longest = max(box.shape)
    rows, columns = (_area_weights(length, longest=longest) for length in box.shape)
    area = (2 * longest) ** 2
    scaled = (2 * (rows @ box @ columns.T) + area) // (2 * area)
    image = np.zeros((SIDE, SIDE), np.uint8)
    height, width = scaled.shape
    top, left = _offset(scaled.sum(axis=1)), _offset(scaled.sum(axis=0))
    image[top : top + height, left : left + width] = scaled
    return image


def _as_uint8(ink: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    ink = np.asarray(ink)
    if ink.ndim != 2:
        raise ValueError(f"ink: expected an array of shape (height, width), got shape {ink.shape}")
    if ink.dtype == np.uint8:
        return ink
    if not np.issubdtype(ink.dtype, np.floating):
        raise ValueError(f"ink: expected uint8 or a floating-point type, got {ink.dtype}")
    if not np.all((ink >= 0) & (ink <= 1)):
        raise ValueError(f"ink: expected floating-point values from 0 to 1, got {ink.min()} to {ink.max()}")
    pixels: npt.NDArray[np.uint8] = np.rint(ink * 255).astype(np.uint8)
    return pixels


def _cut_to_ink(ink: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if rows.size == 0:
        raise ValueError("ink: expected at least one pixel above 0, got an empty drawing")
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.int64)


def _area_weights(length: int, *, longest: int) -> npt.NDArray[np.int64]:
    """Overlap of each new pixel with each of `length` old ones, in units of 1/40 of an old pixel.

    A new pixel is longest/20 old ones wide; as many as cover the length are centered on it.
    """
    cells = -(-BOX * length // longest)
    start = BOX * length - cells * longest
    new = start + 2 * longest * np.arange(cells + 1)[:, None]
    old = 2 * BOX * np.arange(length + 1)[None, :]
    ends, starts = np.minimum(new[1:], old[:, 1:]), np.maximum(new[:-1], old[:, :-1])
    overlap: npt.NDArray[np.int64] = np.maximum(ends - starts, 0)
    return overlap


def _offset(profile: npt.NDArray[np.int64]) -> int:
    """Where to start a row or column profile: its center of mass nearest to 14, all ink inside."""
    mass = int(profile.sum())
    moment = int(profile @ np.arange(profile.size))
    # floor(14 - moment / mass + 1/2), without a rounding error that could tip a tie.
    start = ((2 * CENTER + 1) * mass - 2 * moment) // (2 * mass)
    return min(max(start, 0), SIDE - profile.size)
