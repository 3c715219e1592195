"""What training costs by several recipes, and by which steps it was made cheaper."""

from typing import Any

from experiments import baselines, epoch_costs, recipe_costs
from experiments.runner import Run, measure, save_table
from mnist_lessons.tables import Row

SEEDS = 5
# Fewer seeds train by mnist_convnet, which takes minutes and only serves for comparison.
CONVNET_SEEDS = 3
REPETITIONS = 3
# By the names of the table.
RECIPES: dict[str, tuple[Any, ...]] = {
    "fast-98": (recipe_costs.train, "fast_98"),
    "fast-99": (recipe_costs.train, "fast_99"),
    "fast-dense": (recipe_costs.train, "fast_dense"),
    "old-compiled": (recipe_costs.train, "train_old_recipe"),
    "fast-995": (recipe_costs.train, "fast_995"),
    "best": (recipe_costs.train, "best"),
    "old-fit": (baselines.old_notebook,),
    "convnet": (baselines.convnet,),
}


def main() -> None:
    """Make the two tables."""
    # One round after the other, so that a busy minute of the machine does not fall on one step alone.
    rounds = [(step, number) for number in range(REPETITIONS) for step in epoch_costs.STEPS]
    runs = [measure(epoch_costs.run_step, *case, timing=True) for case in rounds]
    rows = [step_row(*case, run.result) for case, run in zip(rounds, runs, strict=True)]
    seeds = "0; each step is repeated three times"
    save_table("train-fast-steps", runs, rows=rows, experiment="train_fast", seeds=seeds)

    turns = [(name, seed) for seed in range(SEEDS) for name in RECIPES if seed < seeds_of(name)]
    trained = [(name, seed, train(name, seed)) for name, seed in turns]
    save_table(
        "train-fast",
        [run for _, _, run in trained],
        rows=[row for name, seed, run in trained for row in recipe_rows(name, seed, run.result)],
        experiment="train_fast",
        seeds=f"0 to {SEEDS - 1}; 0 to {CONVNET_SEEDS - 1} for mnist_convnet",
    )


def seeds_of(name: str) -> int:
    """Return with how many seeds a recipe trains."""
    return CONVNET_SEEDS if name == "convnet" else SEEDS


def train(name: str, seed: int) -> Run:
    """Train by a recipe, again if something disturbed it."""
    return measure(*RECIPES[name], seed, timing=True)


def trainings(name: str) -> list[Run]:
    """Train by a recipe, once with each seed."""
    return [train(name, seed) for seed in range(seeds_of(name))]


def recipe_rows(name: str, seed: int, found: dict[str, Any]) -> list[Row]:
    """Return the row of a training; mnist_convnet has a second, its cost up to the first epoch over 99.0 % if any."""
    measured = {key: found[key] for key in ("cpu_seconds", "wall_seconds", "peak_mb", "import_mb", "accuracy")}
    rows = [{"recipe": name, "seed": seed, **measured}]
    if found.get("cpu_to_99") is not None:
        first = next(accuracy for accuracy in found["accuracies"] if accuracy >= 0.99)
        until = {"cpu_seconds": found["cpu_to_99"], "wall_seconds": found["wall_to_99"], "accuracy": first}
        rows.append(rows[0] | {"recipe": "convnet-to-99"} | until)
    return rows


def step_row(step: str, number: int, found: dict[str, Any]) -> Row:
    """Return the row of a step in one round."""
    return {
        "step": step,
        "round": number,
        "cpu_seconds": found["cpu_seconds"],
        "first_cpu_seconds": found.get("first_cpu_seconds", float("nan")),
        "peak_mb": found["peak_mb"],
        "gflops": found.get("gflops", float("nan")),
    }
