"""Whether more steps are what 16,000 and 60,000 images still lack: 4,800 instead of 1,440.

The same for all 60,000 images is in the table ``data-stream``, as the images shown ten times.
"""

import functools

from experiments import keep
from experiments.data_size import NETWORKS, error, train
from mnist_lessons.data import split, split_mnist
from mnist_lessons.experiments import Row

SEEDS = range(3)
IMAGES = 16_000
STEPS = 4800


def main() -> None:
    """Make the table."""
    parts = {name: functools.partial(train_seeds, name) for name in NETWORKS}
    keep("data-longer", parts, experiment="data_longer", seeds="0 to 2; each draws the images that data-size draws")


def train_seeds(network: str) -> list[Row]:
    """Train one network on 16,000 images for 4,800 steps with each seed."""
    splits = split_mnist()
    rows = []
    for seed in SEEDS:
        drawn = split(*splits.train, size=IMAGES, seed=seed)[1]
        model, spent = train(network, drawn, steps=STEPS, seed=seed)
        errors = {
            "validation_error": error(model, *splits.validation),
            "test_error": error(model, *splits.test),
        }
        rows.append({"network": network, "images": IMAGES, "seed": seed, **spent, **errors})
    return rows
