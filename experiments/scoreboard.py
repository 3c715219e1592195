"""Published results on MNIST, each reproduced: the numbers of the chapter `scoreboard`.

A deterministic method is a function ``method(train, images, ...) -> labels``, a network's recipe a function
``recipe(train, watched, *, seed, ...) -> (model, errors on what is watched after each epoch)``. What a publication
leaves open was chosen on the validation images, by `choose`. The support vector machines are scikit-learn's, which
only ``.venv/dev`` has.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from experiments.clock import Clock
from experiments.runner import Run, measure, save_table
from mnist_lessons.data import Split, load_mnist, one_hot, split_mnist
from mnist_lessons.loops import adam_with_cosine_decay, compiled_epoch
from mnist_lessons.tables import Row

SEEDS = range(5)
# The seeds that choose a learning rate are not those that are reported.
CHOOSING_SEEDS = range(100, 103)
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
GRIDS: dict[str, tuple[Any, ...]] = {
    "k-nearest": (1, 3, 5, 7),
    # C and gamma of the Gaussian kernel. The first two are what `SVC()` takes by default: until 2019, and since.
    "svm": ((1, 1 / 784), (1, 0.0134), (5, 0.02), (5, 0.03), (5, 0.05), (20, 0.02)),
}

# These come last.
SLOW = ("svm", "mnist-convnet")

layers = keras.layers


def main(*names: str) -> None:
    """Make the two tables; with names of rows only what they hold of these, and keep the rest as it is stored."""
    noted: dict[str, Any] = {"experiment": "scoreboard", "packages": ("scikit-learn",), "renewed": names}
    wanted = sorted(names or [*METHODS, *NETWORKS], key=lambda name: name.startswith(SLOW))
    runs = [run for name in wanted for run in choose(name)]
    choices = save_table("scoreboard-choices", runs, seeds="100 to 102", **noted)
    runs = []
    for name in wanted:
        setting = chosen(name, choices)
        if name in METHODS:
            runs.append(measure(measure_method, name, setting, environment=environment(name)))
        else:
            runs += [measure(measure_network, name, setting, seed) for seed in SEEDS]
    save_table("scoreboard", runs, seeds="0 to 4", **noted)


# Deterministic methods ------------------------------------------------------------------------------------------------


def darkness(train: Split, images: np.ndarray) -> np.ndarray:
    """Answer with the digit whose images have, on average, the most similar amount of ink."""
    ink = train[0].mean(axis=(1, 2))
    means = np.array([ink[train[1] == digit].mean() for digit in range(10)])
    return np.abs(images.mean(axis=(1, 2))[:, np.newaxis] - means).argmin(axis=1)


def least_squares(train: Split, images: np.ndarray) -> np.ndarray:
    """Fit ten weighted sums of the pixels to one-hot labels, by least squares; answer with the largest."""
    inputs = with_one(flat(train[0]))
    weights = np.linalg.lstsq(inputs.T @ inputs, inputs.T @ one_hot(train[1]), rcond=None)[0]
    return (with_one(flat(images)) @ weights).argmax(axis=1)


def pca_quadratic(train: Split, images: np.ndarray) -> np.ndarray:
    """Fit least squares to 40 principal components and all products of two of them."""
    pixels = flat(train[0])
    mean = pixels.mean(axis=0)
    directions = np.linalg.eigh(np.cov(pixels.T))[1][:, -40:]
    first, second = np.triu_indices(40)

    def features(inputs: np.ndarray) -> np.ndarray:
        components = (inputs - mean) @ directions
        return with_one(np.hstack([components, components[:, first] * components[:, second]]))

    inputs = features(pixels)
    weights = np.linalg.lstsq(inputs.T @ inputs, inputs.T @ one_hot(train[1]), rcond=None)[0]
    return (features(flat(images)) @ weights).argmax(axis=1)


def k_nearest(train: Split, images: np.ndarray, *, k: int) -> np.ndarray:
    """Let the k nearest training images (Euclidean distance) vote; a tie goes to the nearest of all."""
    known, votes = flat(train[0], "float32"), one_hot(train[1])
    lengths = (known**2).sum(axis=1)
    answers = []
    for start in range(0, len(images), 500):
        some = flat(images[start : start + 500], "float32")
        distances = lengths - 2 * some @ known.T  # squared, less what is the same for all
        nearest = np.argpartition(distances, k, axis=1)[:, :k]
        closest = np.take_along_axis(distances, nearest, axis=1).argmin(axis=1)
        tie_breaker = votes[nearest[np.arange(len(some)), closest]] / 2
        answers.append((votes[nearest].sum(axis=1) + tie_breaker).argmax(axis=1))
    return np.concatenate(answers)


def support_vectors(train: Split, images: np.ndarray, *, C: float, gamma: float) -> np.ndarray:  # noqa: N803
    """Train one support vector machine with a Gaussian kernel for each pair of digits, and let them vote."""
    from sklearn.svm import SVC

    machine = SVC(C=C, gamma=gamma, cache_size=500).fit(flat(train[0]), train[1])
    return machine.predict(flat(images))


# Networks -------------------------------------------------------------------------------------------------------------

Trained = tuple[keras.Model, list[list[int]]]


def softmax_regression(train: Split, watched: Sequence[Split], *, seed: int, rate: float, epochs: int = 20) -> Trained:
    """Train ten weighted sums with softmax and cross-entropy."""
    keras.utils.set_random_seed(seed)
    model = dense((), last="softmax")
    model.compile(adam_with_cosine_decay(rate, epochs * len(train[0]) // 64), "sparse_categorical_crossentropy")
    return model, fit_compiled(model, train, batch_size=64, epochs=epochs, seed=seed)


def squared_error(
    train: Split, watched: Sequence[Split], *, units: Sequence[int], seed: int, rate: float, epochs: int = 20
) -> Trained:
    """Train tanh units by the mean squared error, as in 1998, but with Glorot's initialization and Adam."""
    keras.utils.set_random_seed(seed)
    model = dense(units, activation="tanh", last=None)
    model.compile(adam_with_cosine_decay(rate, epochs * len(train[0]) // 64), "mean_squared_error")
    targets = train[0], one_hot(train[1])
    return model, fit_compiled(model, targets, batch_size=64, epochs=epochs, seed=seed)


def cross_entropy(
    train: Split, watched: Sequence[Split], *, units: Sequence[int], seed: int, rate: float, epochs: int = 20
) -> Trained:
    """Train ReLU units by the cross-entropy of a softmax."""
    keras.utils.set_random_seed(seed)
    model = dense(units, activation="relu", last="softmax")
    model.compile(adam_with_cosine_decay(rate, epochs * len(train[0]) // 64), "sparse_categorical_crossentropy")
    return model, fit_compiled(model, train, batch_size=64, epochs=epochs, seed=seed)


def nielsen(
    train: Split,
    watched: Sequence[Split],
    *,
    units: int,
    cost: Callable[..., Any],
    rate: float,
    decay: float = 0.0,
    seed: int,
    epochs: int = 30,
) -> Trained:
    """Train a layer of sigmoid units by plain SGD on batches of 10; all weights start as drawn from N(0, 1)."""
    keras.utils.set_random_seed(seed)
    normal = keras.initializers.RandomNormal
    regularizer = keras.regularizers.L2(decay / (2 * len(train[0])))
    model = dense((), last=None)
    model.pop()
    for width in (units, 10):
        drawn = {"kernel_initializer": normal(0, 1), "bias_initializer": normal(0, 1)}
        model.add(layers.Dense(width, activation="sigmoid", kernel_regularizer=regularizer, **drawn))
    model.compile(keras.optimizers.SGD(rate), cost)
    targets = train[0], one_hot(train[1])
    return model, fit_compiled(model, targets, batch_size=10, epochs=epochs, seed=seed, watched=watched)


def quadratic_cost(targets: Any, outputs: Any) -> Any:
    """Return half the squared distance of the ten outputs (n, 10) from the targets, (n,)."""
    return keras.ops.sum(keras.ops.square(outputs - targets), axis=-1) / 2


def summed_cross_entropy(targets: Any, outputs: Any) -> Any:
    """Return the sum of ten binary cross-entropies, one an output, (n,)."""
    return keras.ops.sum(keras.ops.binary_crossentropy(targets, outputs), axis=-1)


def quickstart(train: Split, watched: Sequence[Split], *, seed: int) -> Trained:
    """Train TensorFlow's quickstart for beginners: 128 ReLU units, dropout, Adam as it is."""
    keras.utils.set_random_seed(seed)
    model = dense((128,), activation="relu", last="softmax", dropout=0.2)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, fit_compiled(model, train, batch_size=32, epochs=5, seed=seed)


def chollet(train: Split, watched: Sequence[Split], *, seed: int) -> Trained:
    """Train the first network of Deep Learning with Python: 512 ReLU units, RMSprop as it is."""
    keras.utils.set_random_seed(seed)
    model = dense((512,), activation="relu", last="softmax")
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    return model, fit_compiled(model, train, batch_size=128, epochs=5, seed=seed)


def old_notebook(train: Split, watched: Sequence[Split], *, seed: int) -> Trained:
    """Train the network that this book grew from, on pixels standardized by the training images' statistics."""
    keras.utils.set_random_seed(seed)
    mean, deviation = train[0].mean(), train[0].std(dtype="float32").item()
    rescaling = layers.Rescaling(1 / deviation, offset=-mean / deviation)
    model = dense((128, 128), activation="relu", last="softmax", rescaling=rescaling)
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model, fit_compiled(model, train, batch_size=32, epochs=25, seed=seed)


def lenet_1(train: Split, watched: Sequence[Split], *, seed: int, rate: float, epochs: int = 12) -> Trained:
    """Train LeNet-1: two convolutions with tanh, each followed by averaging."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((28, 28), dtype="uint8"),
        layers.Rescaling(1 / 255),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(4, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(12, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    optimizer = adam_with_cosine_decay(rate, epochs * len(train[0]) // 64)
    return fit(model, train, optimizer=optimizer, batch_size=64, epochs=epochs)


def lenet_5(train: Split, watched: Sequence[Split], *, seed: int, rate: float, epochs: int = 12) -> Trained:
    """Train LeNet-5, with a softmax in place of its radial basis functions."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((28, 28), dtype="uint8"),
        layers.Rescaling(1 / 255),
        layers.Reshape((28, 28, 1)),
        layers.ZeroPadding2D(2),  # 32 by 32
        layers.Conv2D(6, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(120, 5, activation="tanh"),
        layers.Flatten(),
        layers.Dense(84, activation="tanh"),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    optimizer = adam_with_cosine_decay(rate, epochs * len(train[0]) // 64)
    return fit(model, train, optimizer=optimizer, batch_size=64, epochs=epochs)


def mnist_convnet(train: Split, watched: Sequence[Split], *, seed: int) -> Trained:
    """Train the convolutional example of the Keras documentation as it stands there."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([
        keras.Input((28, 28), dtype="uint8"),
        layers.Rescaling(1 / 255),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    return fit(model, train, optimizer="adam", batch_size=128, epochs=15)


# The rows -------------------------------------------------------------------------------------------------------------

METHODS: dict[str, tuple[Callable[..., np.ndarray], dict[str, Any]]] = {
    "darkness": (darkness, {}),
    "least-squares": (least_squares, {}),
    "pca-quadratic": (pca_quadratic, {}),
    "k-nearest": (k_nearest, {}),
    "svm-defaults": (support_vectors, {"C": 1, "gamma": 1 / 784}),
    "svm": (support_vectors, {}),
}
NETWORKS: dict[str, tuple[Callable[..., Trained], dict[str, Any]]] = {
    "softmax-regression": (softmax_regression, {}),
    "nielsen-30": (nielsen, {"units": 30, "cost": quadratic_cost, "rate": 3.0}),
    "nielsen-100": (nielsen, {"units": 100, "cost": quadratic_cost, "rate": 3.0}),
    "nielsen-30-ce": (nielsen, {"units": 30, "cost": summed_cross_entropy, "rate": 0.5}),
    "nielsen-100-ce": (nielsen, {"units": 100, "cost": summed_cross_entropy, "rate": 0.5}),
    "nielsen-100-l2": (nielsen, {"units": 100, "cost": summed_cross_entropy, "rate": 0.1, "decay": 5.0, "epochs": 60}),
    "quickstart": (quickstart, {}),
    "chollet": (chollet, {}),
    "old-notebook": (old_notebook, {}),
    "dense-300": (squared_error, {"units": (300,)}),
    "dense-300-100": (squared_error, {"units": (300, 100)}),
    "dense-500-150": (squared_error, {"units": (500, 150)}),
    "dense-1000-150": (squared_error, {"units": (1000, 150)}),
    "dense-800": (cross_entropy, {"units": (800,)}),
    "lenet-1": (lenet_1, {}),
    "lenet-5": (lenet_5, {}),
    "mnist-convnet": (mnist_convnet, {}),
}
# The networks whose learning rate is chosen, since their publications name none that would suit Adam, and which rate is
# tried first, with the next lower and the next higher one.
TUNED = {
    "softmax-regression": 0.01,
    "dense-300": 0.003,
    "dense-300-100": 0.003,
    "dense-500-150": 0.001,
    "dense-800": 0.003,
    "lenet-1": 0.01,
    "lenet-5": 0.003,
}
# What takes over the setting that was chosen for another row.
TAKEN_OVER = {"dense-1000-150": "dense-500-150"}
# The publications that train on the first images and hold out the rest; all others train on 60,000.
TRAINED_ON = {"darkness": 50_000, "svm-defaults": 50_000, "dense-800": 50_000, "mnist-convnet": 54_000} | {
    name: 50_000 for name in NETWORKS if name.startswith("nielsen")
}


def choose(name: str) -> list[Run]:
    """Try the settings of a row on the 10,000 validation images: a grid, or rates until no end of these is the best."""
    if name not in TUNED:
        return [measure(try_setting, name, setting, environment=environment(name)) for setting in GRIDS.get(name, ())]
    best = RATES.index(TUNED[name])
    tried = [best]
    while best in (min(tried), max(tried)):
        tried = [*range(min(*tried, best - 1), max(*tried, best + 1) + 1)]
        if tried[0] < 0 or tried[-1] == len(RATES):
            raise ValueError(f"RATES: expected rates around the best one, which for {name} is {RATES[best]}")
        runs = [measure(try_rate, name, RATES[index]) for index in tried]
        best = RATES.index(chosen(name, [row for run in runs for row in run.result])["rate"])
    return runs


def try_setting(name: str, setting: Any) -> list[Row]:
    """Count the validation errors of a method with a setting; support vectors are found on 10,000 images only."""
    train, validation, _ = split_mnist()
    if name == "svm":
        train = train[0][:10_000], train[1][:10_000]
    labels = METHODS[name][0](train, validation[0], **as_options(name, setting))
    wrong = int((labels != validation[1]).sum())
    return [{"row": name, "setting": setting, "epochs": None, "seed": None, "errors": wrong}]


def try_rate(name: str, rate: float) -> list[Row]:
    """Count the validation errors of a network that was trained to the end with a learning rate, seed by seed."""
    train, validation, _ = split_mnist()
    recipe, options = NETWORKS[name]
    epochs = inspect.signature(recipe).parameters["epochs"].default
    rows = []
    for seed in CHOOSING_SEEDS:
        wrong = errors(recipe(train, [], seed=seed, rate=rate, **options)[0], validation)
        rows.append({"row": name, "setting": rate, "epochs": epochs, "seed": seed, "errors": wrong})
    return rows


def chosen(name: str, choices: Sequence[Row]) -> dict[str, Any]:
    """Return as options the setting of a row that makes the fewest errors on the validation images, over its seeds."""
    found: dict[Any, list[int]] = {}
    for row in choices:
        if row["row"] == TAKEN_OVER.get(name, name):
            found.setdefault(row["setting"], []).append(row["errors"])
    return as_options(name, min(found, key=lambda setting: np.mean(found[setting]))) if found else {}


def as_options(name: str, setting: Any) -> dict[str, Any]:
    """Return a setting as the options of a row's function."""
    if name == "svm":
        return dict(zip(("C", "gamma"), setting, strict=True))
    return {"k" if name == "k-nearest" else "rate": setting}


def environment(name: str) -> str:
    """Return the environment that has what a row needs."""
    return "dev" if name.startswith("svm") else "book"


def measure_method(name: str, setting: dict[str, Any]) -> list[Row]:
    """Return the row of a deterministic method, with the setting that was chosen for it."""
    train, test = load_mnist()
    method, options = METHODS[name]
    with Clock() as clock:
        labels = method(first(train, name)[0], test[0], **options, **setting)
    return [_row(name, setting, None, labels != test[1], clock)]


def measure_network(name: str, setting: dict[str, Any], seed: int) -> list[Row]:
    """Return the row of a network with one seed, with the setting that was chosen for it."""
    all_images, test = load_mnist()
    train, validation = first(all_images, name)
    recipe, options = NETWORKS[name]
    with Clock() as clock:
        model, by_epoch = recipe(train, [test, validation], seed=seed, **options, **setting)
        labels = answers(model, test[0])
    row = _row(name, setting, seed, labels != test[1], clock)
    row["fewest"] = min((wrong for wrong, _ in by_epoch), default=None)
    row["validation_errors"] = errors(model, validation) if len(validation[0]) else None
    row["validation_by_epoch"] = [wrong for _, wrong in by_epoch] or None
    row["parameters"] = model.count_params()
    return [row]


def first(images: Split, name: str) -> tuple[Split, Split]:
    """Divide the training images as the publication of a row does: those it trains on, and the rest."""
    count = TRAINED_ON.get(name, len(images[0]))
    return (images[0][:count], images[1][:count]), (images[0][count:], images[1][count:])


def _row(name: str, setting: dict[str, Any], seed: int | None, wrong: np.ndarray, clock: Clock) -> Row:
    """Return what is stored of ten thousand answers; empty is what a row has not."""
    return {
        "row": name,
        "setting": [*setting.values()] or None,  # what was chosen
        "seed": seed,
        "errors": int(wrong.sum()),
        "first_half": int(wrong[:5000].sum()),  # of the test images
        "fewest": None,  # after any epoch, for publications that report their best
        "validation_errors": None,  # on the training images that the publication holds out
        "validation_by_epoch": None,  # the same after each epoch
        "parameters": None,
        "cpu_seconds": round(clock.cpu_seconds, 1),
    }


# What the recipes share -----------------------------------------------------------------------------------------------


def flat(images: np.ndarray, dtype: str = "float64") -> np.ndarray:
    """Return images (n, 28, 28) uint8 as rows of 784 numbers from 0 to 1."""
    return images.reshape(len(images), 784).astype(dtype) / 255


def with_one(inputs: np.ndarray) -> np.ndarray:
    """Put a column of ones in front, whose weight is a bias."""
    return np.hstack([np.ones((len(inputs), 1)), inputs])


def dense(
    units: Sequence[int],
    *,
    activation: str | None = None,
    last: str | None,
    dropout: float = 0.0,
    rescaling: keras.Layer | None = None,
) -> keras.Model:
    """Return a network of dense layers of this many units, and a last one of ten."""
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8"), rescaling or layers.Rescaling(1 / 255)])
    model.add(layers.Flatten())
    for width in units:
        model.add(layers.Dense(width, activation=activation))
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(10, activation=last))
    return model


def fit(model: keras.Model, train: Split, *, optimizer: Any, batch_size: int, epochs: int) -> Trained:
    """Train with cross-entropy by ``model.fit``."""
    model.compile(optimizer, "sparse_categorical_crossentropy", steps_per_execution=20)
    images, labels = train
    model.fit(images, labels, batch_size=batch_size, epochs=epochs, verbose=0)
    return model, []


def fit_compiled(
    model: keras.Model, train: Split, *, batch_size: int, epochs: int, seed: int, watched: Sequence[Split] = ()
) -> list[list[int]]:
    """Do what ``model.fit`` does, an epoch in one compiled call; return after each the errors on what is watched.

    Images that do not fill the last batch of an epoch are left out of that epoch.
    """
    train_epoch = compiled_epoch(model, model.optimizer, keras.losses.get(model.loss), jit_compile=True)
    images, labels = tf.constant(train[0]), tf.constant(train[1])
    generator = np.random.default_rng(seed)
    by_epoch = []
    for _ in range(epochs):
        order = generator.permutation(len(images))[: len(images) // batch_size * batch_size]
        train_epoch(images, labels, tf.constant(order.reshape(-1, batch_size).astype("int32")))
        if watched:
            by_epoch.append([errors(model, data) for data in watched])
    return by_epoch


def answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the digit with the largest output for each image."""
    return model.predict(images, batch_size=1000, verbose=0).argmax(axis=1)


def errors(model: keras.Model, data: Split) -> int:
    """Return on how many images the model is wrong."""
    return int((answers(model, data[0]) != data[1]).sum())
