"""Networks of 2 to 50 hidden layers, with and without what makes deep ones trainable: the tables of `depth`."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from experiments.runner import measure, save_table
from mnist_lessons.data import Split, split_mnist
from mnist_lessons.loops import compiled_epoch
from mnist_lessons.models import accept_bytes_only
from mnist_lessons.tables import Row

CHAPTER = Path(__file__).parents[1] / "book" / "depth.md"
SEEDS = range(4)
# The seed that chooses a learning rate is not among those that are reported.
CHOOSING_SEED = 100
RATES = (0.0004, 0.002, 0.01, 0.05)
DEPTHS = (2, 8, 20, 50)
STEPS, BATCH = 500, 32
KINDS = ("glorot", "he", "norm", "skip", "small skip", "norm skip")
# What is trained on with 50 layers: the kind, the optimizer, its rate and, of Adam, its epsilon.
LONGER = (
    ("he", "momentum", 0.002, 0),
    ("he", "adam", 0.0003, 1e-7),
    ("glorot", "adam", 0.0003, 1e-14),
)
EPOCHS = 4


def main() -> None:
    """Make the three tables."""
    code = read_builder()
    runs = [measure(compare, kind, code) for kind in KINDS]
    rates, reported = ([row for run in runs for row in run.result[part]] for part in (0, 1))
    save_table("depth-rates", runs, rows=rates, experiment="depth", seeds="100")
    seeds = "0 to 3; the learning rates were chosen with seed 100"
    save_table("depth", runs, rows=reported, experiment="depth", seeds=seeds)
    save_table("depth-longer", [measure(train_longer, code)], experiment="depth", seeds="0")


def read_builder() -> str:
    """Return the chapter's code that builds a network, so that the tables rest on what readers see."""
    text = CHAPTER.read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return "\n".join(cell for cell in cells if cell.startswith(("def next_layer(", "def build_deep(")))


def compare(kind: str, code: str) -> tuple[list[Row], list[Row]]:
    """Choose the learning rate of each depth on validation images, then train each seed, judged on the test images."""
    splits = split_mnist()
    rates, rows = [], []
    for depth in DEPTHS:
        trainer = Trainer(code, depth, kind, _momentum(RATES[0]))
        named = {"depth": depth, "kind": kind}
        rates += [
            named
            | {"learning_rate": rate, "seed": CHOOSING_SEED}
            | trainer.train(CHOOSING_SEED, rate, splits.validation)[0]
            for rate in RATES
        ]
        best = best_rate(rates, depth, kind)
        rows += [
            named | {"learning_rate": best, "seed": seed} | trainer.train(seed, best, splits.test)[0] for seed in SEEDS
        ]
    return rates, rows


def train_longer(code: str) -> list[Row]:
    """Train networks of 50 layers, judged on the test images after each 500 steps."""
    import keras

    test = split_mnist().test
    rows: list[Row] = []
    for kind, optimizer, rate, epsilon in LONGER:
        chosen = keras.optimizers.Adam(rate, epsilon=epsilon) if optimizer == "adam" else _momentum(rate)
        named = {"kind": kind, "optimizer": optimizer, "epsilon": epsilon, "learning_rate": rate, "seed": 0}
        rows += [named | row for row in Trainer(code, 50, kind, chosen).train(0, rate, test, EPOCHS)]
    return rows


def best_rate(rates: list[Row], depth: int, kind: str) -> float:
    """Return the learning rate with the best validation accuracy of one cell."""
    found = [row for row in rates if (row["depth"], row["kind"]) == (depth, kind)]
    return float(max(found, key=lambda row: row["accuracy"])["learning_rate"])


class Trainer:
    """A network and its compiled training step, which several trainings share, because compiling 50 layers is slow."""

    def __init__(self, code: str, depth: int, kind: str, optimizer: Any) -> None:
        import keras

        self.names: dict[str, Any] = {"keras": keras, "layers": keras.layers}
        exec(code, self.names)
        self.depth, self.kind, self.optimizer = depth, kind, optimizer
        self.model = self.build()
        self.train_epoch = compiled_epoch(self.model, optimizer, keras.losses.sparse_categorical_crossentropy)

    def build(self) -> Any:
        """Return the network with initial weights."""
        scale = {"glorot": 1.0, "small skip": 2 / self.depth}.get(self.kind, 2.0)
        normalize, skip = "norm" in self.kind, "skip" in self.kind
        return accept_bytes_only(self.names["build_deep"](self.depth, scale, normalize, skip))

    def train(self, seed: int, rate: float, evaluation: Split, epochs: int = 1) -> list[Row]:
        """Train from the start and return the mean loss in each epoch of `STEPS` steps and the accuracy after it."""
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(seed)
        self.model.set_weights(self.build().get_weights())
        for variable in self.optimizer.variables:
            variable.assign(tf.zeros_like(variable.value))
        self.optimizer.learning_rate = rate
        images, labels = split_mnist().train
        data = tf.constant(images), tf.cast(labels, "int32")
        generator = np.random.default_rng(seed)
        rows: list[Row] = []
        for epoch in range(1, epochs + 1):
            order = generator.permutation(len(images))[: STEPS * BATCH]
            batches = order[: len(order) // BATCH * BATCH].reshape(-1, BATCH)
            losses = self.train_epoch(*data, tf.constant(batches, "int32"))
            answers = self.model.predict(evaluation[0], batch_size=1000, verbose=0)
            accuracy = np.mean(np.argmax(answers, axis=1) == evaluation[1])
            rows.append({"epoch": epoch, "loss": float(losses[0]), "accuracy": float(accuracy)})
        return rows


def _momentum(rate: float) -> Any:
    """Return SGD with momentum."""
    import keras

    return keras.optimizers.SGD(rate, momentum=0.9)
