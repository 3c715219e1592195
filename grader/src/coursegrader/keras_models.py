"""Describe Keras models as JSON and rebuild them safely. Imported only when a model is sent or received.

A model is rebuilt from an allow-list of layers, after its size has been computed without allocating it. The
configuration of an allowed layer holds numbers, names of Keras's own functions, and other allowed parts; to build or
call the layer runs nothing but Keras. How long that takes, and how much memory, the limits of tests bound (`grade`).
"""

import functools
import inspect
import json
import math
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

MAX_LAYERS = 100
MAX_WEIGHTS = 2_000_000
MAX_ACTIVATIONS = 2_000_000
MAX_MULTIPLICATIONS = 50_000_000
MAX_DESCRIPTION = 1 << 20  # characters
MAX_METRIC = 1000  # some metrics make tables of this size squared

# The layers that can be graded, by kind. README.md has the same table; a test compares both with Keras.
LAYERS = {
    "Dense layers and activations": "Activation ActivityRegularization Dense ELU EinsumDense Embedding Identity "
    "InputLayer LeakyReLU Masking PReLU ReLU ReversibleEmbedding Softmax",
    "Convolutions": "Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose DepthwiseConv1D "
    "DepthwiseConv2D SeparableConv1D SeparableConv2D",
    "Pooling": "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
    "AdaptiveMaxPooling2D AdaptiveMaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D "
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D "
    "GlobalMaxPooling3D MaxPooling1D MaxPooling2D MaxPooling3D",
    "Recurrent layers and attention": "AdditiveAttention Attention Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU "
    "GRUCell GroupQueryAttention LSTM LSTMCell MultiHeadAttention RNN SimpleRNN SimpleRNNCell StackedRNNCells "
    "TimeDistributed",
    "Normalization and regularization": "AlphaDropout BatchNormalization Dropout GaussianDropout GaussianNoise "
    "GroupNormalization LayerNormalization Normalization RMSNormalization SpatialDropout1D SpatialDropout2D "
    "SpatialDropout3D SpectralNormalization UnitNormalization",
    "Merging and reshaping": "Add Average Concatenate Cropping1D Cropping2D Cropping3D Dot Flatten Maximum Minimum "
    "Multiply Permute RepeatVector Reshape Subtract UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D "
    "ZeroPadding2D ZeroPadding3D",
    "Preprocessing and augmentation": "AugMix AutoContrast CategoryEncoding CenterCrop "
    "ContrastLimitedAdaptiveHistogramEqualization Discretization Pipeline RandAugment RandomBrightness "
    "RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing "
    "RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization "
    "RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom Rescaling Resizing "
    "Solarization",
}
REFUSED = {
    "it contains code": "Lambda",
    "it runs what is no part of Keras": "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    "it can read files": "IntegerLookup StringLookup TextVectorization",
    "it is for text": "HashedCrossing Hashing",
    "Keras cannot build it into a model": "Equalization",
    "it makes tables whose size is not known before": "MelSpectrogram STFTSpectrogram",
    "it needs labels or boxes beside the images": "CutMix MaxNumBoundingBoxes MixUp",
    "it is a base class": "Layer Wrapper",
}
_REASONS = dict.fromkeys(" ".join(LAYERS.values()).split(), "")
_REASONS |= {name: reason for reason, names in REFUSED.items() for name in names.split()}
_MODELS = frozenset({("keras", "Sequential"), ("keras.src.models.functional", "Functional"), ("keras", "Functional")})
_PARTS = frozenset({"keras.initializers", "keras.regularizers", "keras.constraints", "keras.losses", "keras.metrics"})
_TRAINING = frozenset({"keras.optimizers", "keras.optimizers.schedules"})
_FUNCTIONS = {
    name
    for module in (keras.activations, keras.losses, keras.metrics)
    for name, value in vars(module).items()
    if inspect.isfunction(value)
} - {"deserialize", "get", "serialize"}


class _TooLargeError(ValueError):
    """A model that is too expensive for the grader."""


def describe_model(model: Any) -> dict[str, Any]:
    """Return the JSON description of a model, without its weights."""
    description: dict[str, Any] = keras.saving.serialize_keras_object(model)
    try:
        _check_description(description.get("compile_config"))
    except ValueError:
        description["compile_config"] = None  # a custom loss cannot be rebuilt; the layers still can
    return description


def rebuild_model(description: dict[str, Any], weights: list[np.ndarray]) -> keras.Model:
    """Build a model from its description and weights.

    Raises
    ------
    ValueError
        A part is not on the allow-list, the model is too large, or its weights do not fit.
    """
    if not isinstance(description, dict) or not _is_model(description):
        raise ValueError("model: expected the description of a model")
    _check_description(description)
    try:
        if (uses := _count_uses(description["config"])) > MAX_LAYERS:
            raise _TooLargeError(f"model: expected at most {MAX_LAYERS} uses of layers, got {uses:,}")
        text = json.dumps({**description, "compile_config": None}, default=np.generic.item)
        if len(text) > MAX_DESCRIPTION:
            raise _TooLargeError(f"model: expected a description of at most {MAX_DESCRIPTION:,} characters")
        shapes = _measure_model(text)
        if shapes != [array.shape for array in weights]:
            raise ValueError("weights and layers do not fit")
        description = {**json.loads(text), "compile_config": description.get("compile_config")}  # what was measured
        model = keras.saving.deserialize_keras_object(description, safe_mode=True)
        model.set_weights(weights)
    except _TooLargeError:
        raise
    except Exception as error:  # Keras fails in many ways on a forged description
        raise ValueError(f"model: Keras cannot build it again: {error}"[:300]) from error
    return model


@functools.lru_cache(maxsize=64)
def _measure_model(text: str) -> list[tuple[int, ...]]:
    """Return the shapes of a model's weights without allocating them; raise if the model is too large.

    Cached, as many students send the same model, described as JSON.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(json.loads(text), safe_mode=True)
    finally:  # or the next scope would allocate them
        global_state.set_global_attribute("uninitialized_variables", [])
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    activations, multiplications = _measure_calls(model)
    for name, value, limit in [
        ("weights", weights, MAX_WEIGHTS),
        ("activations per example", activations, MAX_ACTIVATIONS),
        ("multiplications per example", multiplications, MAX_MULTIPLICATIONS),
    ]:
        if value > limit:
            raise _TooLargeError(f"model: expected at most {limit:,} {name}, got {value:,}")
    return [tuple(weight.shape) for weight in model.weights]


def _measure_calls(model: Any) -> tuple[int, int]:
    """Return how many activations a model computes for one example, and about how many multiplications that takes.

    A layer or model that is used several times computes and stores activations each time.
    """
    activations = multiplications = 0
    for layer in model.layers:
        inside = _measure_calls(layer) if isinstance(layer, keras.Model) else (0, 0)
        for node in layer._inbound_nodes:
            inputs, outputs = ([tensor.shape[1:] for tensor in side] for side in (node.input_tensors, node.outputs))
            if any(None in shape for shape in inputs + outputs):
                raise _TooLargeError(f"model: expected a size for each axis, got None in layer {layer.name}")
            activations += inside[0] + sum(map(math.prod, outputs)) + _count_padding(layer, inputs)
            multiplications += inside[1] or _count_multiplications(layer, inputs, outputs)
    return activations, multiplications


def _count_padding(layer: Any, inputs: list[tuple[int, ...]]) -> int:
    """Return how many zeros a layer puts before its input, in addition to its output."""
    if getattr(layer, "padding", "") != "causal":
        return 0
    return int(math.prod(inputs[0][1:]) * math.prod(layer.kernel_size) * math.prod(layer.dilation_rate))


def _count_multiplications(layer: Any, inputs: list[tuple[int, ...]], outputs: list[tuple[int, ...]]) -> int:
    """Return the approximate number of operations for one example in a layer with inputs and outputs of these shapes.

    Each weight is used at most once at each position of the input or output; a window or an attention without weights
    combines each value with others.
    """
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise _TooLargeError("model: expected data_format to be channels_last")
    shapes = [*inputs, *outputs]
    weighted = int(layer.count_params()) * max(math.prod(shape[:-1]) for shape in shapes)
    window = getattr(layer, "pool_size", getattr(layer, "kernel_size", ()))
    windowed = max(map(math.prod, outputs)) * math.prod(window if isinstance(window, list | tuple) else [window])
    paired = math.prod(inputs[0]) * math.prod(inputs[-1][:-1]) if len(inputs) > 1 else 0
    return max(weighted, windowed, paired if isinstance(layer, _PAIRS) else 0)


_PAIRS = (
    keras.layers.AdditiveAttention,
    keras.layers.Attention,
    keras.layers.Dot,
    keras.layers.GroupQueryAttention,
    keras.layers.MultiHeadAttention,
)


def _count_uses(node: Any) -> int:
    """Return how many layers are called when a model is built; each call of a layer or model calls those inside it."""
    if isinstance(node, list | tuple):
        return sum(map(_count_uses, node))
    if not isinstance(node, dict):
        return 0
    inside = sum(map(_count_uses, node.values()))
    if not (node.get("module") == "keras.layers" or _is_model(node)):
        return inside
    calls = node.get("inbound_nodes")
    return max(1, len(calls) if isinstance(calls, list) else 1) * (1 + inside)


def _is_model(node: dict[str, Any]) -> bool:
    return (node.get("module"), node.get("class_name")) in _MODELS


def _check_description(node: Any) -> None:
    """Raise a ValueError if any class or function in a description is not on the allow-list."""
    if isinstance(node, list | tuple):
        for item in node:
            _check_description(item)
    elif isinstance(node, dict):
        if "class_name" in node and (reason := _find_reason(node)):
            module, name = node.get("module"), node["class_name"]
            raise ValueError(f"model: {module}.{name} cannot be graded: {reason}")
        for item in node.values():
            _check_description(item)


def _find_reason(node: dict[str, Any]) -> str:
    """Return why a class or function cannot be graded; an empty text if it can."""
    module, name, config = str(node.get("module")), str(node["class_name"]), node.get("config")
    if name == "function":
        known = module == "builtins" and isinstance(config, str) and config in _FUNCTIONS
        return "" if known else f"{config} is none of Keras's own activations, losses and metrics"
    if name == "__keras_tensor__" or _is_model(node):  # a tensor connects layers in a functional model
        return ""
    if node.get("registered_name") not in (None, name):
        return "it is a class of your own"
    if module == "keras.layers":
        return _REASONS.get(name, "this layer is not known")
    part = module in _PARTS | _TRAINING and isinstance(getattr(_resolve(keras, module), name, None), type)
    if not (part or (module, name) == ("keras", "DTypePolicy")):
        return "use Keras's own layers"
    if module == "keras.metrics" and isinstance(config, dict):
        large = {key: value for key, value in config.items() if isinstance(value, int) and value > MAX_METRIC}
        return "".join(f"{key} is {value:,}, and expected at most {MAX_METRIC:,}" for key, value in large.items())
    return ""


def _resolve(package: Any, module: str) -> Any:
    for part in module.split(".")[1:]:
        package = getattr(package, part)
    return package
