"""Whiten all clips by the covariance of the source within its classes (WCCN)."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from earshift.debias._whitening import Whitening
from earshift.errors import DataError

version = 1
access = "none"
classwise = False


class WCCN(Whitening):
    """Make clips of a class spread alike in all directions, as far as the source tells.

    A clip x becomes W^-1/2 (x - m), with the mean m of the source and its covariance W
    within classes: the mean over classes of the covariance of the clips that have the
    class, shrunk as Ledoit and Wolf do. Directions in which clips of one class differ
    much count less, whatever they differ by: speaker, recording or device.

    Attributes
    ----------
    mean_, components_, scales_, rest_, shrinkage_
        As of `Whitening`.

    Notes
    -----
    It looks at labels of the source, all of those that may train in a fold, also where
    classifiers are trained on some of them (`learning_curves.csv`, gaps of equal
    training).

    Nothing is lost: without a penalty, a linear classifier gives the same scores.

    References
    ----------
    Hatch, Kajarekar, Stolcke (2006), "Within-class covariance normalization for
    SVM-based speaker recognition", Interspeech.
    """

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic] | None = None,
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source_clips: NDArray[np.floating],
        source_labels: NDArray[np.int8],
    ) -> Self:
        """Learn the covariance within classes.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Not used, but for the number of features.
        domain, y, subgroup : None
            Not used.
        source_clips : ndarray of shape (n_source_clips, n_features)
            Clips of the source.
        source_labels : ndarray of shape (n_source_clips, n_classes), int8
            1 where a clip has a class.

        Returns
        -------
        WCCN
            Itself.

        Raises
        ------
        DataError
            If no class has two clips.
        """
        del domain, y, subgroup
        validate_data(self, X, dtype=np.float64)
        clips = np.asarray(source_clips, np.float64)
        members = [clips[own == 1] for own in np.asarray(source_labels).T]
        parts = [part for part in members if len(part) > 1]
        if not parts:
            raise DataError(
                "WCCN compares clips of one class, and needs a class of which the "
                f"source has 2 or more, got {[len(part) for part in members]}."
            )
        n = sum(map(len, parts))
        within = [
            (part - part.mean(axis=0)) * np.sqrt(n / (len(parts) * len(part)))
            for part in parts
        ]
        self._learn(clips.mean(axis=0), np.concatenate(within))
        return self


def make() -> WCCN:
    """Return the method; it has no options."""
    return WCCN()
