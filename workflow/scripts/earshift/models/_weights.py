"""Weights: hashes, strict checks, and the cache of converted checkpoints."""

from __future__ import annotations

import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.downloads import catalogue
from earshift.errors import WeightsError
from earshift.files import file_hash

#: Name of each tensor -> its values.
Arrays = Mapping[str, NDArray[np.float32]]

#: Name of each tensor -> its shape.
Shapes = Mapping[str, tuple[int, ...]]

#: How the names of an optimiser's variables end.
_TRAINING = ("/Adam", "/Adam_1", "beta1_power", "beta2_power", "global_step")

_HASH = "source_sha256"
_log = logging.getLogger(__name__)


def locate(weights: str | None, registered: str, what: str) -> Path:
    """Return the path of a weights file.

    Parameters
    ----------
    weights : str or None
        Path that the user gave, if any.
    registered : str
        Name of the file in the register of weights; without a path of the user's, it is
        where the register's files are fetched to, and need not exist yet.
    what : str
        What the file is, for the message.

    Returns
    -------
    Path
        Where the file is or will be.

    Raises
    ------
    WeightsError
        If the user's path is no file.
    """
    if weights is None:
        return catalogue.weights_folder() / registered
    return need_file(Path(weights).expanduser(), what, remedy(registered))


def remedy(registered: str) -> str:
    """Return what to do without a file of the register, as the end of a message."""
    address = catalogue.weights()[registered].address
    return (
        f"Fetch {address} and give its path as an option of the model; or leave the "
        "option out and run `make weights` (docs/weights.md)."
    )


def need_file(path: Path, what: str, remedy: str) -> Path:
    """Return `path`, or raise `WeightsError` if it is no file.

    Parameters
    ----------
    path : Path
        Where the weights should be.
    what, remedy : str
        What the file is, and a sentence on what to do without it.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    WeightsError
        If there is no such file.
    """
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(f"{what} is needed, but {path} {kind}. {remedy}")
    return path


def check(arrays: Arrays, shapes: Shapes, *, model: str, source: Path) -> None:
    """Raise `WeightsError` unless `arrays` are exactly the tensors of a model.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        What was read.
    shapes : mapping of str to tuple of int
        What the model needs.
    model : str
        Name of the model, for the message.
    source : Path
        Where the arrays come from, for the message.

    Raises
    ------
    WeightsError
        If a tensor is missing, is surplus, has the wrong shape or type, or holds a
        value that is not finite; the message names it.
    """
    remedy = f"Give the original weights of {model}, or fetch the file again."
    absent = [name for name in shapes if name not in arrays]
    surplus = [name for name in arrays if name not in shapes]
    if absent or surplus:
        differences = [
            f"{word} {len(names)} ({', '.join(names[:3])}{', ...' * (len(names) > 3)})"
            for word, names in (("lacks", absent), ("has, beyond them,", surplus))
            if names
        ]
        raise WeightsError(
            f"{model} needs {len(shapes)} tensors by name; {source} "
            f"{' and '.join(differences)}. {remedy}"
        )
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.float32:
            raise WeightsError(
                f"{model} needs the tensor '{name}' of shape {shape}, float32; "
                f"{source} has it of shape {array.shape}, {array.dtype}. {remedy}"
            )
        if not np.isfinite(array).all():
            raise WeightsError(
                f"{model} needs finite weights; the tensor '{name}' of {source} has "
                f"NaN or infinite values. {remedy}"
            )


def cache_folder() -> Path:
    """Return the folder of converted weights: $EARSHIFT_CACHE or ~/.cache/earshift."""
    chosen = os.environ.get("EARSHIFT_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "earshift"


def converted(
    model: str, sources: tuple[Path, ...], convert: Callable[[], Arrays]
) -> Arrays:
    """Return the tensors of a checkpoint, converted at most once.

    Parameters
    ----------
    model : str
        Name of the model and variant, for the name of the cached file.
    sources : tuple of Path
        Files of the checkpoint; their hash tells whether the cached copy is theirs.
    convert : callable
        Reads the checkpoint; called where no copy is cached.

    Returns
    -------
    mapping of str to ndarray, float32
        As `convert` gave them.
    """
    digest = file_hash(*sources)
    path = cache_folder() / f"{model}-{digest[:16]}.npz"
    copy = _read_copy(path, digest)
    if copy is not None:
        return copy
    arrays = convert()
    _write_copy(path, arrays, digest)
    return arrays


def read_checkpoint(folder: Path, remedy: str) -> dict[str, NDArray[np.float32]]:
    """Read the variables of a TensorFlow checkpoint whose files have no stem.

    Parameters
    ----------
    folder : Path
        Holds the files ``.index`` and ``.data-00000-of-00001``.
    remedy : str
        A sentence on where the checkpoint comes from, for the message.

    Returns
    -------
    dict of str to ndarray
        Name of each variable -> its values, without those of the optimiser.

    Raises
    ------
    WeightsError
        If the files are damaged.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    try:
        reader = tf.compat.v1.train.NewCheckpointReader(f"{folder}{os.sep}")
        names = sorted(reader.get_variable_to_shape_map())
        wanted = [name for name in names if not name.endswith(_TRAINING)]
        return {name: np.asarray(reader.get_tensor(name)) for name in wanted}
    except (tf.errors.OpError, IndexError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"a TensorFlow checkpoint is needed, but the files in {folder} cannot be "
            f"read ({error}). {remedy}"
        ) from error


def read_npz(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of an .npz file, without the hash that converted ones record.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to ndarray
        Name of each tensor -> its values.

    Raises
    ------
    WeightsError
        If the file is missing or no .npz.
    """
    need_file(path, "a converted .npz of weights", "Check the path in the config.")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if name != _HASH}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"an .npz file of arrays is needed, but {path} is none ({error}). "
            "Convert the checkpoint again."
        ) from error


def _read_copy(path: Path, digest: str) -> dict[str, NDArray[np.float32]] | None:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if str(file[_HASH]) != digest:
                return None
        return read_npz(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, WeightsError):
        _log.warning("%s is damaged: converting the weights again", path)
        return None


def _write_copy(path: Path, arrays: Arrays, digest: str) -> None:
    """Write through a temporary file: several jobs may convert at the same time."""
    content: dict[str, Any] = {_HASH: np.array(digest), **arrays}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        _log.warning("converted weights are not kept: %s", error)
