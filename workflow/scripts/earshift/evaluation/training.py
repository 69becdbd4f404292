"""Train the classifier of an experiment for one class, and score clips with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, clone

from earshift import classifiers, registry
from earshift.errors import DataError
from earshift.numerics import classifier
from earshift.numerics.auc import best_threshold
from earshift.numerics.grouped_folds import assign_folds

Array = NDArray[np.float64]


class Fitted(Protocol):
    """A fitted classifier of one class; `classifier.Classifier` is a linear one."""

    @property
    def C(self) -> float:  # noqa: N802
        """The setting that was chosen; NaN if there is none of this name."""

    @property
    def threshold(self) -> float:
        """Score from which on the inner folds call a clip present."""

    def score(self, X: Array) -> Array:
        """Return a score of each clip, shape (n_clips,); above 0 means present."""

    def without(self, basis: Array) -> Self:
        """Return this classifier, blind to the directions of orthonormal rows."""


@dataclass(frozen=True)
class NonLinear:
    """A fitted classifier of one class that is not known to be linear.

    Parameters
    ----------
    estimator : BaseEstimator
        Fitted to True and False.
    C : float
        The setting that was chosen; NaN if there is none of this name.
    threshold : float, default=0.0
        Score from which on the inner folds call a clip present.
    removed : ndarray of shape (n_directions, n_features), float64, optional
        Orthonormal rows, taken from clips before they are scored.
    """

    estimator: BaseEstimator
    C: float
    threshold: float = 0.0
    removed: Array | None = None

    def score(self, X: Array) -> Array:
        """Return a score of each clip, shape (n_clips,); above 0 means present."""
        if self.removed is not None:
            X, _ = classifier.without(X, None, self.removed)
        return classifiers.scores(self.estimator, X)

    def without(self, basis: Array) -> NonLinear:
        """Return this classifier, blind to the directions of orthonormal rows."""
        return replace(self, removed=basis)


@dataclass(frozen=True)
class Trainer:
    """Trains the classifier of an experiment.

    Parameters
    ----------
    plugin : str
        Which one.
    estimator : BaseEstimator
        Not fitted; each fit is one of a copy.
    linear : bool
        What the plugin says.
    takes : frozenset of str
        What its `fit` is given besides clips and classes (`classifiers.taken`).
    n_inner_folds : int
        Folds of the choice among its settings, and of that of a threshold; 0 if there
        is nothing to choose any more.
    """

    plugin: str
    estimator: BaseEstimator
    linear: bool
    takes: frozenset[str]
    n_inner_folds: int

    @property
    def weighs(self) -> bool:
        """Return whether its classifier takes weights of clips."""
        return "sample_weight" in self.takes

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Trainer:
        """Return what trains the classifier of a complete config entry."""
        plugin = entry["plugin"]
        linear = getattr(registry.load("classifiers", plugin), "linear", False)
        made = classifiers.make_entry(entry)
        takes = classifiers.taken(made)
        return cls(plugin, made, linear, takes, entry["n_inner_folds"])

    def at(self, fitted: Fitted) -> Trainer:
        """Return a trainer that takes the settings of a fitted classifier for granted.

        Parameters
        ----------
        fitted : Fitted
            What this trainer fitted.

        Returns
        -------
        Trainer
            It fits much faster, and chooses no threshold. Classifiers that say nothing
            of a ``C`` choose their settings anew.
        """
        estimator = clone(self.estimator)
        if np.isfinite(fitted.C) and "C" in estimator.get_params(deep=False):
            estimator.set_params(C=(fitted.C,))
        return replace(self, estimator=estimator, n_inner_folds=0)

    def fit(
        self,
        X: Array,
        y: NDArray[np.bool_],
        *,
        recordings: NDArray[np.str_],
        rng: np.random.Generator,
        weights: Array | None = None,
        products: Array | None = None,
    ) -> Fitted:
        """Train a classifier of one class.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features), float64
            Training features.
        y : ndarray of shape (n_clips,), bool
            Class present or absent.
        recordings : ndarray of shape (n_clips,), str
            Clips of one recording are never on both sides of an inner fold.
        rng : Generator
            Draws the inner folds.
        weights : ndarray of shape (n_clips,), float64, optional
            How much each clip counts, 0 or more; 0 leaves it out. Without, all count
            the same.
        products : ndarray of shape (n_clips, n_clips), optional
            As from `classifier.products`.

        Returns
        -------
        Fitted
            A `classifier.Classifier`, if it is linear.

        Raises
        ------
        DataError
            If there are weights and the classifier takes none, or one that cannot be;
            if `y` of the clips that count has one value only; or if the fitted
            estimator is not what its plugin must make.
        """
        if weights is not None:
            counted = self._counted(weights)
            X, y, recordings = X[counted], y[counted], recordings[counted]
            weights = np.asarray(weights, np.float64)[counted]
            if products is not None:
                products = products[np.ix_(counted, counted)]
        if y.all() or not y.any():
            raise classifier.one_kind(y)
        options: dict[str, Any] = {}
        if weights is not None:
            options["sample_weight"] = weights
        if "products" in self.takes:
            options["products"] = products
        folds = None
        if self.n_inner_folds:
            kinds = np.stack([y, ~y], axis=1)
            folds = assign_folds(kinds, recordings, self.n_inner_folds, rng)
            if "folds" in self.takes:
                options["folds"] = folds
        fitted = self._fitted(X, y, options)
        C = float(np.ravel(getattr(fitted, "C_", np.nan))[0])
        if hasattr(fitted, "threshold_"):
            threshold = float(np.ravel(fitted.threshold_)[0])
        else:
            threshold = self._threshold(X, y, folds, weights)
        if not self.linear:
            return NonLinear(fitted, C, threshold)
        return replace(self._linear(fitted, C, X.shape[1]), threshold=threshold)

    def _fitted(
        self, X: Array, y: NDArray[np.bool_], options: Mapping[str, Any]
    ) -> BaseEstimator:
        """Return a fitted copy of the estimator."""
        # Clips are checked to be finite when they are read, and by `debias._checks`.
        with config_context(assume_finite=True):
            fitted = clone(self.estimator).fit(X, y, **options)
        classes = np.asarray(getattr(fitted, "classes_", None))
        if not np.array_equal(classes, [False, True]):
            raise DataError(
                f"'fit' of the classifier '{self.plugin}' must return the estimator, "
                f"with the sorted values of y as 'classes_', got {classes!r}."
            )
        return fitted

    def _threshold(
        self,
        X: Array,
        y: NDArray[np.bool_],
        folds: NDArray[np.int64] | None,
        weights: Array | None,
    ) -> float:
        """Return the best threshold of clips that are scored by the other folds."""
        if folds is None:
            return 0.0
        scores = np.full(len(y), np.nan)
        for fold in np.unique(folds):
            train = folds != fold
            if y[train].all() or not y[train].any():
                continue
            options: dict[str, Any] = {}
            if weights is not None:
                options["sample_weight"] = weights[train]
            if "folds" in self.takes:
                options["folds"] = np.unique(folds[train], return_inverse=True)[1]
            fitted = self._fitted(X[train], y[train], options)
            scores[~train] = classifiers.scores(fitted, X[~train])
        return best_threshold(scores, y, weights)

    def _linear(
        self, fitted: BaseEstimator, C: float, n_features: int
    ) -> classifier.Classifier:
        """Return a fitted estimator as the linear classifier that it is said to be."""
        coef = np.asarray(getattr(fitted, "coef_", np.nan), np.float64)
        intercept = np.asarray(getattr(fitted, "intercept_", np.nan), np.float64)
        is_right = coef.shape == (1, n_features) and intercept.shape == (1,)
        if not (is_right and np.isfinite(coef).all() and np.isfinite(intercept).all()):
            raise DataError(
                f"the classifier '{self.plugin}' says 'linear = True', and must "
                f"therefore have finite numbers as 'coef_', shape (1, {n_features}), "
                f"and as 'intercept_', shape (1,), got {coef.shape} and "
                f"{intercept.shape}."
            )
        return classifier.Classifier(coef[0], float(intercept[0]), C)

    def _counted(self, weights: Array) -> NDArray[np.bool_]:
        """Return which clips count."""
        if not self.weighs:
            raise DataError(
                f"the method gives each training clip a weight, and the classifier "
                f"'{self.plugin}' takes none ('fit' has no 'sample_weight'). Take "
                "another classifier, such as 'logistic', or leave the method out."
            )
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise DataError(
                "weights of training clips must be finite and 0 or more, got "
                f"{np.min(weights)} to {np.max(weights)}."
            )
        counted: NDArray[np.bool_] = weights > 0
        return counted
