"""Write the models and digits that the widgets show, as classic scripts that work from disk too.

    python web/sphinx/export_widgets.py OUTDIR

The models are those that the chapters trained. A second call from the same sources does nothing.
"""

import base64
import hashlib
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from folders import ROOT
from mnist_lessons import data, recipes
from mnist_lessons.data import DOUBTED_LABELS
from mnist_lessons.drawing import prepare_drawing
from mnist_lessons.export import round_to_print, to_javascript
from mnist_lessons.fingerprint import fingerprint
from mnist_lessons.paper import render_sheet, write_digit
from mnist_lessons.small import fold
from mnist_lessons.store import load_or_train, write_atomically
from training import STEPS, Recording, load_or_record, source
from widgets import MANIFEST

MODELS = {
    "dense": (recipes.train_dense, "Dense network, ReLU"),
    "sigmoid": (recipes.train_sigmoid, "Dense network, sigmoid"),
    "cnn": (recipes.train_cnn, "Convolutional network"),
}
TRAINING_DIGITS = 5000  # that the page gets to see
RATES = (0.1, 3.0)  # of the two trainings that can be watched: about right, and too high
ACTIVATIONS = {"relu", "sigmoid", "tanh", "softmax"}
GLOBAL = "(globalThis.mnistLessons??={})"
DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def main(folder: Path) -> None:
    """Write every data file and the manifest into the folder, unless they are there from the same sources."""
    manifest = folder / MANIFEST
    # Keras computes with TensorFlow, which it does not require.
    code = Path(__file__).read_text(encoding="utf-8") + source()
    sources = fingerprint(code, packages=[ROOT / "mnist_lessons"], libraries=["tensorflow"])
    if _is_current(manifest, sources):
        return
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    models, probabilities = {}, {}
    for name, (recipe, title) in MODELS.items():
        models[name] = load_or_train(recipe)
        stored, probabilities[name] = store_model(models[name], name=name, title=title)
        written[name] = {"accuracy": stored["accuracy"]} | _write(folder, f"model-{name}", stored)
    layer = last_hidden_layer(models["cnn"])
    training = layer(data.split_mnist().train[0][:TRAINING_DIGITS])
    contents = {
        "convolution": convolution_data(models["cnn"]),
        "neighbors": neighbors_data(training),
        "map": map_data(layer, training, probabilities["cnn"]),
        "digits": digits_data(),
        "errors": errors_data(probabilities["dense"]),
        "race": race_data(),
        "neuron": neuron_data(),
        "sheet": sheet_data(),
        "training": training_data(),
        "hands": hands_data(),
    }
    written |= {name: _write(folder, name, content) for name, content in contents.items()}
    written["small"] = _write_script(folder, "small", f"{small_program()}{GLOBAL}.small=digit;\n")
    write_atomically(manifest, json.dumps({"sources": sources, "files": written}, indent=1))


def _is_current(manifest: Path, sources: str) -> bool:
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return found["sources"] == sources and all(
        (file := manifest.with_name(entry["file"])).is_file()
        and hashlib.sha256(file.read_bytes()).hexdigest() == entry["sha256"]
        for entry in found["files"].values()
    )


def _write(folder: Path, name: str, content: dict[str, Any]) -> dict[str, str]:
    """Write one script that hands its content to the page; return the manifest's entry for it."""
    text = json.dumps(content, separators=(",", ":"))
    return _write_script(folder, name, f'{GLOBAL}["{name}"]={text};\n')


def _write_script(folder: Path, name: str, script: str) -> dict[str, str]:
    file = folder / f"{name}.data.js"
    write_atomically(file, script)
    return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


# Models


def store_model(model: Any, *, name: str, title: str) -> tuple[dict[str, Any], np.ndarray]:
    """Describe a Keras model as `web/widgets/arithmetic/model.js` reads it; return its test probabilities, too."""
    layers, weights = describe_layers(model)
    encoded = encode_halves(round_weights(np.concatenate([array.ravel() for array in weights])))
    splits = data.split_mnist()
    probabilities = model.predict(splits.test[0], batch_size=1000, verbose=0)
    validated = model.predict(splits.validation[0], batch_size=1000, verbose=0)
    stored = {
        "name": name,
        "title": title,
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == splits.test[1])),
        "threshold": choose_threshold(validated, splits.validation[1]),
        "crc32": zlib.crc32("".join(encoded).encode()),
        "layers": layers,
        "weights": encoded,
    }
    return stored, probabilities


def choose_threshold(probabilities: np.ndarray, labels: np.ndarray, *, accuracy: float = 0.995) -> float:
    """Return the lowest whole percentage of certainty at which the answers given are right often enough."""
    certainty, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    for percent in range(100):
        answered = certainty >= percent / 100
        if answered.any() and np.mean(right[answered]) >= accuracy:
            return percent / 100
    raise ValueError(f"probabilities: expected an accuracy of {accuracy} at some certainty below 1, got none")


def describe_layers(model: Any) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """Walk a model whose layers follow one another: what each does, and the weights in that order.

    Raises
    ------
    ValueError
        If a layer is of a type, or uses an option, that the page does not know.
    """
    described: list[dict[str, Any]] = []
    weights: list[np.ndarray] = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in DESCRIBE:
            raise ValueError(f"model: expected layers among {', '.join(DESCRIBE)}; got {kind} ({layer.name})")
        description = DESCRIBE[kind](layer)
        described += [{"shape": list(layer.output.shape[1:]), **part} for part in description]
        if kind in ("Dense", "Conv2D"):
            kernel, *bias = layer.get_weights()
            weights += [kernel, bias[0] if bias else np.zeros(kernel.shape[-1], np.float32)]
    return described, weights


def _nothing(layer: Any) -> list[dict[str, Any]]:
    """Leave out layers that only rename the shape, or do something in training only."""
    return []


def _rescaling(layer: Any) -> list[dict[str, Any]]:
    return [{"type": "scale", "scale": [float(layer.scale)], "shift": [float(layer.offset)]}]


def _normalization(layer: Any) -> list[dict[str, Any]]:
    # In use, its four arrays fold into one factor and one shift for each channel.
    gamma = np.ones(layer.moving_mean.shape) if layer.gamma is None else np.asarray(layer.gamma)
    beta = np.zeros(layer.moving_mean.shape) if layer.beta is None else np.asarray(layer.beta)
    scale = gamma / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
    shift = beta - np.asarray(layer.moving_mean) * scale
    return [{"type": "scale", "scale": scale.tolist(), "shift": shift.tolist()}]


def _dense(layer: Any) -> list[dict[str, Any]]:
    return [{"type": "dense", "inputs": layer.kernel.shape[0]}, *_activation(layer)]


def _convolution(layer: Any) -> list[dict[str, Any]]:
    if layer.groups != 1 or tuple(layer.dilation_rate) != (1, 1):
        raise ValueError(f"model: expected a convolution without groups and dilation, got {layer.name} with them")
    return [{"type": "conv", **_geometry(layer, layer.kernel_size)}, *_activation(layer)]


def _pooling(layer: Any) -> list[dict[str, Any]]:
    return [{"type": "pool", **_geometry(layer, layer.pool_size)}]


def _geometry(layer: Any, window: Iterable[int]) -> dict[str, Any]:
    if layer.data_format != "channels_last":
        raise ValueError(f"model: expected channels last, got {layer.name} with {layer.data_format}")
    inputs, outputs = layer.input.shape[1:], layer.output.shape[1:]
    window, strides = list(window), list(layer.strides)
    padding = [0, 0]
    if layer.padding == "same":
        # TensorFlow puts the odd row or column of padding at the end.
        padding = [max(0, (outputs[i] - 1) * strides[i] + window[i] - inputs[i]) // 2 for i in range(2)]
    return {"input": list(inputs), "window": window, "strides": strides, "padding": padding}


def _activation(layer: Any) -> list[dict[str, Any]]:
    name = {"ReLU": "relu", "Softmax": "softmax"}.get(type(layer).__name__) or layer.activation.__name__
    if name == "linear":
        return []
    plain = type(layer).__name__ != "ReLU" or (
        layer.max_value is None and not layer.negative_slope and not layer.threshold
    )
    if name not in ACTIVATIONS or not plain:
        raise ValueError(f"model: expected an activation among {sorted(ACTIVATIONS)}, got {name} in {layer.name}")
    return [{"type": "activation", "name": name}]


DESCRIBE = {
    "InputLayer": _nothing,
    "Reshape": _nothing,
    "Flatten": _nothing,
    "Dropout": _nothing,
    "Rescaling": _rescaling,
    "BatchNormalization": _normalization,
    "Dense": _dense,
    "Conv2D": _convolution,
    "MaxPooling2D": _pooling,
    "Activation": _activation,
    "ReLU": _activation,
    "Softmax": _activation,
}


def round_weights(weights: np.ndarray) -> np.ndarray:
    """Round to float16, and no finer than 1/4096: small weights need no finer steps than large ones.

    Raises
    ------
    ValueError
        If a weight is not finite or too large for float16.
    """
    rounded = (np.round(weights * 4096) / 4096).astype(np.float16)
    if not np.isfinite(rounded).all():
        raise ValueError("weights: expected finite numbers within float16's range, got some that are not")
    return rounded


def encode_halves(halves: np.ndarray) -> list[str]:
    """Write float16 numbers as three strings with a base64 digit for each number.

    They hold sign and exponent (6 bits), the upper 6 bits of the mantissa, and its lower 4. Apart, the first and
    the last compress well under gzip; together nothing does.
    """
    bits = halves.view(np.uint16)
    return [_digits(part) for part in (bits >> 10, bits >> 4 & 63, bits & 15)]


def _digits(values: np.ndarray) -> str:
    """Write numbers from 0 to 63 as base64 digits."""
    written: bytes = np.frombuffer(DIGITS, np.uint8)[values].tobytes()
    return written.decode()


def _below_one(probabilities: np.ndarray) -> list[Any]:
    """Round to four digits, but not to 1, which a softmax never quite reaches; in float64, which prints no more."""
    rounded: list[Any] = np.minimum(np.round(probabilities.astype(np.float64), 4), 0.9999).tolist()
    return rounded


def small_program() -> str:
    """Return the program of the chapter `small`: a function that reads a digit, with its weights."""
    return to_javascript(round_to_print(fold(load_or_train(recipes.small_99))))


# Digits


def _encode_images(images: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(images, np.uint8).tobytes()).decode()


def digits_data(*, each: int = 28) -> dict[str, Any]:
    """Return the first test digits of every kind, and those whose label is in doubt."""
    _, (images, labels) = data.load_mnist()
    first = [np.flatnonzero(labels == digit)[:each] for digit in range(10)]
    indices = np.unique(np.concatenate([*first, list(DOUBTED_LABELS)]))
    return {
        "indices": indices.tolist(),
        "labels": labels[indices].tolist(),
        "doubted": sorted(DOUBTED_LABELS),
        "images": _encode_images(images[indices]),
    }


def errors_data(probabilities: np.ndarray) -> dict[str, Any]:
    """Return every test digit that the model gets wrong, and the confusion matrix of all."""
    _, (images, labels) = data.load_mnist()
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, predicted), 1)
    wrong = np.flatnonzero(predicted != labels)
    # Surest mistakes first.
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
    return {
        "confusion": confusion.tolist(),
        "indices": wrong.tolist(),
        "labels": labels[wrong].tolist(),
        "predicted": predicted[wrong].tolist(),
        "probabilities": np.round(probabilities[wrong], 4).tolist(),
        "doubted": sorted(set(DOUBTED_LABELS) & set(wrong.tolist())),
        "images": _encode_images(images[wrong]),
    }


def race_data(*, count: int = TRAINING_DIGITS) -> dict[str, Any]:
    """Return the first training digits: the race trains on most of them and measures accuracy on the last 500."""
    images, labels = data.split_mnist().train
    return {"labels": "".join(map(str, labels[:count])), "shades": _shades(images[:count])}


def _shades(images: np.ndarray) -> str:
    """Write images in 64 shades of gray: half of what 256 would cost the reader."""
    return _digits(np.rint(images.ravel() * (63 / 255)).astype(np.uint8))


def neuron_data(*, each: int = 100) -> dict[str, Any]:
    """Return zeros and ones of the training set as points: ink in the whole image and in its middle 8 x 8 pixels.

    Both are standardized by their own mean and standard deviation, as the chapter on the data does with pixels.
    """
    images, labels = data.split_mnist().train
    chosen = np.concatenate([np.flatnonzero(labels == digit)[:each] for digit in (0, 1)])
    ink = np.stack([images[chosen].mean(axis=(1, 2)), images[chosen][:, 10:18, 10:18].mean(axis=(1, 2))], axis=1)
    points = np.round((ink - ink.mean(axis=0)) / ink.std(axis=0), 2)
    return {
        "points": points.tolist(),
        "labels": labels[chosen].tolist(),
        "best": most_right(points, labels[chosen]),
        "images": _encode_images(images[chosen]),
    }


def most_right(points: np.ndarray, labels: np.ndarray) -> int:
    """Return how many points (n, 2) a neuron gets right at most, with weights and bias from -6 to 6 by steps of 0.1."""
    steps = np.arange(-60, 61) / 10
    best = 0
    for w1 in steps:
        sums = w1 * points[:, 0] + np.multiply.outer(steps, points[:, 1])  # (w2, point)
        for bias in steps:
            best = max(best, int(((sums + bias > 0) == labels).sum(axis=1).max()))
    return best


def convolution_data(cnn: Any) -> dict[str, Any]:
    """Return one test digit of each kind, and the kernels of the network's first convolution."""
    _, (images, labels) = data.load_mnist()
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]
    kernels = next(layer for layer in cnn.layers if type(layer).__name__ == "Conv2D").get_weights()[0]
    return {
        "labels": labels[first].tolist(),
        "images": _encode_images(images[first]),
        # (height, width, 1, filters) to one square of numbers a filter; as float64, which prints as it was rounded
        "kernels": np.round(np.moveaxis(kernels[:, :, 0], -1, 0).astype(np.float64), 2).tolist(),
    }


def sheet_data(*, seed: int = 18) -> dict[str, Any]:
    """Return a rendered photo of a ruled sheet as JPEG, and its labels: half test digits, half written by strokes."""
    _, (images, labels) = data.load_mnist()
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(images), size=20, replace=False)
    strokes = rng.integers(10, size=20)
    digits = [image for i, j in zip(chosen, strokes, strict=True) for image in (images[i], write_digit(int(j), rng))]
    photo = render_sheet(digits, seed=seed, ruling="ruled", table=True, size=(1200, 900))
    file = io.BytesIO()
    Image.fromarray(photo.pixels).save(file, "JPEG", quality=70)
    shown = np.stack([labels[chosen], strokes], axis=1).ravel()[: len(photo.centers)]
    return {"jpeg": base64.b64encode(file.getvalue()).decode(), "labels": shown.tolist()}


def hands_data(*, hands: int = 10, rounds: int = 3) -> dict[str, Any]:
    """Return digits that a script writes in several hands, (hands, rounds, 10) one after another."""
    digits = [
        write_by_hand(digit, hand, np.random.default_rng([hand, digit, each]))
        for hand in range(hands)
        for each in range(rounds)
        for digit in range(10)
    ]
    return {"hands": hands, "shades": _shades(np.stack(digits))}


def write_by_hand(digit: int, hand: int, rng: np.random.Generator) -> np.ndarray:
    """Write a digit as one person does: each hand has its slant, its width and its shapes; the rest is from `rng`.

    Returns
    -------
    array of shape (28, 28), uint8
        The digit as `prepare_drawing` leaves it.
    """
    glyph = np.pad(write_digit(digit, np.random.default_rng([hand, digit])), 60).astype(float)
    habits = np.random.default_rng(hand)
    slant, width = habits.uniform(-0.5, 0.8), habits.uniform(0.55, 1.25)
    slant, turn = slant + rng.normal(0, 0.05), rng.normal(0, 0.06)
    width *= np.exp(rng.normal(0, 0.07))
    # Shifts in pixels at 4 x 4 places bend the shape: most of it is the hand's.
    shifts = np.random.default_rng([hand, digit, 1]).normal(0, 14, (2, 4, 4)) + rng.normal(0, 4, (2, 4, 4))
    side = len(glyph)
    right, down = (ndimage.zoom(each, side / 4, order=3) for each in shifts)
    rows, columns = np.indices(glyph.shape) - side / 2
    places = [rows - turn * columns + down, (columns + (slant + turn) * rows) / width + right]
    return prepare_drawing(np.rint(ndimage.map_coordinates(glyph, np.add(places, side / 2), order=1)).astype(np.uint8))


# The CNN's last hidden layer


def last_hidden_layer(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from images (n, 28, 28) to what the model's last layer gets, (n, units) float32."""
    import keras

    layer = keras.Model(model.inputs, model.layers[-1].input)

    def compute(images: np.ndarray) -> np.ndarray:
        values: np.ndarray = layer.predict(images, batch_size=500, verbose=0)
        return values

    return compute


def principal_components(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions (units, count) in which values (n, units) vary most, and each one's share of the variance.

    Each direction's largest number is positive, so that the same values give the same map.
    """
    centered = values - values.mean(axis=0)
    variances, directions = np.linalg.eigh(centered.T @ centered)
    directions = directions[:, ::-1][:, :count]
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(count)]
    return directions * np.sign(largest), variances[::-1][:count] / variances.sum()


def neighbors_data(training: np.ndarray, *, count: int = 24) -> dict[str, Any]:
    """Return the last hidden layer for the race's digits, (n, units), in few dimensions and 64 steps.

    That is enough to find candidates; the page compares these in full.
    """
    directions = principal_components(training, count)[0].astype(np.float16)
    projected = training @ directions.astype(np.float32)
    middle = (projected.min(axis=0) + projected.max(axis=0)) / 2
    step = float(np.abs(projected - middle).max() / 31)
    return {
        "directions": encode_halves(directions.ravel()),
        "middle": np.round(middle, 3).tolist(),
        "step": step,
        "table": _digits((np.rint((projected - middle) / step) + 32).astype(np.uint8).ravel()),
    }


def map_data(
    layer: Callable[[np.ndarray], np.ndarray],
    training: np.ndarray,
    probabilities: np.ndarray,
    *,
    count: int = 1000,
    neighbors: int = 5,
) -> dict[str, Any]:
    """Return the first test digits, placed by two principal components of the last hidden layer.

    The components are those of training digits, (n, units). Neighbors are nearest among the digits of the map.
    """
    images, labels = (part[:count] for part in data.load_mnist()[1])
    directions, shares = principal_components(training, 2)
    values = layer(images)
    points = np.round((values - training.mean(axis=0)) @ directions, 2)
    return {
        "units": values.shape[1],
        "share": float(shares.sum()),
        "points": points.tolist(),
        "labels": "".join(map(str, labels)),
        "predicted": "".join(map(str, probabilities[:count].argmax(axis=1))),
        "certainty": _below_one(probabilities[:count].max(axis=1)),
        "neighbors": {"layer": nearest_rows(values, neighbors), "map": nearest_rows(points, neighbors)},
        "shades": _shades(images),
    }


def nearest_rows(values: np.ndarray, count: int) -> list[list[int]]:
    """Return for each row of values (n, units) the places of the rows nearest to it, nearest first, without itself."""
    squares = np.sum(values**2, axis=1)
    distances = squares[:, np.newaxis] + squares - 2 * values @ values.T
    np.fill_diagonal(distances, np.inf)
    nearest: list[list[int]] = np.argsort(distances, axis=1, kind="stable")[:, :count].tolist()
    return nearest


# Two trainings to watch


def training_data() -> dict[str, Any]:
    """Return what two trainings of the chapter `train` looked like after some of their steps.

    The digits are validation images, one of each kind.
    """
    recordings = [load_or_record(rate) for rate in RATES]
    images, labels = data.split_mnist(seed=0).validation
    chosen = choose_digits(recordings[0].probabilities, labels)
    return {
        "steps": list(STEPS),
        "indices": chosen,
        "labels": "".join(map(str, labels[chosen])),
        "shades": _shades(images[chosen]),
        "runs": [
            {"rate": rate} | describe_training(recording, chosen)
            for rate, recording in zip(RATES, recordings, strict=True)
        ],
    }


def choose_digits(probabilities: np.ndarray, labels: np.ndarray, *, wavering: tuple[int, ...] = (4, 9)) -> list[int]:
    """Return the place of one image of each digit that is read in the end.

    It is the first one, but of the `wavering` digits it is the one whose answer changed most often on the way.

    Parameters
    ----------
    probabilities
        After each of some steps of a training, those of the first images, (moments, n, 10).
    """
    answers = probabilities.argmax(axis=2)
    changes = np.sum(answers[1:] != answers[:-1], axis=0)
    chosen = []
    for digit in range(10):
        places = np.flatnonzero((labels[: len(changes)] == digit) & (answers[-1] == digit))
        chosen.append(int(places[changes[places].argmax() if digit in wavering else 0]))
    return chosen


def describe_training(recording: Recording, chosen: list[int], *, units: int = 24) -> dict[str, Any]:
    """Return a recording as `web/widgets/arithmetic/training.js` reads it, with the first units of the first layer.

    Of their weights there are those at the start, and then how much each has changed since, in 31 steps between the
    largest change of a unit's weights and its negative.
    """
    kernels = np.swapaxes(recording.kernels[:, :, :units], 1, 2)  # (moments, units, 784)
    parts = np.concatenate([kernels[:1], kernels[1:] - kernels[:1]])
    scales = np.abs(parts).max(axis=2, keepdims=True)
    levels = np.rint(15 * parts / np.where(scales > 0, scales, 1)) + 15
    return {
        "loss": _significant(recording.loss, 4),
        "accuracy": np.round(recording.accuracy, 4).tolist(),
        "dead": (~recording.alive).sum(axis=2).tolist(),
        "alive": ["".join(map(str, row)) for row in recording.alive[:, 0, :units].astype(int)],
        "largest": _significant(np.abs(kernels).max(axis=2), 3),
        "scales": _significant(scales[:, :, 0], 3),
        "levels": [_digits(moment.astype(np.uint8).ravel()) for moment in levels],
        "probabilities": _below_one(recording.probabilities[:, chosen]),
    }


def _significant(values: np.ndarray, digits: int) -> list[list[float]]:
    return [[float(f"{value:.{digits}g}") for value in row] for row in values]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} OUTDIR")
    main(Path(sys.argv[1]))
