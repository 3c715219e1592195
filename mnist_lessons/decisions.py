"""The book's decision log: what each chapter changed, what that bought on the validation images, and why."""

from typing import NamedTuple

import numpy as np

from mnist_lessons.evaluation import seed_interval
from mnist_lessons.tables import Table, load_table


class Decision(NamedTuple):
    """One row of the log; its accuracies are the rows of the stored table ``decisions`` with its name."""

    name: str
    chapter: str
    change: str
    why: str
    kept: bool = True


LOG = (
    Decision(
        "majority",
        "data",
        "Answer the most frequent digit, whatever the image",
        "The mark that any model has to beat",
    ),
    Decision(
        "means",
        "data",
        "Answer the digit whose mean image is nearest",
        "A digit looks more like the mean of its own kind",
    ),
    Decision(
        "untrained",
        "model",
        "Build 784-128-128-10 with random weights",
        "Layers alone know nothing; the weights have to be learned",
        kept=False,
    ),
    Decision(
        "linear",
        "compile",
        "Learn the weights of a single layer by gradient descent",
        "Learned weights tell digits apart better than means do",
    ),
    Decision(
        "dense",
        "train",
        "Train two hidden layers; choose the rate on validation images",
        "Hidden units combine pixels in ways that one layer cannot",
    ),
    Decision(
        "sigmoid",
        "relu-vs-sigmoid",
        "Try sigmoid in place of ReLU; keep ReLU",
        "Two layers forgive sigmoid; deeper ones let its gradient vanish",
        kept=False,
    ),
    Decision(
        "cnn",
        "cnn",
        "Replace dense layers by convolutions",
        "A stroke is the same stroke wherever it is; shared weights learn it once",
    ),
    Decision(
        "augmented",
        "augmentation",
        "Turn and shift the training digits a little",
        "Small changes that writers make anyway are free training images",
    ),
    Decision(
        "fast",
        "train-fast",
        "Normalize each batch, add a layer, warp the digits",
        "Normalized layers stand higher rates, so few epochs go further",
    ),
)


def decision_log(chapter: str) -> Table:
    """Return the log up to and including a chapter's own rows.

    Parameters
    ----------
    chapter
        The name of its file, as ``train``.

    Returns
    -------
    table
        A row a decision: accuracy on the 10,000 validation images in percent, with the 95 % interval of its mean over
        five seeds where anything is random, and the difference from the last decision that was kept, in points.

    Raises
    ------
    ValueError
        The chapter has no row.
    """
    chapters = [decision.chapter for decision in LOG]
    if chapter not in chapters:
        raise ValueError(f"chapter: expected one of {', '.join(dict.fromkeys(chapters))}, got {chapter!r}")
    until = len(chapters) - chapters[::-1].index(chapter)
    stored = load_table("decisions")
    rows: list[list[str]] = []
    before = None
    for decision in LOG[:until]:
        shares = np.array([100 * row["accuracy"] for row in stored if row["decision"] == decision.name])
        mean = float(shares.mean())
        shown = f"{mean:.1f}"
        if len(shares) > 1:
            shown = f"{mean:.2f} ± {mean - seed_interval(shares).low:.2f}"
        rows.append([decision.change, shown, "" if before is None else f"{mean - before:+.2f}", decision.why])
        before = mean if decision.kept else before
    return Table(
        rows,
        columns=["decision", "right, %", "gained, points", "why"],
        caption="The decision log so far, on validation images: means over five seeds with 95 % intervals, "
        "where anything is random.",
    )
