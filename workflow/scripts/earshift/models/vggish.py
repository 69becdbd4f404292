"""VGGish: a VGG network trained on the audio of YouTube videos, 0.975 s at a time.

Source: Hershey et al. (2017), arXiv:1609.09430, and
https://github.com/tensorflow/models, folder research/audioset/vggish. The embedding is
the last layer before any activation, as in that code today; older copies and some ports
put a ReLU after it, and embed otherwise with the same checkpoint.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earshift.errors import WeightsError
from earshift.models import _weights
from earshift.models._framing import Framing
from earshift.models._frontend import Tensor, hann, htk_filterbank, spectra
from earshift.models._keras import Graph, float64
from earshift.models._model import PRECISIONS, ModelSpec, Network

env = "tensorflow"
version = 1
licence = "not stated (code: Apache-2.0)"
citation = (
    "Hershey et al. (2017), CNN architectures for large-scale audio classification, "
    "ICASSP, arXiv:1609.09430"
)

SAMPLE_RATE_HZ = 16_000
FRAME, FRAME_HOP, N_FFT, N_MELS = 400, 160, 512, 64
LOW_HZ, HIGH_HZ = 125.0, 7_500.0
LOG_OFFSET = 0.01
PATCH = 96  # mel frames of one window
N_FEATURES = 128
CLIP = 2.0  # principal components beyond it are quantised as if they were it

#: Convolutions of 3 x 3 and their channels; each inner tuple ends with max-pooling.
_BLOCKS = (
    (("conv1", 64),),
    (("conv2", 128),),
    (("conv3/conv3_1", 256), ("conv3/conv3_2", 256)),
    (("conv4/conv4_1", 512), ("conv4/conv4_2", 512)),
)
_DENSE = (("fc1/fc1_1", 4096), ("fc1/fc1_2", 4096), ("fc2", N_FEATURES))

FILE, PCA_FILE = "vggish_model.ckpt", "vggish_pca_params.npz"

#: Options that make no sense with random weights.
TRAINED_OPTIONS = ("pca", "postprocess")


def spec(
    *, weights: str | None = None, pca: str | None = None, postprocess: bool = False
) -> ModelSpec:
    """Return the facts of the model for these options.

    Parameters
    ----------
    weights : str, optional
        Path of the official ``vggish_model.ckpt``, or of an .npz with its variables by
        name; by default the one that is fetched.
    pca : str, optional
        Path of the official ``vggish_pca_params.npz``, by default the one that is
        fetched; read if `postprocess` is true.
    postprocess : bool, default=False
        Give principal components in 8 bits, as the embeddings published with AudioSet
        are, instead of the network's output.

    Returns
    -------
    ModelSpec
        Windows of 15 600 samples (96 mel frames) every 0.96 s; what is left over at the
        end of a recording is dropped.

    Raises
    ------
    WeightsError
        If there is no such file.
    """
    files = [_weights.locate(weights, FILE, "the checkpoint of vggish")]
    if postprocess:
        what = "the principal components of vggish (.npz)"
        files.append(_weights.locate(pca, PCA_FILE, what))
    return ModelSpec(
        sample_rate_hz=SAMPLE_RATE_HZ,
        framing=Framing(
            window=(PATCH - 1) * FRAME_HOP + FRAME, hop=PATCH * FRAME_HOP, tail="drop"
        ),
        n_features=N_FEATURES,
        weights=tuple(files),
        options={"weights": weights, "pca": pca, "postprocess": postprocess},
        batch_size=16,
        precisions=PRECISIONS,
    )


def tensor_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each of the network's 18 tensors."""
    del spec
    kernels: dict[str, tuple[int, ...]] = {}
    n_in = 1
    for block in _BLOCKS:
        for name, n_out in block:
            kernels[name] = (3, 3, n_in, n_out)
            n_in = n_out
    n_in *= (PATCH // 16) * (N_MELS // 16)
    for name, n_out in _DENSE:
        kernels[name] = (n_in, n_out)
        n_in = n_out
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in kernels.items():
        shapes[f"vggish/{name}/weights"] = shape
        shapes[f"vggish/{name}/biases"] = shape[-1:]
    return shapes


def load_tensors(spec: ModelSpec) -> Mapping[str, NDArray[np.float32]]:
    """Return the tensors of the checkpoint, checked.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    mapping of str to ndarray, float32
        Those that `tensor_shapes` names.

    Raises
    ------
    WeightsError
        If the file is no checkpoint, or a tensor is missing, surplus or of another
        shape.
    """
    path = _weights.need_file(
        spec.weights[0], "the checkpoint of vggish", _weights.remedy(FILE)
    )
    if path.suffix == ".npz":
        arrays: Mapping[str, NDArray[np.float32]] = _weights.read_npz(path)
    else:
        arrays = _weights.converted("vggish", (path,), lambda: _read_checkpoint(path))
    _weights.check(arrays, tensor_shapes(spec), model="vggish", source=path)
    return arrays


def _read_checkpoint(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the network's variables from a checkpoint of one file (format V1)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    try:
        reader = tf.compat.v1.train.NewCheckpointReader(str(path))
        names = sorted(reader.get_variable_to_shape_map())
        wanted = [name for name in names if _is_of_the_network(name)]
        return {name: np.asarray(reader.get_tensor(name)) for name in wanted}
    except (tf.errors.OpError, IndexError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"a TensorFlow checkpoint of vggish in one file is needed, but {path} "
            f"({path.stat().st_size} bytes) cannot be read ({error}). "
            f"{_weights.remedy(FILE)}"
        ) from error


def _is_of_the_network(variable: str) -> bool:
    """Tell the network's variables from the step counter and the optimiser's slots."""
    slot = re.search(r"/(weights|biases)/", variable)
    return variable.startswith("vggish/") and not slot


def load_pca(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the principal components that postprocessing uses.

    Parameters
    ----------
    path : Path
        The file ``vggish_pca_params.npz``.

    Returns
    -------
    tuple of ndarray of shape (128, 128) and ndarray of shape (128,), float64
        One component per row, and the mean of the embeddings.

    Raises
    ------
    WeightsError
        If the file is no .npz, or an array is missing, surplus or of another shape.
    """
    shapes = {
        "pca_eigen_vectors": (N_FEATURES, N_FEATURES),
        "pca_means": (N_FEATURES,),
    }
    arrays = {}
    for name, array in _weights.read_npz(path).items():
        column = name == "pca_means" and array.shape == (N_FEATURES, 1)
        arrays[name] = array[:, 0] if column else array
    rounded = {name: array.astype(np.float32) for name, array in arrays.items()}
    _weights.check(rounded, shapes, model="vggish", source=path)
    vectors, means = (arrays[name].astype(np.float64) for name in shapes)
    return vectors, means


def log_mel(windows: Tensor) -> Tensor:
    """Return what the network sees of the audio.

    Parameters
    ----------
    windows : tensor of shape (n_windows, n_samples), float32
        Audio in [-1, 1] at 16 kHz.

    Returns
    -------
    tensor of shape (n_windows, n_frames, 64), float32
        Natural logarithm of 0.01 plus the magnitude in each mel band; a window of
        15 600 samples has 96 frames.
    """
    from keras import ops

    # In float64, as in training: in float32, the rounding errors of a loud tone would
    # show in quiet bands.
    with float64():
        taper = hann(FRAME)
        real, imaginary = spectra(windows, taper=taper, hop=FRAME_HOP, n_fft=N_FFT)
        magnitude = ops.cast(ops.sqrt(real * real + imaginary * imaginary), "float32")
    bank = htk_filterbank(
        sample_rate_hz=SAMPLE_RATE_HZ,
        n_fft=N_FFT,
        n_mels=N_MELS,
        low_hz=LOW_HZ,
        high_hz=HIGH_HZ,
    )
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
        Maps (n_windows, 15600) float32 in [-1, 1] to (n_windows, 128) float32, whole
        numbers from 0 to 255 if the option `postprocess` is true.

    Raises
    ------
    WeightsError
        If the weights are not those of this model.
    """
    return build(spec, load_tensors(spec))


def build(spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> Network:
    """Return the network with the given tensors, those of `tensor_shapes`."""

    def named(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return tensors[f"vggish/{name}/weights"], tensors[f"vggish/{name}/biases"]

    graph = Graph(spec.precision)
    layers, ops = graph.keras.layers, graph.keras.ops
    inputs = graph.keras.Input((spec.framing.window,))
    x = graph.start(ops.expand_dims(log_mel(inputs), -1))
    for block in _BLOCKS:
        for name, _ in block:
            x = graph.convolve(x, *named(name))
        x = layers.MaxPooling2D(2, dtype=x.dtype)(x)
    x = layers.Flatten(dtype=x.dtype)(x)
    *hidden, last = (name for name, _ in _DENSE)
    for name in hidden:
        x = graph.dense(x, *named(name), "relu")
    x = graph.dense(ops.cast(x, "float32"), *named(last), exact=True)
    embed = graph.network(inputs, x)
    if not spec.options.get("postprocess"):
        return embed
    vectors, means = load_pca(spec.weights[1])
    return lambda windows: quantise((embed(windows) - means) @ vectors.T)


def quantise(components: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return principal components in 8 bits, cut off rather than rounded.

    Parameters
    ----------
    components : ndarray of any shape, float64
        What lies beyond -2 or 2 is clipped.

    Returns
    -------
    ndarray of the same shape, float32
        Whole numbers from 0 to 255.
    """
    clipped = np.clip(components, -CLIP, CLIP)
    return np.floor((clipped + CLIP) * (255.0 / (2 * CLIP))).astype(np.float32)
