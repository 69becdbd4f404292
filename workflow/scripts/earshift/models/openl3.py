"""OpenL3: a network trained to match sound and video, 1 s at a time.

Source: Cramer et al. (2019), ICASSP, and https://github.com/marl/openl3; the front end
is that of version 0.4 with kapre.
"""

from __future__ import annotations

import gzip
import re
import tempfile
import zlib
from collections.abc import Collection, Mapping
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError, WeightsError, did_you_mean
from earshift.models import _weights
from earshift.models._framing import Framing
from earshift.models._frontend import (
    Tensor,
    hann,
    slaney_filterbank,
    spectra,
    tensorflow_cos,
)
from earshift.models._h5 import read_h5
from earshift.models._keras import Graph, fold
from earshift.models._model import PRECISIONS, ModelSpec, Network

env = "tensorflow"
version = 1
licence = "CC BY 4.0"
citation = (
    "Cramer, Wu, Salamon and Bello (2019), Look, listen and learn more: Design choices "
    "for deep audio embeddings, ICASSP, doi:10.1109/ICASSP.2019.8682475"
)

SAMPLE_RATE_HZ = 48_000
WINDOW = SAMPLE_RATE_HZ
FRAME_HOP = 242
LEAST_MAGNITUDE, RANGE_DB = 1e-10, 80.0
NORM_EPSILON = 1e-3
CONTENT_TYPES = ("music", "env")
EMBEDDING_SIZES = (512, 6144)
FILE = "openl3_audio_{input_repr}_{content_type}-v0_4_0.h5.gz"


class _Input(NamedTuple):
    """A front end, and the size of the last pooling for each embedding size."""

    n_fft: int
    n_mels: int | None
    pools: Mapping[int, tuple[int, int]]


#: Options that make no sense with random weights.
TRAINED_OPTIONS = ("content_type",)

_WIDE = {512: (32, 24), 6144: (8, 8)}
INPUTS: Mapping[str, _Input] = MappingProxyType(
    {
        "linear": _Input(512, None, _WIDE),
        "mel128": _Input(2048, 128, {512: (16, 24), 6144: (4, 8)}),
        "mel256": _Input(2048, 256, _WIDE),
    }
)

#: Channels of the convolutions; pooling follows the second, fourth and sixth.
_CHANNELS = (64, 64, 128, 128, 256, 256, 512, 512)
_N_CONVS = len(_CHANNELS)
_NORM_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")


def spec(
    *,
    weights: str | None = None,
    input_repr: str = "mel128",
    content_type: str = "music",
    embedding_size: int = 512,
    hop_s: float = 0.1,
    center: bool = True,
) -> ModelSpec:
    """Return the facts of the model for these options.

    Parameters
    ----------
    weights : str, optional
        Path of the official ``openl3_audio_*-v0_4_0.h5``, or the same ending in
        ``.gz``; by default the one that is fetched.
    input_repr : {"linear", "mel128", "mel256"}, default="mel128"
        Spectrogram the weights were trained on. The three files hold arrays of the same
        shapes, so only a file's official name can tell that it is another's.
    content_type : {"music", "env"}, default="music"
        Videos the weights were trained on; for the record, since the file decides.
    embedding_size : {512, 6144}, default=512
        Values of an embedding: the fewer, the larger the areas pooled.
    hop_s : float, default=0.1
        Time from one window to the next in seconds, rounded down to whole samples.
    center : bool, default=True
        Put half a second of zeros before a recording, so that times mean the middle of
        a window.

    Returns
    -------
    ModelSpec
        Windows of 48 000 samples; the end of a recording is filled up with zeros.

    Raises
    ------
    ConfigError
        If an option has no such value.
    WeightsError
        If there is no such file, or its name says that it is another's.
    """
    _known("input_repr", input_repr, INPUTS)
    _known("content_type", content_type, CONTENT_TYPES)
    _known("embedding_size", embedding_size, EMBEDDING_SIZES)
    hop = int(hop_s * SAMPLE_RATE_HZ)
    if hop < 1:
        raise ConfigError(
            f"openl3 needs a hop_s of at least one sample, 1/48000 s, got {hop_s}."
        )
    file = FILE.format(input_repr=input_repr, content_type=content_type)
    path = _weights.locate(weights, file, "the weights file of openl3 (HDF5)")
    _check_name(path, input_repr, content_type)
    return ModelSpec(
        sample_rate_hz=SAMPLE_RATE_HZ,
        framing=Framing(
            window=WINDOW, hop=hop, pad_start=WINDOW // 2 if center else 0, tail="pad"
        ),
        n_features=embedding_size,
        weights=(path,),
        options={
            "weights": weights,
            "input_repr": input_repr,
            "content_type": content_type,
            "embedding_size": embedding_size,
            "hop_s": hop_s,
            "center": center,
        },
        batch_size=8,
        precisions=PRECISIONS,
    )


def _known(option: str, value: object, values: Collection[object]) -> None:
    if value not in values:
        choices = did_you_mean(str(value), [str(v) for v in values])
        raise ConfigError(f"openl3 has no {option} '{value}' {choices}")


def _check_name(path: Path, input_repr: str, content_type: str) -> None:
    """Raise `WeightsError` if a file with an official name is that of other options."""
    named = re.match(r"openl3_audio_(linear|mel128|mel256)_(music|env)\b", path.name)
    if named and named.groups() != (input_repr, content_type):
        raise WeightsError(
            f"openl3 with input_repr '{input_repr}' and content_type '{content_type}' "
            f"needs weights of these; by its name, {path} is of '{named[1]}' and "
            f"'{named[2]}'. Give the other file, or these options."
        )


def tensor_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return the official name and shape of each of the 48 tensors, in their order."""
    del spec
    shapes: dict[str, tuple[int, ...]] = {}
    channels = (1, *_CHANNELS)
    for i, n in enumerate(channels):
        if i > 0:
            shapes[f"{_conv(i)}/kernel"] = (3, 3, channels[i - 1], n)
            shapes[f"{_conv(i)}/bias"] = (n,)
        if i < _N_CONVS:
            for part in _NORM_PARTS:
                shapes[f"batch_normalization_{i + 1}/{part}"] = (n,)
    return shapes


def _conv(i: int) -> str:
    return f"conv2d_{i}" if i < _N_CONVS else "audio_embedding_layer"


def load_tensors(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of the weights file, checked.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    dict of str to ndarray, float32
        Those that `tensor_shapes` names. They are known by their order in the file,
        because Keras numbers its layers anew in each session.

    Raises
    ------
    WeightsError
        If the file is no Keras weights file, or a tensor is missing, surplus, of
        another kind or of another shape.
    """
    path = spec.weights[0]
    remedy = _weights.remedy(FILE.format(**spec.options))
    tensors = _read(path, remedy)
    shapes = tensor_shapes(spec)
    for name, other in zip_longest(shapes, tensors, fillvalue=""):
        if name.split("/")[-1] != other.split("/")[-1]:
            what = f"'{other}'" if other else "nothing"
            where = f"in the place of '{name}'" if name else "after the last"
            raise WeightsError(
                f"openl3 needs its {len(shapes)} tensors in order; {path} has {what} "
                f"{where}. {remedy}"
            )
    arrays = dict(zip(shapes, tensors.values(), strict=True))
    _weights.check(arrays, shapes, model="openl3", source=path)
    return arrays


def _read(path: Path, remedy: str) -> dict[str, NDArray[np.float32]]:
    """Read the file, through an unzipped copy if it is zipped."""
    _weights.need_file(path, "the weights file of openl3 (HDF5)", remedy)
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    if not zipped:
        return read_h5(path, model="openl3", remedy=remedy)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.stem
        try:
            with gzip.open(path) as unzipped:
                copy.write_bytes(unzipped.read())
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise WeightsError(
                f"the weights file of openl3 is needed, but {path} "
                f"({path.stat().st_size} bytes) cannot be unzipped: {error}. "
                f"{remedy}"
            ) from error
        return read_h5(copy, model="openl3", remedy=remedy)


def spectrogram(windows: Tensor, input_repr: str) -> Tensor:
    """Return what the network sees of the audio.

    Parameters
    ----------
    windows : tensor of shape (n_windows, 48000), float32
        Audio in [-1, 1] at 48 kHz.
    input_repr : {"linear", "mel128", "mel256"}
        Frequencies to give.

    Returns
    -------
    tensor of shape (n_windows, n_frequencies, n_frames), float32
        10 log10 of the magnitude, relative to the window's loudest point, not below
        -80; 257 frequencies and 197 frames for ``"linear"``, else 199 frames.
    """
    from keras import ops

    n_fft, n_mels, _ = INPUTS[input_repr]
    if n_mels is not None:
        # A frame starts at every hop that the window has, so the last reach beyond it.
        n_frames = -(-WINDOW // FRAME_HOP)
        missing = (n_frames - 1) * FRAME_HOP + n_fft - WINDOW
        windows = ops.pad(windows, ((0, 0), (0, missing)))
    # In float32 and with TensorFlow's cosine, as in the original: see `hann`.
    taper = hann(n_fft, cos=tensorflow_cos, dtype=np.float32).astype(np.float32)
    real, imaginary = spectra(windows, taper=taper, hop=FRAME_HOP, n_fft=n_fft)
    magnitude = ops.sqrt(real * real + imaginary * imaginary)
    if n_mels is not None:
        bank = slaney_filterbank(
            sample_rate_hz=SAMPLE_RATE_HZ, n_fft=n_fft, n_mels=n_mels
        )
        magnitude = ops.matmul(magnitude, bank)
    level = 10.0 * ops.log10(ops.maximum(magnitude, LEAST_MAGNITUDE))
    level = level - ops.max(level, axis=(1, 2), keepdims=True)
    return ops.transpose(ops.maximum(level, -RANGE_DB), (0, 2, 1))


def network(spec: ModelSpec) -> Network:
    """Return the network with its weights.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    callable
        Maps (n_windows, 48000) float32 in [-1, 1] to (n_windows, n_features) float32.

    Raises
    ------
    WeightsError
        If the file is not that of this model.
    """
    return build(spec, load_tensors(spec))


def build(spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
    """Return the network with the given tensors, those of `tensor_shapes`."""
    input_repr = str(spec.options["input_repr"])
    graph = Graph(spec.precision)
    layers, ops = graph.keras.layers, graph.keras.ops
    inputs = graph.keras.Input((spec.framing.window,))
    x = ops.expand_dims(spectrogram(inputs, input_repr), -1)
    # Not folded into the convolution: the zeros around its input come after the norm.
    x = graph.start(graph.normalise(x, _statistics(tensors, 1), NORM_EPSILON))
    for i in range(1, _N_CONVS + 1):
        x = _convolve(graph, tensors, i, x)
        if i in (2, 4, 6):
            x = layers.MaxPooling2D(2, dtype=x.dtype)(x)
    pool = INPUTS[input_repr].pools[spec.n_features]
    x = layers.MaxPooling2D(pool, padding="same", dtype=x.dtype)(x)
    return graph.network(inputs, layers.Flatten(dtype=x.dtype)(x))


def input_norm() -> dict[str, NDArray[np.float32]]:
    """Return the normalisation that random weights need of -80 to 0 dB."""
    values = {"gamma": 1.0, "beta": 0.0, "moving_mean": -40.0, "moving_variance": 400.0}
    return {
        f"batch_normalization_1/{part}": np.array([value], np.float32)
        for part, value in values.items()
    }


def _statistics(
    tensors: Mapping[str, NDArray[np.float32]], i: int
) -> list[NDArray[np.float32]]:
    """Return gamma, beta, mean and variance of normalisation `i`."""
    return [tensors[f"batch_normalization_{i}/{part}"] for part in _NORM_PARTS]


def _convolve(
    graph: Graph, tensors: Mapping[str, NDArray[np.float32]], i: int, x: Tensor
) -> Tensor:
    """Apply convolution `i`, with normalisation and ReLU unless it is the last."""
    kernel, bias = tensors[f"{_conv(i)}/kernel"], tensors[f"{_conv(i)}/bias"]
    if i == _N_CONVS:
        return graph.convolve(x, kernel, bias, relu=False)
    scale, offset = fold(_statistics(tensors, i + 1), NORM_EPSILON)
    return graph.convolve(x, kernel * scale, bias * scale + offset)
