import json
from pathlib import Path

import numpy as np
import pytest

import experiments
from mnist_lessons.data import load_mnist
from mnist_lessons.tables import STORED, load_table


def stored_tables():
    return sorted(STORED.glob("*.csv"))


@pytest.mark.parametrize("file", stored_tables(), ids=lambda file: file.stem)
def test_stored_table_says_what_made_it(file):
    text = file.with_suffix(".json").read_text()
    note = json.loads(text)
    assert {"command", "seeds", "cpu_seconds", "versions", "machine"} == set(note)
    script = Path(__file__).parents[1] / "experiments" / f"{note['command'].split()[-1]}.py"
    assert f'"{file.stem}"' in script.read_text()
    assert "/" not in text


def test_interrupted_experiment_continues_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "ROOT", tmp_path)
    monkeypatch.setattr(experiments, "STORED", tmp_path)
    code = {
        "experiments/trial.py": "from mnist_lessons import models",
        "mnist_lessons/models.py": "def build():\n    from mnist_lessons.data import load_mnist",
        "mnist_lessons/data.py": "",
        "mnist_lessons/plots.py": "",
        "constraints.txt": "",
    }
    for name, text in code.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    made, interruptions = [], [KeyboardInterrupt]

    def part(number):
        made.append(number)
        if number == 2 and interruptions:
            raise interruptions.pop()
        return [{"number": number}]

    parts = {"one": lambda: part(1), "two": lambda: part(2)}
    with pytest.raises(KeyboardInterrupt):
        experiments.save_table("trial", parts, experiment="trial", seeds="none")
    assert not (tmp_path / "trial.csv").exists()
    rows = experiments.save_table("trial", parts, experiment="trial", seeds="none")
    assert made == [1, 2, 2]
    assert rows == [{"number": 1}, {"number": 2}]
    for changed in ("mnist_lessons/data.py", "constraints.txt"):  # what it rests on by way of another module, too
        made.clear()
        (tmp_path / changed).write_text("# changed")
        experiments.save_table("trial", parts, experiment="trial", seeds="none")
        assert made == [1, 2]
    (tmp_path / "mnist_lessons/plots.py").write_text("# changed")
    experiments.save_table("trial", parts, experiment="trial", seeds="none")
    assert made == [1, 2]


def test_reported_networks_have_the_learning_rates_that_were_chosen():
    from experiments.relu_vs_sigmoid import CHOOSING_SEEDS, best_rate

    rates, sweep = load_table("relu-rates"), load_table("relu-sweep")
    assert len(sweep) == 28 * 2 * 10
    assert not {row["seed"] for row in sweep} & set(CHOOSING_SEEDS)
    for row in sweep:
        cell = [row[name] for name in ("activation", "depth", "initializer", "optimizer")]
        assert row["learning_rate"] == best_rate(rates, *cell)


def test_linear_denoisers_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression

    from experiments import autoencoder

    images = load_mnist()[1][0][:1500]
    flat = images.reshape(-1, 784).astype("float64")
    ours = autoencoder.principal_components(images, 20)
    theirs = PCA(20, svd_solver="full").fit(flat).components_
    np.testing.assert_allclose(np.abs(np.sum(ours * theirs, axis=1)), 1, atol=1e-6)

    noisy = autoencoder.with_noise_of_any_level(images)
    weights, offset = autoencoder.best_linear_map(noisy, images)
    fitted = LinearRegression().fit(noisy.reshape(-1, 784), flat)
    np.testing.assert_allclose(weights, fitted.coef_.T, atol=1e-6)
    np.testing.assert_allclose(offset, fitted.intercept_, atol=1e-4)
