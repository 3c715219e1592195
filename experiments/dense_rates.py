"""The learning rate of the dense network: the recipe of the chapter `train` with other rates, on validation images."""

from experiments.runner import measure, save_table
from mnist_lessons.loops import compile_and_fit
from mnist_lessons.models import build_dense
from mnist_lessons.tables import Row

RATES = (0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.01)
# The seeds that choose a learning rate are not those that are reported.
SEEDS = range(100, 105)


def main() -> None:
    """Make the table."""
    runs = [measure(train, rate) for rate in RATES]
    save_table("dense-rates", runs, experiment="dense_rates", seeds="100 to 104")


def train(rate: float) -> list[Row]:
    """Train 784-128-128-10 for six epochs with a rate that starts at `rate`, once for each seed."""
    import keras

    rows: list[Row] = []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        history = compile_and_fit(build_dense(), learning_rate=rate, epochs=6)
        last = {name: history[f"val_{name}"][-1] for name in ("loss", "accuracy")}
        rows.append({"learning_rate": rate, "seed": seed, **last})
    return rows
