"""YAMNet: a MobileNet trained on AudioSet, 0.975 s at a time.

Source: Plakal and Ellis (2019), https://github.com/tensorflow/models, folder
research/audioset/yamnet; Howard et al. (2017), arXiv:1704.04861, for the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError, did_you_mean
from earshift.models import _weights
from earshift.models._framing import Framing
from earshift.models._frontend import (
    Tensor,
    hann,
    htk_filterbank,
    spectra,
    tensorflow_cos,
    tensorflow_log,
)
from earshift.models._h5 import read_h5
from earshift.models._keras import Graph, fold
from earshift.models._model import PRECISIONS, ModelSpec, Network

env = "tensorflow"
version = 1
licence = "not stated (code: Apache-2.0)"
citation = (
    "Plakal and Ellis (2019), YAMNet, "
    "https://github.com/tensorflow/models/tree/master/research/audioset/yamnet"
)

SAMPLE_RATE_HZ = 16_000
FRAME, FRAME_HOP, N_FFT, N_MELS = 400, 160, 512, 64
LOW_HZ, HIGH_HZ = 125.0, 7_500.0
LOG_OFFSET = 0.001
NORM_EPSILON = 1e-4

#: Layer -> length of the embedding.
LAYERS: Mapping[str, int] = MappingProxyType({"embedding": 1024, "scores": 521})

#: (stride, channels) of the first convolution, then of the 13 separable ones.
_STAGES = (
    (2, 32),
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    *((1, 512),) * 5,
    (2, 1024),
    (1, 1024),
)

_NORM_PARTS = ("beta", "moving_mean", "moving_variance")

FILE = "yamnet.h5"


def spec(*, weights: str | None = None, layer: str = "embedding") -> ModelSpec:
    """Return the facts of the model for these options.

    Parameters
    ----------
    weights : str, optional
        Path of the official ``yamnet.h5``; by default the one that is fetched.
    layer : {"embedding", "scores"}, default="embedding"
        The mean over time and frequency of the last convolution's 1024 channels, none
        of them negative, or the 521 class probabilities.

    Returns
    -------
    ModelSpec
        Windows of 15 600 samples (96 frames) every 0.48 s; the end of a recording is
        filled up with zeros to a whole window.

    Raises
    ------
    ConfigError
        If there is no such layer.
    WeightsError
        If there is no such file.
    """
    if layer not in LAYERS:
        raise ConfigError(
            f"yamnet has no layer '{layer}' {did_you_mean(layer, LAYERS)}"
        )
    return ModelSpec(
        sample_rate_hz=SAMPLE_RATE_HZ,
        framing=Framing(window=15_600, hop=7_680, tail="pad"),
        n_features=LAYERS[layer],
        weights=(_weights.locate(weights, FILE, "the weights file of yamnet (HDF5)"),),
        options={"weights": weights, "layer": layer},
        batch_size=64,
        precisions=PRECISIONS,
    )


def tensor_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each of the network's 110 tensors."""
    del spec
    shapes: dict[str, tuple[int, ...]] = {}
    n_in = 1
    for i, (_, n_out) in enumerate(_STAGES, start=1):
        if i == 1:
            kernels = {"conv/kernel": (3, 3, n_in, n_out)}
        else:
            kernels = {
                "depthwise_conv/depthwise_kernel": (3, 3, n_in, 1),
                "pointwise_conv/kernel": (1, 1, n_in, n_out),
            }
        for name, shape in kernels.items():
            shapes[f"layer{i}/{name}"] = shape
            n_normed = n_in if shape[-1] == 1 else n_out
            for part in _NORM_PARTS:
                shapes[f"layer{i}/{name.split('/')[0]}/bn/{part}"] = (n_normed,)
        n_in = n_out
    shapes["dense/kernel"] = (LAYERS["embedding"], LAYERS["scores"])
    shapes["dense/bias"] = (LAYERS["scores"],)
    return shapes


def load_tensors(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of the weights file, checked.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    dict of str to ndarray, float32
        Those that `tensor_shapes` names.

    Raises
    ------
    WeightsError
        If the file is no Keras weights file, or a tensor is missing, surplus or of
        another shape.
    """
    path = spec.weights[0]
    tensors = read_h5(path, model="yamnet", remedy=_weights.remedy(FILE))
    # The last layer has no name of its own in older files, so Keras numbers it.
    arrays = {
        re.sub(r"^(dense_\d+|logits)/", "dense/", name): array
        for name, array in tensors.items()
    }
    _weights.check(arrays, tensor_shapes(spec), model="yamnet", source=path)
    return arrays


def log_mel(windows: Tensor) -> Tensor:
    """Return what the network sees of the audio.

    Parameters
    ----------
    windows : tensor of shape (n_windows, n_samples), float32
        Audio in [-1, 1] at 16 kHz.

    Returns
    -------
    tensor of shape (n_windows, n_frames, 64), float32
        Natural logarithm of 0.001 plus the magnitude in each mel band; a window of
        15 600 samples has 96 frames.
    """
    from keras import ops

    # In float32 and with TensorFlow's functions, as in training: see `hann`.
    taper = hann(FRAME, cos=tensorflow_cos, dtype=np.float32).astype(np.float32)
    real, imaginary = spectra(windows, taper=taper, hop=FRAME_HOP, n_fft=N_FFT)
    bank = htk_filterbank(
        sample_rate_hz=SAMPLE_RATE_HZ,
        n_fft=N_FFT,
        n_mels=N_MELS,
        low_hz=LOW_HZ,
        high_hz=HIGH_HZ,
        log=tensorflow_log,
        dtype=np.float32,
    )
    magnitude = ops.sqrt(real * real + imaginary * imaginary)
    return ops.log(ops.matmul(magnitude, bank) + LOG_OFFSET)


def network(spec: ModelSpec) -> Network:
    """Return the network with its weights.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    callable
        Maps (n_windows, 15600) float32 in [-1, 1] to (n_windows, n_features) float32.

    Raises
    ------
    WeightsError
        If the file is not that of this model.
    """
    return build(spec, load_tensors(spec))


def build(spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
    """Return the network with the given tensors, those of `tensor_shapes`."""
    graph = Graph(spec.precision)
    ops = graph.keras.ops
    inputs = graph.keras.Input((spec.framing.window,))
    x = graph.start(ops.expand_dims(log_mel(inputs), -1))
    x = _convolve(graph, tensors, "layer1/conv/kernel", 2, x)
    for i, (stride, _) in enumerate(_STAGES[1:], start=2):
        name = f"layer{i}/depthwise_conv/depthwise_kernel"
        x = _convolve(graph, tensors, name, stride, x)
        x = _convolve(graph, tensors, f"layer{i}/pointwise_conv/kernel", 1, x)
    x = ops.mean(ops.cast(x, "float32"), axis=(1, 2))
    if spec.options["layer"] == "scores":
        last = (tensors["dense/kernel"], tensors["dense/bias"])
        x = graph.dense(x, *last, "sigmoid", exact=True)
    return graph.network(inputs, x)


def _convolve(
    graph: Graph,
    tensors: Mapping[str, NDArray[np.float32]],
    name: str,
    stride: int,
    x: Tensor,
) -> Tensor:
    """Apply a convolution, its batch normalisation and ReLU, as one layer."""
    kernel = tensors[name]
    scope = name.rsplit("/", 1)[0] + "/bn"
    beta, *moments = (tensors[f"{scope}/{part}"] for part in _NORM_PARTS)
    scale, bias = fold([np.ones_like(beta), beta, *moments], NORM_EPSILON)
    depthwise = name.endswith("depthwise_kernel")
    if stride == 2:
        # TensorFlow's "same" puts the one row and column beyond an even size last.
        x = graph.keras.ops.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
    return graph.convolve(
        x,
        kernel * (scale[:, None] if depthwise else scale),
        bias,
        stride=stride,
        padding="same" if stride == 1 else "valid",
        depthwise=depthwise,
    )
