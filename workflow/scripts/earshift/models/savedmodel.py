"""Any TensorFlow SavedModel that maps a waveform to frames: TRILL, YAMNet, your own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError, WeightsError
from earshift.models import _adapters
from earshift.models._adapters import Foreign
from earshift.models._model import ClipSpec, Network

env = "tensorflow"
version = 1
licence = "that of the model"
citation = "that of the model"

FILE = "saved_model.pb"

#: The function that is called if the saved object itself cannot be.
SIGNATURE = "serving_default"

#: Shapes of an argument that a clip of any length fits.
_SHAPES = (None, [None], [None, None], [1, None])

#: Stand for the waveform, and for a value that only the model's author can know.
_WAVEFORM, _UNKNOWN = object(), object()


class _Call(NamedTuple):
    function: Foreign
    arguments: dict[str, Foreign]
    declared: Foreign  # TensorSpec of the waveform

    def __call__(self, samples: NDArray[np.float32]) -> Foreign:
        import tensorflow as tf

        audio = tf.cast(samples, self.declared.dtype)
        audio = audio[None] if self.declared.shape.rank == 2 else audio
        given = {k: audio if a is _WAVEFORM else a for k, a in self.arguments.items()}
        return self.function(**given)


def spec(
    *,
    weights: str,
    sample_rate_hz: int,
    n_features: int,
    output: str | int | None = None,
    hop_s: float | None = None,
    min_s: float = 0.0,
) -> ClipSpec:
    """Return the facts of a SavedModel; it is not loaded yet.

    Parameters
    ----------
    weights : str
        Folder with ``saved_model.pb``.
    sample_rate_hz : int
        Rate it expects; given to its argument ``sample_rate`` if it has one.
    n_features : int
        Length of one embedding; compared with what it gives.
    output : str or int, optional
        Which of several outputs: a key of a mapping, or a place in a tuple from 0.
    hop_s : float, optional
        Time between successive frames in seconds, where it is known.
    min_s : float, default=0.0
        Shortest clip it takes, in seconds.

    Returns
    -------
    ClipSpec
        Its `weights` are all files in the folder.

    Raises
    ------
    ConfigError
        If a value cannot be.
    WeightsError
        If there is no SavedModel in the folder.
    """
    options = dict(locals())
    folder = Path(weights).expanduser()
    what = f"a SavedModel, which is a folder with a {FILE},"
    remedy = "Give the folder into which the model was unpacked (tar -xzf)."
    if not (folder / FILE).is_file():
        state = "has none" if folder.is_dir() else "is no folder"
        raise WeightsError(f"{what} is needed, but {folder} {state}. {remedy}")
    return _adapters.clip_spec(_adapters.files_of(folder, what, remedy), options)


def network(spec: ClipSpec) -> Network:
    """Load the model and return the function that embeds one clip.

    Parameters
    ----------
    spec : ClipSpec
        What `spec` returned.

    Returns
    -------
    callable
        Maps (n_samples,) float32 in [-1, 1] to (n_frames, n_features) float32.

    Raises
    ------
    ConfigError
        If it has no function of a waveform, or no such output.
    WeightsError
        If it is damaged.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    folder = Path(spec.options["weights"]).expanduser()
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:
        raise WeightsError(
            f"a SavedModel is needed, but {folder} cannot be loaded "
            f"({_adapters.one_line(error)}). Fetch or export it again."
        ) from error
    what = f"the SavedModel {folder}"
    call = _choose(loaded, spec.sample_rate_hz, what)
    key = _output(call.function.structured_outputs, spec.options["output"], what)
    return _adapters.frames_of(lambda x: _outputs(call(x))[key], spec, what)


def _choose(loaded: Foreign, rate_hz: int, what: str) -> _Call:
    """Return the call that takes a waveform, in float32 if there is one."""
    concrete = loaded.__call__.concrete_functions if callable(loaded) else ()
    functions = [("__call__", f) for f in concrete] + [*loaded.signatures.items()]
    calls = [_fill(f, rate_hz) for n, f in functions if n in ("__call__", SIGNATURE)]
    fitting = [call for call in calls if call is not None]
    if not fitting:
        has = [n + str(f.function_type).split(" -> ")[0] for n, f in functions]
        raise ConfigError(
            f"{what} must be callable, or have the signature '{SIGNATURE}', with one "
            "waveform of any length, shape (None,) or (None, None); besides it, only "
            f"sample_rate, here {rate_hz}, can be given. It has: "
            f"{'; '.join(has) or 'no function'}. Export such a function, or write a "
            "plugin (CONTRIBUTING.md)."
        )
    return min(fitting, key=lambda call: bool(call.declared.dtype.name != "float32"))


def _fill(function: Foreign, rate_hz: int) -> _Call | None:
    """Return a call of a function, or None if it needs more than a waveform."""
    positional, named = function.structured_input_signature
    names = function.function_type.parameters
    declared = dict(zip(names, positional, strict=False)) | named
    given = {name: _argument(name, d, rate_hz) for name, d in declared.items()}
    waveforms = [declared[name] for name, a in given.items() if a is _WAVEFORM]
    if len(waveforms) != 1 or any(a is _UNKNOWN for a in given.values()):
        return None
    return _Call(function, given, waveforms[0])


def _argument(name: str, declared: Foreign, rate_hz: int) -> Foreign:
    """Return the value of an argument, `_WAVEFORM` or `_UNKNOWN`."""
    import tensorflow as tf

    known = {"sample_rate": rate_hz, "training": False}.get(name, _UNKNOWN)
    if not any(isinstance(d, tf.TypeSpec) for d in tf.nest.flatten(declared)):
        # The function was made for this very value.
        fits = known is _UNKNOWN or declared is None or declared == known
        return declared if fits else _UNKNOWN
    if not isinstance(declared, tf.TensorSpec):
        return _UNKNOWN
    shape = None if declared.shape.rank is None else declared.shape.as_list()
    if known is not _UNKNOWN:
        return tf.cast(known, declared.dtype) if not shape else _UNKNOWN
    return _WAVEFORM if declared.dtype.is_floating and shape in _SHAPES else _UNKNOWN


def _outputs(result: Foreign) -> dict[str | int, Foreign]:
    """Return what a function gives, by key or number."""
    if isinstance(result, Mapping):
        return dict(result)
    return dict(enumerate(result if isinstance(result, tuple | list) else [result]))


def _output(declared: Foreign, chosen: str | int | None, what: str) -> str | int:
    """Return the key of the output to use."""
    outputs = _outputs(declared)
    keys = {str(key): key for key in outputs}
    wanted = next(iter(keys)) if chosen is None and len(keys) == 1 else str(chosen)
    if wanted not in keys:
        shapes = (f"{k} {getattr(outputs[v], 'shape', '')}" for k, v in keys.items())
        raise ConfigError(
            f"{what} gives {', '.join(sorted(shapes))}; 'output' must be one of them, "
            f"and is {chosen!r}: set it in the config."
        )
    return keys[wanted]
