from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import sklearn.calibration
import sklearn.metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from mnist_lessons import evaluation
from mnist_lessons.augmentation import gaussian_noise
from mnist_lessons.data import load_mnist


@pytest.fixture(scope="module")
def labels() -> Any:
    return np.random.default_rng(1).integers(0, 10, 3000).astype(np.uint8)


@pytest.fixture(scope="module")
def probabilities(labels: Any) -> Any:
    """A too confident classifier that is right on about nine images of ten, as Keras gives it."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(len(labels), 10)) + 3 * np.eye(10)[labels]
    calibrated = 3 * features  # by Bayes' rule, for normal features of variance 1
    return scipy.special.softmax(2 * calibrated, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def predicted_labels(probabilities: Any) -> Any:
    return probabilities.argmax(axis=1)


@pytest.mark.parametrize(("successes", "trials"), [(9778, 10_000), (0, 10), (10, 10), (1, 3), (5, 10)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_interval(successes: int, trials: int, confidence: float) -> None:
    expected = proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
    found = evaluation.wilson_interval(successes, trials, confidence=confidence)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_wilson_interval_at_98_percent_of_10_000_is_a_quarter_of_a_point_wide_on_either_side() -> None:
    low, high = evaluation.wilson_interval(9800, 10_000)
    assert (high - low) / 2 == pytest.approx(0.0027, abs=0.0001)


def test_bootstrap_interval_of_a_mean_is_near_scipys_and_wilsons() -> None:
    right = np.arange(2000) < 1900
    found = evaluation.bootstrap_interval(right)
    theirs = scipy.stats.bootstrap((right,), np.mean, method="percentile", n_resamples=2000, rng=3)
    np.testing.assert_allclose(found, theirs.confidence_interval, atol=0.002)
    np.testing.assert_allclose(found, evaluation.wilson_interval(1900, 2000), atol=0.002)


def test_bootstrap_interval_takes_rows_and_any_statistic() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 2))
    rows[:, 1] += rows[:, 0]

    def correlation(sample: Any) -> Any:
        return np.corrcoef(sample.T)[0, 1]

    low, high = evaluation.bootstrap_interval(rows, statistic=correlation, resamples=500)
    assert low < correlation(rows) < high
    assert (low, high) == evaluation.bootstrap_interval(rows, statistic=correlation, resamples=500)
    assert (low, high) != evaluation.bootstrap_interval(rows, statistic=correlation, resamples=500, seed=1)


def test_seed_interval() -> None:
    values = [97.9, 98.0, 97.7, 98.1, 97.8]
    expected = scipy.stats.t.interval(0.95, 4, np.mean(values), scipy.stats.sem(values))
    np.testing.assert_allclose(evaluation.seed_interval(values), expected)


@pytest.mark.parametrize(("b", "c"), [(7, 19), (19, 7), (0, 0), (4, 4), (0, 6), (120, 90)])
def test_mcnemar_test(b: int, c: int) -> None:
    labels = np.zeros(300, int)
    first, second = labels.copy(), labels.copy()
    first[:20] = second[:20] = 1  # both wrong
    second[20 : 20 + b] = 1
    first[20 + b : 20 + b + c] = 1
    expected = mcnemar([[280 - b - c, b], [c, 20]], exact=True).pvalue
    found = evaluation.mcnemar_test(labels, first, second)
    assert found[:2] == (b, c)
    assert found.p_value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("successes", "trials"), [((9906, 9923), (10_000, 10_000)), ((3, 40), (10, 60)), ((5, 5), (9, 9))]
)
def test_two_proportion_test(successes: Any, trials: Any) -> None:
    expected = proportions_ztest(successes, trials)[1]
    assert evaluation.two_proportion_test(successes, trials) == pytest.approx(expected)


def test_two_proportions_without_any_error_are_not_told_apart() -> None:
    assert evaluation.two_proportion_test((10, 20), (10, 20)) == 1


def test_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(98, 0.1, 10), rng.normal(97.9, 0.1, 10)
    expected = scipy.stats.ttest_rel(first, second).pvalue
    assert evaluation.paired_t_test(first, second) == pytest.approx(expected)


def test_paired_t_test_of_differences_that_do_not_vary() -> None:
    assert evaluation.paired_t_test([1, 2], [1, 2]) == 1
    assert evaluation.paired_t_test([1, 2], [2, 3]) == 0


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03, 0.005], [0.5, 0.9, 0.6], [0.02, 0.02], [0.2], []])
def test_holm(p_values: Any) -> None:
    expected = multipletests(p_values, method="holm")[1] if p_values else []
    np.testing.assert_allclose(evaluation.holm(p_values), expected)


def test_confusion_matrix(labels: Any, predicted_labels: Any) -> None:
    expected = sklearn.metrics.confusion_matrix(labels, predicted_labels)
    np.testing.assert_array_equal(evaluation.confusion_matrix(labels, predicted_labels), expected)


def test_precision_and_recall(labels: Any, predicted_labels: Any) -> None:
    precision, recall, *_ = sklearn.metrics.precision_recall_fscore_support(labels, predicted_labels)
    found = evaluation.precision_recall(evaluation.confusion_matrix(labels, predicted_labels))
    np.testing.assert_allclose(found, [precision, recall])


def test_precision_and_recall_where_they_are_undefined() -> None:
    precision, recall = evaluation.precision_recall(np.array([[2, 0, 1], [1, 0, 0], [0, 0, 0]]))
    np.testing.assert_allclose(precision, [2 / 3, np.nan, 0])
    np.testing.assert_allclose(recall, [2 / 3, 0, np.nan])


def test_errors_by_digit_and_pair_count_every_mistake_once(labels: Any, predicted_labels: Any) -> None:
    matrix = evaluation.confusion_matrix(labels, predicted_labels)
    by_digit = evaluation.errors_by_digit(matrix)
    np.testing.assert_array_equal(by_digit, np.bincount(labels[predicted_labels != labels], minlength=10))
    pairs = evaluation.errors_by_pair(matrix)
    counts = [count for _, _, count in pairs]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == (predicted_labels != labels).sum()
    assert all(matrix[digit, taken_for] == count and digit != taken_for for digit, taken_for, count in pairs)


def test_errors_by_half() -> None:
    labels = np.array([0, 1, 2, 3, 4])
    assert evaluation.errors_by_half(labels, np.array([1, 1, 0, 0, 4])) == (1, 2)


def test_reliability_curve(labels: Any, probabilities: Any) -> None:
    right = probabilities.argmax(axis=1) == labels
    expected = sklearn.calibration.calibration_curve(right, probabilities.max(axis=1), n_bins=10)
    found = evaluation.reliability_curve(labels, probabilities, bins=10)
    np.testing.assert_allclose((found.accuracy, found.confidence), expected, rtol=1e-6)
    assert found.images.sum() == len(labels)


def test_expected_calibration_error(labels: Any, probabilities: Any) -> None:
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    expected = 0
    for lower in np.arange(15) / 15:
        inside = (confidence > lower) & (confidence <= lower + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean(dtype=float))
    found = evaluation.expected_calibration_error(labels, probabilities)
    assert found == pytest.approx(expected, abs=1e-6)
    assert found > 0.03


def test_a_calibrated_classifier_has_a_small_expected_calibration_error() -> None:
    rng = np.random.default_rng(4)
    probabilities = rng.dirichlet(np.full(10, 0.2), size=20_000)
    drawn = (rng.random((20_000, 1)) > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    assert evaluation.expected_calibration_error(drawn, probabilities) < 0.01


def test_temperature_minimizes_the_cross_entropy(labels: Any, probabilities: Any) -> None:
    def loss(temperature: Any) -> Any:
        return sklearn.metrics.log_loss(labels, evaluation.apply_temperature(probabilities, temperature))

    best = scipy.optimize.minimize_scalar(loss, bounds=(0.2, 8), method="bounded", options={"xatol": 1e-7})
    found = evaluation.fit_temperature(labels, probabilities)
    assert found == pytest.approx(best.x, abs=1e-4)
    assert found == pytest.approx(2, rel=0.1)  # the logits were doubled
    scaled = evaluation.apply_temperature(probabilities, found)
    assert evaluation.expected_calibration_error(labels, scaled) < 0.02


def test_apply_temperature(probabilities: Any) -> None:
    np.testing.assert_allclose(evaluation.apply_temperature(probabilities, 1), probabilities, atol=1e-6)
    by_hand = probabilities.astype(float) ** (1 / 3)
    by_hand /= by_hand.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(evaluation.apply_temperature(probabilities, 3), by_hand, atol=1e-6)


def test_probabilities_of_zero_stay_finite() -> None:
    certain = np.eye(10, dtype=np.float32)
    assert np.isfinite(evaluation.apply_temperature(certain, 2.0)).all()
    assert evaluation.fit_temperature(np.arange(10), certain) <= 1


def test_coverage_curve(labels: Any, probabilities: Any) -> None:
    curve = evaluation.coverage_curve(labels, probabilities)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    assert (np.diff(curve.threshold) < 0).all()
    for threshold, coverage, accuracy in list(zip(*curve, strict=True))[::100]:
        answered = confidence >= threshold
        assert coverage == pytest.approx(answered.mean())
        assert accuracy == pytest.approx(right[answered].mean())
    assert curve.coverage[-1] == 1


def test_coverage_curve_answers_equal_confidences_together() -> None:
    probabilities = np.full((4, 10), 0.05)
    probabilities[:, 0] = 0.55
    curve = evaluation.coverage_curve(np.array([0, 0, 0, 1]), probabilities)
    assert [list(values) for values in curve] == [[0.55], [1], [0.75]]


def test_root_mean_square_error_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import root_mean_squared_error

    images = load_mnist()[1][0][:1500]
    noisy = gaussian_noise(images, 0.3, seed=0)
    expected = root_mean_squared_error(images.reshape(-1), noisy.reshape(-1).astype("float64"))
    assert evaluation.root_mean_square_error(images, noisy) == pytest.approx(expected)


LABELS = np.arange(3)
PROBABILITIES = np.full((3, 10), 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation.wilson_interval(11, 10), "successes: expected 0 to trials.*got 11 of 10"),
        (lambda: evaluation.wilson_interval(0, 0), "got 0 of 0"),
        (
            lambda: evaluation.wilson_interval(1, 2, confidence=95),
            "confidence: expected a number between 0 and 1, got 95",
        ),
        (lambda: evaluation.bootstrap_interval(np.array([])), "values and resamples: .*got 0 and 2000"),
        (lambda: evaluation.seed_interval([98.0]), "values: expected at least two finite numbers"),
        (lambda: evaluation.seed_interval([98.0, np.nan]), "values: expected at least two finite"),
        (lambda: evaluation.two_proportion_test((3, 4), (2, 9)), "got 3 of 2"),
        (lambda: evaluation.paired_t_test([1, 2], [1, 2, 3]), "first and second: .*got 2 and 3"),
        (lambda: evaluation.holm([0.1, 1.2]), "p_values: expected a sequence of numbers from 0 to 1"),
        (
            lambda: evaluation.confusion_matrix(LABELS, LABELS[:2]),
            "labels and predicted_labels: .*got 3 and 2",
        ),
        (lambda: evaluation.confusion_matrix(LABELS + 8, LABELS), "labels: expected 0 to 9, got 8 to 10"),
        (lambda: evaluation.errors_by_half(LABELS, LABELS + 0.5), "predicted_labels: .*got shape .* float64"),
        (lambda: evaluation.errors_by_half(LABELS[:0], LABELS[:0]), "at least 1, got 0 and 0"),
        (lambda: evaluation.mcnemar_test(LABELS, LABELS, LABELS[1:]), "labels and second: .*got 3 and 2"),
        (lambda: evaluation.reliability_curve(LABELS, PROBABILITIES, bins=0), "bins: expected at least 1"),
        (lambda: evaluation.coverage_curve(LABELS, PROBABILITIES[1:]), "labels and probabilities: .*3 and 2"),
        (
            lambda: evaluation.fit_temperature(LABELS, PROBABILITIES * 2),
            "probabilities: expected rows that sum",
        ),
        (
            lambda: evaluation.root_mean_square_error(PROBABILITIES, PROBABILITIES[:2]),
            "clean and restored: .* of one shape",
        ),
        (
            lambda: evaluation.root_mean_square_error(LABELS[:0], LABELS[:0]),
            "clean and restored: .* of one shape",
        ),
        (
            lambda: evaluation.apply_temperature(PROBABILITIES, 0),
            "temperature: expected a number above 0, got 0",
        ),
    ],
)
def test_wrong_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
