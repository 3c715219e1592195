import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_lessons import augmentation, data, evaluation, models, recipes

BOOK = Path(__file__).parents[1] / "book"
IMAGES, LABELS = (array[:256] for array in data.load_mnist()[0])


def weights(model: Any) -> np.ndarray:
    return np.concatenate([array.ravel() for array in model.get_weights()])


def test_train_all_asks_the_store_for_every_model_that_chapters_load(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(recipes, "load_or_train", asked.append)
    recipes.train_all()
    chapters = "".join(file.read_text(encoding="utf-8") for file in BOOK.glob("*.md"))
    loaded = re.findall(r"load_or_train(?:_history)?\((?:recipes\.)?(\w+)", chapters)
    assert {recipe.__name__ for recipe in asked} == {*loaded, "train_sigmoid"}  # that one is for a widget


def test_learning_rate_falls_to_zero_and_the_seed_decides_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    split = data.split(IMAGES, LABELS, size=56)
    monkeypatch.setattr(data, "split_mnist", lambda: (*split, None))
    model, history = recipes.train_dense(seed=3, epochs=2)
    assert len(history["val_loss"]) == 2
    steps = 2 * 2  # 200 images in batches of 128
    schedule = model.optimizer._learning_rate
    assert float(schedule(0)) == pytest.approx(0.003)
    assert float(schedule(steps)) == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(weights(model), weights(recipes.train_dense(seed=3, epochs=2)[0]))


def test_old_recipe_learns_from_standardized_pixels() -> None:
    images, labels = data.split_mnist().validation
    model, history = recipes.train_old_recipe(seed=0, epochs=1)
    assert [len(values) for values in history.values()] == [1, 1, 1, 1]
    assert history["val_accuracy"][0] > 0.9
    scaled = model.layers[0](images).numpy()
    assert abs(scaled.mean()) < 0.01
    assert scaled.std() == pytest.approx(1, abs=0.01)
    assert model.evaluate(images, labels, batch_size=1000, verbose=0)[1] == pytest.approx(history["val_accuracy"][0])


def test_old_recipe_trains_on_given_images() -> None:
    model, history = recipes.train_old_recipe(seed=0, epochs=3, train=(IMAGES, LABELS))
    assert {name: len(values) for name, values in history.items()} == {"loss": 3, "accuracy": 3}
    assert history["loss"][-1] < history["loss"][0]
    mean, deviation = IMAGES[::20].mean(), IMAGES[::20].std()
    np.testing.assert_allclose(model.layers[0](IMAGES[:9]), (IMAGES[:9] - mean) / deviation, atol=1e-4)


@pytest.mark.parametrize("name", ["fast_dense", "fast_98", "fast_99", "fast_995", "best"])
def test_fast_recipe_gives_the_same_weights_from_the_same_seed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    build = models.build_fast_cnn
    monkeypatch.setattr(models, "build_fast_cnn", lambda width=1, **options: build(width / 4, **options))
    first, again, other = (weights(getattr(recipes, name)(seed=seed, train=(IMAGES, LABELS))[0]) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_pixel_loss_is_the_cross_entropy_of_shares_of_ink() -> None:
    generator = np.random.default_rng(0)
    clean = generator.integers(0, 256, (5, 28, 28)).astype("float32")
    restored = generator.uniform(0.01, 0.4, (5, 28, 28)).astype("float32")
    ink = clean / 255
    expected = -(ink * np.log(restored) + (1 - ink) * np.log(1 - restored)).mean()
    loss = recipes.pixel_cross_entropy(clean, restored)  # type: ignore[no-untyped-call]
    assert np.mean(loss) == pytest.approx(expected, rel=1e-4)


def test_trained_autoencoder_restores_better_than_the_mean_image() -> None:
    images = data.load_mnist()[1][0][:1500]
    noisy = augmentation.gaussian_noise(images, 0.7, seed=0)
    model = recipes.train_autoencoder(images, seed=5, epochs=20)
    restored = models.denoise(model, noisy)
    mean = np.broadcast_to(images.mean(axis=0), images.shape)
    assert evaluation.root_mean_square_error(images, restored) < evaluation.root_mean_square_error(images, mean)
    again = models.denoise(recipes.train_autoencoder(images, seed=5, epochs=20), noisy)
    assert evaluation.root_mean_square_error(restored, again) < 1
    other = models.denoise(recipes.train_autoencoder(images, seed=6, epochs=20), noisy)
    assert evaluation.root_mean_square_error(restored, other) > 1
