"""What a denoising autoencoder does for noisy digits: for their pixels, and for a classifier that reads them."""

import functools
import time
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from experiments.runner import measure, save_table
from mnist_lessons import models
from mnist_lessons.augmentation import gaussian_noise, random_noise, salt_and_pepper, strike_through
from mnist_lessons.data import Split, split_mnist
from mnist_lessons.evaluation import expected_calibration_error, root_mean_square_error
from mnist_lessons.loops import adam_with_cosine_decay
from mnist_lessons.recipes import train_autoencoder
from mnist_lessons.tables import Row

if TYPE_CHECKING:
    import keras

SEEDS = range(6)
# The first are the noise of the training, at levels inside its range; the last two are of other kinds.
NOISES = (*(("gaussian", level) for level in (0.0, 0.25, 0.5, 0.75, 1.0)), ("salt and pepper", 0.25), ("bar", 2))
BLURS = (0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
COMPONENTS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 784)
# A classifier as large as denoiser and classifier together.
DEEP = (512, 128, 512, 784, 128, 128)
# Passes through 50,000 images. Recipes with a denoiser and those without spend about the same CPU time.
EPOCHS = {
    50_000: {"clean": 6, "noisy": 24, "deep": 7, "both": 6},
    1_000: {"clean": 2, "noisy": 8, "both": 4},
}
# The large classifier once more, with the passes of the small one instead of its time.
LONGER = 24


def main() -> None:
    """Make the three tables."""
    seeds = f"{SEEDS[0]} to {SEEDS[-1]}; the noise on the test images is the same for all"
    runs = [measure(classify, seed) for seed in SEEDS]
    save_table("denoising", runs, experiment="autoencoder", seeds=seeds)
    runs = [measure(classify_longer, seed) for seed in SEEDS]
    save_table("denoising-longer", runs, experiment="autoencoder", seeds=seeds)
    runs = [*(measure(restore, seed) for seed in SEEDS), measure(compare_others)]
    save_table("denoising-error", runs, experiment="autoencoder", seeds=seeds)


def noisy(images: np.ndarray, noise: str, level: float, *, seed: int = 0) -> np.ndarray:
    """Return images under one of `NOISES`, with the same noise whoever asks with the same seed."""
    if noise == "bar":
        return strike_through(images, int(level), seed=seed)
    corrupt = {"gaussian": gaussian_noise, "salt and pepper": salt_and_pepper}[noise]
    return corrupt(images, level, seed=seed)


def classify(seed: int) -> list[Row]:
    """Train all recipes with one seed, with all labels and with 1,000, and judge them on noisy test images."""
    train, _, test = split_mnist()
    autoencoder, first_seconds = _autoencoder(seed)
    inputs = {noise: noisy(test[0], *noise) for noise in NOISES}
    # Images without a digit have no right answer; what counts there is how sure the answers are.
    inputs["no digit", 0.5] = gaussian_noise(np.zeros((2000, 28, 28), "uint8"), 0.5, seed=1)
    restored = {noise: models.denoise(autoencoder, images) for noise, images in inputs.items()}
    rows = []
    for labels, recipes in EPOCHS.items():
        # With few labels, a pass through 50,000 images is many passes through the same few.
        chosen = np.resize(np.random.default_rng(seed).permutation(len(train[0]))[:labels], len(train[0]))
        labeled = train[0][chosen], train[1][chosen]
        for recipe, epochs in recipes.items():
            start = time.process_time()
            model = _train(recipe, labeled, seed=seed, epochs=epochs)
            seconds = time.process_time() - start + first_seconds * (recipe == "both")
            run = {"labels": labels, "seed": seed}
            rows += [run | _judge(recipe, model, noise, images, test[1], seconds) for noise, images in inputs.items()]
            if recipe == "clean":
                seconds += first_seconds
                rows += [
                    run | _judge("denoiser", model, noise, images, test[1], seconds)
                    for noise, images in restored.items()
                ]
    return rows


def classify_longer(seed: int) -> list[Row]:
    """Train the large classifier for as many epochs as the small one, with all labels, and judge it as `classify`."""
    train, _, test = split_mnist()
    # The order of the images, too, is that of `classify`.
    order = np.random.default_rng(seed).permutation(len(train[0]))
    start = time.process_time()
    model = _train("deep", (train[0][order], train[1][order]), seed=seed, epochs=LONGER)
    seconds = time.process_time() - start
    run = {"labels": len(train[0]), "seed": seed}
    return [run | _judge("deep", model, noise, noisy(test[0], *noise), test[1], seconds) for noise in NOISES]


def restore(seed: int) -> list[Row]:
    """Return the pixel error that one autoencoder leaves on the test images."""
    images = split_mnist().test[0]
    autoencoder, _ = _autoencoder(seed)
    return [
        _error("autoencoder", seed, noise, images, models.denoise(autoencoder, noisy(images, *noise)))
        for noise in NOISES
    ]


def compare_others() -> list[Row]:
    """Return the pixel errors of simpler ways to remove noise, each as good as it gets for each noise.

    Noise that is cut off at the ends of the scale darkens the paper and takes away contrast, which blur and components
    cannot know. Brightness and contrast are therefore brought back to those of clean digits. This, the width of the
    blur and the number of components are chosen on validation images. One linear map is fitted to the noise of the
    network's training, and another to each noise.
    """
    train, validation, test = (images for images, _ in split_mnist())
    mean = train.mean(axis=0)
    components = principal_components(train, 784)
    one_map = best_linear_map(with_noise_of_any_level(train), train)
    rows = []
    for noise in NOISES:
        fitted, chosen, given = noisy(train, *noise, seed=1), noisy(validation, *noise, seed=2), noisy(test, *noise)
        center = fitted.mean(axis=0)
        width, factor, offset = best_blur(validation, chosen)
        count, stretch = best_components(validation - mean, chosen - center, components)
        by_method = {
            "nothing": given,
            "mean image": np.broadcast_to(mean, test.shape),
            f"blur {width}": factor * blur(given, width) + offset,
            f"components {count}": mean + stretch * through(components[:count], given - center),
            "one linear map": apply(one_map, given),
            "linear map of the level": apply(best_linear_map(fitted, train), given),
        }
        rows += [_error(method, 0, noise, test, np.clip(made, 0, 255)) for method, made in by_method.items()]
    return rows


def principal_components(images: np.ndarray, count: int) -> np.ndarray:
    """Return the directions (count, 784) in which images differ most."""
    moments = _moments(images.reshape(-1, 784), images.reshape(-1, 784))
    return np.linalg.eigh(moments[0])[1][:, : -count - 1 : -1].T


def with_noise_of_any_level(images: np.ndarray) -> np.ndarray:
    """Return images (n, 28, 28) uint8 with the noise of the autoencoder's training: each has a level of its own."""
    levels = np.random.default_rng(0).uniform(0, 1, len(images)).tolist()
    return np.concatenate([gaussian_noise(images[i : i + 1], level, seed=i) for i, level in enumerate(levels)])


def best_linear_map(given: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (784, 784) and offset (784,) that bring images nearest to those wanted, on average."""
    given, wanted = given.reshape(-1, 784), wanted.reshape(-1, 784)
    covariance, mean = _moments(given, given)
    # Not solve: without noise, pixels at the border never change, and the matrix is singular.
    weights = np.linalg.lstsq(covariance, _moments(given, wanted)[0])[0]
    return weights, wanted.mean(axis=0) - mean @ weights


def apply(linear_map: tuple[np.ndarray, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Return what a linear map makes of images (n, 28, 28)."""
    weights, offset = linear_map
    made: np.ndarray = images.reshape(-1, 784) @ weights + offset
    return made.reshape(images.shape)


def blur(images: np.ndarray, width: float) -> np.ndarray:
    """Return images (n, 28, 28) float32, each blurred by a normal distribution of a width in pixels."""
    blurred: np.ndarray = ndimage.gaussian_filter(images.astype("float32"), (0, width, width))
    return blurred


def best_blur(clean: np.ndarray, given: np.ndarray) -> tuple[float, float, float]:
    """Return the width, and the factor and offset after it, that bring noisy images nearest to the clean ones."""
    fits = {}
    for width in BLURS:
        blurred = blur(given, width)
        factor = ((blurred - blurred.mean()) * (clean - clean.mean())).mean() / blurred.var()
        offset = clean.mean() - factor * blurred.mean()
        restored = np.clip(factor * blurred + offset, 0, 255)
        fits[root_mean_square_error(clean, restored)] = width, float(factor), float(offset)
    return fits[min(fits)]


def through(components: np.ndarray, centered: np.ndarray) -> np.ndarray:
    """Return the part of images (n, 28, 28) around their mean that components (count, 784) can express."""
    expressed: np.ndarray = centered.reshape(-1, 784) @ components.T @ components
    return expressed.reshape(centered.shape)


def best_components(clean: np.ndarray, given: np.ndarray, components: np.ndarray) -> tuple[int, float]:
    """Return how many components, and the factor after them, bring noisy images nearest to the clean ones.

    Both kinds of images (n, 28, 28) are around their means.
    """
    fits = {}
    for count in COMPONENTS:
        kept = through(components[:count], given)
        factor = (kept * clean).sum() / (kept * kept).sum()
        fits[root_mean_square_error(clean, factor * kept)] = count, float(factor)
    return fits[min(fits)]


def _moments(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance (784, 784) of two sets of pixels (n, 784) uint8 and the mean of the first."""
    means = first.mean(axis=0), second.mean(axis=0)
    total = np.zeros((784, 784))
    for start in range(0, len(first), 1000):
        piece = slice(start, start + 1000)
        total += (first[piece] - means[0]).T @ (second[piece] - means[1])
    return total / len(first), means[0]


def _error(method: str, seed: int, noise: tuple[str, float], clean: np.ndarray, restored: np.ndarray) -> Row:
    error = root_mean_square_error(clean, restored)
    return {"method": method, "seed": seed, "noise": noise[0], "level": noise[1], "error": error}


def _judge(
    recipe: str,
    model: "keras.Model",
    noise: tuple[str, float],
    images: np.ndarray,
    labels: np.ndarray,
    seconds: float,
) -> Row:
    """Return how often a classifier is right, how sure it is, and how far the two are apart."""
    probabilities = model.predict(images, batch_size=1000, verbose=0)
    confidence = probabilities.max(axis=1)
    answerable = noise[0] != "no digit"
    return {
        "recipe": recipe,
        "noise": noise[0],
        "level": noise[1],
        "accuracy": float((probabilities.argmax(axis=1) == labels).mean()) if answerable else np.nan,
        "confidence": float(confidence.mean()),
        "calibration_error": expected_calibration_error(labels, probabilities) if answerable else np.nan,
        "sure": float((confidence > 0.9).mean()),
        "seconds": round(seconds, 1),
    }


@functools.cache
def _autoencoder(seed: int) -> tuple["keras.Model", float]:
    """Return the trained autoencoder and the CPU seconds that it took."""
    start = time.process_time()
    model = train_autoencoder(split_mnist().train[0], seed=seed)
    return model, time.process_time() - start


def _train(recipe: str, train: Split, *, seed: int, epochs: int) -> "keras.Model":
    """Train one classifier as the chapter `train` does, behind what its recipe puts before it."""
    import keras

    keras.utils.set_random_seed(seed)
    rescaling, *layers = models.build_dense(DEEP if recipe == "deep" else (128, 128)).layers
    before = [rescaling] if recipe == "clean" else [rescaling, random_noise()]
    if recipe == "both":
        before = _autoencoder(seed)[0].layers  # they rescale, and add noise in training, themselves
        for layer in before:
            layer.trainable = False
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8"), *before, *layers])
    rate, steps = 0.002 if recipe == "deep" else 0.003, epochs * -(-len(train[0]) // 128)
    model.compile(adam_with_cosine_decay(rate, steps), "sparse_categorical_crossentropy", steps_per_execution=10)
    model.fit(*train, batch_size=128, epochs=epochs, verbose=0)
    return model
