"""How small a network can be for its accuracy: the numbers of the chapter `small`."""

from experiments import small_runs
from experiments.runner import measure, save_table

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
)


def main() -> None:
    """Make the tables."""
    searched = [measure(small_runs.train, group, CHOOSING, 8) for group in SEARCH]
    save_table("small-search", searched, experiment="small", seeds="100")


if __name__ == "__main__":
    main()
