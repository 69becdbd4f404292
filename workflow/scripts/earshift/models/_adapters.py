"""What the adapters of foreign models share: facts, files, frames and failures."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earshift.errors import ConfigError, DataError, EarshiftError, WeightsError
from earshift.models._model import ClipSpec, Network

#: What the user's module or model holds, of a framework that is not imported here.
Foreign: TypeAlias = Any

#: Characters of a foreign error that are repeated; TensorFlow's have no end.
_MESSAGE = 300


def clip_spec(weights: tuple[Path, ...], options: Mapping[str, Any]) -> ClipSpec:
    """Return the facts of a model whose user states them.

    Parameters
    ----------
    weights : tuple of Path
        Files whose contents decide the numbers.
    options : mapping
        The plugin's options: sample_rate_hz, n_features, hop_s, min_s, and its own.

    Returns
    -------
    ClipSpec
        With all of them.

    Raises
    ------
    ConfigError
        If a number cannot be.
    """
    names = ("sample_rate_hz", "n_features", "hop_s", "min_s")
    rate_hz, n_features, hop_s, min_s = (options[name] for name in names)
    rules = (
        (type(rate_hz) is int and rate_hz > 0, "a whole number above 0"),
        (type(n_features) is int and n_features > 0, "a whole number above 0"),
        (hop_s is None or (_is_number(hop_s) and hop_s > 0), "a number above 0"),
        (_is_number(min_s) and min_s >= 0, "a number from 0 on"),
    )
    for name, (kept, rule) in zip(names, rules, strict=True):
        if not kept:
            raise ConfigError(
                f"'{name}' must be {rule}, got {options[name]!r}: see what the authors "
                "of the model say."
            )
    return ClipSpec(
        sample_rate_hz=rate_hz,
        n_features=n_features,
        weights=weights,
        options=dict(options),
        hop_s=hop_s,
        min_s=min_s,
    )


def _is_number(value: Foreign) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def files_of(path: Path, what: str, remedy: str) -> tuple[Path, ...]:
    """Return a file, or all files in a folder, so that their contents can be hashed.

    Parameters
    ----------
    path : Path
        The file or folder.
    what, remedy : str
        What it should be, and a sentence on what to do without it.

    Returns
    -------
    tuple of Path
        Sorted; without the compiled copies that Python keeps of modules.

    Raises
    ------
    WeightsError
        If there is no such file or folder, or if the folder is empty.
    """
    paths = [path] if path.is_file() else sorted(path.rglob("*"))
    files = tuple(f for f in paths if f.is_file() and "__pycache__" not in f.parts)
    if not files:
        state = "is empty" if path.is_dir() else "does not exist"
        raise WeightsError(f"{what} is needed, but {path} {state}. {remedy}")
    return files


def frames_of(
    call: Callable[[NDArray[np.float32]], ArrayLike], spec: ClipSpec, what: str
) -> Network:
    """Return the network of a function that may fail, or give another shape.

    Parameters
    ----------
    call : callable
        Maps (n_samples,) float32 to an array of shape (n_frames, n_features),
        (1, n_frames, n_features), or (n_features,) for a clip of one frame.
    spec : ClipSpec
        Facts of the model.
    what : str
        Its name, for messages.

    Returns
    -------
    callable
        Maps (n_samples,) float32 to (n_frames, n_features) float32. It raises
        `ConfigError` if `call` gives another shape, and `DataError` if it fails.
    """

    def embed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            values = np.asarray(call(samples), np.float32)
        except EarshiftError:
            raise
        except Exception as error:
            duration_s = len(samples) / spec.sample_rate_hz
            raise DataError(
                f"{what} failed on a clip of {len(samples)} samples ({duration_s:.3f} "
                f"s): {one_line(error)}. If that is too short for it, set min_s to the "
                "shortest clip it takes, and 'short' to what shall be done with others."
            ) from error
        frames = values[0] if values.ndim == 3 and len(values) == 1 else values
        frames = frames[None] if frames.ndim == 1 else frames
        if frames.ndim != 2:
            raise ConfigError(
                f"{what} must give frames of shape (n_frames, {spec.n_features}) for a "
                f"clip, and gives {values.shape}: choose another output or model."
            )
        if frames.shape[1] != spec.n_features:
            raise ConfigError(
                f"{what} gives {frames.shape[1]} features a frame, and the config says "
                f"{spec.n_features}: set n_features: {frames.shape[1]}"
            )
        return frames

    return embed


def in_framework(
    function: Foreign, model: Foreign, what: str
) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Return what calls a function with a clip and a model, in the model's framework.

    Parameters
    ----------
    function : callable
        Takes a tensor of shape (1, n_samples), and the model; returns tensors.
    model : torch.nn.Module, tf.Module or keras.Model
        Decides of which framework the tensor is.
    what : str
        Name of the model, for the message.

    Returns
    -------
    callable
        Maps (n_samples,) float32 to a list of arrays.

    Raises
    ------
    ConfigError
        If the model is of another kind.
    """
    # Whoever made the model has imported its framework.
    names = ("torch", "tensorflow", "keras")
    torch, tf, keras = (sys.modules.get(name) for name in names)
    tensor: Callable[[NDArray[np.float32]], Foreign]
    if torch and isinstance(model, torch.nn.Module):
        model.eval()
        weight = next(model.parameters(), torch.empty(0))
        tensor = partial(torch.tensor, device=weight.device)
        no_gradient = torch.no_grad
    elif tf and isinstance(model, (tf.Module, keras.Model) if keras else tf.Module):
        tensor, no_gradient = tf.constant, nullcontext
    else:
        raise ConfigError(
            f"the model of {what} must be a torch.nn.Module or a tf.Module, and is a "
            f"{type(model).__name__}: return such a one from load_model."
        )

    def array(value: Foreign) -> NDArray[np.float32]:
        value = value.detach().float().cpu() if hasattr(value, "detach") else value
        return np.asarray(value, np.float32)

    def call(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with no_gradient():
            got = function(tensor(samples[None]), model)
            return [array(x) for x in (got if isinstance(got, tuple | list) else [got])]

    return call


def one_line(error: Exception) -> str:
    """Return type and text of a foreign error, on one line of bounded length."""
    text = textwrap.shorten(str(error), _MESSAGE, placeholder=" ...")
    return f"{type(error).__name__}: {text}"
