"""How good a classifier is, and how sure one may be of it: arrays in, numbers out.

Intervals are at 95 % unless asked for otherwise; p-values are two-sided.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from mnist_lessons.data import CLASSES, check_labels, check_probabilities


class Interval(NamedTuple):
    """The two ends of a confidence interval."""

    low: float
    high: float


class McNemar(NamedTuple):
    """On how many images only one of two classifiers is right, and the exact p-value."""

    only_first: int
    only_second: int
    p_value: float


class Reliability(NamedTuple):
    """Mean confidence, accuracy and number of images in each bin that is not empty, from low to high."""

    confidence: np.ndarray
    accuracy: np.ndarray
    images: np.ndarray


class Coverage(NamedTuple):
    """For each threshold, from high to low, the share of images answered and the accuracy on those."""

    threshold: np.ndarray
    coverage: np.ndarray
    accuracy: np.ndarray


# Intervals


def wilson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Return an interval for the chance of success behind `successes` out of `trials`.

    The score interval of Wilson (1927): unlike the estimate plus or minus two standard errors,
    it stays within 0 to 1 and holds up near either end, where classifiers are.

    Raises
    ------
    ValueError
        `successes` does not lie in 0 to `trials`, there are no trials, or `confidence` not between 0 and 1.
    """
    _check_counts(successes, trials)
    z = special.ndtri(_upper_tail(confidence))
    share = successes / trials
    middle = share + z**2 / (2 * trials)
    half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    return Interval(max(0.0, float((middle - half) / scale)), min(1.0, float((middle + half) / scale)))


def bootstrap_interval(
    values: np.ndarray,
    *,
    statistic: Callable[[np.ndarray], float] = np.mean,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the percentile bootstrap interval of a statistic over images.

    The images are resampled with replacement, `resamples` times: how much would the statistic
    have varied with other images?

    Parameters
    ----------
    values
        (n, ...) what `statistic` needs of each image, one image a row; for an accuracy, whether it was right.
    statistic
        Takes an array like `values` and returns a number; the mean by default.

    Raises
    ------
    ValueError
        There are no values, fewer than one resample, or `confidence` is not between 0 and 1.
    """
    values = np.asarray(values)
    if not len(values) or resamples < 1:
        raise ValueError(f"values and resamples: expected at least one of each, got {len(values)} and {resamples}")
    upper = _upper_tail(confidence)
    generator = np.random.default_rng(seed)
    draws = [statistic(values[generator.integers(len(values), size=len(values))]) for _ in range(resamples)]
    low, high = np.quantile(draws, [1 - upper, upper])
    return Interval(float(low), float(high))


def seed_interval(values: Sequence[float] | np.ndarray, *, confidence: float = 0.95) -> Interval:
    """Return Student's t interval for the mean over seeds of a recipe.

    Parameters
    ----------
    values
        One number a seed, at least two.

    Raises
    ------
    ValueError
        Fewer than two values, one that is not finite, or `confidence` is not between 0 and 1.
    """
    numbers = _check_sample("values", values)
    freedom = len(numbers) - 1
    half = special.stdtrit(freedom, _upper_tail(confidence)) * numbers.std(ddof=1) / np.sqrt(len(numbers))
    return Interval(float(numbers.mean() - half), float(numbers.mean() + half))


# Tests


def mcnemar_test(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> McNemar:
    """Compare two classifiers on the same images (McNemar 1947, in its exact binomial form).

    Images on which both are right or both are wrong say nothing about which is better. If neither is,
    each of the others is won by either with probability one half.

    Parameters
    ----------
    labels
        (n,) integers 0 to 9.
    first, second
        (n,) the labels that the two classifiers predict.

    Raises
    ------
    ValueError
        Something other than labels, or arrays of different lengths.
    """
    _check_pair(labels, first, name="first")
    _check_pair(labels, second, name="second")
    right, also_right = first == labels, second == labels
    only_first, only_second = int((right & ~also_right).sum()), int((also_right & ~right).sum())
    tail = special.bdtr(min(only_first, only_second), only_first + only_second, 0.5)
    return McNemar(only_first, only_second, min(1.0, float(2 * tail)))


def two_proportion_test(successes: tuple[int, int], trials: tuple[int, int]) -> float:
    """Return the p-value that two shares from different images or different papers are one (pooled z-test).

    For two classifiers on the same images, `mcnemar_test` sees smaller differences.

    Raises
    ------
    ValueError
        A number of successes does not lie in 0 to its number of trials, or there are no trials.
    """
    for count, total in zip(successes, trials, strict=True):
        _check_counts(count, total)
    pooled = sum(successes) / sum(trials)
    variance = pooled * (1 - pooled) * (1 / trials[0] + 1 / trials[1])
    if variance == 0:  # all right or all wrong in both
        return 1.0
    z = (successes[0] / trials[0] - successes[1] / trials[1]) / np.sqrt(variance)
    return float(2 * special.ndtr(-abs(z)))


def paired_t_test(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float:
    """Return the p-value that two recipes have one mean, from the same seeds in the same order.

    Raises
    ------
    ValueError
        Different lengths, fewer than two values, or one that is not finite.
    """
    if len(first) != len(second):
        raise ValueError(f"first and second: expected one length, got {len(first)} and {len(second)}")
    differences = _check_sample("first", first) - _check_sample("second", second)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    if error == 0:
        return 1.0 if differences[0] == 0 else 0.0
    return float(2 * special.stdtr(len(differences) - 1, -abs(differences.mean()) / error))


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p-values corrected for how many tests were made (Holm's step-down method), in their order.

    Raises
    ------
    ValueError
        Not a sequence of numbers from 0 to 1.
    """
    given = np.asarray(p_values, dtype="float64")
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"p_values: expected a sequence of numbers from 0 to 1, got {p_values}")
    order = np.argsort(given)
    stepped = given[order] * np.arange(len(given), 0, -1)
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return corrected


# Which digits are confused


def confusion_matrix(labels: np.ndarray, predicted_labels: np.ndarray, *, classes: int = CLASSES) -> np.ndarray:
    """Return how often each digit (row) was taken for each digit (column), shape (classes, classes), int64.

    Raises
    ------
    ValueError
        Something other than labels, or arrays of different lengths.
    """
    _check_pair(labels, predicted_labels, classes=classes)
    cells = labels.astype("int64") * classes + predicted_labels
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def precision_recall(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return precision and recall of each digit from a confusion matrix.

    Returns
    -------
    precision
        Of the images called a digit, the share that are it; NaN for a digit never called.
    recall
        Of the images of a digit, the share called it; NaN for a digit without images.
    """
    right = np.diag(matrix).astype("float64")
    called, given = matrix.sum(axis=0), matrix.sum(axis=1)
    nothing = np.full(len(matrix), np.nan)
    return (
        np.divide(right, called, out=nothing.copy(), where=called > 0),
        np.divide(right, given, out=nothing, where=given > 0),
    )


def errors_by_digit(matrix: np.ndarray) -> np.ndarray:
    """Return from a confusion matrix how many images of each digit were taken for another."""
    errors: np.ndarray = matrix.sum(axis=1) - np.diag(matrix)
    return errors


def errors_by_pair(matrix: np.ndarray) -> list[tuple[int, int, int]]:
    """Return from a confusion matrix the mistakes as (digit, taken for, how often), most frequent first."""
    mistakes = [
        (int(row), int(column), int(matrix[row, column])) for row, column in np.argwhere(matrix) if row != column
    ]
    return sorted(mistakes, key=lambda mistake: -mistake[2])


def errors_by_half(labels: np.ndarray, predicted_labels: np.ndarray) -> tuple[int, int]:
    """Return how many errors fall in the first and in the last half of the images, in the order given.

    Raises
    ------
    ValueError
        Something other than labels, or arrays of different lengths.
    """
    _check_pair(labels, predicted_labels)
    wrong = predicted_labels != labels
    half = len(wrong) // 2
    return int(wrong[:half].sum()), int(wrong[half:].sum())


# How far images are apart


def root_mean_square_error(clean: np.ndarray, restored: np.ndarray) -> float:
    """Return the root of the mean squared difference of all pixels, in gray levels of 0 to 255.

    Parameters
    ----------
    clean, restored
        Images (n, 28, 28) of any number type, on the scale from 0 to 255.

    Raises
    ------
    ValueError
        Arrays of different shapes, or without images.
    """
    if clean.shape != restored.shape or not len(clean):
        raise ValueError(f"clean and restored: expected images of one shape, got {clean.shape} and {restored.shape}")
    total = 0.0
    for start in range(0, len(clean), 1000):  # so that no array of float64 holds all images
        batch = slice(start, start + 1000)
        total += float(np.square(clean[batch].astype("float64") - restored[batch]).sum())
    return float(np.sqrt(total / clean.size))


# Whether the probabilities can be believed


def reliability_curve(labels: np.ndarray, probabilities: np.ndarray, *, bins: int = 10) -> Reliability:
    """Sort images by the confidence of their prediction and compare it with the accuracy.

    Parameters
    ----------
    labels
        (n,) integers 0 to 9.
    probabilities
        (n, 10); the greatest of a row is the confidence.
    bins
        How many bins of equal width between 0 and 1, each without its lower and with its upper end.

    Raises
    ------
    ValueError
        Something other than labels and probabilities of one length, or fewer than one bin.
    """
    if bins < 1:
        raise ValueError(f"bins: expected at least 1, got {bins}")
    confidence, right = _confidence(labels, probabilities)
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    index = np.searchsorted(edges, confidence)
    count = np.bincount(index, minlength=bins)
    filled = count > 0
    sums = [np.bincount(index, weights=values, minlength=bins)[filled] for values in (confidence, right)]
    return Reliability(sums[0] / count[filled], sums[1] / count[filled], count[filled])


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over the bins, weighted by their images.

    0 is perfect, 1 the worst. Defined as in Guo et al. 2017 (arXiv 1706.04599), equation 3.

    Raises
    ------
    ValueError
        As `reliability_curve`.
    """
    curve = reliability_curve(labels, probabilities, bins=bins)
    return float(np.average(np.abs(curve.accuracy - curve.confidence), weights=curve.images))


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature that makes probabilities fit labels best (Guo et al. 2017, section 4.2).

    It minimizes the cross-entropy, so fit it on images that the network was not trained on, and not on
    the test set. Above 1, the network was too confident; below 1, not confident enough. Sought from 1/100
    to 100.

    Raises
    ------
    ValueError
        Something other than labels and probabilities of one length.
    """
    _confidence(labels, probabilities)
    logits = _logits(probabilities)
    target = np.take_along_axis(logits, labels[:, np.newaxis].astype("int64"), axis=1).mean()

    def slope(temperature: float) -> float:
        """Return the derivative of the cross-entropy by 1 / temperature, which grows with 1 / temperature."""
        return float((special.softmax(logits / temperature, axis=1) * logits).sum(axis=1).mean() - target)

    low, high = np.log(0.01), np.log(100)
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if slope(np.exp(middle)) > 0 else (low, middle)
    return float(np.exp((low + high) / 2))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities (n, 10) with their logits divided by a temperature, float64; their order stays.

    Raises
    ------
    ValueError
        Something other than probabilities, or a temperature that is not above 0.
    """
    check_probabilities(probabilities)
    if not temperature > 0:
        raise ValueError(f"temperature: expected a number above 0, got {temperature}")
    scaled: np.ndarray = special.softmax(_logits(probabilities) / temperature, axis=1)
    return scaled


def coverage_curve(labels: np.ndarray, probabilities: np.ndarray) -> Coverage:
    """Let the classifier answer only where its confidence reaches a threshold, for every threshold.

    Raises
    ------
    ValueError
        Something other than labels and probabilities of one length.
    """
    confidence, right = _confidence(labels, probabilities)
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    answered = np.arange(1, len(ranked) + 1)
    last = np.append(ranked[1:] != ranked[:-1], True)  # equal confidences are answered together
    accuracy = np.cumsum(right[order]) / answered
    return Coverage(ranked[last], answered[last] / len(ranked), accuracy[last])


# What the above share


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Return logarithms, which softmax turns into the probabilities again; 0 counts as the least float32."""
    logits: np.ndarray = np.log(np.maximum(probabilities.astype("float64"), np.finfo("float32").tiny))
    return logits


def _confidence(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each image the probability of the predicted digit and whether that is right."""
    check_probabilities(probabilities)
    predicted_labels = probabilities.argmax(axis=1)
    _check_pair(labels, predicted_labels, name="probabilities")
    return probabilities.max(axis=1).astype("float64"), predicted_labels == labels


def _check_pair(
    labels: np.ndarray,
    predicted_labels: np.ndarray,
    *,
    classes: int = CLASSES,
    name: str = "predicted_labels",
) -> None:
    check_labels(labels, classes=classes)
    check_labels(predicted_labels, classes=classes, name=name)
    if not len(labels) or len(labels) != len(predicted_labels):
        lengths = f"{len(labels)} and {len(predicted_labels)}"
        raise ValueError(f"labels and {name}: expected one length, at least 1, got {lengths}")


def _check_counts(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"successes: expected 0 to trials, of which at least 1, got {successes} of {trials}")


def _check_sample(name: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    numbers = np.asarray(values, dtype="float64")
    if numbers.ndim != 1 or len(numbers) < 2 or not np.isfinite(numbers).all():
        raise ValueError(f"{name}: expected at least two finite numbers, got {values}")
    return numbers


def _upper_tail(confidence: float) -> float:
    """Return the quantile of an interval's upper end: 0.975 for 95 %."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    return (1 + confidence) / 2
