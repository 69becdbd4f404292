"""Give every feature the same mean and spread in each dataset, all classes alike."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from earshift.debias._per_dataset import PerDataset, check_options
from earshift.numerics import classifier

version = 1
access = "target_unlabelled"
classwise = False

Array = NDArray[np.float64]

#: Folds of the classifiers that label clips, and their inverse penalty.
N_FOLDS, PENALTY = 3, 0.01

#: How often clips are labelled, at most. A few times are enough.
MAX_ROUNDS = 10

#: Fewest clips that a class must have in each dataset to count.
LEAST = 5


class BalancedStandardise(PerDataset):
    """Standardise each feature by the clips of its own dataset, all classes alike.

    Where a class is more common in one dataset than in another, their means differ for
    this reason, and `Standardise` takes this away, and class with it. Here clips are
    labelled first, each as of one class, by classifiers that are trained on labelled
    clips of the source. The mean of a dataset is then the mean over its classes, and
    its variance the mean over classes of the squared distance from that.

    Clips of all datasets are labelled by the same rule, those of the source by
    classifiers that were not trained on them. Classifiers see clips as `Standardise`
    leaves them; then, as the statistics that they gave do; and so on until no label
    changes.

    Parameters
    ----------
    floor, shrink : float
        As of `Standardise`.

    Attributes
    ----------
    mean_, scale_, domains_
        As of `Standardise`.

    Notes
    -----
    Classes that have fewer than five clips in a dataset, as labelled, are left out; if
    fewer than two are left, it is what `Standardise` is.

    Classifiers that are mostly wrong balance nothing. Clips of one recording may be in
    two folds of them, as methods are not told recordings.
    """

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str,
        source_clips: NDArray[np.floating],
        source_labels: NDArray[np.int8],
    ) -> Self:
        """Learn mean and spread of each dataset.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features, of which those of other datasets than the source are used.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.
        y, subgroup : None
            Not used.
        source : str
            The dataset whose spread the floor is a share of.
        source_clips : ndarray of shape (n_source_clips, n_features)
            Features of the source.
        source_labels : ndarray of shape (n_source_clips, n_classes), int8
            1 where a clip has a class, 0 where it has not, -1 where that is unknown.

        Returns
        -------
        BalancedStandardise
            Itself.
        """
        del y, subgroup
        X, domain = validate_data(self, X, domain, dtype=np.float64)
        others = np.flatnonzero(domain != source)
        own = np.asarray(source_clips, np.float64)
        clips = np.concatenate([own, X[others]])
        names = np.concatenate([np.full(len(own), source), domain[others]])
        labels = np.asarray(source_labels)
        self._learn(clips, names, source)
        before = np.full(len(clips), -1)
        for _ in range(MAX_ROUNDS):
            classes = _labelled(self.transform(clips, names), labels)
            weights = _balanced(classes, names)
            if weights is None or np.array_equal(classes, before):
                break
            self._learn(clips, names, source, weights)
            before = classes
        return self


def _labelled(X: Array, labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the number of the class that each clip is most likely of.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Clips, those of the source first.
    labels : ndarray of shape (n_source_clips, n_classes), int8
        Labels of the latter.

    Returns
    -------
    ndarray of shape (n_clips,), int64
        That of the highest log-odds, of classes that can be trained.
    """
    n = len(labels)
    fold = np.arange(n) % N_FOLDS
    scores = np.full((len(X), labels.shape[1]), -np.inf)
    for c, own in enumerate(labels.T):
        of_fold = []
        for k in range(N_FOLDS):
            train = np.flatnonzero((fold != k) & (own >= 0))
            if len({*own[train]}) < 2:
                break
            clips = X[train]
            K = classifier.products(clips)
            of_fold.append(classifier.solve(clips, K, own[train] == 1, PENALTY))
        else:
            for k, fitted in enumerate(of_fold):
                scores[:n][fold == k, c] = fitted.score(X[:n][fold == k])
            scores[n:, c] = np.mean([fitted.score(X[n:]) for fitted in of_fold], axis=0)
    return scores.argmax(axis=1)


def _balanced(classes: NDArray[np.int64], domain: NDArray[np.generic]) -> Array | None:
    """Return weights with which the classes of each dataset count alike, or None."""
    _, member = np.unique(domain, return_inverse=True)
    counts = np.zeros((member.max() + 1, classes.max() + 1))
    np.add.at(counts, (member, classes), 1)
    kept = (counts >= LEAST).all(axis=0)
    if kept.sum() < 2:
        return None
    weights: Array = (kept / np.maximum(counts, 1))[member, classes]
    return weights


def make(*, floor: float = 0.1, shrink: float = 0.0) -> BalancedStandardise:
    """Return the method; `floor` and `shrink` as in `Standardise`."""
    check_options("balanced_standardise", floor, shrink)
    return BalancedStandardise(floor, shrink)
