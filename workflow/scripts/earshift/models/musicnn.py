"""MusiCNN: a convolutional network trained to tag music, 3 s at a time.

Source: Pons and Serra (2019), arXiv:1909.06654. The weights come in the wheel of
`musicnn` 0.1.0. The network is written anew and gives that library's numbers within
rounding, save one: of the layer `penultimate`, the library repeats the first window's
values for all later windows, and here each window has its own.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError, WeightsError, did_you_mean
from earshift.models import _musicnn_vgg, _weights
from earshift.models._framing import Framing
from earshift.models._frontend import (
    Tensor,
    hann,
    round_to_float16,
    slaney_filterbank,
    spectra,
)
from earshift.models._keras import Graph
from earshift.models._model import PRECISIONS, ModelSpec, Network
from earshift.models._musicnn_vgg import NORM_EPSILON, NORM_PARTS

env = "tensorflow"
version = 1
licence = "ISC"
citation = (
    "Pons and Serra (2019), musicnn: Pre-trained convolutional neural networks for "
    "music audio tagging, late-breaking session of ISMIR, arXiv:1909.06654"
)

SAMPLE_RATE_HZ = 16_000
N_FFT, FRAME_HOP, N_MELS = 512, 256, 96
PATCH = 187  # mel frames of one window: 3 s

#: Layer of MusiCNN -> length of the embedding.
LAYERS: Mapping[str, int] = MappingProxyType(
    {"penultimate": 200, "mean_pool": 753, "max_pool": 753, "taggram": 50}
)

#: Variant -> its layers.
VARIANTS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "MSD_musicnn": LAYERS,
        "MTT_musicnn": LAYERS,
        "MSD_vgg": _musicnn_vgg.LAYERS,
        "MTT_vgg": _musicnn_vgg.LAYERS,
    }
)

_REMEDY = "Run: pip install --no-deps --force-reinstall musicnn==0.1.0"

#: Filters of the front end: (frames, mel bands, number), in the checkpoint's order.
_FILTERS = ((7, 38, 204), (7, 67, 204), (128, 1, 51), (64, 1, 51), (32, 1, 51))
_N_FRONT = sum(n for _, _, n in _FILTERS)
_N_MIDDLE = 64


def spec(
    *,
    variant: str = "MSD_musicnn",
    layer: str = "penultimate",
    hop_s: float | None = None,
    weights: str | None = None,
) -> ModelSpec:
    """Return the facts of the model for these options.

    Parameters
    ----------
    variant : str, default="MSD_musicnn"
        "MSD_musicnn" or "MTT_musicnn", trained on the Million Song Dataset or on
        MagnaTagATune; "MSD_vgg" or "MTT_vgg", the VGG network that the same authors
        compare with. "MSD_vgg" pools as the library does, not as in its training.
    layer : {"penultimate", "mean_pool", "max_pool", "taggram"}, default="penultimate"
        What to take as embedding; the taggram holds 50 tag probabilities. A VGG has no
        mean_pool or max_pool; its penultimate layer is the last pooling.
    hop_s : float, optional
        Time from one window to the next, in seconds, rounded down to mel frames as the
        original does (1 s is 61 frames, 0.976 s). By default windows do not overlap.
    weights : str, optional
        Folder of the checkpoint, or .npz with its tensors by name. By default the
        checkpoint in the installed `musicnn` package.

    Returns
    -------
    ModelSpec
        Windows of 48 128 samples: 187 mel frames, with the 256 zeros that the original
        puts before and after a recording.

    Raises
    ------
    ConfigError
        If there is no such variant or layer, or if the hop is too short.
    WeightsError
        If the weights are not found.
    """
    if variant not in VARIANTS:
        raise ConfigError(
            f"musicnn has no variant '{variant}' {did_you_mean(variant, VARIANTS)}"
        )
    layers = VARIANTS[variant]
    if layer not in layers:
        raise ConfigError(
            f"{variant} has no layer '{layer}' {did_you_mean(layer, layers)}"
        )
    hop_frames = PATCH if hop_s is None else n_frames(hop_s)
    if hop_frames < 1:
        raise ConfigError(
            f"musicnn needs a hop_s of at least 0.032 s (two mel frames), got {hop_s}. "
            "Leave it out for windows that do not overlap."
        )
    return ModelSpec(
        sample_rate_hz=SAMPLE_RATE_HZ,
        framing=Framing(
            window=(PATCH - 1) * FRAME_HOP + N_FFT,
            hop=hop_frames * FRAME_HOP,
            pad_start=N_FFT // 2,
            pad_end=N_FFT // 2,
        ),
        n_features=layers[layer],
        weights=_find_weights(variant, weights),
        options={
            "variant": variant,
            "layer": layer,
            "hop_s": hop_s,
            "weights": weights,
        },
        batch_size=4,
        precisions=PRECISIONS,
    )


def n_frames(time_s: float) -> int:
    """Return the whole mel frames in `time_s` seconds, less half an FFT."""
    return (int(time_s * SAMPLE_RATE_HZ) - N_FFT // 2) // FRAME_HOP


def _find_weights(variant: str, weights: str | None) -> tuple[Path, ...]:
    if weights is not None and weights.endswith(".npz"):
        what = f"the converted checkpoint of {variant}"
        return (
            _weights.need_file(Path(weights).expanduser(), what, "Check the path."),
        )
    if weights is None:
        # Found, not imported: the package does not run with current NumPy.
        package = importlib.util.find_spec("musicnn")
        if package is None or not package.submodule_search_locations:
            raise WeightsError(
                f"the weights of {variant} come with the package 'musicnn', which is "
                f"not installed. {_REMEDY}"
            )
        folder = Path(package.submodule_search_locations[0]) / variant
    else:
        folder = Path(weights).expanduser()
    names = (".data-00000-of-00001", ".index")
    what = f"the checkpoint of {variant}"
    return tuple(_weights.need_file(folder / name, what, _REMEDY) for name in names)


def tensor_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each tensor of the variant; MusiCNN has 64."""
    if _is_vgg(spec):
        return _musicnn_vgg.tensor_shapes()
    normed = [1, *(n for _, _, n in _FILTERS), *[_N_MIDDLE] * 3]
    pooled = 2 * LAYERS["mean_pool"]
    normed += [pooled, LAYERS["penultimate"]]
    kernels = [(t, f, 1, n) for t, f, n in _FILTERS]
    kernels += [(7, n, 1, _N_MIDDLE) for n in (_N_FRONT, _N_MIDDLE, _N_MIDDLE)]
    shapes: dict[str, tuple[int, ...]] = {}
    for i, n in enumerate(normed):
        for part in NORM_PARTS:
            shapes[f"{_numbered('batch_normalization', i)}/{part}"] = (n,)
    for i, kernel in enumerate(kernels):
        shapes[f"{_numbered('conv2d', i)}/kernel"] = kernel
        shapes[f"{_numbered('conv2d', i)}/bias"] = kernel[-1:]
    sizes = (pooled, LAYERS["penultimate"], LAYERS["taggram"])
    for i in range(2):
        shapes[f"{_numbered('dense', i)}/kernel"] = sizes[i : i + 2]
        shapes[f"{_numbered('dense', i)}/bias"] = sizes[i + 1 : i + 2]
    return shapes


def _numbered(name: str, i: int) -> str:
    return f"{name}_{i}" if i else name


def load_tensors(spec: ModelSpec) -> Mapping[str, NDArray[np.float32]]:
    """Return the tensors of the checkpoint, checked.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    mapping of str to ndarray, float32
        Those of the variant by name: of MusiCNN, those that `tensor_shapes` names.

    Raises
    ------
    WeightsError
        If a tensor is missing, surplus or of another shape.
    """
    source = spec.weights[0]
    variant = str(spec.options["variant"])
    if source.suffix == ".npz":
        arrays: Mapping[str, NDArray[np.float32]] = _weights.read_npz(source)
    else:
        arrays = _weights.converted(
            variant,
            spec.weights,
            lambda: _weights.read_checkpoint(source.parent, _REMEDY),
        )
    _weights.check(arrays, tensor_shapes(spec), model=variant, source=source)
    return arrays


def _is_vgg(spec: ModelSpec) -> bool:
    return str(spec.options["variant"]).endswith("_vgg")


def log_mel(windows: Tensor) -> Tensor:
    """Return what the network sees of the audio.

    Parameters
    ----------
    windows : tensor of shape (n_windows, 48128), float32
        Audio in [-1, 1] at 16 kHz.

    Returns
    -------
    tensor of shape (n_windows, 187, 96), float32
        log10(1 + 10000 p) of the power p in each mel band; p is rounded to float16, as
        in the original.
    """
    from keras import ops

    taper = hann(N_FFT).astype(np.float32)
    real, imaginary = spectra(windows, taper=taper, hop=FRAME_HOP, n_fft=N_FFT)
    bank = slaney_filterbank(sample_rate_hz=SAMPLE_RATE_HZ, n_fft=N_FFT, n_mels=N_MELS)
    power = ops.matmul(real * real + imaginary * imaginary, bank)
    return ops.log10(10_000.0 * round_to_float16(power) + 1.0)


def network(spec: ModelSpec) -> Network:
    """Return the network with its weights.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    callable
        Maps (n_windows, 48128) float32 in [-1, 1] to (n_windows, n_features) float32.

    Raises
    ------
    WeightsError
        If the weights are not those of this model.
    """
    return build(spec, load_tensors(spec))


def build(spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
    """Return the network with the given tensors, those of `tensor_shapes`."""
    graph = Graph(spec.precision)
    inputs = graph.keras.Input((spec.framing.window,))
    mel = graph.keras.ops.expand_dims(log_mel(inputs), -1)
    if _is_vgg(spec):
        layers = _musicnn_vgg.build(graph, tensors, mel)
    else:
        layers = _Layers(graph, tensors).build(mel)
    return graph.network(inputs, layers[str(spec.options["layer"])])


class _Layers:
    """The layers of MusiCNN, named and ordered as in its checkpoints."""

    def __init__(
        self, graph: Graph, tensors: Mapping[str, NDArray[np.float32]]
    ) -> None:
        self.graph, self.tensors, self.ops = graph, tensors, graph.keras.ops

    def statistics(self, i: int) -> list[NDArray[np.float32]]:
        """Return gamma, beta, mean and variance of batch normalisation `i`."""
        name = _numbered("batch_normalization", i)
        return [self.tensors[f"{name}/{part}"] for part in NORM_PARTS]

    def norm(self, i: int, x: Tensor) -> Tensor:
        """Apply batch normalisation `i` to x, float32."""
        return self.graph.normalise(x, self.statistics(i), NORM_EPSILON)

    def named(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return kernel and bias of a layer."""
        return self.tensors[f"{name}/kernel"], self.tensors[f"{name}/bias"]

    def front(self, i: int, x: Tensor) -> Tensor:
        """Apply filter bank `i` to (n, frames, bands, 1) and keep the loudest band."""
        frames, bands, _ = _FILTERS[i]
        around = ((0, 0), ((frames - 1) // 2, frames // 2), (0, 0), (0, 0))
        y = self.graph.convolve_and_pool(
            self.ops.pad(x, around),
            *self.named(_numbered("conv2d", i)),
            self.statistics(1 + i),
            NORM_EPSILON,
            pool=(1, N_MELS + 1 - bands),
            padding="valid",
        )
        return self.ops.squeeze(y, 2)

    def middle(self, i: int, x: Tensor) -> Tensor:
        """Apply convolution `i` over the frames of (n, frames, channels)."""
        first = len(_FILTERS)
        kernel, bias = self.named(_numbered("conv2d", first + i))
        y = self.graph.convolve(x, kernel[:, :, 0], bias)
        normed = self.norm(first + 1 + i, self.ops.cast(y, "float32"))
        return self.graph.start(normed)

    def build(self, mel: Tensor) -> dict[str, Tensor]:
        """Return the tensor of each of `LAYERS`, given (n, frames, bands, 1)."""
        graph, ops = self.graph, self.ops
        x = graph.start(self.norm(0, mel))
        first = ops.concatenate([self.front(i, x) for i in range(len(_FILTERS))], -1)
        maps = [first, self.middle(0, first)]
        for i in (1, 2):
            maps.append(maps[-1] + self.middle(i, maps[-1]))
        features = ops.cast(ops.concatenate(maps, -1), "float32")
        most, mean = ops.max(features, axis=1), ops.mean(features, axis=1)
        pooled = ops.reshape(ops.stack([most, mean], -1), (-1, 2 * LAYERS["mean_pool"]))
        x = graph.dense(self.norm(9, pooled), *self.named("dense"), "relu", exact=True)
        last = self.norm(10, x)
        tags = graph.dense(last, *self.named("dense_1"), "sigmoid", exact=True)
        return {
            "penultimate": last,
            "mean_pool": mean,
            "max_pool": most,
            "taggram": tags,
        }
