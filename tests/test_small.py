"""Small networks: folding, rounding and pruning keep what they should; the written programs answer as Keras does."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_lessons import data, small
from mnist_lessons.export import describe, round_to_print, to_c, to_javascript

NODE = Path(sys.executable).with_name("node")
# Every kind of layer, odd sizes, padding at one end only; the second is that of the page.
DESIGNS = ["conv4x3/2 sep5 pool conv6x2 flat", "conv8x5/2 sep16 sep24 pool sep32 weigh"]


@pytest.fixture(scope="module", params=DESIGNS)
def network(request: Any) -> Any:
    """A network with random weights and normalization, whose answers differ from image to image."""
    import keras

    keras.utils.set_random_seed(0)
    model = small.build_small(request.param)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if type(layer).__name__ == "FusedNormalization":
            shape = layer.beta.shape
            layer.set_weights([rng.normal(0, 0.3, shape), rng.normal(0, 0.1, shape), rng.uniform(0.01, 0.1, shape)])
    return model


@pytest.fixture(scope="module")
def images() -> Any:
    return data.load_mnist()[1][0][:100]


def probabilities(model: Any, images: np.ndarray) -> np.ndarray:
    return np.asarray(model(images))


def test_folded_network_gives_the_same_answers_with_fewer_parameters(network: Any, images: np.ndarray) -> None:
    folded = small.fold(network)
    expected = probabilities(network, images)
    assert expected.std(axis=0).max() > 0.01
    np.testing.assert_allclose(probabilities(folded, images), expected, atol=1e-5)
    normalized = sum(layer.beta.shape[0] for layer in network.layers if hasattr(layer, "beta"))
    assert folded.count_params() == network.count_params() - 2 * normalized


@pytest.mark.parametrize("word", ["conv8", "conv8x5/", "sep", "pool2", "dense"])
def test_unknown_word_of_a_design_is_named(word: str) -> None:
    with pytest.raises(ValueError, match=f"design: expected words such as .*; got '{word}'"):
        small.build_small(f"conv4x3/2 {word}")


@pytest.mark.parametrize("by_filter", [False, True])
def test_rounded_weights_take_few_values(network: Any, by_filter: bool) -> None:
    folded = small.fold(network)
    rounded = small.round_weights(folded, 7, by_filter=by_filter)
    for before, after in zip(folded.get_weights(), rounded.get_weights(), strict=True):
        if before.ndim == 1:
            continue
        filters = np.moveaxis(after, -2 if before.shape[-1] == 1 else -1, 0) if by_filter else [after]
        originals = np.moveaxis(before, -2 if before.shape[-1] == 1 else -1, 0) if by_filter else [before]
        for values, original in zip(filters, originals, strict=True):
            step = np.abs(original).max() / 7
            assert len(np.unique(np.rint(values / step))) <= 15
            assert np.abs(values - original).max() <= step / 2 + 1e-6


def test_pruned_weights_stay_zero_in_training(network: Any, images: np.ndarray) -> None:
    import keras

    pruned = small.prune(small.fold(network), 0.5)
    kernels = [array for array in pruned.get_weights() if array.ndim > 1]
    assert all(abs(np.mean(array == 0) - 0.5) < 0.1 for array in kernels)
    pruned.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    pruned.fit(images, np.arange(100) % 10, verbose=0)
    after = [array for array in pruned.get_weights() if array.ndim > 1]
    assert all((old != new).any() for old, new in zip(kernels, after, strict=True))
    assert all((new[old == 0] == 0).all() for old, new in zip(kernels, after, strict=True))


def test_javascript_program_agrees_with_keras(network: Any, images: np.ndarray, tmp_path: Path) -> None:
    rounded = round_to_print(small.fold(network))
    (tmp_path / "images").write_bytes(images.tobytes())
    calls = "for (let i = 0; i < bytes.length; i += 784) console.log(digit(bytes.subarray(i, i + 784)).join(' '));"
    (tmp_path / "digit.cjs").write_text(
        f"{to_javascript(rounded)}const bytes = require('fs').readFileSync(process.argv[2]);{calls}", encoding="utf-8"
    )
    printed = run(NODE, tmp_path / "digit.cjs", tmp_path / "images")
    np.testing.assert_allclose(read(printed), probabilities(rounded, images), atol=1e-5)


def test_c_program_agrees_with_keras(network: Any, images: np.ndarray, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or pytest.skip("no C compiler")
    rounded = round_to_print(small.fold(network))
    (tmp_path / "digit.c").write_text(to_c(rounded), encoding="utf-8")
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    run(compiler, *strict, "-O1", tmp_path / "digit.c", "-lm", "-o", tmp_path / "digit")
    printed = run(tmp_path / "digit", input=images.tobytes())
    np.testing.assert_allclose(read(printed), probabilities(rounded, images), atol=1e-5)


def run(*command: Any, input: bytes | None = None) -> str:
    return subprocess.run([str(part) for part in command], input=input, capture_output=True, check=True).stdout.decode()


def read(printed: str) -> np.ndarray:
    return np.array([[float(number) for number in line.split()] for line in printed.splitlines()])


def test_weights_that_are_not_rounded_are_refused(network: Any) -> None:
    with pytest.raises(ValueError, match="expected weights that round_to_print rounded"):
        describe(small.fold(network))


def test_network_that_is_not_folded_is_refused(network: Any) -> None:
    with pytest.raises(ValueError, match="expected layers that the programs know, got FusedNormalization"):
        describe(round_to_print(network))
