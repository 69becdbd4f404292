"""The VGG network that comes with MusiCNN as a baseline, trained on the same tags.

Source: Pons and Serra (2019), arXiv:1909.06654; Choi, Fazekas and Sandler (2016),
arXiv:1606.00298, for the network. The numbers are those of `musicnn` 0.1.0 within
rounding. That library pools by the sizes below for both sets of weights. The graph
stored beside those of the Million Song Dataset pools by 4 frames and then by 4 bands at
first, so these were trained so, and the library does not use them at their best.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from earshift.models._frontend import Tensor
from earshift.models._keras import Layer, load_keras

#: Layer -> length of the embedding.
LAYERS: Mapping[str, int] = MappingProxyType({"penultimate": 256, "taggram": 50})

_CHANNELS = 128
#: Size and stride, in (frames, mel bands), of the pooling after each convolution.
_POOLS = (((4, 1), (2, 2)), *(((2, 2), (2, 2)),) * 3, ((4, 4), (4, 4)))
_NORM_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")


def tensor_shapes() -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each of the network's 36 tensors."""
    shapes: dict[str, tuple[int, ...]] = {}
    n_in = 1
    for i in range(len(_POOLS) + 1):
        for part in _NORM_PARTS:
            shapes[f"{_norm(i)}/{part}"] = (n_in if i == 0 else _CHANNELS,)
    for i in range(1, len(_POOLS) + 1):
        shapes[f"{i}CNN/kernel"] = (3, 3, n_in, _CHANNELS)
        shapes[f"{i}CNN/bias"] = (_CHANNELS,)
        n_in = _CHANNELS
    shapes["dense/kernel"] = (LAYERS["penultimate"], LAYERS["taggram"])
    shapes["dense/bias"] = (LAYERS["taggram"],)
    return shapes


def _norm(i: int) -> str:
    return f"batch_normalization_{i}" if i else "batch_normalization"


def build(tensors: Mapping[str, NDArray[np.float32]], mel: Tensor) -> dict[str, Tensor]:
    """Return the tensor of each of `LAYERS`.

    Parameters
    ----------
    tensors : mapping of str to ndarray, float32
        Those that `tensor_shapes` names.
    mel : tensor of shape (n_windows, 187, 96), float32
        Log-mel spectrogram.

    Returns
    -------
    dict of str to tensor
        ``"penultimate"``, shape (n_windows, 256): what the last pooling leaves of two
        halves of the window, one after the other, 128 channels each; ``"taggram"``,
        shape (n_windows, 50), probabilities.
    """
    keras = load_keras()
    layers = keras.layers

    def loaded(layer: Layer, name: str, parts: tuple[str, ...], x: Tensor) -> Tensor:
        y = layer(x)
        layer.set_weights([tensors[f"{name}/{part}"] for part in parts])
        return y

    def norm(i: int, x: Tensor) -> Tensor:
        layer = layers.BatchNormalization(epsilon=1e-3, trainable=False)
        return loaded(layer, _norm(i), _NORM_PARTS, x)

    x = norm(0, keras.ops.expand_dims(mel, -1))
    for i, (size, stride) in enumerate(_POOLS, start=1):
        conv = layers.Conv2D(_CHANNELS, 3, padding="same", activation="relu")
        x = norm(i, loaded(conv, f"{i}CNN", ("kernel", "bias"), x))
        x = layers.MaxPooling2D(size, stride)(x)
    last = layers.Flatten()(x)
    tags = layers.Dense(LAYERS["taggram"], activation="sigmoid")
    return {
        "penultimate": last,
        "taggram": loaded(tags, "dense", ("kernel", "bias"), last),
    }
