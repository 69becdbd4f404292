"""Pre-trained embedding models: one file each.

A model plugin defines

``env``, ``version``, ``licence``, ``citation``
    Facts that need no framework: the conda environment it runs in, an integer that is
    raised whenever its numbers change, the licence of its weights, and its paper.
``spec(**options)``
    Return the `ModelSpec` for these options, or the `ClipSpec` of a model that takes
    whole clips. Must import no deep-learning framework.
``network(spec)``
    Load the weights, strictly, and return a function that maps windows of shape
    (n_windows, n_samples) float32 to features of shape (n_windows, n_features) float32;
    for a `ClipSpec`, one that maps a waveform (n_samples,) to (n_frames, n_features).

A plugin that also defines ``tensor_shapes(spec)`` and ``build(spec, tensors)`` gets the
control ``random_<name>``: its architecture with random weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from earshift import registry, versions
from earshift.audio.resampling import RESAMPLERS
from earshift.errors import ConfigError, did_you_mean
from earshift.models import _random, imported
from earshift.models._batches import Piece, call_ahead, number
from earshift.models._clip_model import ClipModel
from earshift.models._framing import Framing
from earshift.models._model import (
    FILLS,
    PRECISIONS,
    SHORT,
    ClipSpec,
    Embedded,
    Frames,
    Model,
    ModelSpec,
    Network,
)
from earshift.models.imported import ImportedSpec

__all__ = [
    "FILLS",
    "ClipModel",
    "ClipSpec",
    "Embedded",
    "Frames",
    "Framing",
    "Model",
    "ModelSpec",
    "Network",
    "Piece",
    "call_ahead",
    "from_entry",
    "import_spec",
    "is_cue",
    "is_imported",
    "load_model",
    "number",
    "versions_of",
]

#: Options of every model -> their values, the first of which is the default.
COMMON: Mapping[str, tuple[str, ...]] = {
    "short": SHORT,
    "precision": PRECISIONS,
    "resampler": RESAMPLERS,
}

#: Prefix of a name -> what makes that plugin of the one named after the prefix.
DERIVED = {_random.PREFIX: _random.control}


def load_model(
    name: str,
    *,
    short: str = "pad",
    precision: str = "float32",
    resampler: str = "soxr_hq",
    **options: Any,
) -> Model:
    """Return the pre-trained model called `name`.

    Parameters
    ----------
    name : str
        Name of a model (``earshift.registry.names("models")`` lists them) or path of a
        ``.py`` file that defines one.
    short : {"pad", "repeat", "reflect", "skip", "error"}, default="pad"
        A waveform too short for one window is filled up with zeros, with itself from
        its beginning, or with itself backwards and forwards (`fill_up`); gives no
        frame; or is an error.
    precision : {"float32", "bfloat16"}, default="float32"
        Type the network computes in, after its spectrogram. The second is faster and
        less exact; docs/models.md says by how much.
    resampler : {"soxr_hq", "paper"}, default="soxr_hq"
        What resamples; ``"paper"`` is what the original models used, and slow.
    **options
        Options of the model, for instance ``weights`` or ``layer``.

    Returns
    -------
    Model
        With a method ``embed(waveform, sample_rate)``.

    Raises
    ------
    ConfigError
        If there is no such model, option or value.
    WeightsError
        If there is no file at the path given as an option. Weights are read at the
        first use, and an error of their content comes then.

    Examples
    --------
    >>> import numpy as np
    >>> from earshift import load_model
    >>> model = load_model("mfcc")
    >>> model.embed(np.sin(np.arange(44100) / 10), 44100).values.shape
    (1, 120)
    """
    common = {"short": short, "precision": precision, "resampler": resampler}
    for option, value in common.items():
        if value not in COMMON[option]:
            raise ConfigError(
                f"a model has no {option} '{value}' "
                f"{did_you_mean(str(value), COMMON[option])}"
            )
    plugin = registry.load("models", name)
    options = registry.check_options("models", name, options)
    spec = plugin.spec(**options)
    if not isinstance(spec, ModelSpec | ClipSpec):
        raise ConfigError(
            f"'{name}' is read from a file: it cannot embed audio. Name it in the "
            "config of an experiment (docs/embeddings.md)."
        )
    if precision not in spec.precisions:
        raise ConfigError(
            f"the model '{name}' computes in {' or '.join(spec.precisions)}, not in "
            f"{precision}."
        )
    spec = replace(spec, precision=precision)
    kind = ClipModel if isinstance(spec, ClipSpec) else Model
    return kind(name, spec, plugin.network, short=short, resampler=resampler)


def is_imported(entry: Mapping[str, Any]) -> bool:
    """Return whether a config entry's embeddings come from a file, not from audio."""
    return bool(entry["plugin"] == "imported")


def is_cue(entry: Mapping[str, Any]) -> bool:
    """Return whether a config entry's features are cues that are no content."""
    return bool(getattr(registry.load("models", entry["plugin"]), "is_cue", False))


def import_spec(entry: Mapping[str, Any]) -> ImportedSpec:
    """Return where the embeddings of such an entry are.

    Raises
    ------
    ConfigError
        If an option is unknown or wrong, or a file does not exist.
    """
    options = registry.own_options(entry)
    return imported.spec(**registry.check_options("models", entry["plugin"], options))


def versions_of(entry: Mapping[str, Any]) -> dict[str, int | str]:
    """Return the versions of all that decides the embeddings of a config entry."""
    plugin = registry.version_of("models", entry["plugin"])
    by_name: dict[str, int | str] = {"stage": versions.EMBEDDINGS, "plugin": plugin}
    if entry.get("short", SHORT[0]) != SHORT[0]:
        by_name["short_clips"] = versions.SHORT_CLIPS
    return by_name


def from_entry(entry: Mapping[str, Any]) -> Model:
    """Return the model of a config entry: `plugin`, and options of `load_model`."""
    return load_model(entry["plugin"], **registry.own_options(entry))


def check_entry(entry: Mapping[str, Any]) -> None:
    """Refuse an entry that cannot be made."""
    if is_imported(entry):
        import_spec(entry)
    else:
        from_entry(entry)
