import json
import multiprocessing
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from mnist_lessons import data, models, training

IMAGES, LABELS = (array[:256] for array in data.load_mnist()[0])


def train_tiny(*, seed):
    """A recipe that takes a moment."""
    import keras

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((28, 28), dtype="uint8"), keras.layers.Flatten(), keras.layers.Rescaling(1 / 255)]
    )
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, training.fit(model, (IMAGES, LABELS), validation=(IMAGES, LABELS), epochs=2, batch_size=64)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_LESSONS_STORE", str(tmp_path))
    return tmp_path


def weights(model):
    return np.concatenate([array.ravel() for array in model.get_weights()])


def test_a_model_is_trained_once_and_says_so(store, capsys):
    first = training.load_or_train(train_tiny)
    assert re.search(r"train_tiny \(seed 0\): trained in \d+ s and stored", capsys.readouterr().out)
    again = training.load_or_train(train_tiny)
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(weights(first), weights(again))
    np.testing.assert_array_equal(first.predict(IMAGES, verbose=0), again.predict(IMAGES, verbose=0))


def test_seeds_are_kept_apart(store):
    assert (weights(training.load_or_train(train_tiny)) != weights(training.load_or_train(train_tiny, seed=1))).any()


def test_the_history_is_stored_with_the_model(store):
    trained = training.load_or_train_history(train_tiny)
    assert set(trained) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert [len(values) for values in trained.values()] == [2, 2, 2, 2]
    assert training.load_or_train_history(train_tiny) == trained


@pytest.mark.parametrize("damage", ["model", "note", "no note", "not a note"])
def test_a_damaged_model_is_trained_again(store, capsys, damage):
    expected = weights(training.load_or_train(train_tiny))
    (model,) = store.glob("*.keras")
    note = model.with_suffix(".json")
    if damage == "model":
        model.write_bytes(model.read_bytes()[:-10])
    elif damage == "note":
        note.write_text(note.read_text()[:-5])
    elif damage == "not a note":
        note.write_text(json.dumps([1]))
    else:
        note.unlink()
    capsys.readouterr()
    np.testing.assert_array_equal(weights(training.load_or_train(train_tiny)), expected)
    assert "trained" in capsys.readouterr().out


@pytest.mark.parametrize("library", ["keras", "numpy", "tensorflow"])
def test_another_version_of_a_library_trains_anew(store, monkeypatch, library):
    before = training._fingerprint(train_tiny)
    version = training.importlib.metadata.version
    monkeypatch.setattr(training.importlib.metadata, "version", lambda n: "0" if n.startswith(library) else version(n))
    assert training._fingerprint(train_tiny) != before


def test_another_code_trains_anew(monkeypatch, tmp_path):
    before = training._fingerprint(train_tiny)
    other = tmp_path / "models.py"
    other.write_text("changed")
    monkeypatch.setattr(training.models, "__file__", str(other))
    assert training._fingerprint(train_tiny) != before


def test_two_processes_that_ask_at_once_train_once(store):
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        first, second = pool.map(_ask, range(2))
    assert sorted([first[1], second[1]]) == [0, 1]
    np.testing.assert_array_equal(first[0], second[0])


def _ask(_):
    """Ask for the model; return its weights and how often it was trained here."""
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        model = training.load_or_train(train_tiny)
    return weights(model), said.getvalue().count("trained in")


def test_every_model_of_the_book_can_be_trained_ahead(store, monkeypatch):
    asked = []
    monkeypatch.setattr(training, "load_or_train", asked.append)
    training.train_all()
    recipes = [getattr(training, name) for name in dir(training) if name.startswith("train_") and name != "train_all"]
    assert sorted(asked, key=str) == sorted(recipes, key=str)


def test_a_recipe_falls_to_a_rate_of_zero_and_is_seeded(monkeypatch):
    split = data.split(IMAGES, LABELS, size=56)
    monkeypatch.setattr(training.data, "split_mnist", lambda: (*split, None))
    model, history = training.train_dense(seed=3, epochs=2)
    assert len(history["val_loss"]) == 2
    steps = 2 * 2  # 200 images in batches of 128
    schedule = model.optimizer._learning_rate
    assert float(schedule(0)) == pytest.approx(0.003)
    assert float(schedule(steps)) == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(weights(model), weights(training.train_dense(seed=3, epochs=2)[0]))


def test_the_store_is_the_folder_named_in_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MNIST_LESSONS_STORE", str(tmp_path / "here"))
    assert training.store_folder() == tmp_path / "here"
    monkeypatch.delenv("MNIST_LESSONS_STORE")
    assert training.store_folder().name == "mnist-lessons"


def test_progress_in_a_log_is_one_line(capsys):
    train_tiny(seed=0)
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"epoch 2 of 2, accuracy [\d.]+, loss [\d.]+, validation accuracy [\d.]+, validation loss [\d.]+ \(\d+ s\)",
        line,
    )


def test_progress_in_a_terminal_rewrites_its_line():
    code = """
        from mnist_lessons import training
        line = training._Line()
        line.show("epoch 1 of 2, a long line")
        line.show("epoch 2 of 2")
        line.end()
    """
    outer, inner = os.openpty()
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stdout=inner, check=True)
    os.close(inner)
    shown = os.read(outer, 10_000).decode()
    os.close(outer)
    # The shorter text overwrites the whole longer one, and only the end moves to the next line.
    assert shown == "\repoch 1 of 2, a long line\repoch 2 of 2" + " " * 13 + "\repoch 2 of 2\r\n"


def test_progress_in_a_notebook_is_one_output_that_is_updated(monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    code = "from mnist_lessons import training\nl = training._Line()\nl.show('first')\nl.show('last')\nl.end()"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.data == {"text/plain": "last"}


def test_a_compiled_epoch_does_what_fit_does():
    import keras
    import tensorflow as tf

    def compiled():
        keras.utils.set_random_seed(1)
        model = models.build_dense((16,))
        optimizer = keras.optimizers.SGD(0.1)
        model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    by_fit, by_epoch = compiled(), compiled()
    history = by_fit.fit(IMAGES, LABELS, batch_size=32, shuffle=False, verbose=0).history
    order = tf.reshape(tf.range(256), (-1, 32))
    loss, accuracy = training.compiled_epoch(by_epoch)(IMAGES, tf.constant(LABELS.astype("int32")), order)
    np.testing.assert_allclose(weights(by_epoch), weights(by_fit), atol=1e-5)
    assert float(loss) == pytest.approx(history["loss"][0], abs=1e-4)
    assert float(accuracy) == pytest.approx(history["accuracy"][0])


def test_the_old_recipe_learns_from_standardized_pixels():
    images, labels = data.split_mnist().validation
    model, history = training.train_old_recipe(seed=0, epochs=1)
    assert [len(values) for values in history.values()] == [1, 1, 1, 1]
    assert history["val_accuracy"][0] > 0.9
    scaled = model.layers[0](images).numpy()
    assert abs(scaled.mean()) < 0.01
    assert scaled.std() == pytest.approx(1, abs=0.01)
    assert model.evaluate(images, labels, batch_size=1000, verbose=0)[1] == pytest.approx(history["val_accuracy"][0])


def test_fast_training_does_what_fit_does():
    import keras

    class Triangle(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            step = keras.ops.cast(step, "float32")
            return 0.02 * keras.ops.minimum(step / 3, (12 - step) / 9)

    def drawn():
        keras.utils.set_random_seed(1)
        return models.build_fast_cnn(0.25)

    by_fit, fast = drawn(), drawn()
    history = training.fit_fast(fast, (IMAGES, LABELS), seed=5, epochs=1.5, batch_size=32)
    generator = np.random.default_rng(5)
    order = np.concatenate([generator.permutation(256), generator.permutation(256)[:128]])
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.05)
    by_fit.compile(keras.optimizers.Adam(Triangle(), beta_2=0.99), smoothed)
    losses = [
        by_fit.fit(IMAGES[part], data.one_hot(LABELS[part]), batch_size=32, shuffle=False, verbose=0).history["loss"][0]
        for part in (order[:256], order[256:])
    ]
    assert history["loss"] == pytest.approx(losses, abs=1e-3)
    np.testing.assert_allclose(weights(fast), weights(by_fit), atol=2e-3)
    assert np.abs(weights(fast) - weights(drawn())).max() > 0.1


@pytest.mark.parametrize("name", ["fast_dense", "fast_98", "fast_99", "fast_995", "best"])
def test_a_fast_recipe_is_decided_by_its_seed(monkeypatch, name):
    build = models.build_fast_cnn
    monkeypatch.setattr(models, "build_fast_cnn", lambda width, **options: build(width / 4, **options))
    first, again, other = (weights(getattr(training, name)(seed=seed, train=(IMAGES, LABELS))[0]) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_a_warp_turns_stretches_slants_and_moves(monkeypatch):
    import tensorflow as tf
    from scipy.ndimage import affine_transform

    angle, slant, width, height, right, below = 0.3, -0.1, 0.1, -0.05, 1.5, -0.5
    amounts = iter([angle, slant, width, height, right, below])
    monkeypatch.setattr(tf.random, "uniform", lambda shape, *_: tf.fill(shape, next(amounts)))
    warped = training.random_warp(tf.constant(IMAGES[:3])).numpy()
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, slant], [0, 1]]) @ np.diag(np.exp([width, height]))  # of (x, y)
    matrix = matrix[::-1, ::-1]  # of (row, column)
    offset = 13.5 - matrix @ [13.5, 13.5] + [below, right]
    for image, found in zip(IMAGES, warped, strict=False):
        expected = affine_transform(image.astype(float), matrix, offset, order=1)
        assert np.abs(found - expected).max() <= 1.01  # TensorFlow cuts off what is behind the point


def test_a_warp_draws_for_each_image_and_stays_within_its_limits():
    import tensorflow as tf

    dot = np.zeros((200, 28, 28), "uint8")
    dot[:, 13:15, 13:15] = 100
    np.testing.assert_array_equal(training.random_warp(tf.constant(dot), degrees=0, percent=0, pixels=0), dot)
    moved = training.random_warp(tf.constant(dot), degrees=0, percent=0, pixels=3).numpy().astype(float)
    places = np.einsum("nrc,rcd->nd", moved, np.indices((28, 28)).transpose(1, 2, 0)) / moved.sum((1, 2))[:, None]
    assert np.abs(places - 13.5).max() < 3.05
    assert (places.std(axis=0) > 1.4).all()  # of a uniform draw: 3 / sqrt(3)
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.3


def test_the_old_recipe_trains_on_images_that_it_is_given():
    model, history = training.train_old_recipe(seed=0, epochs=3, train=(IMAGES, LABELS))
    assert {name: len(values) for name, values in history.items()} == {"loss": 3, "accuracy": 3}
    assert history["loss"][-1] < history["loss"][0]
    mean, deviation = IMAGES[::20].mean(), IMAGES[::20].std()
    np.testing.assert_allclose(model.layers[0](IMAGES[:9]), (IMAGES[:9] - mean) / deviation, atol=1e-4)
