"""Keras on any backend: import it quietly, and call a network as a plain function."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from earshift.models._frontend import Floats, Tensor
from earshift.models._model import Network

#: A layer of Keras.
Layer: TypeAlias = Any


def load_keras() -> ModuleType:
    """Import Keras, on TensorFlow unless KERAS_BACKEND names another backend."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # On NVIDIA's GPUs, float32 shall mean float32.
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
    import keras

    module: ModuleType = keras
    return module


def float64() -> AbstractContextManager[None]:
    """Let the backend compute in float64 where asked to: JAX needs leave for that."""
    if load_keras().backend.backend() != "jax":
        return nullcontext()
    import jax

    allowed: AbstractContextManager[None] = jax.enable_x64(True)
    return allowed


class Graph:
    """A network under construction: layers with given weights.

    Parameters
    ----------
    precision : {"float32", "bfloat16"}
        Type the layers compute in. What they add up in a convolution or a product is
        float32 in either case.
    """

    def __init__(self, precision: str) -> None:
        self.keras = load_keras()
        self._policy = precision

    def start(self, x: Tensor) -> Tensor:
        """Return a spectrogram, float32, in the type of the layers."""
        return self.keras.ops.cast(x, self._policy)

    def convolve(
        self,
        x: Tensor,
        kernel: Floats,
        bias: Floats,
        *,
        stride: int = 1,
        padding: str = "same",
        relu: bool = True,
        depthwise: bool = False,
    ) -> Tensor:
        """Apply a convolution over time, or over time and frequency.

        Parameters
        ----------
        x : tensor of shape (n, ..., n_in)
            Input.
        kernel : ndarray of shape (..., n_in, n_out)
            Last dimension 1 if `depthwise`.
        bias : ndarray of shape (n_out,)
            Summand of each channel.
        stride, padding, relu, depthwise
            As in Keras; `relu` clips negative results.

        Returns
        -------
        tensor of shape (n, ..., n_out)
            Output.
        """
        size = kernel.shape[:-2]
        options = {
            "strides": stride,
            "padding": padding,
            "activation": "relu" if relu else None,
            "dtype": self._policy,
        }
        layers = self.keras.layers
        if depthwise:
            layer = layers.DepthwiseConv2D(size, **options)
        else:
            make = {1: layers.Conv1D, 2: layers.Conv2D}[len(size)]
            layer = make(kernel.shape[-1], size, **options)
        return _weighted(layer, x, kernel, bias)

    def dense(
        self,
        x: Tensor,
        kernel: Floats,
        bias: Floats,
        activation: str | None = None,
        *,
        exact: bool = False,
    ) -> Tensor:
        """Apply a dense layer to (n, n_in), in float32 if `exact`."""
        policy = "float32" if exact else self._policy
        layer = self.keras.layers.Dense(
            kernel.shape[-1], activation=activation, dtype=policy
        )
        return _weighted(layer, x, kernel, bias)

    def convolve_and_pool(
        self,
        x: Tensor,
        kernel: Floats,
        bias: Floats,
        statistics: Sequence[NDArray[np.float32]],
        epsilon: float,
        *,
        pool: tuple[int, int],
        stride: tuple[int, int] | None = None,
        padding: str = "same",
    ) -> Tensor:
        """Apply a convolution, ReLU, a batch normalisation and max-pooling.

        ReLU and normalisation are applied last, to what the pooling leaves: they keep
        the order of values, but for a normalisation with a negative factor. There the
        filter is negated, so that its least value becomes its greatest.

        Parameters
        ----------
        x, kernel, bias, padding
            As of `convolve`.
        statistics, epsilon
            As of `normalise`.
        pool, stride : tuple of int
            Size of the areas pooled, and distance between them; by default the size.

        Returns
        -------
        tensor of shape (n, ..., n_out)
            Output.
        """
        scale, _ = fold(statistics, epsilon)
        sign = np.where(scale < 0, -1.0, 1.0).astype(np.float32)
        y = self.convolve(x, kernel * sign, bias * sign, padding=padding, relu=False)
        y = self.keras.layers.MaxPooling2D(pool, stride, dtype=y.dtype)(y)
        ops = self.keras.ops
        y = ops.relu(ops.cast(y, "float32") * sign)
        return self.start(self.normalise(y, statistics, epsilon))

    def normalise(
        self, x: Tensor, statistics: Sequence[NDArray[np.float32]], epsilon: float
    ) -> Tensor:
        """Scale and shift each channel of x as a batch normalisation does.

        Parameters
        ----------
        x : tensor of shape (n, ..., n_channels), float32
            Input.
        statistics : four ndarray of shape (n_channels,), float32
            Gamma, beta, moving mean and moving variance.
        epsilon : float
            Added to the variance.

        Returns
        -------
        tensor of the same shape, float32
            Output.
        """
        scale, offset = fold(statistics, epsilon)
        return x * scale.astype(np.float32) + offset.astype(np.float32)

    def network(self, inputs: Tensor, outputs: Tensor) -> Network:
        """Return the graph as a compiled function of arrays.

        Parameters
        ----------
        inputs, outputs : keras tensor
            Its ends, shapes (None, n_samples) float32 and (None, n_features).

        Returns
        -------
        callable
            Maps an ndarray of shape (n_windows, n_samples), float32, to one of shape
            (n_windows, n_features), float32. Each new number of windows compiles anew.
            Several threads may call it at a time.
        """
        outputs = self.keras.ops.cast(outputs, "float32")
        call = _compile(self.keras.Model(inputs, outputs))

        def embed(windows: NDArray[np.float32]) -> NDArray[np.float32]:
            if len(windows) == 1:
                # A product with one row is added up in another order than with more.
                return embed(np.repeat(windows, 2, axis=0))[:1]
            return call(np.ascontiguousarray(windows, dtype=np.float32))

        return embed


def fold(
    statistics: Sequence[NDArray[np.float32]], epsilon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return factor and summand of a batch normalisation, one per channel.

    Parameters
    ----------
    statistics : four ndarray of shape (n_channels,), float32
        Gamma, beta, moving mean and moving variance.
    epsilon : float
        Added to the variance.

    Returns
    -------
    tuple of two ndarray of shape (n_channels,), float64
        The normalisation is ``x * factor + summand``.
    """
    gamma, beta, mean, variance = (part.astype(np.float64) for part in statistics)
    scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale


def _weighted(layer: Layer, x: Tensor, kernel: Floats, bias: Floats) -> Tensor:
    y = layer(x)
    layer.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    return y


def _compile(model: Layer) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Compile a model by the means of its backend."""
    backend = load_keras().backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # Not XLA, which is slower on a CPU.
        function = tf.function(model, autograph=False, jit_compile=False)
        return lambda x: np.asarray(function(tf.constant(x)))
    if backend == "jax":
        import jax

        variables = [v.value for v in model.variables]
        stateless = jax.jit(lambda v, x: model.stateless_call(v, [], x)[0])

        def call(x: NDArray[np.float32]) -> NDArray[np.float32]:
            with float64():  # what is traced at the first call may ask for it
                return np.asarray(stateless(variables, x))

        return call
    import torch

    def call_eagerly(x: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(model(x).cpu())

    return call_eagerly
