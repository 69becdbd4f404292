"""Clips of a split as a control replaces them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earshift.debias import Method, checks, controls

if TYPE_CHECKING:
    from earshift.evaluation.views import Split

Array = NDArray[np.float64]


def replaced_clips(
    split: Split,
    X: Sequence[Array],
    method: Method,
    c: int | None = None,
    counts: Sequence[NDArray[np.int64]] | None = None,
) -> list[Array]:
    """Replace the clips of all datasets, each side of the split by itself.

    Parameters
    ----------
    split : Split
        Which clips train; the others that it uses test.
    X : sequence of ndarray of shape (n_used, n_features), float64
        For each dataset.
    method : Method
        The control (`Method.replaces`), as it is in the repeat.
    c : int, optional
        The class whose labels it is told; without, those of all classes.
    counts : sequence of ndarray of shape (n_clips,), int64, optional
        How often each clip is there, as in `Split.view`. Training clips that are not
        there are given to no other clip, and are zeros.

    Returns
    -------
    list of ndarray of shape (n_used, n_out), float64
        For each dataset.

    Raises
    ------
    MethodError
        If the control does what none may (`debias.controls`).
    """
    control = method.make()
    classes = slice(None) if c is None else [c]
    train, test = split.train, [~own for own in split.train]
    if counts is not None:
        train = [own & (n > 0) for own, n in zip(train, counts, strict=True)]
    out: list[Array] = []
    for side, chosen in ((controls.TRAIN, train), (controls.TEST, test)):
        rows = [split.rows(i, own) for i, own in enumerate(chosen)]
        parts, labels = [], []
        for i, (domain, own) in enumerate(zip(split.domains, rows, strict=True)):
            used = split.used[i]
            clips = checks.Clips(domain.name, domain.clip_id[used][own], X[i][own])
            parts.append(clips)
            labels.append(domain.labels[used][own][:, classes])
        rng = controls.generator(method, split.fold, side)
        found = controls.replaced(control, parts, labels, rng)
        if not out:
            out = [np.zeros((len(own), found[0].shape[1])) for own in rows]
        for whole, own, part in zip(out, rows, found, strict=True):
            whole[own] = part
    return out
