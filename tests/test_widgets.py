"""The widgets' arithmetic and data, against Keras and the package; the directive; sizes."""

import base64
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from scipy import ndimage

import export_widgets
import training
from mnist_lessons import data, recipes
from mnist_lessons.drawing import prepare_drawing
from mnist_lessons.export import round_to_print
from mnist_lessons.paper import RULINGS, STROKES, _both, _smooth, render_sheet
from mnist_lessons.sheets import read_sheet
from mnist_lessons.small import fold
from mnist_lessons.store import load_or_train
from widgets import widget_names

ROOT = Path(__file__).parents[1]
NODE = Path(sys.executable).with_name("node")

RECIPES = {"dense": recipes.train_dense, "sigmoid": recipes.train_sigmoid, "cnn": recipes.train_cnn}


def run(*command: Any) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, encoding="utf-8", cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def arithmetic(tmp_path: Path) -> Callable[..., Any]:
    """Run a command of the widgets' arithmetic; arrays travel as files."""

    def ask(command: Any, *, out: Any = None, **request: Any) -> Any:
        for name, value in request.items():
            if isinstance(value, np.ndarray):
                value.tofile(tmp_path / name)
                request[name] = str(tmp_path / name)
        if out is not None:
            request["out"] = str(tmp_path / "out")
        (tmp_path / "request.json").write_text(json.dumps(request), encoding="utf-8")
        printed = run(NODE, ROOT / "tests/widgets/arithmetic.mjs", command, tmp_path / "request.json")
        return json.loads(printed) if out is None else np.fromfile(tmp_path / "out", out)

    return ask


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder of the bundled widgets and their data, built as the book builds it."""
    folder = ROOT / "_build/widgets"
    with FileLock(f"{folder}.lock"):  # the tests in a browser build it too, and may run at the same time
        run(NODE, ROOT / "web/build.mjs", folder)
        export_widgets.main(folder)
        return shutil.copytree(folder, tmp_path_factory.mktemp("built") / "widgets")


@pytest.fixture(scope="module")
def images_test() -> Any:
    return data.load_mnist()[1][0]


@pytest.fixture(scope="module")
def labels_test() -> Any:
    return data.load_mnist()[1][1]


@pytest.fixture(scope="module")
def labels_validation() -> Any:
    return data.split_mnist(seed=0).validation[1]


def read(file: Path) -> Any:
    """The content of a data file: a script that puts one value into a global variable."""
    return json.loads(file.read_text(encoding="utf-8").split("]=", 1)[1].rstrip(";\n"))


# The same numbers as Keras's


@pytest.mark.parametrize("name", RECIPES)
def test_probabilities_agree_with_keras_on_the_whole_test_set(
    name: str, built: Path, arithmetic: Callable[..., Any], images_test: Any
) -> None:
    page = arithmetic("forward", model=str(built / f"model-{name}.data.js"), images=images_test, out=np.float32)
    page = page.reshape(10_000, 10)
    model = load_or_train(RECIPES[name])
    full = model.predict(images_test, batch_size=1000, verbose=0)
    round_as_stored(model)
    rounded = model.predict(images_test, batch_size=1000, verbose=0)

    assert np.abs(page - rounded).max() < 1e-5
    assert not (differ(page, rounded) & (margin(rounded) > 1e-4)).any()
    assert np.abs(page - full).max() < 5e-3
    assert not (differ(page, full) & (margin(full) > 0.01)).any()


def test_small_program_of_four_kilobytes_agrees_with_keras(
    built: Path, arithmetic: Callable[..., Any], images_test: Any
) -> None:
    images = images_test[:500]
    page = arithmetic("program", program=str(built / "small.data.js"), images=images, out=np.float32)
    rounded = round_to_print(fold(load_or_train(recipes.small_99)))
    np.testing.assert_allclose(page.reshape(-1, 10), rounded.predict(images, verbose=0), atol=1e-5)
    assert len(export_widgets.small_program().encode()) <= 4096


def round_as_stored(model: Any) -> None:
    """Give a model the weights that the page has of it."""
    model.set_weights([export_widgets.round_weights(array).astype(np.float32) for array in model.get_weights()])


def differ(first: Any, second: Any) -> Any:
    return first.argmax(axis=1) != second.argmax(axis=1)


def margin(probabilities: np.ndarray) -> Any:
    ordered = np.sort(probabilities, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def every_layer() -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(4, 5, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(3, strides=2, padding="same"),
            layers.Conv2D(5, (2, 3), strides=(2, 1), use_bias=False),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(scale=False, center=False),
            layers.Activation("tanh"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(6, activation="sigmoid"),
            layers.Dense(10),
            layers.Softmax(),
        ]
    )


def write_every_layer(folder: Path) -> tuple[Any, Path]:
    """A model of every supported layer, with random weights, and the file that the page reads it from."""
    import keras

    keras.utils.set_random_seed(0)
    model = every_layer()
    rng = np.random.default_rng(0)
    # Kernels of both signs; what has one number a channel is positive, as variances must be.
    weights = [rng.normal(0, 0.5, a.shape) if a.ndim > 1 else rng.uniform(0.5, 2, a.shape) for a in model.get_weights()]
    model.set_weights([export_widgets.round_weights(array) for array in weights])
    layers, exported = export_widgets.describe_layers(model)
    encoded = export_widgets.encode_halves(
        export_widgets.round_weights(np.concatenate([array.ravel() for array in exported]))
    )
    stored = {"name": "every", "layers": layers, "weights": encoded, "crc32": zlib.crc32("".join(encoded).encode())}
    export_widgets._write(folder, "every", stored)
    return model, folder / "every.data.js"


def test_every_supported_layer_type_agrees_with_keras(
    arithmetic: Callable[..., Any], images_test: Any, tmp_path: Path
) -> None:
    model, file = write_every_layer(tmp_path)
    page = arithmetic("forward", model=str(file), images=images_test[:50], out=np.float32)
    expected = model.predict(images_test[:50], verbose=0)
    assert expected.std(axis=0).max() > 0.01  # the images make a difference
    np.testing.assert_allclose(page.reshape(50, 10), expected, atol=1e-6)


def unknown_layers() -> dict[str, Any]:
    import keras

    return {
        "LayerNormalization": [keras.layers.LayerNormalization()],
        "elu": [keras.layers.Dense(3, activation="elu")],
        "relu": [keras.layers.ReLU(max_value=6)],
        "with them": [keras.layers.Reshape((28, 28, 1)), keras.layers.Conv2D(3, 3, dilation_rate=2)],
    }


@pytest.mark.parametrize("complaint", ["LayerNormalization", "elu", "relu", "with them"])
def test_unsupported_layer_is_refused(complaint: str) -> None:
    import keras

    model = keras.Sequential([keras.Input((28, 28)), *unknown_layers()[complaint]])
    with pytest.raises(ValueError, match=f"model: expected .*, got|got {complaint}"):
        export_widgets.describe_layers(model)


def test_half_precision_numbers_survive_the_page(arithmetic: Callable[..., Any]) -> None:
    halves = np.array([0, 1, -1, 0.1, -2.5, 65504, 6e-8, -6e-5, 1 / 4096], np.float16)
    np.testing.assert_array_equal(arithmetic("halves", weights=export_widgets.encode_halves(halves)), halves)


@pytest.mark.parametrize("weight", [np.inf, np.nan, 1e6])
def test_weights_beyond_half_precision_are_refused(weight: Any) -> None:
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match="weights: expected finite numbers within float16's range"),
    ):
        export_widgets.round_weights(np.array([0.5, weight]))


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_gradients_agree_with_tensorflow(activation: str, arithmetic: Callable[..., Any]) -> None:
    import keras
    import tensorflow as tf

    from mnist_lessons.models import build_dense

    (images, labels), _ = data.load_mnist()
    images, labels = images[:64], labels[:64]
    keras.utils.set_random_seed(1)
    model = build_dense((50, 50, 50, 50), activation=activation)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, model(images)))
    expected = [np.asarray(gradient) for gradient in tape.gradient(loss, model.trainable_variables)]

    kernels, biases = model.get_weights()[::2], model.get_weights()[1::2]
    page = arithmetic(
        "gradients",
        sizes=[784, 50, 50, 50, 50, 10],
        activation=activation,
        kernels=[kernel.tolist() for kernel in kernels],
        biases=[bias.tolist() for bias in biases],
        images=images,
        labels=labels.tolist(),
    )
    assert page["loss"] == pytest.approx(float(loss), abs=1e-5)
    for ours, theirs in zip(page["kernels"], expected[::2], strict=True):
        np.testing.assert_allclose(ours, theirs.ravel(), atol=1e-6)
    for ours, theirs in zip(page["biases"], expected[1::2], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("name", ["descent", "momentum", "adam"])
def test_steps_in_the_valley_agree_with_keras(name: str, arithmetic: Callable[..., Any]) -> None:
    import keras
    import tensorflow as tf

    rate, start = 0.015, [-1.0, 0.1]
    optimizer = {
        "descent": keras.optimizers.SGD(rate),
        "momentum": keras.optimizers.SGD(rate, momentum=0.9),
        "adam": keras.optimizers.Adam(rate),
    }[name]
    place = keras.Variable(start)
    expected = [start]
    for _ in range(20):
        optimizer.apply([tf.constant([1.0, 100.0]) * place.value], [place])
        expected.append(place.numpy().tolist())
    path = arithmetic("descent", name=name, rate=rate, start=start, steps=20)
    np.testing.assert_allclose([visited["place"] for visited in path], expected, atol=1e-4)
    np.testing.assert_allclose([visited["loss"] for visited in path], np.square(expected) @ [0.5, 50], atol=1e-3)


def test_high_rate_raises_the_loss_and_a_low_one_lowers_it(arithmetic: Callable[..., Any]) -> None:
    for rate, sign in ((0.022, 1), (0.018, -1)):
        path = arithmetic("descent", name="descent", rate=rate, start=[-1, 0.1], steps=50)
        assert np.all(sign * np.diff([visited["loss"] for visited in path]) > 0)


@pytest.mark.parametrize(("run", "step"), [(0, 32), (1, 4)])
def test_recorded_training_is_that_of_the_chapter(
    run: int, step: int, built: Path, arithmetic: Callable[..., Any]
) -> None:
    import keras

    from mnist_lessons.models import build_dense

    content = read(built / "training.data.js")
    splits = data.split_mnist(seed=0)
    order = np.random.default_rng(seed=0).permutation(len(splits.train[0]))[:10_000]
    images, labels = splits.train[0][order], splits.train[1][order]
    keras.utils.set_random_seed(0)
    model = build_dense()
    recorded, moment = content["runs"][run], content["steps"].index(step)
    optimizer = keras.optimizers.SGD(recorded["rate"])
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    end = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: setattr(model, "stop_training", batch == step - 1)
    )
    model.fit(images, labels, batch_size=32, epochs=1, verbose=0, callbacks=[end])

    assert optimizer.iterations == step
    for place, (some, answers) in enumerate([(images, labels), splits.validation]):
        loss, accuracy = model.evaluate(some, answers, batch_size=1000, verbose=0)
        assert recorded["loss"][moment][place] == pytest.approx(loss, rel=1e-3)
        assert recorded["accuracy"][moment][place] == pytest.approx(accuracy, abs=1e-3)
    chosen = content["indices"]
    np.testing.assert_allclose(
        recorded["probabilities"][moment], model.predict(splits.validation[0][chosen], verbose=0), atol=2e-3
    )
    second = keras.Sequential(model.layers[:-1]).predict(images, batch_size=1000, verbose=0)
    assert recorded["dead"][moment][1] == np.sum(~(second > 0).any(axis=0))
    kernel = model.get_weights()[0][:, :24].T
    page = arithmetic("training", training=str(built / "training.data.js"), run=run, moment=moment, out=np.float64)
    steps = sum(np.array(recorded["scales"])[[0, moment]])[:, np.newaxis] / 15
    assert (np.abs(page.reshape(24, 784) - kernel) <= 0.51 * steps).all()


def test_recorded_trainings_reach_what_the_page_asks_for(built: Path, labels_validation: Any) -> None:
    content = read(built / "training.data.js")
    learning, failing = content["runs"]
    assert content["labels"] == "0123456789"
    assert labels_validation[content["indices"]].tolist() == list(range(10))
    answers = np.argmax(learning["probabilities"], axis=2)
    assert answers[-1].tolist() == list(range(10))
    first = answers[:, 9].tolist().index(9)
    assert 0 < first < len(answers) - 1
    assert len(set(answers[first:, 9])) > 1  # it forgets the 9 again
    assert failing["dead"][0][1] == 0
    assert failing["dead"][-1][1] > 110
    assert learning["loss"][-1][1] < 0.3 < 2 < failing["loss"][-1][1] < 2.6 < 100 < np.max(failing["loss"])


def test_training_is_recorded_once_and_again_where_the_file_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []

    def record(learning_rate: float) -> training.Recording:
        recorded.append(learning_rate)
        return training.Recording(*(np.full(3, learning_rate) for _ in training.Recording._fields))

    monkeypatch.setattr(training, "record", record)
    monkeypatch.setenv("MNIST_LESSONS_STORE", str(tmp_path))
    for rate in (0.1, 3.0, 0.1):
        assert training.load_or_record(rate).loss.tolist() == [rate] * 3
    assert recorded == [0.1, 3.0]
    [file] = tmp_path.glob("training-3-*.npz")
    file.write_bytes(file.read_bytes()[:100])
    assert training.load_or_record(3.0).loss.tolist() == [3.0] * 3
    assert recorded == [0.1, 3.0, 3.0]


def test_digits_to_watch_are_first_ones_and_those_that_waver_most() -> None:
    labels = np.array([*range(10), 4, 4, 9, 9])
    answers = np.tile(labels, (4, 1))
    answers[1, 10] = answers[1, 12] = 0  # wavers
    answers[:, 13] = [0, 1, 0, 1]  # wavers more, but is not read
    answers[-1, 11] = 0
    probabilities = np.eye(10)[answers]
    assert export_widgets.choose_digits(probabilities, labels) == [0, 1, 2, 3, 10, 5, 6, 7, 8, 12]


def test_every_step_of_backpropagation_agrees_with_keras(arithmetic: Callable[..., Any]) -> None:
    import keras
    import tensorflow as tf

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(2)])
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    off = 0
    for practice in arithmetic("backprop", count=30):
        network, passes = practice["network"], practice["passes"]
        model.set_weights([np.array(network[name], "float32") for name in ("w1", "b1", "w2", "b2")])
        with tf.GradientTape() as tape:
            logits = model(np.array([network["x"]], "float32"))
            loss = cross_entropy(np.array([network["label"]]), logits)
        expected = [np.asarray(gradient) for gradient in tape.gradient(loss, model.trainable_variables)]
        for name, gradient in zip(("w1", "errors1", "w2", "errors2"), expected, strict=True):
            np.testing.assert_allclose(passes[name], gradient, atol=1e-6)
        np.testing.assert_allclose(passes["s"], logits[0], atol=1e-6)
        assert passes["loss"] == pytest.approx(float(loss), abs=1e-6)
        # What the steps show are these numbers, each once.
        shown = {step["key"]: step["value"] for step in practice["steps"]}
        found = {f"{mark}{i}{j}": passes[name][i][j] for mark, name in (("u", "w1"), ("v", "w2")) for i, j in PLACES}
        names = {"z": "z", "h": "h", "s": "s", "p": "p", "d": "errors1", "e": "errors2"}
        found |= {f"{mark}{i}": passes[name][i] for mark, name in names.items() for i in (0, 1)}
        assert shown == found | {"loss": passes["loss"]}
        assert len(practice["steps"]) == len(shown)
        off += min(passes["z"]) < 0
    assert 0 < off < 30  # units that are off occur in practice, and ones that are on


PLACES = [(0, 0), (0, 1), (1, 0), (1, 1)]


# Why an answer


def test_gradients_for_the_pixels_agree_with_tensorflow(
    built: Path, arithmetic: Callable[..., Any], images_test: Any, tmp_path: Path
) -> None:
    import keras

    keras.utils.set_random_seed(0)
    cnn = load_or_train(recipes.train_cnn)
    round_as_stored(cnn)
    # Before the softmax, where the page explains answers: after it, a sure answer has next to no gradient.
    cnn.layers[-1].activation = keras.activations.linear
    weights = np.random.default_rng(0).normal(size=10).tolist()
    every, stored = write_every_layer(tmp_path)
    for model, file, without in ((cnn, built / "model-cnn.data.js", 1), (every, stored, 0)):
        request = {"model": str(file), "without": without, "images": images_test[:40], "weights": weights}
        page = arithmetic("backward", out=np.float32, **request)
        expected = input_gradients(model, images_test[:40], lambda values: values * weights).reshape(40, 784)
        assert np.abs(expected).max() > 1e-5
        np.testing.assert_allclose(page.reshape(40, 784), expected, atol=1e-4 * np.abs(expected).max())


def input_gradients(model: Any, images: np.ndarray, score: Callable[[Any], Any]) -> Any:
    """The gradients of a score, which is a function of a model's outputs, for the pixels, (n, 28, 28)."""
    import tensorflow as tf

    pixels = tf.constant(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        values = pixels
        for layer in model.layers:
            values = layer(values)
        total = tf.reduce_sum(score(values))
    return np.asarray(tape.gradient(total, pixels))


@pytest.mark.parametrize(
    ("name", "method", "count", "least_for", "least_against"),
    [
        ("dense", "gradientTimesInput", 500, 0.99, 0.99),
        ("sigmoid", "gradientTimesInput", 500, 0.99, 0.97),
        # Erasing takes a convolutional network further than its gradient reaches.
        ("cnn", "gradientTimesInput", 500, 0.99, 0.75),
        ("dense", "occlusion", 500, 0.99, 0.99),
        ("cnn", "occlusion", 25, 0.99, 0.9),
    ],
)
def test_erasing_pixels_for_an_answer_weakens_it_and_pixels_against_strengthen_it(
    name: Any,
    method: Any,
    count: int,
    least_for: float,
    least_against: float,
    built: Path,
    arithmetic: Callable[..., Any],
    images_test: Any,
) -> None:
    file = str(built / f"model-{name}.data.js")
    changes = arithmetic("erasing", model=file, images=images_test[:count], method=method, count=10)
    assert np.mean([change < 0 for change, _ in changes if change is not None]) >= least_for
    assert np.mean([change > 0 for _, change in changes if change is not None]) >= least_against


@pytest.mark.parametrize(("name", "levels"), [("dense", 26), ("cnn", 51)])
def test_pushed_pixels_agree_with_tensorflow_and_fool_as_random_ones_do_not(
    name: Any, levels: int, built: Path, arithmetic: Callable[..., Any], images_test: Any, labels_test: Any
) -> None:
    import keras

    model = load_or_train(RECIPES[name])
    round_as_stored(model)
    model.layers[-1].activation = keras.activations.linear
    images, labels = images_test[:50], labels_test[:50]
    targets = (labels.astype(int) + 3) % 10
    file = str(built / f"model-{name}.data.js")
    page = arithmetic("push", model=file, images=images, targets=targets.tolist(), levels=levels, out=np.uint8)
    page = page.reshape(images.shape)

    def loss(logits: Any) -> Any:
        return keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)

    slopes = input_gradients(model, images, loss)
    expected = np.clip(images - levels * np.sign(slopes), 0, 255)
    clear = np.abs(slopes) > 1e-4 * np.abs(slopes).max()  # whatever the order of the sums, its sign is sure
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(page[clear], expected[clear])

    toward = np.mean(model.predict(page, verbose=0).argmax(axis=1) == targets)
    unmoved = np.mean(arithmetic("shake", model=file, images=images[:20], levels=levels, count=10)) / 10
    assert toward >= 0.15
    assert unmoved >= 0.9


@pytest.fixture(scope="module")
def layer() -> Callable[[np.ndarray], np.ndarray]:
    return export_widgets.last_hidden_layer(load_or_train(recipes.train_cnn))


def test_page_finds_the_nearest_training_images_of_the_last_hidden_layer(
    built: Path, arithmetic: Callable[..., Any], images_test: Any, layer: Callable[[np.ndarray], np.ndarray]
) -> None:
    files = {"model": "model-cnn", "neighbors": "neighbors", "race": "race"}
    paths = {key: str(built / f"{name}.data.js") for key, name in files.items()}
    page = arithmetic("nearest", images=images_test[:30], count=3, **paths)
    training = layer(data.split_mnist().train[0][:5000])
    distances = [np.sum((training - values) ** 2, axis=1) for values in layer(images_test[:30])]
    same = [len(set(found) & set(np.argsort(row)[:3])) / 3 for found, row in zip(page, distances, strict=True)]
    assert np.mean(same) > 0.95


def test_map_shows_the_cnns_layer_and_has_a_four_among_nines(
    built: Path, images_test: Any, labels_test: Any, layer: Callable[[np.ndarray], np.ndarray]
) -> None:
    content = read(built / "map.data.js")
    labels, points = np.array([int(label) for label in content["labels"]]), np.array(content["points"])
    assert labels.tolist() == labels_test[:1000].tolist()
    distances = np.sum((layer(images_test[:1000]) - layer(images_test[7:8])) ** 2, axis=1)
    assert content["neighbors"]["layer"][7] == np.argsort(distances)[1:6].tolist()
    on_map = np.linalg.norm(points - points[7], axis=1)
    assert content["neighbors"]["map"][7] == np.argsort(on_map)[1:6].tolist()
    nines = (labels[np.array(content["neighbors"]["map"])] == 9).sum(axis=1)
    assert np.sum((labels == 4) & (nines >= 3)) >= 3
    assert 3 <= sum(a != b for a, b in zip(content["labels"], content["predicted"], strict=True)) <= 30


def test_principal_components_are_the_directions_of_most_variance() -> None:
    values = np.random.default_rng(0).normal(size=(500, 3)) * [1, 5, 3]
    directions, shares = export_widgets.principal_components(values, 2)
    np.testing.assert_allclose(directions, [[0, 0], [1, 0], [0, 1]], atol=0.1)
    np.testing.assert_allclose(shares, [25 / 35, 9 / 35], atol=0.03)


# The same preparation as the package's


@pytest.fixture(scope="module")
def drawings(images_test: Any) -> Any:
    """2,000 test digits, each scaled and put somewhere on a sheet of 280 x 280."""
    rng = np.random.default_rng(0)
    sheets = np.zeros((2000, 280, 280), np.uint8)
    for sheet, image in zip(sheets, images_test, strict=False):
        digit = np.clip(ndimage.zoom(image.astype(float), rng.uniform(2, 9), order=1), 0, 255).astype(np.uint8)
        top, left = rng.integers(0, 280 - np.array(digit.shape), endpoint=True)
        sheet[top : top + len(digit), left : left + len(digit)] = digit
    return sheets


@pytest.fixture(scope="module")
def prepared(drawings: Any) -> np.ndarray:
    return np.stack([prepare_drawing(drawing) for drawing in drawings])


def test_page_prepares_drawings_as_the_package_does(
    arithmetic: Callable[..., Any], drawings: Any, prepared: np.ndarray
) -> None:
    page = arithmetic("prepare", drawings=drawings, width=280, height=280, out=np.uint8)
    np.testing.assert_array_equal(page.reshape(-1, 28, 28), prepared)


# How people write: what is different from the plain way. Lengths are shares of the sheet.
STYLES: dict[str, dict[str, float]] = {
    "upright": {},
    "slanted": {"slant": 0.5},
    "leaning back": {"slant": -0.35},
    "narrow": {"width": 0.2},
    "flat": {"width": 0.66, "height": 0.42},
    "thick pen": {"pen": 38},
    "small": {"height": 0.16, "width": 0.1, "left": 0.85, "top": 0.2},
    "shaky": {"shake": 0.03},
    "turned": {"turn": 0.35},
    "continental": {},
}
# With a flag at the 1, an open 4, a bar across the 7; and all corners where others have curves.
CONTINENTAL = {
    1: [[(12, 38), (40, 16), (55, 0)], [(55, 0), (54, 50), (53, 100)]],
    4: STROKES[4][1],
    7: [*STROKES[7][0], [(30, 52), (80, 50)]],
}


def draw(digit: int, style: str, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Draw a digit on the page's sheet of 336 x 336 pixels, as strokes."""
    how = {"height": 0.66, "width": 0.42, "slant": 0.05, "left": 0.5, "top": 0.5, "pen": 26, "shake": 0.004, "turn": 0}
    how |= STYLES[style]
    continental = style == "continental"
    ways = [CONTINENTAL[digit]] if continental and digit in CONTINENTAL else STROKES[digit]
    bend = rng.normal(0, 0.05, size=(2, 2, 2))
    turn = how["turn"] * rng.choice([-1, 1])
    strokes = []
    for stroke in ways[rng.integers(len(ways))]:
        points = np.array(stroke, float) / 100
        points = points if continental else _smooth(points)
        points = points + np.einsum("ni,nj,ijk->nk", _both(points[:, 0]), _both(points[:, 1]), bend)
        x, y = (points + rng.normal(0, how["shake"], size=points.shape) - 0.5).T
        x, y = how["width"] * x - how["slant"] * how["height"] * y, how["height"] * y
        x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
        places = [{"x": 336 * (how["left"] + a), "y": 336 * (how["top"] + b)} for a, b in zip(x, y, strict=True)]
        strokes.append({"pen": how["pen"], "points": places})
    return strokes


def test_cnn_reads_drawings_in_ten_styles(built: Path, arithmetic: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    digits = np.tile(np.arange(10), 20)
    drawings = [draw(digit, style, rng) for style in STYLES for digit in digits[:20]]
    file = built / "model-cnn.data.js"
    probabilities = np.array(arithmetic("drawings", model=str(file), drawings=drawings))
    right = probabilities.argmax(axis=1) == digits
    answered = probabilities.max(axis=1) >= read(file)["threshold"]
    assert right.mean() >= 0.93, right.reshape(10, 20).mean(axis=1)
    assert (answered & ~right).mean() <= 0.02


def test_page_reads_sheets_as_the_package_does(
    arithmetic: Callable[..., Any], images_test: Any, tmp_path: Path
) -> None:
    size = (750, 1000)
    photos = [
        render_sheet(images_test[:16], seed=seed, ruling=ruling, table=seed % 2 == 1, size=size).pixels
        for seed, ruling in enumerate(RULINGS)
    ]
    board = np.full((*size, 3), 30, np.uint8)
    board[300:384, 300:384] = np.maximum(30, np.kron(images_test[0], np.ones((3, 3), np.uint8)))[:, :, None]
    dots = np.full((*size, 3), 220, np.uint8)
    for i in range(1600):
        top, left = 30 + 16 * (i // 40), 30 + 20 * (i % 40)
        dots[top : top + 8, left : left + 8] = 30
    files = [tmp_path / f"photo-{i}" for i in range(len(photos) + 2)]
    for file, photo in zip(files, [*photos, board, dots], strict=True):
        np.dstack([photo, np.full(size, 255, np.uint8)]).tofile(file)
    *page, inverted, crowded = arithmetic("sheets", photos=[str(file) for file in files], width=size[1])
    for found, photo in zip(page, photos, strict=True):
        sheet = read_sheet(photo)
        assert [[each[key] for key in ("top", "left", "height", "width")] for each in found] == sheet.boxes.tolist()
        assert [each["line"] for each in found] == sheet.lines.tolist()
        assert [each["image"] for each in found] == sheet.images.reshape(-1, 784).tolist()
    assert inverted == "it has light marks on something dark; the ink has to be the darker"
    with pytest.raises(ValueError, match="got 1600 pieces; is it a printed page, or a texture") as refused:
        read_sheet(dots)
    assert crowded.startswith("it has 1600 pieces of ink, more than the 1000"), (crowded, refused.value)


@pytest.mark.parametrize("name", RECIPES)
def test_moved_and_scaled_digits_are_recognized_as_well_as_unmoved_ones(
    name: str, prepared: np.ndarray, images_test: Any, labels_test: Any
) -> None:
    model = load_or_train(RECIPES[name])
    moved, unmoved = (
        np.mean(model.predict(images, batch_size=1000, verbose=0).argmax(axis=1) == labels_test[:2000])
        for images in (prepared, images_test[:2000])
    )
    assert moved >= unmoved - 0.01
    # Half a pixel off is no longer as good, so the line above would notice.
    off = ndimage.shift(prepared.astype(float), (0, 0.5, 0.5), order=1).astype(np.uint8)
    assert np.abs(centers(prepared) - 14).mean() < 0.3 < np.abs(centers(off) - 14).mean()


def centers(images: np.ndarray) -> Any:
    grid = np.indices((28, 28))
    return (grid[None] * images[:, None]).sum(axis=(2, 3)) / images.sum(axis=(1, 2))[:, None]


# The race


@pytest.fixture(scope="module")
def race_digits(built: Path) -> Any:
    content = read(built / "race.data.js")
    return decode_shades(content["shades"]), [int(label) for label in content["labels"]]


def decode_shades(shades: str) -> np.ndarray:
    """The pixels that are stored in 64 shades of gray, (n,) uint8."""
    levels = np.array([export_widgets.DIGITS.index(shade) for shade in shades.encode()])
    return np.rint(levels * (255 / 63)).astype(np.uint8)


def test_race_runs_on_5000_training_digits(race_digits: Any) -> None:
    images, labels = race_digits
    expected, expected_labels = data.split_mnist().train
    assert labels == expected_labels[:5000].tolist()
    assert np.abs(images.astype(int) - expected[:5000].ravel()).max() <= 2


@pytest.mark.parametrize(
    ("depth", "initializer", "vanished"), [(4, "glorot", 50), (8, "glorot", 10_000), (8, "he", 10_000)]
)
def test_deep_relu_network_learns_and_sigmoid_does_not_as_the_presets_say(
    depth: int, initializer: str, vanished: int, arithmetic: Callable[..., Any], race_digits: Any
) -> None:
    images, labels = race_digits
    settings = {"depth": depth, "width": 50, "rate": 0.1, "initializer": initializer, "seed": 1}
    request = {"images": images, "labels": labels, "settings": settings, "steps": 800}
    relu = arithmetic("race", activation="relu", **request)
    sigmoid = arithmetic("race", activation="sigmoid", **request)
    assert relu[-1]["loss"] < 0.9
    assert relu[-1]["accuracy"] > 0.85
    assert sigmoid[-1]["loss"] > 2.0
    # The gradient of the first layer has all but vanished, that of the last has not.
    assert sigmoid[-1]["gradients"][0] < sigmoid[-1]["gradients"][-1] / vanished
    assert relu[-1]["gradients"][0] > relu[-1]["gradients"][-1] / 10


# Teach it


def test_taught_network_reads_new_digits_of_nine_hands_in_ten_better_and_forgets_little(
    built: Path,
    arithmetic: Callable[..., Any],
    images_test: Any,
    labels_test: Any,
    layer: Callable[[np.ndarray], np.ndarray],
) -> None:
    paths = {"model": str(built / "model-cnn.data.js"), "hands": str(built / "hands.data.js")}
    tests = {"tests": images_test[:30], "labels": labels_test[:30].tolist()}
    lessons = arithmetic("teach", rate=0.01, **paths, **tests)
    kernel, bias = load_or_train(recipes.train_cnn).layers[-1].get_weights()
    before, of_tests = (kernel, bias), layer(images_test)
    better = 0
    for hand, lesson in enumerate(lessons):
        after = np.reshape(lesson["kernel"], kernel.shape), np.array(lesson["bias"])
        new = np.array([write(digit, hand, each) for each in range(10) for digit in range(10)])
        was, now = (np.mean(answer(layer(new), *weights) == np.tile(range(10), 10)) for weights in (before, after))
        better += now > was
        was, now = (np.mean(answer(of_tests, *weights) == labels_test) for weights in (before, after))
        assert now > was - 0.01
        # What the page measures on rounds that were left out says the same.
        left_out, at_first = (
            np.mean(np.array(lesson[key]["answers"]) == lesson["labels"]) for key in ("without", "before")
        )
        assert left_out >= at_first
    assert better >= 9


def write(digit: int, hand: int, each: int) -> np.ndarray:
    return export_widgets.write_by_hand(digit, hand, np.random.default_rng([hand, digit, 100 + each]))


def answer(values: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> Any:
    return (values @ kernel + bias).argmax(axis=1)


def test_page_teaches_the_last_layer_as_keras_would(
    built: Path, arithmetic: Callable[..., Any], images_test: Any, labels_test: Any
) -> None:
    import keras

    model = load_or_train(recipes.train_cnn)
    round_as_stored(model)
    old = model.layers[-1].get_weights()
    head = keras.Sequential([keras.Input(old[0].shape[:1]), keras.layers.Dense(10, activation="softmax")])
    head.set_weights(old)
    head.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    images = decode_shades(read(built / "hands.data.js")["shades"][: 30 * 784])
    inputs = export_widgets.last_hidden_layer(model)(images.reshape(30, 28, 28))
    head.fit(inputs, np.tile(np.arange(10), 3), batch_size=30, epochs=100, verbose=0)

    paths = {"model": str(built / "model-cnn.data.js"), "hands": str(built / "hands.data.js")}
    lesson = arithmetic("teach", rate=0.1, tests=images_test[:30], labels=labels_test[:30].tolist(), **paths)[0]
    kernel, bias = head.get_weights()
    assert np.abs(kernel - old[0]).max() > 0.05
    np.testing.assert_allclose(lesson["kernel"], kernel.ravel(), atol=1e-3)
    np.testing.assert_allclose(lesson["bias"], bias, atol=1e-3)
    probabilities = head.predict(inputs, verbose=0)
    assert lesson["after"]["answers"] == probabilities.argmax(axis=1).tolist()
    assert lesson["after"]["probability"] == pytest.approx(
        probabilities[range(30), 3 * list(range(10))].mean(), abs=1e-3
    )


def test_numpy_opens_the_downloads(arithmetic: Callable[..., Any], images_test: Any) -> None:
    written = arithmetic("npz", bytes=images_test[:3], out=np.uint8).tobytes()
    assert zipfile.ZipFile(io.BytesIO(written)).testzip() is None
    with np.load(io.BytesIO(written)) as arrays:
        assert sorted(arrays) == ["images", "kernel", "labels"]
        np.testing.assert_array_equal(arrays["images"], images_test[:3])
        assert arrays["labels"].dtype == np.uint8
        assert arrays["labels"].tolist() == [0, 5, 9]
        np.testing.assert_array_equal(arrays["kernel"], np.array([[0.5, -1], [1e-7, 3]], np.float32))


# The data that the other widgets show


def test_gallery_shows_every_error_of_the_model_of_the_chapter(built: Path, images_test: Any, labels_test: Any) -> None:
    content = read(built / "errors.data.js")
    predicted = load_or_train(recipes.train_dense).predict(images_test, batch_size=1000, verbose=0).argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels_test)
    assert sorted(content["indices"]) == wrong.tolist()
    assert content["predicted"] == predicted[content["indices"]].tolist()
    assert content["labels"] == labels_test[content["indices"]].tolist()
    confusion = np.array(content["confusion"])
    assert confusion.sum() == 10_000
    assert np.trace(confusion) == 10_000 - len(wrong)
    assert [row[label] for row, label in zip(confusion.tolist(), range(10), strict=True)] == [
        int(np.sum((predicted == label) & (labels_test == label))) for label in range(10)
    ]


def test_test_digits_on_offer_include_all_doubted_labels(built: Path, labels_test: Any) -> None:
    content = read(built / "digits.data.js")
    assert len(content["indices"]) == len(content["labels"]) >= 280
    assert set(content["doubted"]) <= set(content["indices"])
    assert len(content["doubted"]) == 15
    assert content["labels"] == labels_test[content["indices"]].tolist()


def test_sample_sheet_has_a_label_for_each_digit(built: Path) -> None:
    content = read(built / "sheet.data.js")
    photo = Image.open(io.BytesIO(base64.b64decode(content["jpeg"])))
    assert len(read_sheet(np.asarray(photo)).boxes) == len(content["labels"]) >= 20


def test_weights_of_learned_filters_are_short_enough_to_be_read(built: Path) -> None:
    kernels = read(built / "convolution.data.js")["kernels"]
    assert max(len(str(weight)) for kernel in kernels for row in kernel for weight in row) <= len("-0.12")


def test_goal_of_the_neuron_can_be_reached(built: Path) -> None:
    points = np.array([[-1, 0], [1, 0], [1, 0.05], [2, 0]])
    assert export_widgets.most_right(points, np.array([0, 0, 1, 1])) == 4
    assert export_widgets.most_right(points[[0, 1, 1, 3]], np.array([0, 0, 1, 1])) == 3
    assert 190 <= read(built / "neuron.data.js")["best"] <= 200


def test_confidence_threshold_reaches_the_wanted_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.45, 0.55]])
    labels = np.array([0, 0, 1, 0])
    assert export_widgets.choose_threshold(probabilities, labels, accuracy=1.0) == 0.56
    assert export_widgets.choose_threshold(probabilities, labels, accuracy=0.75) == 0
    with pytest.raises(ValueError, match="probabilities: expected an accuracy of 1.0"):
        export_widgets.choose_threshold(probabilities[3:], labels[3:], accuracy=1.0)


def test_manifest_names_the_written_files(built: Path, labels_test: Any) -> None:
    manifest = json.loads((built / "manifest.json").read_text(encoding="utf-8"))
    assert {file.name for file in built.glob("*.data.js")} == {each["file"] for each in manifest["files"].values()}
    for name in RECIPES:
        assert manifest["files"][name]["accuracy"] == read(built / f"model-{name}.data.js")["accuracy"] > 0.95


def test_second_export_rewrites_only_damaged_files(built: Path) -> None:
    before = (built / "errors.data.js").stat().st_mtime_ns
    export_widgets.main(built)
    assert (built / "errors.data.js").stat().st_mtime_ns == before
    intact = (built / "neuron.data.js").read_bytes()
    (built / "neuron.data.js").write_text("damaged", encoding="utf-8")
    export_widgets.main(built)
    assert (built / "neuron.data.js").read_bytes() == intact


# Budgets, in bytes of gzip


def size(*files: Any) -> int:
    return sum(len(gzip.compress(file.read_bytes(), mtime=0)) for file in files)


def test_scripts_and_data_stay_within_their_budgets(built: Path) -> None:
    assert {name: size(built / f"{name}.js") for name in widget_names() if size(built / f"{name}.js") > 15_000} == {}
    drawing = [built / "draw-digit.js", built / "widgets.css", built / "model-dense.data.js"]
    assert size(*drawing) <= 250_000
    assert size(*drawing, built / "model-sigmoid.data.js", built / "model-cnn.data.js") <= 350_000
    first_page = [built / name for name in ("try-digit.js", "widgets.css", "model-cnn.data.js", "convolution.data.js")]
    assert size(*first_page) <= 250_000
    assert size(built / "race.data.js") <= 850_000
    # What loads without being asked for; the rest waits.
    for name in ("errors", "neuron", "convolution", "map", "sheet", "training", "hands"):
        assert size(built / f"{name}.data.js") <= 300_000


# The sources


def test_arithmetic_passes_its_own_tests() -> None:
    run(NODE, "--test", *sorted((ROOT / "tests/widgets").glob("*.test.mjs")))


# The directive


CONFIGURATION = """
import sys
sys.path.insert(0, {extensions!r})
extensions = ["myst_parser", "widgets"]
widgets_path = {widgets!r}
"""


def build_site(folder: Path, pages: dict[str, str], *, widgets: Any) -> tuple[Path, subprocess.CompletedProcess[str]]:
    source, target = folder / "source", folder / "html"
    source.mkdir()
    (source / "conf.py").write_text(
        CONFIGURATION.format(extensions=str(ROOT / "web/sphinx"), widgets=str(widgets)), encoding="utf-8"
    )
    for name, text in pages.items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(source), str(target)]
    return target, subprocess.run(command, capture_output=True, encoding="utf-8")


def test_page_loads_only_its_own_widgets(tmp_path: Path, built: Path) -> None:
    pages = {
        "index": "# Home\n\n```{toctree}\nwith\nwithout\n```\n",
        "with": "# With\n\n```{widget} one-neuron\nWithout scripts, *read on*.\n```\n",
        "without": "# Without\n\nNothing here.\n",
    }
    target, done = build_site(tmp_path, pages, widgets=built)
    assert done.returncode == 0, done.stderr
    page = (target / "with.html").read_text(encoding="utf-8")
    assert '<div class="ml-widget" data-widget="one-neuron">\n<p>Without scripts, <em>read on</em>.</p>' in page
    assert page.count("_static/widgets/") == 2
    assert 'defer="defer" src="_static/widgets/one-neuron.js' in page
    assert "widgets/" not in (target / "without.html").read_text(encoding="utf-8")
    assert (target / "_static/widgets/neuron.data.js").read_bytes() == (built / "neuron.data.js").read_bytes()


@pytest.mark.parametrize(
    ("directive", "complaint"),
    [
        ("```{widget} draw-a-cat\ntext\n```", "widget: expected one of .*, draw-digit, .*; got draw-a-cat"),
        ("```{widget} draw-digit\n```", "widget draw-digit: expected content that stands in"),
    ],
)
def test_invalid_directive_stops_the_build(directive: str, complaint: str, tmp_path: Path, built: Path) -> None:
    _, done = build_site(tmp_path, {"index": f"# Home\n\n{directive}\n"}, widgets=built)
    assert done.returncode != 0
    assert re.search(complaint, done.stderr)


def test_missing_widget_files_stop_the_build(tmp_path: Path) -> None:
    _, done = build_site(tmp_path, {"index": "# Home\n"}, widgets=tmp_path / "nowhere")
    assert done.returncode != 0
    assert "expected manifest.json, backprop-steps.css, digit-map.css" in done.stderr
