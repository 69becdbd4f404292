"""Measure, explain and correct dataset bias in pre-trained audio embeddings.

The public interface:

* `load_model` returns a pre-trained model that embeds waveforms;
* `open_embeddings` opens a store of embeddings as an xarray dataset;
* `open_features` opens one of pooled vectors;
* `load_features` loads the features and labels of an experiment as arrays;
* `AdaptedClassifier` is trained on one collection, for another;
* `scorecard` says what corrections gain and cost, of plain arrays;
* `decompose` says where the loss from one collection to another comes from;
* `correctability` asks finished runs whether measures predict what a correction gains;
* `earshift.debias` holds the debias methods, scikit-learn transformers;
* `earshift.discrepancy` holds measures of how far apart two sets of clips are.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earshift.adaptation import AdaptedClassifier
    from earshift.decomposition import decompose
    from earshift.loading import load_features
    from earshift.models import load_model
    from earshift.predicted_gains import correctability
    from earshift.reading import open_embeddings, open_features
    from earshift.scorecards import scorecard

__version__ = "0.1.0"
__all__ = [
    "AdaptedClassifier",
    "correctability",
    "decompose",
    "load_features",
    "load_model",
    "open_embeddings",
    "open_features",
    "scorecard",
]

_HOME = {
    "AdaptedClassifier": "earshift.adaptation",
    "correctability": "earshift.predicted_gains",
    "decompose": "earshift.decomposition",
    "load_features": "earshift.loading",
    "load_model": "earshift.models",
    "open_embeddings": "earshift.reading",
    "open_features": "earshift.reading",
    "scorecard": "earshift.scorecards",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: importing earshift is free."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'earshift' has no attribute '{name}'")
