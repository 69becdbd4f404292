"""Read weight files that Keras 2 wrote (HDF5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earshift.errors import WeightsError
from earshift.models._weights import need_file


def read_h5(path: Path, *, model: str, remedy: str) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a Keras 2 weights file, in the order of its layers.

    Parameters
    ----------
    path : Path
        The file. Names with slashes may nest, so ``layer1/conv/kernel:0`` may lie in a
        group of that name inside the group ``layer1/conv``.
    model, remedy : str
        Name of the model, and a sentence on where its weights come from, for messages.

    Returns
    -------
    dict of str to ndarray
        Name of each tensor, without the final ``:0`` -> its values.

    Raises
    ------
    WeightsError
        If the file is missing, is no HDF5, is cut short, or holds no Keras 2 weights.
    """
    import h5py

    what = f"the weights file of {model} (HDF5)"
    need_file(path, what, remedy)
    try:
        with h5py.File(path, "r") as file:
            return _read_layers(file)
    except OSError as error:
        raise WeightsError(
            f"{what} is needed, but {path} ({path.stat().st_size} bytes) is none, or "
            f"is cut short: {error}. {remedy}"
        ) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{what} in the layout of Keras 2 is needed, but {path} is HDF5 of another "
            f"layout: {error}. {remedy}"
        ) from error


def _read_layers(file: object) -> dict[str, NDArray[np.float32]]:
    arrays: dict[str, NDArray[np.float32]] = {}
    for layer in _names(file, "layer_names"):
        group = file[layer]  # type: ignore[index]
        for name in _names(group, "weight_names"):
            arrays[name.removesuffix(":0")] = np.asarray(group[name])
    return arrays


def _names(group: object, attribute: str) -> list[str]:
    values = group.attrs[attribute]  # type: ignore[attr-defined]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]
