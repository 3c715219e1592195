"""How small a network can be for its accuracy: the numbers of the chapter `small`."""

from collections.abc import Sequence

from experiments import small_runs
from experiments.runner import Run, measure, save_table

# The seed that chooses is not among those that are reported.
CHOOSING = (100,)
# Each group is one run, the cheap ones first.
SEARCH = (
    (
        "conv8x5/2 pool sep16 sep24 weigh",
        "conv6x5/2 pool sep10 sep12 weigh",
        "conv6x5/2 pool sep12 sep16 weigh",
        "conv8x5/2 pool sep12 sep16 weigh",
        "conv8x5/2 pool conv10x3 conv12x3 weigh",
        "conv4x5/2 conv6x3 pool conv8x3 weigh",
    ),
    (
        "conv10x5/2 conv12x3 pool sep32 weigh",
        "conv8x5/2 conv16x3 pool conv24x3 weigh",
        "conv6x5/2 sep8 sep10 pool sep12 weigh",
        "conv8x5/2 sep16 sep24 pool sep32 weigh",
        "conv16x5/2 pool sep24 sep32 weigh",
    ),
    ("conv5x5/2 sep7 sep8 pool sep10 weigh", "conv8x5/2 sep14 sep20 pool sep26 weigh"),
)


# The smallest of the search that come within 0.2 points of a level on the validation images, and their epochs.
CHOSEN = {"conv8x5/2 sep16 sep24 pool sep32 weigh": 8, "conv6x5/2 sep8 sep10 pool sep12 weigh": 8}
# What was tried for the next level, where eight epochs on the same images are too few.
LONGER = (
    "conv12x5/2 sep24 sep32 sep32 pool sep48 weigh",
    "conv14x5/2 sep28 sep40 sep40 pool sep56 weigh",
    "conv16x5/2 sep32 sep48 sep48 pool sep64 weigh",
    "conv8x5/2 conv16x3 pool conv24x3 conv24x3 weigh",
    "conv12x5/2 conv24x3 pool conv32x3 conv32x3 weigh",
)
CHOSEN_LONGER = "conv12x5/2 conv24x3 pool conv32x3 conv32x3 weigh"
LONGER_EPOCHS = 16
THREE, FIVE, TEN = tuple(range(3)), tuple(range(5)), tuple(range(10))
PUBLISHED = {"published-697": FIVE, "published-997": THREE, "published-4862": THREE}
# The peak rate is what the script that trained the network of 697 parameters has.
PUBLISHED_EPOCHS, PUBLISHED_RATE = 8, 0.01
# What is taken from this network, each alone, and what stays.
BASE = "conv8x5/2 pool conv16x3 conv24x3 weigh"
SHRUNK = {
    "half the filters": "conv4x5/2 pool conv8x3 conv12x3 weigh",
    "a convolution fewer": "conv8x5/2 pool conv24x3 weigh",
    "separable convolutions": "conv8x5/2 pool sep16 sep24 weigh",
    "a stride of 4 in place of 2 and pooling": "conv8x5/4 conv16x3 conv24x3 weigh",
}
SHRUNK_EPOCHS = 4


def main() -> None:
    """Make the tables."""
    searched = [measure(small_runs.train, group, CHOOSING, 8) for group in SEARCH]
    save_table("small-search", searched, experiment="small", seeds="100")
    train_longer()
    shrink()
    cases = [(design, epochs, 0.02, TEN) for design, epochs in CHOSEN.items()]
    cases += [(name, PUBLISHED_EPOCHS, PUBLISHED_RATE, seeds) for name, seeds in PUBLISHED.items()]
    runs = [
        retrain(design, epochs, rate, half)
        for design, epochs, rate, seeds in cases
        for half in (seeds[:5], seeds[5:])
        if half
    ]
    save_table("small", runs, experiment="small", seeds="0 to 9, 0 to 4, or 0 to 2")


def retrain(design: str, epochs: int, rate: float, seeds: Sequence[int], *, warp: bool = False) -> Run:
    """Train a network that was chosen, or a published one, and look at the test images."""
    return measure(small_runs.train, [design], seeds, epochs, rate, warp, True)


def train_longer() -> None:
    """Make the table of longer training on warped images: a search, and ten seeds of the network that it chose."""
    searched = [measure(small_runs.train, [design], CHOOSING, LONGER_EPOCHS, 0.02, True) for design in LONGER]
    chosen = [retrain(CHOSEN_LONGER, LONGER_EPOCHS, 0.02, half, warp=True) for half in (TEN[:5], TEN[5:])]
    save_table("small-longer", [*searched, *chosen], experiment="small", seeds="100, and 0 to 9")


def shrink() -> None:
    """Make the table of what shrinking costs, each way alone."""
    trained = measure(small_runs.shrink, BASE, FIVE, SHRUNK_EPOCHS)
    smaller = [retrain(design, SHRUNK_EPOCHS, 0.02, THREE) for design in SHRUNK.values()]
    distilled = measure(small_runs.distill, SHRUNK["half the filters"], THREE, SHRUNK_EPOCHS)
    rows = list(trained.result)
    for kind, run in zip(SHRUNK, smaller, strict=True):
        rows += [{**{key: row.get(key, row["parameters"]) for key in rows[0]}, "kind": kind} for row in run.result]
    rows += [row | {"kind": "half the filters, distilled"} for row in distilled.result]
    save_table("small-shrunk", [trained, *smaller, distilled], rows=rows, experiment="small", seeds="0 to 4, or 0 to 2")
