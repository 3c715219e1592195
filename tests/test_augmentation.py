from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats

from mnist_lessons import augmentation
from mnist_lessons.augmentation import augment, rotate, shift
from mnist_lessons.data import load_mnist


@pytest.fixture(scope="module")
def images() -> Any:
    (_, _), (images_test, _) = load_mnist()
    return images_test[:300]


def noise(count: Any) -> Any:
    """Images with ink up to the border, which MNIST's have not."""
    return np.random.default_rng(1).integers(0, 256, (count, 28, 28), dtype="uint8")


@pytest.mark.parametrize("degrees", [0, 1, 17, -30, 45, 90, 123.4, 180, 300])
def test_rotation_agrees_with_scipy(images: Any, degrees: float) -> None:
    given = np.concatenate([images[:30], noise(30)])
    # Half a unit from rounding, and what 32 bits are less exact than 64.
    assert np.abs(rotate(given, degrees=degrees, pivot=13.5) - by_scipy(given, degrees)).max() <= 0.501
    # With one more row and column the middle is at 14.
    wider = np.pad(given, ((0, 0), (0, 1), (0, 1)))
    assert np.abs(rotate(given, degrees=degrees) - by_scipy(wider, degrees)[:, :28, :28]).max() <= 0.501


def by_scipy(images: Any, degrees: Any) -> Any:
    return ndimage.rotate(images.astype("float64"), degrees, axes=(2, 1), reshape=False, order=1, mode="grid-constant")


def test_each_image_is_turned_by_its_own_angle(images: Any) -> None:
    degrees = np.random.default_rng(0).uniform(-180, 180, len(images))
    one_by_one = [rotate(image[np.newaxis], degrees=angle)[0] for image, angle in zip(images, degrees, strict=True)]
    np.testing.assert_array_equal(rotate(images, degrees=degrees), one_by_one)


def test_quarter_turns_are_exact_and_counter_clockwise() -> None:
    given = noise(5)
    np.testing.assert_array_equal(rotate(given, degrees=90, pivot=13.5), np.rot90(given, axes=(1, 2)))
    np.testing.assert_array_equal(rotate(given, degrees=0), given)
    lying = np.zeros((1, 28, 28), "uint8")
    lying[0, 13:15, 20:24] = 255  # ink at three o'clock goes to about one o'clock
    rows, _ = np.nonzero(rotate(lying, degrees=45)[0])
    assert rows.max() < 13


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, 0), (0, -5), (-2, 7), (28, 0), (40, -3), (-1000, 1000)])
def test_shift_agrees_with_scipy(down: int, right: int) -> None:
    given = noise(7)
    expected = ndimage.shift(given, (0, down, right), order=0, mode="constant")
    np.testing.assert_array_equal(shift(given, down=down, right=right), expected)


def test_each_image_is_moved_by_its_own_amount() -> None:
    given = noise(50)
    down, right = np.random.default_rng(0).integers(-6, 7, (2, 50))
    expected = [ndimage.shift(*each, order=0) for each in zip(given, zip(down, right, strict=True), strict=True)]
    np.testing.assert_array_equal(shift(given, down=down, right=right), expected)


def test_what_is_given_stays_as_it_is(images: Any) -> None:
    before = images.copy()
    for changed in (
        shift(images),
        rotate(images, degrees=0),
        augment(images, generator=np.random.default_rng(0)),
    ):
        np.testing.assert_array_equal(changed, before)
        changed[:] = 7
        np.testing.assert_array_equal(images, before)


def test_augmentation_draws_new_amounts_and_repeats_with_its_seed(images: Any) -> None:
    generator = np.random.default_rng(5)
    first, second = (augment(images, generator=generator, degrees=30, pixels=3) for _ in range(2))
    again = augment(images, generator=np.random.default_rng(5), degrees=30, pixels=3)
    np.testing.assert_array_equal(first, again)
    assert (first != second).any(axis=(1, 2)).mean() > 0.99


def test_shifts_are_uniform_over_whole_pixels_in_both_directions() -> None:
    dot = np.zeros((4900, 28, 28), "uint8")
    dot[:, 14, 14] = 255
    _, rows, columns = np.nonzero(augment(dot, generator=np.random.default_rng(0), pixels=3))
    counts = np.bincount((rows - 11) * 7 + columns - 11, minlength=49)
    assert (len(rows), len(counts)) == (4900, 49)
    assert abs(counts - 100).max() < 5 * 10  # five standard deviations


def test_angles_are_uniform_between_the_greatest() -> None:
    ray = np.zeros((3000, 28, 28), "uint8")
    ray[:, 14, 22:26] = 255
    turned = augment(ray, generator=np.random.default_rng(0), degrees=60).astype("float64")
    y, x = np.indices((28, 28)) - 14
    angles = np.rad2deg(np.arctan2(-(turned * y).sum(axis=(1, 2)), (turned * x).sum(axis=(1, 2))))
    # The quantiles of a uniform distribution, to within five standard deviations and a degree of interpolation.
    np.testing.assert_allclose(np.quantile(angles, [0, 0.25, 0.5, 0.75, 1]), [-60, -30, 0, 30, 60], atol=6.5)
    assert np.abs(angles).max() < 61


def test_turned_digits_keep_their_center_of_mass_and_do_not_give_away_the_angle(images: Any) -> None:
    def center(pivot: Any) -> Any:
        turned = augment(images, generator=np.random.default_rng(0), degrees=180, pivot=pivot).astype("float64")
        return (np.indices((28, 28)) * turned[:, np.newaxis]).sum(axis=(2, 3)) / turned.sum(axis=(1, 2))[:, np.newaxis]

    # MNIST puts the center of mass within half a pixel of 14 in both directions.
    assert np.hypot(*(center(14) - 14).T).max() < 0.75
    assert np.hypot(*(center(13.5) - 14).T).max() > 1.2


def test_no_images_are_no_error() -> None:
    none = np.zeros((0, 28, 28), "uint8")
    assert augment(none, generator=np.random.default_rng(0), degrees=30, pixels=3).shape == none.shape


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda images: rotate(images / 255, degrees=0), "images: expected an array of shape"),
        (lambda images: shift(images[0]), "images: expected an array of shape"),
        (lambda images: rotate(images, degrees=[1, 2]), r"degrees: expected one finite number or 300.*shape \(2,\)"),
        (lambda images: rotate(images, degrees=np.nan), "degrees: expected one finite number.*got nan"),
        (lambda images: rotate(images, degrees="a lot"), "degrees: expected one finite number.*got 'a lot'"),
        (lambda images: rotate(images, degrees=1j), "degrees: expected one finite number"),
        (lambda images: rotate(images, degrees=0, pivot=27.5), "pivot: expected a number from 0 to 27, got 27.5"),
        (lambda images: rotate(images, degrees=0, pivot=-1), "pivot: expected a number from 0 to 27, got -1"),
        (lambda images: shift(images, down=1.5), "down: expected one whole number or 300, one for each.*got 1.5"),
        (lambda images: shift(images, right=np.zeros(3, int)), r"right: expected one whole number.*shape \(3,\)"),
        (lambda images: draw(images, degrees=-1), "degrees: expected a number from 0 to 180, got -1"),
        (lambda images: draw(images, degrees=181), "degrees: expected a number from 0 to 180, got 181"),
        (lambda images: draw(images, degrees=np.nan), "degrees: expected a number from 0 to 180, got nan"),
        (lambda images: draw(images, pixels=29), "pixels: expected a whole number from 0 to 28, got 29"),
        (lambda images: draw(images, pixels=-1), "pixels: expected a whole number from 0 to 28, got -1"),
        (lambda images: draw(images, pixels=1.0), "pixels: expected a whole number from 0 to 28, got 1.0"),
    ],
)
def test_wrong_input_is_named(images: Any, call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(images)


def draw(images: Any, **greatest: Any) -> Any:
    return augment(images, generator=np.random.default_rng(0), **greatest)


def test_warp_is_the_affine_transform_of_scipy(monkeypatch: pytest.MonkeyPatch, images: Any) -> None:
    import tensorflow as tf
    from scipy.ndimage import affine_transform

    angle, slant, width, height, right, below = 0.3, -0.1, 0.1, -0.05, 1.5, -0.5
    amounts = iter([angle, slant, width, height, right, below])
    monkeypatch.setattr(tf.random, "uniform", lambda shape, *_: tf.fill(shape, next(amounts)))
    warped = augmentation.random_warp(tf.constant(images[:3])).numpy()
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, slant], [0, 1]]) @ np.diag(np.exp([width, height]))  # of (x, y)
    matrix = matrix[::-1, ::-1]  # of (row, column)
    offset = 13.5 - matrix @ [13.5, 13.5] + [below, right]
    for image, found in zip(images, warped, strict=False):
        expected = affine_transform(image.astype(float), matrix, offset, order=1)
        assert np.abs(found - expected).max() <= 1.01  # TensorFlow cuts off what is behind the point


def test_warp_is_random_for_each_image_and_within_its_limits() -> None:
    import tensorflow as tf

    dot = np.zeros((200, 28, 28), "uint8")
    dot[:, 13:15, 13:15] = 100
    np.testing.assert_array_equal(augmentation.random_warp(tf.constant(dot), degrees=0, percent=0, pixels=0), dot)
    moved = augmentation.random_warp(tf.constant(dot), degrees=0, percent=0, pixels=3).numpy().astype(float)
    places = np.einsum("nrc,rcd->nd", moved, np.indices((28, 28)).transpose(1, 2, 0)) / moved.sum((1, 2))[:, None]
    assert np.abs(places - 13.5).max() < 3.05
    assert (places.std(axis=0) > 1.4).all()  # of a uniform draw: 3 / sqrt(3)
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.3


def test_gaussian_noise_is_a_normal_distribution_cut_off_at_the_ends_of_the_scale() -> None:
    gray = np.full((2000, 28, 28), 128, "uint8")
    noisy = augmentation.gaussian_noise(gray, 0.4, seed=0)
    assert noisy.dtype == np.uint8
    normal = stats.norm(128, 0.4 * 255)
    for value in (0, 64, 128, 200, 254):
        assert (noisy <= value).mean() == pytest.approx(normal.cdf(value + 0.5), abs=0.0015)


def test_noise_depends_on_the_seed_and_not_on_how_many_images_there_are(images: Any) -> None:
    for corrupt in (augmentation.gaussian_noise, augmentation.salt_and_pepper):
        noisy = corrupt(images, 0.5, seed=3)
        np.testing.assert_array_equal(corrupt(images[:7], 0.5, seed=3), noisy[:7])
        assert not np.array_equal(corrupt(images[:7], 0.5, seed=4), noisy[:7])
        assert len(np.unique((noisy != images).reshape(len(images), -1), axis=0)) == len(images)
        np.testing.assert_array_equal(corrupt(images, 0.0, seed=3), images)


def test_salt_and_pepper_replace_a_share_of_the_pixels_by_either_end_of_the_scale() -> None:
    gray = np.full((300, 28, 28), 99, "uint8")
    noisy = augmentation.salt_and_pepper(gray, 0.3, seed=1)
    values, counts = np.unique(noisy, return_counts=True)
    assert values.tolist() == [0, 99, 255]
    np.testing.assert_allclose(counts / gray.size, [0.15, 0.7, 0.15], atol=0.005)
    assert gray.min() == 99


def test_bar_lies_across_the_digit_and_leaves_the_rest_alone(images: Any) -> None:
    struck = augmentation.strike_through(images, 3, seed=0)
    blank = augmentation.strike_through(np.zeros_like(images), 3, seed=0)
    tops = set()
    for image, before, bar in zip(struck, images, blank, strict=True):
        rows = np.flatnonzero(bar.any(axis=1))
        assert (bar[rows] == 255).all()
        assert rows.tolist() == list(range(rows[0], rows[0] + 3))
        np.testing.assert_array_equal(np.delete(image, rows, axis=0), np.delete(before, rows, axis=0))
        assert (image[rows] == 255).all()
        tops.add(int(rows[0]))
    assert tops == set(range(4, 22))
    np.testing.assert_array_equal(augmentation.strike_through(images, 0, seed=0), images)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: augmentation.gaussian_noise(i / 255, 0.5, seed=0), "images: expected an array of shape"),
        (
            lambda i: augmentation.gaussian_noise(i, -0.1, seed=0),
            "level: expected a number that is not negative, got -0.1",
        ),
        (lambda i: augmentation.salt_and_pepper(i, 1.1, seed=0), "share: expected a number from 0 to 1, got 1.1"),
        (lambda i: augmentation.salt_and_pepper(i[0], 0.5, seed=0), "images: expected an array of shape"),
        (lambda i: augmentation.strike_through(i, 21, seed=0), "thickness: expected 0 to 20 rows, got 21"),
    ],
)
def test_what_is_is_no_image_or_no_level_is_refused(images: Any, call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(images)


def test_noise_layer_adds_noise_in_training_only_and_a_level_of_its_own_to_each_image() -> None:
    layer = augmentation.random_noise(0.12)
    gray = np.full((2000, 28, 28), 0.5, "float32")
    np.testing.assert_array_equal(layer(gray), gray)
    noisy = np.asarray(layer(gray, training=True))
    assert not np.array_equal(noisy, layer(gray, training=True))
    np.testing.assert_allclose(noisy.mean(), 0.5, atol=1e-3)
    # A standard deviation measured on 784 pixels is off by 2.5 % or so.
    assert stats.kstest(noisy.std(axis=(1, 2)), stats.uniform(0, 0.12).cdf).pvalue > 0.001
    strong = np.asarray(augmentation.random_noise(3.0)(gray, training=True))
    assert (strong.min(), strong.max()) == (0, 1)
