"""Keras on any backend: import it quietly, and call a network as a plain function."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earshift.models import Network
from earshift.models._frontend import Tensor

#: A layer of Keras.
Layer: TypeAlias = Any


def load_keras() -> ModuleType:
    """Import Keras, on TensorFlow unless KERAS_BACKEND names another backend."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    module: ModuleType = keras
    return module


def elementwise(name: str) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a function of `keras.ops` as one from arrays to arrays.

    Parameters
    ----------
    name : str
        For instance ``"cos"``: as the backend rounds it, in float32.

    Returns
    -------
    callable
        Maps an ndarray to one of the same shape.
    """
    ops = load_keras().ops
    function = getattr(ops, name)

    def call(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(ops.convert_to_numpy(function(values)), dtype=np.float32)

    return call


def as_network(inputs: Tensor, outputs: Tensor) -> Network:
    """Return a Keras graph as a compiled function of arrays.

    Parameters
    ----------
    inputs, outputs : keras tensor
        Ends of the graph, shapes (None, n_samples) and (None, n_features).

    Returns
    -------
    callable
        Maps an ndarray of shape (n_windows, n_samples), float32, to one of shape
        (n_windows, n_features), float32. Each new number of windows compiles anew.
    """
    keras = load_keras()
    model = keras.Model(inputs, outputs)
    # On JAX, `jit_compile` is what compiles at all; on TensorFlow it would mean XLA,
    # which is slower on a CPU.
    model.compile(jit_compile=keras.backend.backend() == "jax")

    def call(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = np.ascontiguousarray(windows, dtype=np.float32)
        return np.asarray(model.predict_on_batch(batch), dtype=np.float32)

    return call
