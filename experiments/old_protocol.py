"""The old comparison of ReLU with sigmoid, as one notebook made it, over ten seeds."""

from experiments.runner import measure, save_table
from mnist_lessons.data import split_mnist
from mnist_lessons.sweeps import Setting, run
from mnist_lessons.tables import Row


def main() -> None:
    """Make the table."""
    runs = [measure(train, name) for name in ("relu", "sigmoid")]
    save_table("relu-old-protocol", runs, experiment="old_protocol", seeds="0 to 9")


def train(activation: str) -> list[Row]:
    """Train 784-50-50-10 by SGD at 0.01 on batches of 2,000 for 10 epochs."""
    splits = split_mnist()
    setting = Setting((50, 50), activation, learning_rate=0.01, batch_size=2000, epochs=10)
    rows = run([setting], seeds=range(10), train=splits.train, evaluation=splits.validation)
    return [{name: row[name] for name in ("activation", "seed", "epoch", "training_loss", "accuracy")} for row in rows]
