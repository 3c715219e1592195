"""The experiments behind the chapters `data-size` and `pipelines`: what they feed, and that their tables are whole."""

import ast
import itertools
import types
from typing import Any

import numpy as np
import pytest

from execute import read_notebook
from experiments import data_size, data_stream
from mnist_lessons.augmentation import augment
from mnist_lessons.tables import load_table


@pytest.fixture
def digits() -> Any:
    """250 images, each of one gray level, which is its label times 25 plus 5."""
    labels = np.random.default_rng(0).integers(10, size=250).astype("uint8")
    return np.broadcast_to((25 * labels + 5)[:, None, None], (250, 28, 28)).astype("uint8"), labels


def taken(source: Any, digits: Any, count: Any, seed: int = 0) -> list[Any]:
    return [(x.numpy(), y.numpy()) for x, y in data_stream.batches(source, digits, seed=seed).take(count)]


def ink(images: np.ndarray) -> Any:
    return images[:, 14, 14]


@pytest.mark.parametrize("source", ["repeated", "streamed", "generator", "array"])
def test_images_keep_their_labels_on_the_way(source: str, digits: Any) -> None:
    for images, labels in taken(source, digits, 4):
        assert images.shape == (125, 28, 28)
        assert images.dtype == labels.dtype == np.uint8
        np.testing.assert_array_equal(ink(images), 25 * labels + 5)


@pytest.mark.parametrize("source", ["repeated", "streamed", "generator"])
def test_an_epoch_shows_every_image_once_and_the_next_in_another_order(source: str, digits: Any) -> None:
    batches = taken(source, digits, 4)
    first, second = batches[:2], batches[2:]
    for epoch in (first, second):
        shown = np.concatenate([labels for _, labels in epoch])
        np.testing.assert_array_equal(np.bincount(shown), np.bincount(digits[1]))
    assert not np.array_equal(first[0][1], second[0][1])
    again, other = taken(source, digits, 1), taken(source, digits, 1, seed=1)
    np.testing.assert_array_equal(first[0][1], again[0][1])
    np.testing.assert_array_equal(first[0][0], again[0][0])
    assert not np.array_equal(first[0][1], other[0][1])


def test_only_the_repeated_images_stay_as_they_are(digits: Any) -> None:
    def flat(source: Any) -> Any:
        return np.mean([np.ptp(image) == 0 for images, _ in taken(source, digits, 4) for image in images])

    assert flat("repeated") == 1
    assert max(flat("streamed"), flat("generator"), flat("array")) < 0.1


def test_a_network_takes_as_many_steps_as_asked(digits: Any) -> None:
    model, spent = data_size.train("dense", digits, steps=36, seed=0)
    assert int(model.optimizer.iterations) == spent["steps"] == 36
    assert 0 < spent["startup_seconds"] < spent["cpu_seconds"]
    assert float(model.optimizer.learning_rate) == pytest.approx(0, abs=1e-7)


def test_the_start_is_what_the_first_steps_took_more_than_later_ones(
    digits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The clock is read at the start, after each of three calls of 12 steps, and at the end.
    clock = iter([100.0, 110.0, 112.0, 114.0, 115.0])
    monkeypatch.setattr(data_size, "time", types.SimpleNamespace(process_time=lambda: next(clock)))
    _, spent = data_size.train("dense", digits, steps=36, seed=0)
    assert spent["cpu_seconds"] == 15
    assert spent["startup_seconds"] == pytest.approx(10 - 2)


def functions_of(chapter: str, *names: str) -> Any:
    """Return functions that a chapter shows, by name, as they stand there."""
    import keras
    import tensorflow as tf

    there = {"keras": keras, "np": np, "tf": tf, "augment": augment}
    for cell in read_notebook(f"book/{chapter}.md")[0].cells:
        nodes = ast.parse(cell.source).body if cell.cell_type == "code" else []
        for node in nodes:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                exec(ast.unparse(node), there)
    return types.SimpleNamespace(**{name: there[name] for name in names})


def test_chapter_trains_as_its_experiment_did(digits: Any) -> None:
    shown = functions_of("data-size", "endless_batches", "train_on")
    model = shown.train_on(data_size.NETWORKS["dense"], *digits, steps=24, seed=1)
    theirs, _ = data_size.train("dense", digits, steps=24, seed=1)
    for found, expected in zip(model.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("source", ["repeated", "streamed"])
def test_chapter_feeds_the_batches_that_its_experiment_did(source: str, digits: Any) -> None:
    shown = functions_of("pipelines", "pipeline", "changed_by")
    change = shown.changed_by(0) if source == "streamed" else None
    batches = shown.pipeline(*digits, seed=0, change=change).take(4)
    for (images, labels), (expected, expected_labels) in zip(batches, taken(source, digits, 4), strict=True):
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(labels, expected_labels)


def test_the_error_is_a_percentage_of_mistakes(digits: Any) -> None:
    import keras

    always_three = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
    always_three.set_weights([np.zeros((784, 10)), np.eye(10)[3]])
    assert data_size.error(always_three, *digits) == pytest.approx(100 * np.mean(digits[1] != 3))


def test_the_table_of_sizes_is_whole() -> None:
    rows = load_table("data-size")
    found = sorted((row["network"], row["images"], row["rule"], row["seed"]) for row in rows)
    kinds = [*itertools.product(data_size.SIZES, ("epochs", "steps")), (data_size.ALL, "both")]
    assert found == sorted((n, *kind, s) for n, kind, s in itertools.product(data_size.NETWORKS, kinds, range(5)))
    for row in rows:
        by_epochs = data_size.EPOCHS * row["images"] / data_size.BATCH_SIZE
        assert row["steps"] == (by_epochs if row["rule"] == "epochs" else data_size.STEPS)
        assert 0 < row["startup_seconds"] < row["cpu_seconds"]


def test_the_other_tables_are_whole() -> None:
    streamed = [(row["network"], row["source"], row["seed"]) for row in load_table("data-stream")]
    runs = ((n, s) for n, seeds in data_stream.SEEDS.items() for s in seeds)
    assert sorted(streamed) == sorted((n, source, s) for n, s in runs for source in ("repeated", "streamed"))
    weighed = {(row["source"], row["images"]) for row in load_table("data-memory")}
    sources = ("repeated", "streamed", "generator")
    assert weighed == {*itertools.product(sources, data_stream.SHOWN), ("array", data_stream.ALL)}
    assert all(row["steps"] * 125 == row["images"] for row in load_table("data-stream"))
