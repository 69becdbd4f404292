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
from earshift.models._keras import Graph

#: Layer -> length of the embedding.
LAYERS: Mapping[str, int] = MappingProxyType({"penultimate": 256, "taggram": 50})

_CHANNELS = 128
#: Size and stride, in (frames, mel bands), of the pooling after each convolution.
_POOLS = (((4, 1), (2, 2)), *(((2, 2), (2, 2)),) * 3, ((4, 4), (4, 4)))

#: Of every batch normalisation, here and in MusiCNN.
NORM_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")
NORM_EPSILON = 1e-3


def tensor_shapes() -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each of the network's 36 tensors."""
    shapes: dict[str, tuple[int, ...]] = {}
    n_in = 1
    for i in range(len(_POOLS) + 1):
        for part in NORM_PARTS:
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


def build(
    graph: Graph, tensors: Mapping[str, NDArray[np.float32]], mel: Tensor
) -> dict[str, Tensor]:
    """Return the tensor of each of `LAYERS`.

    Parameters
    ----------
    graph : Graph
        What the layers become part of.
    tensors : mapping of str to ndarray, float32
        Those that `tensor_shapes` names.
    mel : tensor of shape (n_windows, 187, 96, 1), float32
        Log-mel spectrogram.

    Returns
    -------
    dict of str to tensor
        ``"penultimate"``, shape (n_windows, 256): what the last pooling leaves of two
        halves of the window, one after the other, 128 channels each; ``"taggram"``,
        shape (n_windows, 50), probabilities.
    """
    layers = graph.keras.layers

    def named(name: str, parts: tuple[str, ...]) -> list[NDArray[np.float32]]:
        return [tensors[f"{name}/{part}"] for part in parts]

    statistics = named(_norm(0), NORM_PARTS)
    x = graph.start(graph.normalise(mel, statistics, NORM_EPSILON))
    for i, (size, stride) in enumerate(_POOLS, start=1):
        kernel, bias = named(f"{i}CNN", ("kernel", "bias"))
        x = graph.convolve_and_pool(
            x,
            kernel,
            bias,
            named(_norm(i), NORM_PARTS),
            NORM_EPSILON,
            pool=size,
            stride=stride,
        )
    last = graph.keras.ops.cast(layers.Flatten(dtype=x.dtype)(x), "float32")
    kernel, bias = named("dense", ("kernel", "bias"))
    return {
        "penultimate": last,
        "taggram": graph.dense(last, kernel, bias, "sigmoid", exact=True),
    }
