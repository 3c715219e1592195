"""The recipes behind the table of published results, against other people's programs."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from statsmodels.stats.multitest import multipletests

from experiments import recipe_choices, scoreboard
from experiments.runner import Run
from mnist_lessons import recipes
from mnist_lessons.data import load_mnist, one_hot
from mnist_lessons.tables import STORED, Row, load_table

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def few() -> Any:
    """2,500 training and 600 test images."""
    train, test = load_mnist()
    return (train[0][:2500], train[1][:2500]), (test[0][:600], test[1][:600])


@pytest.mark.parametrize("k", [1, 5])
def test_nearest_neighbors_agree_with_scikit_learn(few: Any, k: int) -> None:
    train, (images, _) = few
    expected = KNeighborsClassifier(k, algorithm="brute").fit(scoreboard.flat(train[0]), train[1])
    expected = expected.predict(scoreboard.flat(images))
    found = scoreboard.k_nearest(train, images, k=k)
    if k == 1:
        np.testing.assert_array_equal(found, expected)
    assert np.mean(found == expected) > 0.97  # of several digits with as many votes, scikit-learn takes the smallest


def test_tie_goes_to_the_nearest_neighbor() -> None:
    known = np.zeros((4, 28, 28), "uint8")
    known[:, 0, 0] = [40, 50, 60, 70]
    train = known, np.array([3, 9, 1, 3], "uint8")
    image = np.zeros((1, 28, 28), "uint8")
    image[0, 0, 0] = 52
    assert scoreboard.k_nearest(train, image, k=2) == [9]  # 50, then 60
    assert scoreboard.k_nearest(train, image, k=3) == [9]


def test_principal_components_and_products_agree_with_scikit_learn(few: Any) -> None:
    train, (images, _) = few
    model = make_pipeline(PCA(40, svd_solver="full"), PolynomialFeatures(2), LinearRegression())
    model.fit(scoreboard.flat(train[0]), one_hot(train[1]))
    expected = model.predict(scoreboard.flat(images)).argmax(axis=1)
    assert np.mean(scoreboard.pca_quadratic(train, images) == expected) > 0.995


def test_least_squares_agrees_with_scikit_learn() -> None:
    train, (images, _) = load_mnist()
    model = LinearRegression().fit(scoreboard.flat(train[0][:20_000]), one_hot(train[1][:20_000]))
    expected = model.predict(scoreboard.flat(images)).argmax(axis=1)
    found = scoreboard.least_squares((train[0][:20_000], train[1][:20_000]), images)
    assert np.mean(found == expected) > 0.995


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_compiled_loop_agrees_with_fit(few: Any, decay: float) -> None:
    train = few[0][0][:640], few[0][1][:640]

    def network() -> Any:
        keras.utils.set_random_seed(3)
        model = scoreboard.dense((20,), activation="tanh", last="softmax")
        model.layers[-1].kernel.regularizer = keras.regularizers.L2(decay)
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        return model

    compiled, fitted = network(), network()
    scoreboard.fit_compiled(compiled, train, batch_size=64, epochs=2, seed=5)
    generator = np.random.default_rng(5)
    for _ in range(2):
        order = generator.permutation(640)
        fitted.fit(train[0][order], train[1][order], batch_size=64, shuffle=False, verbose=0)
    for ours, theirs in zip(compiled.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_costs_agree_with_the_formulas_of_nielsens_book() -> None:
    targets = one_hot(np.array([2, 7]))
    outputs = np.random.default_rng(0).uniform(0.01, 0.99, (2, 10)).astype("float32")
    quadratic = [0.5 * np.linalg.norm(a - y) ** 2 for a, y in zip(outputs, targets, strict=True)]
    np.testing.assert_allclose(scoreboard.quadratic_cost(targets, outputs), quadratic, rtol=1e-5)
    entropy = -np.sum(targets * np.log(outputs) + (1 - targets) * np.log(1 - outputs), axis=1)
    np.testing.assert_allclose(scoreboard.summed_cross_entropy(targets, outputs), entropy, rtol=1e-4)


def test_weight_decay_agrees_with_the_formula_of_nielsens_book(few: Any) -> None:
    # With a rate of eta, weights shrink by 1 - eta * lambda / n at each step.
    train, test = few
    train = train[0][:10], train[1][:10]
    models = [
        scoreboard.nielsen(
            train, [test], units=5, cost=scoreboard.quadratic_cost, rate=0.5, decay=decay, seed=1, epochs=1
        )[0].get_weights()
        for decay in (0.0, 0.2)
    ]
    keras.utils.set_random_seed(1)
    start = scoreboard.nielsen(train, [test], units=5, cost=scoreboard.quadratic_cost, rate=0.5, seed=1, epochs=0)[0]
    for plain, shrunk, before in zip(*models, start.get_weights(), strict=True):
        expected = plain - 0.5 * 0.2 / 10 * before if before.ndim == 2 else plain
        np.testing.assert_allclose(shrunk, expected, atol=1e-5)


def test_stored_table_has_a_row_for_each_seed() -> None:
    table = load_table("scoreboard")
    names = {row["row"] for row in table}
    assert names <= scoreboard.METHODS.keys() | scoreboard.NETWORKS.keys()
    for name in names:
        seeds = list(scoreboard.SEEDS) if name in scoreboard.NETWORKS else [""]
        assert [row["seed"] for row in table if row["row"] == name] == seeds
    for row in table:
        assert 0 < row["first_half"] < row["errors"] < 10_000
        assert row["fewest"] == "" or row["fewest"] <= row["errors"]
        by_epoch = row["validation_by_epoch"]
        assert by_epoch == "" or by_epoch[-1] == row["validation_errors"]
    assert "scikit-learn" in json.loads((STORED / "scoreboard.json").read_text(encoding="utf-8"))["versions"]


def test_page_compares_every_stored_row_and_shows_its_recipe() -> None:
    page = (ROOT / "book" / "scoreboard.md").read_text(encoding="utf-8")
    named = set(re.findall(r'^    \("([\w-]+)", "', page, re.M)) | set(re.findall(r'our_errors\("([\w-]+)"\)', page))
    assert named == {row["row"] for row in load_table("scoreboard")}
    shown = set(re.findall(r"^:pyobject: (\w+)$", page, re.M))
    recipes = scoreboard.METHODS | scoreboard.NETWORKS
    assert {recipes[name][0].__name__ for name in named} <= shown


def test_page_explains_exactly_the_rows_that_differ() -> None:
    # The predictive distribution of one more run, written out, and another program's correction.
    page = (ROOT / "book" / "scoreboard.md").read_text(encoding="utf-8")
    found = re.search(r"^PUBLISHED = (\[.*?^\])", page, re.M | re.S)
    assert found
    rows, differ = {}, set()
    for name, _, _, published in ast.literal_eval(found[1]):
        column = "validation_errors" if name == "nielsen-100-l2" else "errors"
        runs = np.array([row[column] for row in load_table("scoreboard") if row["row"] == name]) / 100
        if len(runs) > 1:
            low, high = published if isinstance(published, tuple) else (published, published)
            one_more = stats.t(4, runs.mean(), runs.std(ddof=1) * np.sqrt(6 / 5))
            rows[name, published] = 2 * min(one_more.cdf(high), one_more.sf(low), 0.5)
        elif abs(runs[0] - published) > 0.05:
            differ.add((name, published))
    rejected = multipletests(list(rows.values()), method="holm")[0]
    differ |= {row for row, different in zip(rows, rejected, strict=True) if different}
    reasons = re.findall(r'^    \("([\w-]+)", ([\d.]+)\): ', page, re.M)
    assert {(name, float(published)) for name, published in reasons} == differ


Found = dict[Any, float]


def mean_errors(rows: list[Row], setting: str, errors: str) -> Found:
    """Return the mean error over the seeds of each setting that was tried."""
    by_setting: dict[Any, list[float]] = {}
    for row in rows:
        by_setting.setdefault(row[setting], []).append(row[errors])
    return {tried: float(np.mean(errors)) for tried, errors in by_setting.items()}


def grids() -> Iterator[tuple[str, Found]]:
    """Yield by name what was tried for the rows of the scoreboard and for the book's own recipes, with its error."""
    for table, (names, setting, errors) in {
        "scoreboard-choices": (("row",), "setting", "errors"),
        "recipe-choices": (("recipe", "setting"), "value", "error"),
    }.items():
        rows = load_table(table)
        for key in dict.fromkeys(tuple(row[name] for name in names) for row in rows):
            own = [row for row in rows if tuple(row[name] for name in names) == key]
            yield " ".join(key), mean_errors(own, setting, errors)
    yield "train_dense learning rate", mean_errors(load_table("dense-rates"), "learning_rate", "loss")


def at_an_end(found: Found) -> list[Any]:
    """Return what the best setting has in common with the least or the greatest that was tried, number by number."""
    best = np.atleast_1d(min(found, key=lambda tried: found[tried]))
    columns = np.array([np.atleast_1d(tried) for tried in found]).T
    return [value for value, tried in zip(best, columns, strict=True) if value in (tried.min(), tried.max())]


@pytest.mark.parametrize(("name", "found"), [pytest.param(*grid, id=grid[0]) for grid in grids()])
def test_no_choice_lies_at_the_end_of_what_was_tried(name: str, found: Found) -> None:
    assert at_an_end(found) == ([1] if name == "k-nearest" else []), f"{name}: {found}"  # no neighbor is less than one


def test_choice_is_stored_for_every_row_that_leaves_one_open_and_is_what_the_row_has() -> None:
    choices, table = load_table("scoreboard-choices"), load_table("scoreboard")
    open_rows = {*scoreboard.GRIDS, *scoreboard.TUNED}
    assert {row["row"] for row in choices} == open_rows
    assert {row["row"] for row in table if row["setting"] != ""} == open_rows | {*scoreboard.TAKEN_OVER}
    for name in {row["row"] for row in table}:
        setting = tuple(scoreboard.chosen(name, choices).values())
        expected = setting[0] if len(setting) == 1 else setting or ""
        assert {row["setting"] for row in table if row["row"] == name} == {expected}
    assert not {row["seed"] for row in choices} & {*scoreboard.SEEDS}


def test_choice_is_stored_for_every_recipe_of_the_book_that_is_not_published() -> None:
    public = {name for name, value in vars(recipes).items() if inspect.isfunction(value)}
    public = {name for name in public if getattr(recipes, name).__module__ == recipes.__name__}
    rows = load_table("recipe-choices")
    published, elsewhere = {"train_old_recipe"}, {"train_dense"}  # the latter in dense-rates
    takes_over = {"best", "small_99"}  # the latter from small-search
    others = published | elsewhere | takes_over | {"pixel_cross_entropy", "train_all"}
    assert {row["recipe"] for row in rows} == public - others
    assert {(row["recipe"], row["setting"]) for row in rows} == recipe_choices.SETTINGS.keys()
    for row in rows:
        same = [other for other in rows if (other["recipe"], other["setting"]) == (row["recipe"], row["setting"])]
        assert row["used"] in {other["value"] for other in same}


def test_turned_argument_reaches_the_function_that_the_recipe_calls() -> None:
    class Place:
        @staticmethod
        def fit(model: str, *, epochs: int = 2, peak_rate: float = 0.02) -> Any:
            return model, epochs, peak_rate

    with recipe_choices.turned(Place, "fit", "peak_rate", 2) as values:
        assert Place.fit("a") == ("a", 2, 0.04)
        assert Place.fit("b", epochs=3, peak_rate=0.5) == ("b", 3, 1.0)
    assert values == [(0.02, 0.04), (0.5, 1.0)]
    assert Place.fit("c") == ("c", 2, 0.02)


def test_rates_are_added_until_the_best_is_not_at_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measure(_: Any, name: str, rate: float) -> Run:
        asked.append(rate)
        return Run([{"row": name, "setting": rate, "errors": abs(np.log(rate / 0.05))}], 1, 1, 1)

    monkeypatch.setattr(scoreboard, "measure", measure)
    runs = scoreboard.choose("dense-800")
    assert [run.result[0]["setting"] for run in runs] == [0.001, 0.003, 0.01, 0.03, 0.1]
    assert min(asked) == 0.001
    assert max(asked) == 0.1
    monkeypatch.setattr(scoreboard, "RATES", (0.001, 0.003, 0.01))
    with pytest.raises(ValueError, match="RATES: expected rates around the best one, which for dense-800 is 0.01"):
        scoreboard.choose("dense-800")
