"""What the tests of several networks need."""

import h5py
import numpy as np


def write_h5(path, tensors, empty_layers=("input_1",)):
    """Write tensors as Keras 2 does: one group a layer, nested where names have `/`."""
    layers = {layer: [] for layer in empty_layers}
    for name, values in tensors.items():
        layers.setdefault(name.rsplit("/", 1)[0], []).append((f"{name}:0", values))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, weights in layers.items():
            group = file.require_group(layer)
            names = [name.encode() for name, _ in weights]
            group.attrs["weight_names"] = names or np.zeros(0, "S1")
            for name, values in weights:
                group[name] = values
    return str(path)


def relative(got, expected):
    """Return the relative L2 deviation of each row."""
    difference = np.linalg.norm(got - expected, axis=1)
    return difference / np.linalg.norm(expected, axis=1)
