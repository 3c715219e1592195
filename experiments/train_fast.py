"""What training costs by several recipes, and by which steps it was made cheaper.

Each run has a process of its own on one core (`bench._runs`); the benchmark rests on the same runs.
"""

import functools

from bench import _runs
from bench.training import CONVNET_SEEDS, SEEDS
from experiments import save_table
from mnist_lessons.tables import Row

# The recipes of the table and how many seeds train by each, fewer where one is costly and only a yardstick.
RECIPES = {
    **dict.fromkeys(("fast-98", "fast-99", "fast-dense", "old-compiled", "fast-995", "best", "old-fit"), SEEDS),
    "convnet": CONVNET_SEEDS,
}
STEPS = (
    "import",
    "step-fit",
    "step-steps",
    "step-uint8",
    "step-epoch",
    "step-xla",
    "step-batch",
    "step-full-resolution",
    "step-stride",
    "step-fused",
    "step-fused-xla",
    "matrix-product",
)
REPEATS = range(3)


def main() -> None:
    """Make the two tables."""
    save_table(
        "train-fast-steps",
        # One round after the other, so that a busy minute of the machine does not fall on one step alone.
        {part("round", *STEPS, number=number): functools.partial(steps, number) for number in REPEATS},
        experiment="train_fast",
        seeds="0; each step is repeated three times",
    )
    save_table(
        "train-fast",
        {
            part(name, name, number=seed): functools.partial(train, name, seed)
            for name, count in RECIPES.items()
            for seed in range(count)
        },
        experiment="train_fast",
        seeds=f"0 to {SEEDS - 1}; 0 to {CONVNET_SEEDS - 1} for mnist_convnet",
    )


def part(label: str, *names: str, number: int) -> str:
    """Name a part so that it is measured again when the code that it measures has changed."""
    return "-".join([label, str(number), *sorted({_runs.key(name) for name in names})])


def train(name: str, seed: int) -> list[Row]:
    """Train once; mnist_convnet gives a second row, its cost up to the first epoch over 99.0 % if one comes there."""
    found = _runs.measured(name, seed)
    rows = [
        {
            "recipe": name,
            "seed": seed,
            "cpu_seconds": found["cpu"],
            "wall_seconds": found["wall"],
            "peak_mb": found["peak"],
            "accuracy": found["accuracy"],
        }
    ]
    if found.get("cpu_to_99") is not None:
        first = next(accuracy for accuracy in found["accuracies"] if accuracy >= 0.99)
        until = {"cpu_seconds": found["cpu_to_99"], "wall_seconds": found["wall_to_99"], "accuracy": first}
        rows.append(rows[0] | {"recipe": "convnet-to-99"} | until)
    return rows


def steps(number: int) -> list[Row]:
    """Measure every step once."""
    rows = []
    for name in STEPS:
        found = _runs.measured(name, number)
        rows.append(
            {
                "step": name.removeprefix("step-"),
                "round": number,
                "cpu_seconds": found["cpu"],
                "first_cpu_seconds": found.get("first", float("nan")),
                "peak_mb": found["peak"],
                "gflops": found.get("gflops", float("nan")),
            }
        )
    return rows
