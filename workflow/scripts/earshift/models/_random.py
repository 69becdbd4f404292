"""Controls ``random_<model>``: the architecture of a model with random weights.

Is it the training that makes an embedding good, or biased, or the architecture? The
control tells: it differs from the model in its weights alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError
from earshift.models._model import ModelSpec, Network

PREFIX = "random_"

#: Raised whenever the weights that a seed gives change.
_VERSION = 1


def control(plugin: ModuleType) -> ModuleType | None:
    """Return the plugin of a model's control, if the model can have one.

    Parameters
    ----------
    plugin : module
        The model: with `tensor_shapes` and `build`; `TRAINED_OPTIONS` names options
        that make sense with trained weights only, besides ``weights``.

    Returns
    -------
    module or None
        A model plugin with the model's other options and `seed`; None where the model
        has no `tensor_shapes` and `build`.
    """
    if not (hasattr(plugin, "tensor_shapes") and hasattr(plugin, "build")):
        return None

    def spec(*, seed: int = 0, **options: Any) -> ModelSpec:
        if type(seed) is not int or seed < 0:
            raise ConfigError(f"'seed' must be a whole number from 0 on, got {seed!r}.")
        facts: ModelSpec = plugin.spec(**options)
        known = {k: v for k, v in facts.options.items() if k not in left_out}
        return replace(facts, weights=(), options=known | {"seed": seed})

    def network(facts: ModelSpec) -> Network:
        tensors = draw(plugin.tensor_shapes(facts), facts.options["seed"])
        tensors |= getattr(plugin, "input_norm", dict)()
        built: Network = plugin.build(facts, tensors)
        return built

    left_out = {"weights", *getattr(plugin, "TRAINED_OPTIONS", ())}
    given = inspect.signature(plugin.spec).parameters.values()
    kept = [p for p in given if p.name not in left_out]
    seed = inspect.signature(spec).parameters["seed"]
    spec.__signature__ = inspect.Signature([*kept, seed])  # type: ignore[attr-defined]

    module = ModuleType(f"{plugin.__name__}.{PREFIX}control", __doc__)
    facts = {
        "env": plugin.env,
        "version": 1000 * _VERSION + plugin.version,
        "licence": "BSD-3-Clause",
        "citation": f"Architecture: {plugin.citation}",
        "spec": spec,
        "network": network,
    }
    module.__dict__.update(facts)
    return module


def draw(
    shapes: Mapping[str, tuple[int, ...]], seed: int
) -> dict[str, NDArray[np.float32]]:
    """Draw the weights that a training could have started from.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Name of each tensor -> its shape.
    seed : int
        Seed of all of them.

    Returns
    -------
    dict of str to ndarray, float32
        Kernels are normal with variance 2 / fan-in; biases are 0; normalisations
        change nothing.

    References
    ----------
    He et al. (2015), "Delving deep into rectifiers", arXiv:1502.01852, equation 10.
    """
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in shapes.items():
        part = name.rsplit("/", 1)[-1]
        if len(shape) > 1:
            fan_in = np.prod(shape[:2] if part == "depthwise_kernel" else shape[:-1])
            values = rng.standard_normal(shape, np.float32)
            values *= np.float32(np.sqrt(2.0 / fan_in))
        elif part in ("gamma", "moving_variance"):
            values = np.ones(shape, np.float32)
        else:
            values = np.zeros(shape, np.float32)
        tensors[name] = values
    return tensors
