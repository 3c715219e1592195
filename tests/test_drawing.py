from typing import Any

import numpy as np
import pytest

from mnist_lessons.data import load_mnist
from mnist_lessons.drawing import prepare_drawing


@pytest.fixture(scope="module")
def images() -> Any:
    (_, _), (images_test, _) = load_mnist()
    return images_test


def test_prepared_digit_is_unchanged_wherever_it_is_moved(images: Any) -> None:
    # Fails if the center moves by half a pixel: then about half of the digits come back shifted.
    unchanged = 0
    for image in images[:1000]:
        field = np.zeros((60, 50), np.uint8)
        field[21:49, 3:31] = image
        unchanged += np.array_equal(prepare_drawing(field), image)
    assert unchanged >= 995


@pytest.mark.parametrize("factor", [2, 3, 10])
def test_enlarged_digit_is_prepared_back_to_the_original(images: Any, factor: int) -> None:
    for image in images[:50]:
        enlarged = np.kron(image, np.ones((factor, factor), np.uint8))
        np.testing.assert_array_equal(prepare_drawing(enlarged), image)


def test_reduced_drawing_is_averaged_by_area() -> None:
    # 40 rows shrink to 20, so each new pixel is the mean of four: here 127.5, rounded up.
    checkerboard = np.indices((40, 40)).sum(axis=0) % 2 * np.uint8(255)
    prepared = prepare_drawing(checkerboard.astype(np.uint8))
    assert np.count_nonzero(prepared) == 400
    np.testing.assert_array_equal(prepared[5:25, 5:25], 128)


def test_longer_side_measures_20_pixels_and_the_aspect_ratio_is_kept() -> None:
    ink = np.zeros((300, 200), np.uint8)
    ink[50:250, 60:110] = 255
    prepared = prepare_drawing(ink)
    assert np.count_nonzero(prepared.any(axis=1)) == 20
    assert np.count_nonzero(prepared.any(axis=0)) == 5
    assert prepared.max() == 255


def test_center_of_mass_lies_at_14(images: Any) -> None:
    rng = np.random.default_rng(0)
    centers = []
    for image in images[:500]:
        drawing = np.kron(image, np.ones((7, 7), np.uint8))
        drawing = np.pad(drawing, rng.integers(0, 90, size=(2, 2)).tolist())
        prepared = prepare_drawing(drawing)
        centers.append((np.indices((28, 28)) * prepared).sum(axis=(1, 2)) / prepared.sum())
    np.testing.assert_allclose(np.mean(centers, axis=0), 14, atol=0.05)
    assert np.abs(np.array(centers) - 14).max() <= 0.5


def test_single_dot_fills_the_box() -> None:
    ink = np.zeros((9, 9), np.uint8)
    ink[8, 0] = 200
    prepared = prepare_drawing(ink)
    assert np.count_nonzero(prepared) == 400
    assert prepared.max() == 200


def test_no_ink_is_cut_off_when_the_center_of_mass_is_far_from_the_middle() -> None:
    ink = np.zeros((200, 200), np.uint8)
    ink[:, 0] = ink[:30, :30] = ink[0] = 255
    prepared = prepare_drawing(ink)
    assert np.count_nonzero(prepared.any(axis=1)) == 20
    assert np.count_nonzero(prepared.any(axis=0)) == 20


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_point_ink_from_0_to_1_equals_uint8(images: Any, dtype: Any) -> None:
    np.testing.assert_array_equal(prepare_drawing(images[3].astype(dtype) / 255), images[3])


@pytest.mark.parametrize(
    ("ink", "message"),
    [
        (np.zeros((9, 9), np.uint8), "ink: expected at least one pixel above 0, got an empty drawing"),
        (np.zeros((0, 5), np.uint8), "got an empty drawing"),
        (
            np.ones((1, 9, 9), np.uint8),
            r"ink: expected an array of shape \(height, width\), got shape \(1, 9, 9\)",
        ),
        (np.ones((28, 28), np.int64), "ink: expected uint8 or a floating-point type, got int64"),
        (np.full((28, 28), 255.0), "ink: expected floating-point values from 0 to 1, got 255.0 to 255.0"),
        (np.full((28, 28), -0.1), "expected floating-point values from 0 to 1"),
        (np.full((28, 28), np.nan), "expected floating-point values from 0 to 1"),
    ],
)
def test_invalid_input_is_named_in_the_error(ink: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare_drawing(ink)
