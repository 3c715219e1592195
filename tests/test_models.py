import numpy as np
import pytest

from mnist_lessons import data, models


@pytest.fixture(scope="module")
def images():
    return data.load_mnist()[1][0][:50]


@pytest.mark.parametrize("build", [models.build_dense, models.build_cnn])
def test_models_take_mnist_as_it_is_and_answer_with_probabilities(build, images):
    probabilities = build().predict(images, verbose=0)
    assert probabilities.shape == (50, 10)
    data.check_probabilities(probabilities)


def test_the_dense_network_has_the_parameters_that_the_book_counts():
    # (784 + 1) * 128 + (128 + 1) * 128 + (128 + 1) * 10
    assert models.build_dense().count_params() == 118_282


def test_the_dense_network_is_matrix_products_and_relu(images):
    model = models.build_dense((5, 4))
    w1, b1, w2, b2, w3, b3 = model.get_weights()
    hidden = np.maximum(images.reshape(50, 784) / 255 @ w1 + b1, 0)
    hidden = np.maximum(hidden @ w2 + b2, 0)
    logits = hidden @ w3 + b3
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-5)


def test_the_activation_and_the_initializer_are_those_asked_for():
    model = models.build_dense((7,), activation="sigmoid", kernel_initializer="zeros")
    hidden = model.layers[-2]
    assert hidden.activation.__name__ == "sigmoid"
    assert not hidden.kernel.numpy().any()
    assert model.layers[-1].kernel.numpy().any()
