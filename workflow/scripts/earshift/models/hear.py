"""Any module with the HEAR API: the models of the HEAR 2021 challenge, and others."""

from __future__ import annotations

import importlib
import os
import sys
from functools import cache
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError, WeightsError, did_you_mean
from earshift.models import _adapters
from earshift.models._adapters import Foreign
from earshift.models._model import ClipSpec, Network

env = "tensorflow"
version = 1
licence = "that of the module"
citation = (
    "that of the module; for its interface: Turian et al. (2022), HEAR: Holistic "
    "Evaluation of Audio Representations, Proceedings of Machine Learning Research "
    "176, 125-145"
)

EMBEDDINGS = ("timestamp", "scene")

#: How far a frame may be from where `hop_s` puts it, in seconds.
TOLERANCE_S = 0.001


def spec(
    *,
    module: str,
    sample_rate_hz: int,
    n_features: int,
    weights: str | None = None,
    embedding: str = "timestamp",
    hop_s: float | None = None,
    min_s: float = 0.0,
) -> ClipSpec:
    """Return the facts of a module; it is not imported yet.

    Parameters
    ----------
    module : str
        Name to import it by, or path of a ``.py`` file.
    sample_rate_hz, n_features : int
        Its sample rate, and its size of the embedding; what it says is compared.
    weights : str, optional
        File or folder that its ``load_model`` gets.
    embedding : {"timestamp", "scene"}, default="timestamp"
        Frames over time, or a single one for the whole clip.
    hop_s : float, optional
        Time between frames in seconds; compared with its timestamps.
    min_s : float, default=0.0
        Shortest clip it takes, in seconds.

    Returns
    -------
    ClipSpec
        Its `weights` are all files given, the ``.py`` file among them.

    Raises
    ------
    ConfigError
        If a value cannot be, or there is no such ``.py`` file.
    WeightsError
        If there are no such weights.
    """
    options = dict(locals())
    if embedding not in EMBEDDINGS:
        raise ConfigError(
            f"a HEAR module has no embedding '{embedding}' "
            f"{did_you_mean(str(embedding), EMBEDDINGS)}"
        )
    if embedding == "scene" and hop_s is not None:
        raise ConfigError(
            f"'hop_s' is the time between frames, got {hop_s}, but with "
            "'embedding: scene' a clip has one frame: leave hop_s out."
        )
    options["package"] = None if module.endswith(".py") else _package(module)
    return _adapters.clip_spec(_files(module, weights), options)


def network(spec: ClipSpec) -> Network:
    """Import the module, load its model, and return what embeds one clip.

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
        If the module cannot be imported, lacks something, or contradicts the config.
    WeightsError
        If its model cannot be loaded.
    """
    what = f"the HEAR module '{spec.options['module']}'"
    name = f"get_{spec.options['embedding']}_embeddings"
    module = _import(spec.options["module"], what)
    _need(module, ("load_model", name), what)
    model = _load_model(module, spec, what)
    call = _adapters.in_framework(getattr(module, name), model, what)

    def embed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        values, *times_ms = call(samples)
        if spec.hop_s is not None:
            _check_times(times_ms, values.shape[1], spec.hop_s, what)
        return values

    return _adapters.frames_of(embed, spec, what)


def _files(module: str, weights: str | None) -> tuple[Path, ...]:
    """Return the files whose contents decide the numbers, as far as they are given."""
    files: tuple[Path, ...] = ()
    if module.endswith(".py"):
        files = (Path(module).expanduser(),)
        if not files[0].is_file():
            raise ConfigError(
                f"the HEAR module '{module}' does not exist (looked for "
                f"{files[0].resolve()}). Correct the path in the config."
            )
    if weights:
        what = f"what load_model of the HEAR module '{module}' gets"
        remedy = "Correct 'weights' in the config, or leave it out."
        files += _adapters.files_of(Path(weights).expanduser(), what, remedy)
    return files


@cache
def _package(module: str) -> str | None:
    """Return name and version of the package that holds a module, where known."""
    packages = sorted(
        set(metadata.packages_distributions().get(module.split(".")[0], ()))
    )
    return ", ".join(f"{name} {metadata.version(name)}" for name in packages) or None


def _import(name: str, what: str) -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        path = Path(name).expanduser()
        module_name = f"earshift_hear_{path.stem}"
        file_spec = spec_from_file_location(module_name, path)
        assert file_spec is not None
        assert file_spec.loader is not None
        module = sys.modules[module_name] = module_from_spec(file_spec)
        file_spec.loader.exec_module(module)
        return module
    except Exception as error:
        raise ConfigError(
            f"{what} cannot be imported ({_adapters.one_line(error)}). Install it, or "
            "what it lacks, in the environment of this Python."
        ) from error


def _load_model(module: ModuleType, spec: ClipSpec, what: str) -> Foreign:
    """Return the module's model, which has the facts that the config states."""
    weights = spec.options["weights"]
    given = [str(Path(weights).expanduser())] if weights else []
    try:
        model = module.load_model(*given)
    except Exception as error:
        raise WeightsError(
            f"{what} cannot load its model from {weights or 'no weights'} "
            f"({_adapters.one_line(error)}). Set 'weights' to what its authors publish."
        ) from error
    size = f"{spec.options['embedding']}_embedding_size"
    _need(model, ("sample_rate", size), f"the model of {what}")
    for option, fact in (("sample_rate_hz", "sample_rate"), ("n_features", size)):
        stated, true = spec.options[option], int(getattr(model, fact))
        if stated != true:
            raise ConfigError(
                f"{what} has {fact} = {true}, and the config says {stated}: set "
                f"{option}: {true}"
            )
    return model


def _need(owner: object, names: tuple[str, ...], what: str) -> None:
    missing = [name for name in names if not hasattr(owner, name)]
    if missing:
        raise ConfigError(
            f"{what} must define {' and '.join(names)}, and lacks "
            f"{' and '.join(missing)}: see https://hearbenchmark.com/hear-api.html"
        )


def _check_times(
    times_ms: list[NDArray[np.float32]], n_frames: int, hop_s: float, what: str
) -> None:
    """Refuse a hop that is not that of the module's timestamps."""
    times_s = np.concatenate([np.empty(0), *times_ms], axis=None) / 1000
    stated_hop = f"and the config says hop_s: {hop_s}"
    if len(times_s) != n_frames:
        raise ConfigError(
            f"{what} gives {n_frames} frames and {len(times_s)} timestamps, "
            f"{stated_hop}: leave hop_s out."
        )
    expected = times_s[:1] + hop_s * np.arange(n_frames)
    if not np.allclose(times_s, expected, rtol=0, atol=TOLERANCE_S):
        hops_s = np.diff(times_s)
        raise ConfigError(
            f"{what} gives frames {hops_s.min():.6g} to {hops_s.max():.6g} s apart, "
            f"{stated_hop}: set hop_s: {hops_s.mean():.6g}, or leave it out if they "
            "are irregular."
        )
