"""Which test images two recipes get wrong, seed by seed, for intervals over seeds and images in the chapter `evaluate`.

Both recipes are finished, so nothing is chosen by these answers.
"""

from experiments.runner import measure, save_table
from mnist_lessons import recipes
from mnist_lessons.data import split_mnist
from mnist_lessons.tables import Row

RECIPES = ("train_dense", "train_old_recipe")
SEEDS = range(10)


def main() -> None:
    """Make the table."""
    runs = [measure(mistakes, recipe, seed) for recipe in RECIPES for seed in SEEDS]
    save_table("seed-answers", runs, experiment="seed_answers", seeds="0 to 9")


def mistakes(recipe: str, seed: int) -> list[Row]:
    """Train a recipe and return, in one row, the numbers of the test images that it gets wrong."""
    model, _ = getattr(recipes, recipe)(seed=seed)
    images, labels = split_mnist().test
    predicted_labels = model.predict(images, batch_size=1000, verbose=0).argmax(axis=1)
    wrong = (predicted_labels != labels).nonzero()[0].tolist()
    return [{"recipe": recipe, "seed": seed, "wrong": wrong}]
