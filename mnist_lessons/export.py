"""Write a small network as a program of its own, in JavaScript or C, with its weights in it.

Both programs take the 784 bytes of an image, row by row, and compute ten probabilities by the same three kinds of
layers. Taught in the chapter `small`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_lessons.models import accept_bytes_only

if TYPE_CHECKING:
    import keras

# A weight is one printable character: 91 of them, without the backslash, from # to ~.
GREATEST = 45
CONVOLUTION, DEPTHWISE, POOL = range(3)


class Layer(NamedTuple):
    """A layer of a program: it slides a window over all maps (n, n, maps).

    `kind` is ``CONVOLUTION`` (each filter sees all maps), ``DEPTHWISE`` (each its own) or ``POOL`` (greatest value).
    The outputs are (places, places, filters); the first window begins `padding` rows and columns outside. `kernel` and
    `bias` hold whole numbers, to be multiplied by `step` and `bias_step`; `cut` says whether ReLU follows.
    """

    kind: int
    window: int
    stride: int
    padding: int
    places: int
    filters: int
    cut: bool
    kernel: npt.NDArray[np.int8]
    step: float
    bias: npt.NDArray[np.int8]
    bias_step: float


def round_to_print(model: "keras.Model") -> "keras.Model":
    """Return a copy of a network whose weights are whole numbers, up to `GREATEST`, times a step of three digits.

    Each array of weights has a step of its own.
    """
    import keras

    rounded = keras.models.clone_model(model)
    weights = []
    for array in model.get_weights():
        step = float(f"{np.abs(array).max() / GREATEST:.3g}")
        weights.append(np.rint(array / step) * step if step else array)
    rounded.set_weights(weights)
    return accept_bytes_only(rounded)


def describe(model: "keras.Model") -> list[Layer]:
    """Return the layers of a folded network that `round_to_print` rounded.

    Raises
    ------
    ValueError
        A layer that the programs do not know, or weights that are not rounded so.
    """
    found: list[Layer] = []
    for layer in model.layers:
        name, weights = type(layer).__name__, layer.get_weights()
        places = layer.output.shape[1] if len(layer.output.shape) == 4 else 1
        if name in ("Reshape", "Flatten") or (name == "Rescaling" and layer.scale == 1 / 255):
            continue
        if name == "ReLU":
            found[-1] = found[-1]._replace(cut=True)
        elif name == "MaxPooling2D":
            found.append(_layer(POOL, layer.pool_size[0], layer.strides[0], places, maps=layer.output.shape[-1]))
        elif name == "Conv2D":
            geometry = layer.kernel_size[0], layer.strides[0], places
            found.append(_layer(CONVOLUTION, *geometry, *weights, padding=_padding(layer)))
        elif name == "SeparableConv2D":
            depthwise, *pointwise = weights
            found.append(_layer(DEPTHWISE, layer.kernel_size[0], 1, places, depthwise, padding=_padding(layer)))
            found.append(_layer(CONVOLUTION, 1, 1, places, *pointwise))
        elif name == "DepthwiseConv2D":
            found.append(_layer(DEPTHWISE, layer.kernel_size[0], 1, places, *weights))
        elif name == "Dense":  # a convolution whose window covers all places
            found.append(_layer(CONVOLUTION, found[-1].places, 1, 1, *weights))
        else:
            raise ValueError(f"model: expected layers that the programs know, got {name} ({layer.name})")
    return found


def _padding(layer: "keras.Layer") -> int:
    """Return how many rows of background a convolution adds at the top."""
    if layer.padding == "valid":
        return 0
    size, places = layer.input.shape[1], layer.output.shape[1]
    return int(max(0, (places - 1) * layer.strides[0] + layer.kernel_size[0] - size) // 2)


def _layer(
    kind: int,
    window: int,
    stride: int,
    places: int,
    kernel: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    *,
    padding: int = 0,
    maps: int = 0,
) -> Layer:
    """Return a layer from Keras's arrays; without a kernel, it has as many filters as maps."""
    filters = maps if kernel is None else kernel.shape[-1 if kind == CONVOLUTION else -2]
    whole, step = _whole(np.zeros(0) if kernel is None else kernel)
    whole_bias, bias_step = _whole(np.zeros(0) if bias is None else bias)
    return Layer(kind, window, stride, padding, places, filters, False, whole, step, whole_bias, bias_step)


def _whole(array: np.ndarray) -> tuple[npt.NDArray[np.int8], float]:
    """Return rounded weights as whole numbers, and their step; 0 where there are none."""
    largest = float(np.abs(array).max(initial=0))
    step = largest / GREATEST
    whole = np.rint(array / step) if step else array
    if np.abs(array - whole * step).max(initial=0) > 1e-4 * step:
        raise ValueError("model: expected weights that round_to_print rounded")
    return whole.astype("int8").ravel(), step


# Short, since it has to fit into 4 KB with the weights; `C` is the same in long words.
JAVASCRIPT = """\
// Ten probabilities for an image of 784 bytes.
function digit(pixels) {
 const t = "%s";
 let x = Array.from(pixels, (v) => v / 255), n = 28, M = 1, at = 0;
 const take = (length, step) => Array.from({ length }, () => {
  const code = t.charCodeAt(at++);
  return (code - (code > 92 ? 81 : 80)) * step;
 });
 for (const [kind, s, d, pad, P, F, cut, step, b] of %s) {
  const y = new Float32Array(P * P * F);
  const w = take(step && s * s * F * (kind ? 1 : M), step);
  const bias = take(b && F, b);
  y.forEach((_, i) => {
   const f = i %% F, j = i / F | 0;
   let sum = kind > 1 ? -1e9 : bias[f] || 0;
   for (let k = 0; k < s * s; k++) {
    const r = (j / P | 0) * d + (k / s | 0) - pad;
    const c = j %% P * d + k %% s - pad;
    if (r < 0 || c < 0 || r >= n || c >= n) continue;
    for (let m = kind ? f : 0; m < (kind ? f + 1 : M); m++) {
     const v = x[(r * n + c) * M + m];
     if (kind > 1) sum = Math.max(sum, v);
     else sum += v * w[kind ? k * M + m : (k * M + m) * F + f];
    }
   }
   y[i] = cut ? Math.max(sum, 0) : sum;
  });
  x = y, n = P, M = F;
 }
 const e = Array.from(x, Math.exp), sum = e.reduce((a, b) => a + b);
 return e.map((v) => v / sum);
}
"""


def to_javascript(model: "keras.Model") -> str:
    """Return a program with a function ``digit(pixels)``; `model` is as `describe` takes it."""
    layers = describe(model)
    rows = [[*layer[:6], int(layer.cut), f"{layer.step:.3g}", f"{layer.bias_step:.3g}"] for layer in layers]
    text = "".join(_characters(whole) for layer in layers for whole in (layer.kernel, layer.bias))
    return JAVASCRIPT % (text, str(rows).replace("'", "").replace(", ", ","))


def _characters(whole: npt.NDArray[np.int8]) -> str:
    """Return a character a number, from # for -45 to ~ for 45; the backslash is left out."""
    codes = whole.astype(int) + 80
    return "".join(map(chr, np.where(codes >= ord("\\"), codes + 1, codes)))


C = """\
/* Reads images of 784 bytes from standard input; prints ten probabilities for each. */
#include <math.h>
#include <stdio.h>

typedef struct {
    int kind, window, stride, padding, places, filters, cut;
    float step, bias_step;
} Layer;

static const Layer layers[] = {
%s
};
static const signed char weights[] = {
%s
};
static float maps_a[%d], maps_b[%d];

static const float *digit(const unsigned char *pixels) {
    float *from = maps_a, *to = maps_b, *next;
    const signed char *weight = weights;
    int n = 28, maps = 1;
    for (int i = 0; i < 784; i++) from[i] = pixels[i] / 255.0f;
    for (size_t l = 0; l < sizeof layers / sizeof *layers; l++) {
        const Layer a = layers[l];
        int size = a.window, places = a.places, filters = a.filters;
        int count = a.kind == 2 ? 0 : size * size * filters * (a.kind ? 1 : maps);
        const signed char *bias = weight + count;
        for (int i = 0; i < places * places * filters; i++) {
            int f = i %% filters, column = i / filters %% places, row = i / filters / places;
            float sum = a.kind == 2 ? -1e9f : 0;
            for (int k = 0; k < size * size; k++) {
                int r = row * a.stride + k / size - a.padding;
                int c = column * a.stride + k %% size - a.padding;
                if (r < 0 || c < 0 || r >= n || c >= n) continue;
                const float *place = from + (r * n + c) * maps;
                if (a.kind == 2)
                    sum = place[f] > sum ? place[f] : sum;
                else if (a.kind)
                    sum += place[f] * weight[k * maps + f];
                else
                    for (int m = 0; m < maps; m++)
                        sum += place[m] * weight[(k * maps + m) * filters + f];
            }
            if (a.kind != 2) sum = sum * a.step + (a.bias_step ? bias[f] * a.bias_step : 0);
            to[i] = a.cut && sum < 0 ? 0 : sum;
        }
        weight = bias + (a.bias_step ? filters : 0);
        next = from, from = to, to = next, n = places, maps = filters;
    }
    float sum = 0;
    for (int i = 0; i < 10; i++) sum += to[i] = expf(from[i]);
    for (int i = 0; i < 10; i++) to[i] /= sum;
    return to;
}

int main(void) {
    unsigned char pixels[784];
    while (fread(pixels, 1, 784, stdin) == 784) {
        const float *probabilities = digit(pixels);
        for (int i = 0; i < 10; i++) printf("%%.7g ", probabilities[i]);
        puts("");
    }
    return 0;
}
"""


def to_c(model: "keras.Model") -> str:
    """Return a program in C that reads images and prints probabilities; `model` is as `describe` takes it."""
    layers = describe(model)
    rows = [[*layer[:6], int(layer.cut), f"{layer.step:.3g}", f"{layer.bias_step:.3g}"] for layer in layers]
    numbers = np.concatenate([whole for layer in layers for whole in (layer.kernel, layer.bias)]).tolist()
    lines = [numbers[start : start + 20] for start in range(0, len(numbers), 20)]
    most = max(784, *(layer.places**2 * layer.filters for layer in layers))
    return C % (_initializer(rows, "    {%s},"), _initializer(lines, "    %s,"), most, most)


def _initializer(rows: Sequence[Sequence[object]], form: str) -> str:
    return "\n".join(form % ", ".join(map(str, row)) for row in rows)
