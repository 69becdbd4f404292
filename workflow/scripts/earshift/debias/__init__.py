"""Debias methods: scikit-learn transformers of pooled features, one file each.

A method plugin defines

``version``
    An integer that is raised whenever its numbers change.
``access``
    What it may see of the target: ``"none"``, ``"target_unlabelled"`` (features, domain
    and subgroup of target clips) or ``"target_labelled"`` (their classes too).
``make(**options)``
    Return the unfitted transformer, with ``fit(X, domain, y=None, subgroup=None)`` and
    ``transform(X)``. `X` has shape (n_clips, n_features), `domain` names the dataset of
    each clip, `y` is the class (True, False) and `subgroup` a nuisance attribute.

The classes can be imported from here: ``from earshift.debias import LDA``.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import TransformerMixin

from earshift import registry
from earshift.debias.lda import LDA
from earshift.debias.mean_projection import MeanProjection
from earshift.debias.mlda import MultiLDA
from earshift.debias.none import Identity

#: What a method may see of the target dataset, from least to most.
ACCESS = ("none", "target_unlabelled", "target_labelled")

__all__ = ["ACCESS", "LDA", "Identity", "MeanProjection", "MultiLDA", "make"]


def make(name: str, **options: Any) -> TransformerMixin:
    """Return the unfitted debias method called `name`.

    Parameters
    ----------
    name : str
        Name of a method (``earshift.registry.names("debias")`` lists them) or path of a
        ``.py`` file that defines one.
    **options
        Options of the method.

    Returns
    -------
    TransformerMixin
        With ``fit(X, domain, y=None, subgroup=None)`` and ``transform(X)``.

    Raises
    ------
    ConfigError
        If there is no such method or option.
    """
    registry.check_options("debias", name, options)
    return registry.load("debias", name).make(**options)
