"""Handwritten digits that are not MNIST's: another country, other pens, other scanners."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_STORED = Path(__file__).parent / "stored" / "uci-digits.npz"
# Where a new form begins: every writer copied the same digits in the same order, three times 0 to 9 first.
_FORM_STARTS = (0, 130, 256, 386, 516, 646, 776, 905, 1029, 1157, 1287, 1415, 1545, 1667)


class UCIDigits(NamedTuple):
    """The collection: images (1797, 8, 8) uint8, 0 to 16; labels (1797,) uint8; forms (1797,) uint8, 0 to 13."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    forms: npt.NDArray[np.uint8]


def load_uci_digits() -> UCIDigits:
    """Return the 1,797 test digits of "Optical Recognition of Handwritten Digits", written by 13 people.

    Returns
    -------
    images
        Shape (1797, 8, 8), uint8, 0 (paper) to 16 (ink): the dark pixels in each block of 4x4 of a scan.
        ``prepare_drawing(image / 16)`` makes one of MNIST's kind of it.
    labels
        Shape (1797,), uint8, 0 to 9.
    forms
        Shape (1797,), uint8, 0 to 13: the form that an image was cut from. All images of a form have one writer;
        one of the writers filled in two. The collection does not name its forms: they are told by the order of the
        labels, which is that of the same 130 digits in each, up to a few that are missing.

    Notes
    -----
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
    https://doi.org/10.24432/C50P49; CC BY 4.0. The images and labels are those of ``sklearn.datasets.load_digits``.
    """
    with np.load(_STORED, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    forms = np.searchsorted(_FORM_STARTS, np.arange(len(labels)), side="right") - 1
    return UCIDigits(images, labels, forms.astype(np.uint8))
