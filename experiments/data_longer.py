"""Whether more steps are what a training set of one size still lacks: 4,800 instead of 1,440.

The same for all 60,000 images is in the table ``data-stream``, as the images shown ten times.
"""

import functools

from experiments import keep
from experiments.data_size import NETWORKS, error, train
from mnist_lessons.data import split, split_mnist
from mnist_lessons.experiments import Row

SEEDS = range(3)
SIZES = (4000, 16_000)
STEPS = 4800


def main() -> None:
    """Make the table."""
    parts = {f"{name}-{images}": functools.partial(train_seeds, name, images) for images in SIZES for name in NETWORKS}
    keep("data-longer", parts, experiment="data_longer", seeds="0 to 2; each draws the images that data-size draws")


def train_seeds(network: str, images: int) -> list[Row]:
    """Train one network on one size for 4,800 steps with each seed."""
    splits = split_mnist()
    rows = []
    for seed in SEEDS:
        drawn = split(*splits.train, size=images, seed=seed)[1]
        model, spent = train(network, drawn, steps=STEPS, seed=seed)
        errors = {
            "validation_error": error(model, *splits.validation),
            "test_error": error(model, *splits.test),
        }
        rows.append({"network": network, "images": images, "rule": "longer", "seed": seed, **spent, **errors})
    return rows
