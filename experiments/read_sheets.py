"""How many digits on rendered photos of sheets are read right: a table of the chapter `beyond`."""

from difflib import SequenceMatcher
from itertools import product

import numpy as np

from experiments.runner import measure, save_table
from mnist_lessons.data import Split, split_mnist
from mnist_lessons.paper import RULINGS, Photo, render_sheet, write_digit
from mnist_lessons.recipes import train_cnn
from mnist_lessons.sheets import Sheet, read_sheet
from mnist_lessons.store import load_or_train
from mnist_lessons.tables import Row

WRITINGS = ("MNIST", "strokes")
# What read_sheet does was chosen on sheets of other seeds, with digits of the validation images.
FIRST = 1000
SHEETS = 17  # of each kind
MOST = 40  # digits a sheet


def main() -> None:
    """Make the table: 17 sheets of each of 12 kinds."""
    save_table(
        "read-sheets",
        [measure(read, ruling, table) for ruling in RULINGS for table in (False, True)],
        experiment="read_sheets",
        seeds=f"{FIRST} to {FIRST + 12 * SHEETS - 1}",
    )


def read(ruling: str, table: bool) -> list[Row]:
    """Return one row for each sheet: its digits, and how many were found, came in order, and were read right."""
    return read_kind(ruling, table, split_mnist().test, first=FIRST, count=SHEETS)


def read_kind(ruling: str, table: bool, split: Split, *, first: int, count: int) -> list[Row]:
    """Read sheets with the digits of a split; every sheet has a seed of its own, from the first on."""
    model = load_or_train(train_cnn)
    rows = []
    kinds = list(product(RULINGS, (False, True), WRITINGS))
    for writing, i in product(WRITINGS, range(count)):
        seed = first + count * kinds.index((ruling, table, writing)) + i
        digits, labels = choose_digits(writing, seed, split)
        photo = render_sheet(digits, seed=seed, ruling=ruling, table=table)
        sheet = read_sheet(photo.pixels)
        answers = model.predict(sheet.images, verbose=0).argmax(axis=1)
        place = {"ruling": ruling, "table": int(table), "writing": writing, "seed": seed}
        rows.append(place | compare(photo, labels, sheet, answers))
    return rows


def choose_digits(writing: str, seed: int, split: Split) -> tuple[list[np.ndarray], np.ndarray]:
    """Return digits to write on a sheet, from a split or by strokes, and their labels."""
    rng = np.random.default_rng([seed, WRITINGS.index(writing)])
    if writing == "strokes":
        labels = rng.integers(10, size=MOST)
        return [write_digit(int(label), rng) for label in labels], labels
    images, labels = split
    chosen = rng.choice(len(images), size=MOST, replace=False)
    return list(images[chosen]), labels[chosen]


def compare(photo: Photo, labels: np.ndarray, sheet: Sheet, answers: np.ndarray) -> Row:
    """Count the digits of a sheet that were found, those of them in order, and those of these that were read right.

    A digit is found by the one box whose middle lies nearest to its own, at most half a field away. A box that finds
    none, or one that another box has found, is counted as extra.
    """
    owners = find_owners(photo, sheet)
    # What comes in order is the longest run of runs that the true order shares with the one that was read.
    order = [owner for owner in owners if owner >= 0]
    blocks = SequenceMatcher(None, range(len(photo.centers)), order, autojunk=False).get_matching_blocks()
    in_order = {order[block.b + i] for block in blocks for i in range(block.size)}
    right = sum(owner in in_order and labels[owner] == answer for owner, answer in zip(owners, answers, strict=True))
    return {
        "digits": len(photo.centers),
        "found": len(order),
        "in_order": len(in_order),
        "right": int(right),
        "extra": len(owners) - len(order),
    }


def find_owners(photo: Photo, sheet: Sheet) -> list[int]:
    """Return for each box the index of the digit that it finds, or -1."""
    owners: list[int] = []
    for top, left, height, width in sheet.boxes:
        distances = np.hypot(*(photo.centers - [top + height / 2, left + width / 2]).T)
        nearest = int(distances.argmin())
        found = distances[nearest] <= photo.sides[nearest] / 2 and nearest not in owners
        owners.append(nearest if found else -1)
    return owners
