from typing import Any

import numpy as np
import pytest

from experiments.read_sheets import choose_digits, find_owners
from mnist_lessons.data import split_mnist
from mnist_lessons.drawing import prepare_drawing
from mnist_lessons.paper import Photo, render_sheet, write_digit
from mnist_lessons.recipes import train_cnn
from mnist_lessons.sheets import arrange, read_sheet
from mnist_lessons.store import load_or_train

INK = 40


def paper(height: int = 300, width: int = 400) -> Any:
    return np.full((height, width), 220, np.uint8)


def dotted(height: int, width: int) -> Any:
    """Paper with a dot of 8 pixels, which could be a digit, every 20 pixels."""
    photo = paper(height, width)
    for top in range(30, height - 30, 20):
        for left in range(30, width - 30, 20):
            photo[top : top + 8, left : left + 8] = INK
    return photo


def write(photo: Any, top: int, left: int, image: Any, *, factor: int = 2) -> None:
    """Put a digit onto a photo, its ink as dark as a pen's."""
    ink = np.kron(image, np.ones((factor, factor))) / 255
    part = photo[top : top + len(ink), left : left + len(ink)]
    part[:] = np.rint(part * (1 - ink) + INK * ink)


@pytest.fixture(scope="module")
def digits() -> Any:
    """One validation digit of each kind."""
    images, labels = split_mnist().validation
    return [images[np.flatnonzero(labels == digit)[3]] for digit in range(10)]


def test_digits_of_rendered_photos_are_found_in_order_and_read() -> None:
    images, labels = [], []
    for ruling, table, writing in (("blank", False, "MNIST"), ("ruled", True, "strokes"), ("squared", True, "MNIST")):
        written, labels_written = choose_digits(writing, 7, split_mnist().validation)
        photo = render_sheet(written, seed=7, ruling=ruling, table=table, size=(1000, 750))
        sheet = read_sheet(photo.pixels)
        assert find_owners(photo, sheet) == list(range(len(photo.centers))), (ruling, table, writing)
        images.append(sheet.images)
        labels.append(labels_written[: len(photo.centers)])
    answers = load_or_train(train_cnn).predict(np.concatenate(images), verbose=0).argmax(axis=1)
    assert np.mean(answers == np.concatenate(labels)) >= 0.95


def test_box_and_image_are_those_of_the_digit(digits: Any) -> None:
    photo = paper()
    write(photo, 100, 150, digits[3], factor=3)
    ink = np.argwhere(photo < 130)
    sheet = read_sheet(photo)
    top, left, height, width = sheet.boxes[0]
    np.testing.assert_allclose([top, left], ink.min(axis=0), atol=2)
    np.testing.assert_allclose([top + height, left + width], ink.max(axis=0) + 1, atol=2)
    assert sheet.images.dtype == np.uint8
    # Cut out of clean paper, a digit comes back nearly as MNIST has it.
    assert np.abs(sheet.images[0].astype(int) - digits[3]).mean() < 12


def test_photo_in_color_reads_like_its_shades_of_gray_and_a_larger_one_like_its_reduction(digits: Any) -> None:
    photo = paper(700, 800)
    write(photo, 100, 150, digits[8], factor=4)
    gray = read_sheet(photo)
    color = read_sheet(np.stack([photo] * 3, axis=2))
    large = read_sheet(np.kron(photo, np.ones((2, 2), np.uint8)))
    for other, scale in ((color, 1), (large, 2)):
        np.testing.assert_array_equal(other.images, gray.images)
        np.testing.assert_array_equal(other.boxes, scale * gray.boxes)


def test_broken_stroke_is_one_digit_and_a_speck_is_none() -> None:
    five = np.zeros((28, 28), np.uint8)
    five[4:6, 8:20] = 255  # the bar stands apart
    five[8:16, 8:10] = five[14:16, 8:20] = five[14:24, 18:20] = five[22:24, 8:20] = 255
    photo = paper()
    write(photo, 100, 50, five)
    write(photo, 100, 200, five)
    photo[120:124, 150:154] = INK
    assert len(read_sheet(photo).boxes) == 2


def test_ruled_line_through_a_digit_changes_neither_its_box_nor_its_digit(digits: Any) -> None:
    clean = paper()
    write(clean, 100, 150, digits[5])
    ruled = clean.copy()
    for row in range(16, 300, 28):
        ruled[row : row + 2] = np.minimum(ruled[row : row + 2], 150)
    expected, sheet = read_sheet(clean), read_sheet(ruled)
    np.testing.assert_allclose(sheet.boxes, expected.boxes, atol=2)
    assert np.corrcoef(sheet.images[0].ravel(), expected.images[0].ravel())[0, 1] > 0.9


def test_lines_are_told_apart_when_the_sheet_is_turned() -> None:
    boxes = []
    for line in range(3):
        for column in range(8):
            # 1 in 12: over the width the line falls by more than its distance to the next
            top = 100 + 60 * line + 90 * column // 12
            boxes.append((top, 90 * column, top + 40, 90 * column + 30))
    assert arrange(boxes) == [line for line in range(3) for _ in range(8)]
    assert arrange(boxes[:1]) == [0]


def test_thin_pen_is_thickened_to_the_stroke_of_mnist(digits: Any) -> None:
    photo = paper(400, 400)
    photo[100:300, 200:204] = photo[100:104, 120:204] = INK  # a seven, 200 high, its stroke 4 wide
    prepared = read_sheet(photo).images[0]
    ink = np.where(photo < 100, 255, 0).astype(np.uint8)
    assert prepared.sum() > 2 * prepare_drawing(ink).sum()


def test_strokes_of_every_digit_are_written_and_differ() -> None:
    rng = np.random.default_rng(0)
    written = [write_digit(digit, rng) for digit in range(10) for _ in range(2)]
    assert all(image.shape == (168, 168) and image.max() == 255 and image[0].max() == 0 for image in written)
    assert len({image.tobytes() for image in written}) == 20


def test_rendered_photo_is_the_same_for_the_same_seed_and_tells_where_its_digits_are(digits: Any) -> None:
    first, second = (render_sheet(digits, seed=3, size=(500, 400)) for _ in range(2))
    assert isinstance(first, Photo)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.pixels.shape == (500, 400, 3)
    with pytest.raises(ValueError, match="ruling: expected one of blank, ruled, squared; got dotted"):
        render_sheet(digits, seed=3, ruling="dotted")


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((100, 100)), "photo: expected uint8, got float64"),
        (np.zeros((100, 100, 4), np.uint8), r"photo: expected shape \(height, width\) or \(height, width, 3\), got"),
        (np.zeros(100, np.uint8), r"photo: expected shape .*, got \(100,\)"),
        (np.zeros((27, 100), np.uint8), r"photo: expected at least 28 pixels on each side, got \(27, 100\)"),
        (paper(), "photo: expected digits at least 8 pixels high, found no ink of that size"),
        (paper(3000, 2000), "photo: expected digits at least 24 pixels high"),
        (dotted(800, 800), "photo: expected handwritten digits, of at most 1000 pieces of ink, got 1369 pieces"),
    ],
)
def test_what_cannot_be_read_is_refused(photo: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_sheet(photo)


def test_inverted_photo_is_refused(digits: Any) -> None:
    photo = paper()
    write(photo, 100, 150, digits[2])
    with pytest.raises(
        ValueError, match="photo: expected dark ink on light paper, got light marks on .* is it inverted"
    ):
        read_sheet(255 - photo)


def test_more_ink_than_paper_is_refused() -> None:
    photo = paper()
    photo[10:-10, 10:240] = INK
    # What is mostly ink looks like a hole in the paper, or like a table beside it.
    with pytest.raises(ValueError, match="photo: expected"):
        read_sheet(photo)


def test_ink_along_the_border_is_refused() -> None:
    photo = paper()
    for place in (np.s_[:3], np.s_[-3:], np.s_[:, :3], np.s_[:, -3:]):
        photo[place] = INK
    photo[100:160, 100:106] = INK
    with pytest.raises(ValueError, match="photo: expected paper all around the digits, got ink on .* % of the border"):
        read_sheet(photo)


def test_digit_cut_off_by_the_edge_is_left_out(digits: Any) -> None:
    photo = paper()
    write(photo, 100, 150, digits[2])
    write(photo, 200, 150, digits[8])
    cut = photo[:230]
    assert len(read_sheet(photo).boxes) == 2
    assert len(read_sheet(cut).boxes) == 1
