import numpy as np
import pytest
from scipy import stats

from mnist_lessons import data, denoising


@pytest.fixture(scope="module")
def images():
    return data.load_mnist()[1][0][:1500]


def test_gaussian_noise_is_a_normal_distribution_cut_off_at_the_ends_of_the_scale():
    gray = np.full((2000, 28, 28), 128, "uint8")
    noisy = denoising.gaussian_noise(gray, 0.4, seed=0)
    assert noisy.dtype == np.uint8
    normal = stats.norm(128, 0.4 * 255)
    for value in (0, 64, 128, 200, 254):
        assert (noisy <= value).mean() == pytest.approx(normal.cdf(value + 0.5), abs=0.0015)


def test_noise_depends_on_the_seed_and_not_on_how_many_images_there_are(images):
    for corrupt in (denoising.gaussian_noise, denoising.salt_and_pepper):
        noisy = corrupt(images, 0.5, seed=3)
        np.testing.assert_array_equal(corrupt(images[:7], 0.5, seed=3), noisy[:7])
        assert not np.array_equal(corrupt(images[:7], 0.5, seed=4), noisy[:7])
        assert len(np.unique((noisy != images).reshape(1500, -1), axis=0)) == 1500
        np.testing.assert_array_equal(corrupt(images, 0.0, seed=3), images)


def test_salt_and_pepper_replace_a_share_of_the_pixels_by_either_end_of_the_scale():
    gray = np.full((300, 28, 28), 99, "uint8")
    noisy = denoising.salt_and_pepper(gray, 0.3, seed=1)
    values, counts = np.unique(noisy, return_counts=True)
    assert values.tolist() == [0, 99, 255]
    np.testing.assert_allclose(counts / gray.size, [0.15, 0.7, 0.15], atol=0.005)
    assert gray.min() == 99


def test_a_bar_lies_across_the_digit_and_leaves_the_rest_alone(images):
    struck = denoising.strike_through(images, 3, seed=0)
    blank = denoising.strike_through(np.zeros_like(images), 3, seed=0)
    tops = set()
    for image, before, bar in zip(struck, images, blank, strict=True):
        rows = np.flatnonzero(bar.any(axis=1))
        assert (bar[rows] == 255).all()
        assert rows.tolist() == list(range(rows[0], rows[0] + 3))
        np.testing.assert_array_equal(np.delete(image, rows, axis=0), np.delete(before, rows, axis=0))
        assert (image[rows] == 255).all()
        tops.add(int(rows[0]))
    assert tops == set(range(4, 22))
    np.testing.assert_array_equal(denoising.strike_through(images, 0, seed=0), images)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: denoising.gaussian_noise(i / 255, 0.5, seed=0), "images: expected an array of shape"),
        (
            lambda i: denoising.gaussian_noise(i, -0.1, seed=0),
            "level: expected a number that is not negative, got -0.1",
        ),
        (lambda i: denoising.salt_and_pepper(i, 1.1, seed=0), "share: expected a number from 0 to 1, got 1.1"),
        (lambda i: denoising.salt_and_pepper(i[0], 0.5, seed=0), "images: expected an array of shape"),
        (lambda i: denoising.strike_through(i, 21, seed=0), "thickness: expected 0 to 20 rows, got 21"),
        (lambda i: denoising.root_mean_square_error(i, i[:3]), "clean and restored: expected images of one shape"),
        (lambda i: denoising.root_mean_square_error(i[:0], i[:0]), "clean and restored: expected images of one shape"),
    ],
)
def test_what_is_no_image_or_no_level_is_refused(images, call, message):
    with pytest.raises(ValueError, match=message):
        call(images)


def test_the_layer_adds_noise_in_training_only_and_a_level_of_its_own_to_each_image():
    layer = denoising.random_noise(0.12)
    gray = np.full((2000, 28, 28), 0.5, "float32")
    np.testing.assert_array_equal(layer(gray), gray)
    noisy = np.asarray(layer(gray, training=True))
    assert not np.array_equal(noisy, layer(gray, training=True))
    np.testing.assert_allclose(noisy.mean(), 0.5, atol=1e-3)
    # A standard deviation measured on 784 pixels is off by 2.5 % or so.
    assert stats.kstest(noisy.std(axis=(1, 2)), stats.uniform(0, 0.12).cdf).pvalue > 0.001
    strong = np.asarray(denoising.random_noise(3.0)(gray, training=True))
    assert (strong.min(), strong.max()) == (0, 1)


def test_the_autoencoder_is_matrix_products_between_images(images):
    model = denoising.build_autoencoder((9, 4, 8))
    assert model.count_params() == 785 * 9 + 10 * 4 + 5 * 8 + 9 * 784
    signal = images[:20].reshape(20, 784) / 255
    weights = model.get_weights()
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        signal = np.maximum(signal @ kernel + bias, 0)
    expected = 1 / (1 + np.exp(-(signal @ weights[-2] + weights[-1])))
    np.testing.assert_allclose(model.predict(images[:20], verbose=0).reshape(20, 784), expected, atol=1e-5)
    np.testing.assert_array_equal(
        denoising.denoise(model, images[:20]), np.rint(255 * model.predict(images[:20], verbose=0)).astype("uint8")
    )
    assert denoising.denoise(model, images).shape == (1500, 28, 28)


def test_the_loss_is_the_cross_entropy_of_shares_of_ink():
    generator = np.random.default_rng(0)
    clean = generator.integers(0, 256, (5, 28, 28)).astype("float32")
    restored = generator.uniform(0.01, 0.4, (5, 28, 28)).astype("float32")
    ink = clean / 255
    expected = -(ink * np.log(restored) + (1 - ink) * np.log(1 - restored)).mean()
    assert np.mean(denoising.pixel_cross_entropy(clean, restored)) == pytest.approx(expected, rel=1e-4)


def test_training_brings_the_answer_nearer_to_the_clean_image(images):
    noisy = denoising.gaussian_noise(images, 0.7, seed=0)
    model = denoising.train_autoencoder(images, seed=5, epochs=20)
    restored = denoising.denoise(model, noisy)
    mean = np.broadcast_to(images.mean(axis=0), images.shape)
    assert denoising.root_mean_square_error(images, restored) < denoising.root_mean_square_error(images, mean)
    again = denoising.denoise(denoising.train_autoencoder(images, seed=5, epochs=20), noisy)
    assert denoising.root_mean_square_error(restored, again) < 1
    other = denoising.denoise(denoising.train_autoencoder(images, seed=6, epochs=20), noisy)
    assert denoising.root_mean_square_error(restored, other) > 1


def test_the_error_is_that_of_scikit_learn(images):
    from sklearn.metrics import root_mean_squared_error

    noisy = denoising.gaussian_noise(images, 0.3, seed=0)
    expected = root_mean_squared_error(images.reshape(-1), noisy.reshape(-1).astype("float64"))
    assert denoising.root_mean_square_error(images, noisy) == pytest.approx(expected)


def test_the_linear_methods_of_the_experiment_are_those_of_scikit_learn(images):
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression

    from experiments import autoencoder

    flat = images.reshape(-1, 784).astype("float64")
    ours = autoencoder.principal_components(images, 20)
    theirs = PCA(20, svd_solver="full").fit(flat).components_
    np.testing.assert_allclose(np.abs(np.sum(ours * theirs, axis=1)), 1, atol=1e-6)

    noisy = autoencoder.with_noise_of_any_level(images)
    weights, offset = autoencoder.best_linear_map(noisy, images)
    fitted = LinearRegression().fit(noisy.reshape(-1, 784), flat)
    np.testing.assert_allclose(weights, fitted.coef_.T, atol=1e-6)
    np.testing.assert_allclose(offset, fitted.intercept_, atol=1e-4)
