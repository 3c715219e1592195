import functools
import json
import multiprocessing
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_lessons import data, fingerprint, loops, models, store

IMAGES, LABELS = (array[:256] for array in data.load_mnist()[0])


def train_tiny(*, seed: int) -> Any:
    """A recipe that takes a moment."""
    import keras

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((28, 28), dtype="uint8"), keras.layers.Flatten(), keras.layers.Rescaling(1 / 255)]
    )
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, loops.fit(model, (IMAGES, LABELS), validation=(IMAGES, LABELS), epochs=2, batch_size=64)


@pytest.fixture
def store_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNIST_LESSONS_STORE", str(tmp_path))
    return tmp_path


def weights(model: Any) -> np.ndarray:
    return np.concatenate([array.ravel() for array in model.get_weights()])


def test_model_is_trained_once_and_that_is_said(store_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = store.load_or_train(train_tiny)
    assert re.search(r"train_tiny \(seed 0\): trained in \d+ s and stored", capsys.readouterr().out)
    again = store.load_or_train(train_tiny)
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(weights(first), weights(again))
    np.testing.assert_array_equal(first.predict(IMAGES, verbose=0), again.predict(IMAGES, verbose=0))
    for model in (first, again):
        with pytest.raises(ValueError, match="expected dtype=uint8, found dtype=float32"):
            model.predict(IMAGES / 255, verbose=0)


def test_each_seed_has_a_model_of_its_own(store_folder: Path) -> None:
    assert (weights(store.load_or_train(train_tiny)) != weights(store.load_or_train(train_tiny, seed=1))).any()


def train_normalized(*, seed: int) -> Any:
    """A recipe of a network that holds a layer of this package."""
    model = models.build_fast_cnn(0.25)
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, loops.fit(model, (IMAGES, LABELS), validation=(IMAGES, LABELS), epochs=1, batch_size=64)


def test_layer_of_the_package_is_known_where_nothing_has_asked_for_it(
    store_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    first = store.load_or_train(train_normalized)
    monkeypatch.delitem(keras.saving.get_custom_objects(), "mnist_lessons>FusedNormalization")
    never_called = functools.cache(models.fused_normalization.__wrapped__)  # later tests get the first class again
    for module in (models, store):
        monkeypatch.setattr(module, "fused_normalization", never_called)
    np.testing.assert_array_equal(weights(first), weights(store.load_or_train(train_normalized)))


def test_history_is_stored_with_the_model(store_folder: Path) -> None:
    trained = store.load_or_train_history(train_tiny)
    assert set(trained) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert [len(values) for values in trained.values()] == [2, 2, 2, 2]
    assert store.load_or_train_history(train_tiny) == trained


@pytest.mark.parametrize("damage", ["model", "note", "no note", "not a note"])
def test_damaged_model_is_trained_again(store_folder: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    expected = weights(store.load_or_train(train_tiny))
    (model,) = store_folder.glob("*.keras")
    note = model.with_suffix(".json")
    if damage == "model":
        model.write_bytes(model.read_bytes()[:-10])
    elif damage == "note":
        note.write_text(note.read_text(encoding="utf-8")[:-5], encoding="utf-8")
    elif damage == "not a note":
        note.write_text(json.dumps([1]), encoding="utf-8")
    else:
        note.unlink()
    capsys.readouterr()
    np.testing.assert_array_equal(weights(store.load_or_train(train_tiny)), expected)
    assert "trained" in capsys.readouterr().out


@pytest.mark.parametrize("library", ["keras", "numpy", "tensorflow"])
def test_other_version_of_a_library_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    before = store._fingerprint(train_tiny)
    installed = fingerprint._distribution
    monkeypatch.setattr(
        fingerprint,
        "_distribution",
        lambda name: ("0", []) if name.removesuffix("-cpu") == library else installed(name),
    )
    assert store._fingerprint(train_tiny) != before


def test_other_code_of_a_recipe_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = store._fingerprint(train_tiny)
    other = tmp_path / "test_store.py"
    other.write_text("import keras\n", encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "__file__", str(other))
    assert store._fingerprint(train_tiny) != before


@pytest.mark.parametrize("hindrance", ["a file in place of the folder", "a full disk"])
def test_store_that_cannot_be_written_is_said_once_and_training_goes_on(
    store_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hindrance: str
) -> None:
    expected = weights(train_tiny(seed=0)[0])
    if hindrance == "a full disk":
        monkeypatch.setattr(store, "_save", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    else:
        monkeypatch.setenv("MNIST_LESSONS_STORE", str(store_folder / "file" / "store"))
        (store_folder / "file").write_text("")
    capsys.readouterr()
    for _ in range(2):
        np.testing.assert_array_equal(weights(store.load_or_train(train_tiny)), expected)
    said = capsys.readouterr().out
    assert said.count("models cannot be stored here (") == 1
    assert said.count("(seed 0): trained in") == 2
    assert "and stored" not in said


def test_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    store.write_atomically(file, "old, é")
    with pytest.raises(UnicodeEncodeError):
        store.write_atomically(file, "new \ud800")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ["old, é".encode()]


def test_two_processes_that_ask_at_the_same_time_train_once(store_folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        first, second = pool.map(_ask, range(2))
    assert sorted([first[1], second[1]]) == [0, 1]
    np.testing.assert_array_equal(first[0], second[0])


def _ask(_: Any) -> Any:
    """Ask for the model; return its weights and how often it was trained here."""
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        model = store.load_or_train(train_tiny)
    return weights(model), said.getvalue().count("trained in")


def test_the_store_is_the_folder_named_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNIST_LESSONS_STORE", str(tmp_path / "here"))
    assert store.store_folder() == tmp_path / "here"
    monkeypatch.delenv("MNIST_LESSONS_STORE")
    assert store.store_folder().name == "mnist-lessons"
