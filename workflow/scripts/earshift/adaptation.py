"""A classifier for another collection than its own, on plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift import debias
from earshift.errors import DataError
from earshift.evaluation.pools import Labelled, Pool, trained_again
from earshift.evaluation.training import Fitted
from earshift.numerics import classifier
from earshift.numerics.grouped_folds import assign_folds

Array = NDArray[np.float64]

#: Names of the two collections, as the methods are told them.
_SOURCE, _TARGET = "source", "target"


class AdaptedClassifier(ClassifierMixin, BaseEstimator):
    """Logistic regressions that are trained on one collection, for another.

    The correction is that of the method `adapt`: see ``docs/corrections.md``, which
    also says what it is worth and where it does harm. What the workflow adds is whether
    it helped: this class cannot know.

    Parameters
    ----------
    steps : sequence of str or mapping, default=("standardise", "self_training")
        Methods, by name or as config entries.
    C : sequence of float, default=(0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
        Inverse strengths of the L2 penalty; inner folds of the source choose, for each
        class.
    n_inner_folds : int, default=3
        How many.
    random_state : int, default=0
        Draws the inner folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    adapted_ : bool
        Whether there was a target to adapt to. If so, clips that are scored are taken
        to be of it.

    Notes
    -----
    There is a classifier for each class against the rest, in which both count the same;
    `predict` gives the class of the highest log-odds.

    Examples
    --------
    >>> import numpy as np
    >>> from earshift import AdaptedClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["cello", "flute"], 50)
    >>> X = rng.standard_normal((100, 8)) + 2 * (y == "flute")[:, None]
    >>> X_target = 3 * X + 5  # the same sounds, as another collection has them
    >>> (AdaptedClassifier().fit(X, y).predict(X_target) == y).mean()
    np.float64(0.5)
    >>> (AdaptedClassifier().fit(X, y, X_target).predict(X_target) == y).mean()
    np.float64(1.0)
    """

    def __init__(
        self,
        steps: Sequence[str | Mapping[str, Any]] = ("standardise", "self_training"),
        C: Sequence[float] = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0),
        n_inner_folds: int = 3,
        random_state: int = 0,
    ) -> None:
        self.steps = steps
        self.C = C
        self.n_inner_folds = n_inner_folds
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        X_target: ArrayLike | None = None,
        *,
        recordings: ArrayLike | None = None,
    ) -> Self:
        """Train on clips of the source, and adapt to those of the target.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Pooled embeddings of the source.
        y : array-like of shape (n_clips,)
            Class of each clip.
        X_target : array-like of shape (n_target, n_features), optional
            Pooled embeddings of unlabelled clips of the target. Without, nothing is
            adapted.
        recordings : array-like of shape (n_clips,), optional
            Recording of each clip of the source: clips of one recording are never on
            both sides of an inner fold. Without, each is a recording of its own.

        Returns
        -------
        AdaptedClassifier
            Itself.

        Raises
        ------
        DataError
            If there are fewer than two classes, or recordings are not as many as clips.
        """
        clips, given = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(given)
        self.classes_, codes = np.unique(given, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(
                "a classifier needs clips of two classes or more, got one class: "
                f"{self.classes_[0]!r}."
            )
        names = np.arange(len(clips)) if recordings is None else np.asarray(recordings)
        if names.shape != codes.shape:
            raise DataError(
                f"'recordings' must name the recording of each of {len(clips)} clips, "
                f"got an array of shape {names.shape}."
            )
        self._scaler = StandardScaler().fit(clips)
        self.adapted_ = X_target is not None
        source, pool = self._scaler.transform(clips), None
        is_class = codes[:, None] == np.arange(len(self.classes_))
        if X_target is not None:
            source, pool = self._adapted(clips, is_class, X_target)
        rng = np.random.default_rng(self.random_state)
        folds = assign_folds(is_class, names.astype(str), self.n_inner_folds, rng)
        K = classifier.products(source)
        self._fits: list[Fitted] = [
            classifier.fit(source, own, sorted(self.C), folds, K=K)
            for own in is_class.T
        ]
        if pool is not None:
            self._train_again(source, is_class, pool)
        return self

    def _adapted(
        self, X: Array, is_class: NDArray[np.bool_], X_target: ArrayLike
    ) -> tuple[Array, Pool]:
        """Fit the chain; return the clips of the source and the target as it does."""
        target = validate_data(self, X_target, dtype=np.float64, reset=False)
        scaled = [self._scaler.transform(part) for part in (X, target)]
        domain = np.repeat([_SOURCE, _TARGET], [len(part) for part in scaled])
        self._chain = debias.make("adapt", steps=list(self.steps))
        self._chain.fit(
            np.concatenate(scaled),
            domain,
            source=_SOURCE,
            source_clips=scaled[0],
            source_labels=is_class.astype(np.int8),
        )
        source, own = (
            self._chain.transform(part, np.full(len(part), name))
            for part, name in zip(scaled, (_SOURCE, _TARGET), strict=True)
        )
        return source, Pool(own, np.arange(len(own)).astype(str), None)

    def _train_again(
        self, source: Array, is_class: NDArray[np.bool_], pool: Pool
    ) -> None:
        """Go through the rounds of the chain, if it has some."""
        none = np.zeros(len(source), str)  # nothing is drawn by recording any more

        def refit(k: int, more: Labelled) -> Fitted:
            X, y, _, _ = more.after(source, is_class[:, k], None, none)
            return classifier.solve(X, classifier.products(X), y, self._fits[k].C)

        again = trained_again(self._chain, pool, self._fits, refit)
        self._fits = [fitted for fitted in again if fitted is not None]

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the log-odds of each class.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_features)
            Pooled embeddings of the target, or of the source if there was none.

        Returns
        -------
        ndarray of shape (n_clips, n_classes), or (n_clips,) of two classes
            Of two classes those of the second.
        """
        check_is_fitted(self, "classes_")
        clips = validate_data(self, X, dtype=np.float64, reset=False)
        own = self._scaler.transform(clips)
        if self.adapted_:
            own = self._chain.transform(own, np.full(len(own), _TARGET))
        scores = np.stack([fitted.score(own) for fitted in self._fits], axis=1)
        return scores[:, 1] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of each clip of `X`, as in `decision_function`."""
        scores = self.decision_function(X)
        best = scores > 0 if scores.ndim == 1 else scores.argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[best.astype(np.int64)]
        return predicted
