import difflib

import numpy as np
from sklearn.datasets import load_digits

from mnist_lessons.uci import load_uci_digits


def test_digits_are_those_of_scikit_learn() -> None:
    digits, theirs = load_uci_digits(), load_digits()
    np.testing.assert_array_equal(digits.images, theirs.images)
    np.testing.assert_array_equal(digits.labels, theirs.target)
    assert {array.dtype for array in digits} == {np.dtype("uint8")}


def test_every_form_holds_the_same_digits_in_the_same_order() -> None:
    _, labels, forms = load_uci_digits()
    sheets = [labels[forms == form].tolist() for form in range(14)]
    assert sum(map(len, sheets)) == 1797
    for sheet in sheets:
        assert difflib.SequenceMatcher(None, sheets[0], sheet, autojunk=False).ratio() > 0.96
        assert sheet[1:5] == [1, 2, 3, 4]
