"""What the published code of the ISMIR 2023 study computes, faults included.

The study is Wang, Richard and McFee (2023), "Transfer learning and bias correction with
pre-trained audio embeddings", ISMIR. Each fault is a switch of `Faults`. What several
methods and training datasets need is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from earshift.debias import Found
from earshift.errors import DataError
from earshift.evaluation.domains import PRESENT, Domain
from earshift.numerics import classifier, kernels
from earshift.numerics.auc import fold_auc
from earshift.numerics.classifier import Classifier
from earshift.numerics.discriminant import discriminant
from earshift.numerics.grouped_folds import assign_folds
from earshift.stages.splits.selection import PAPER_INNER_FOLDS

Array = NDArray[np.float64]
T = TypeVar("T")

#: Values of C that the study tries.
GRID = tuple(10.0**power for power in range(-8, 4))

#: Seed of its kernel map.
SEED = 42

#: Clips of each dataset that a genre needs for a discriminant, once that is corrected.
MIN_CLIPS = 5

#: Log-odds beyond which a probability in double precision is 0, or 1.
IMPOSSIBLE, CERTAIN = -710.0, 37.0


@dataclass(frozen=True)
class Recipe:
    """What a method of the study does.

    Parameters
    ----------
    kernel : bool
        Whether clips are mapped first.
    lda : bool
        Whether something is removed.
    per_subgroup : bool
        Whether it is one direction for each genre.
    """

    kernel: bool = False
    lda: bool = False
    per_subgroup: bool = False

    @property
    def sees_target(self) -> bool:
        """Return whether clips of both datasets decide what it does."""
        return self.kernel or self.lda


#: Plugin -> what the study does under this name.
METHODS = {
    "none": Recipe(),
    "lda": Recipe(lda=True),
    "mlda": Recipe(lda=True, per_subgroup=True),
    "k": Recipe(kernel=True),
    "klda": Recipe(kernel=True, lda=True),
    "mklda": Recipe(kernel=True, lda=True, per_subgroup=True),
}


@dataclass(frozen=True)
class Faults:
    """Faults of the published code; False where one is corrected.

    Parameters
    ----------
    unshuffled_folds : bool
        Inner folds are blocks of clips sorted by genre, and clips of one recording are
        on both sides; corrected: whole recordings, shuffled.
    unscaled_features : bool
        Without a kernel, features are not standardised; corrected: they are, by the
        clips that train.
    one_class_lda : bool
        A genre that one dataset lacks gives a class mean in place of a discriminant;
        corrected: genres with fewer than `MIN_CLIPS` clips in a dataset are skipped.
    scaler_per_dataset : bool
        With a kernel, directions are found in clips that each dataset's own scaler
        standardised, though data are scaled by the clips that train; corrected: the
        latter everywhere.
    penalised_intercept : bool
        The intercept counts as a weight; corrected: it is free.
    aliased_fastfood : bool
        The map reads what it has just overwritten. This depends on the version of the
        study's library, and is not in its published numbers.
    """

    unshuffled_folds: bool = True
    unscaled_features: bool = True
    one_class_lda: bool = True
    scaler_per_dataset: bool = True
    penalised_intercept: bool = True
    aliased_fastfood: bool = False


class Case:
    """One class in one fold: its clips, and what methods and training datasets share.

    Parameters
    ----------
    all_domains : sequence of Domain
        Two datasets.
    drawn : sequence of ndarray of shape (n_drawn,), int
        The clips of each that train, in the order of the draw, which matters: inner
        folds are blocks of it.
    c : int
        Number of the class.
    repeat, fold : int
        Which clips test.
    faults : Faults
        What is done as published.
    rngs : sequence of Generator
        For the inner folds of each dataset, where they are shuffled.
    """

    def __init__(
        self,
        all_domains: Sequence[Domain],
        drawn: Sequence[NDArray[np.int64]],
        c: int,
        repeat: int,
        fold: int,
        faults: Faults,
        rngs: Sequence[np.random.Generator],
    ) -> None:
        self.domains, self.c, self.faults = all_domains, c, faults
        self.train = drawn
        self.test = [_tested(d, c, repeat, fold, all_domains) for d in all_domains]
        pairs = list(zip(all_domains, drawn, strict=True))
        self.present = [d.labels[rows, c] == PRESENT for d, rows in pairs]
        self.subgroup = [d.subgroup[rows] for d, rows in pairs]
        for domain, y in zip(all_domains, self.present, strict=True):
            if not can_train(y):
                raise DataError(
                    f"dataset '{domain.name}': the protocol 'paper' needs "
                    f"{PAPER_INNER_FOLDS} training clips that have the class and "
                    f"{PAPER_INNER_FOLDS} that do not, got {y.sum()} and {(~y).sum()}. "
                    "Leave the class out of 'classes'."
                )
        self.folds = [self._inner_folds(i, rng) for i, rng in enumerate(rngs)]
        self._kept: dict[tuple[object, ...], Any] = {}

    def _once(self, make: Callable[..., T], *key: object) -> T:
        """Return what `make` does of `key`, computed once."""
        name = (make.__name__, *key)
        if name not in self._kept:
            self._kept[name] = make(*key)
        result: T = self._kept[name]
        return result

    def _inner_folds(self, source: int, rng: np.random.Generator) -> NDArray[np.int64]:
        y, rows = self.present[source], self.train[source]
        if not self.faults.unshuffled_folds:
            recordings = self.domains[source].recording[rows]
            labels = np.stack([y, ~y], axis=1)
            return assign_folds(labels, recordings, PAPER_INNER_FOLDS, rng)
        folds = np.zeros(len(y), np.int64)
        splitter = StratifiedKFold(PAPER_INNER_FOLDS)
        for fold, (_, test) in enumerate(splitter.split(np.zeros(len(y)), y)):
            folds[test] = fold
        return folds

    def depends_on_source(self, recipe: Recipe) -> bool:
        """Return whether directions differ between the datasets that train."""
        faults = self.faults
        return not (
            faults.scaler_per_dataset if recipe.kernel else faults.unscaled_features
        )

    def found(self, recipe: Recipe, scope: str, source: int) -> list[Found]:
        """Return the directions between the datasets."""
        if not recipe.lda:
            return []
        source = source if self.depends_on_source(recipe) else 0
        return self._once(self._found, recipe, scope, source)

    def _found(self, recipe: Recipe, scope: str, source: int) -> list[Found]:
        parts = self._parts(recipe.kernel, source)
        groups = self.subgroup
        if scope == "classwise":
            parts = [part[y] for part, y in zip(parts, self.present, strict=True)]
            groups = [group[y] for group, y in zip(groups, self.present, strict=True)]
        if not recipe.per_subgroup:
            return [self._direction(parts)]
        named = {g for group in groups for g in group if g is not None}
        within = [
            ([part[group == g] for part, group in zip(parts, groups, strict=True)], g)
            for g in sorted(named)
        ]
        if not self.faults.one_class_lda:
            within = [
                (clips, g) for clips, g in within if min(map(len, clips)) >= MIN_CLIPS
            ]
        return [self._direction(*one) for one in within] or [self._direction(parts)]

    def _direction(self, parts: Sequence[Array], subgroup: str | None = None) -> Found:
        """Return the discriminant of clips of each dataset, where it has any."""
        names = [domain.name for domain in self.domains]
        n_clips = {n: len(part) for n, part in zip(names, parts, strict=True)}
        vector = discriminant([part for part in parts if len(part)])[0]
        return Found(vector, n_clips, subgroup)

    def _parts(self, kernel: bool, source: int) -> list[Array]:
        """Return the drawn clips of each dataset, as directions are found in them."""
        if kernel:
            return self._map(source)[0]
        raw = [d.X[rows] for d, rows in zip(self.domains, self.train, strict=True)]
        if self.faults.unscaled_features:
            return raw
        scaler = self._once(self._scaler, source)
        return [np.asarray(scaler.transform(part)) for part in raw]

    def _scaler(self, source: int) -> StandardScaler:
        return StandardScaler().fit(self.domains[source].X[self.train[source]])

    def _map(self, source: int) -> tuple[list[Array], kernels.Fastfood]:
        """Return the drawn clips of each dataset, mapped, and the map."""
        return self._once(
            self._mapped, None if self.faults.scaler_per_dataset else source
        )

    def _mapped(self, source: int | None) -> tuple[list[Array], kernels.Fastfood]:
        parts = []
        for i, (domain, rows) in enumerate(zip(self.domains, self.train, strict=True)):
            scaler = self._once(self._scaler, i if source is None else source)
            parts.append(scaler.transform(domain.X[rows]))
        stack = np.concatenate(parts)
        fastfood = kernels.Fastfood(
            sigma=kernels.median_distance(stack),
            random_state=SEED,
            aliased=self.faults.aliased_fastfood,
        ).fit(stack)
        return [np.asarray(fastfood.transform(part)) for part in parts], fastfood

    def space(self, kernel: bool, source: int) -> tuple[Array, list[Array]]:
        """Return the clips that train, and the test clips of each dataset."""
        return self._once(self._space, kernel, source)

    def _space(self, kernel: bool, source: int) -> tuple[Array, list[Array]]:
        tests = [d.X[test] for d, test in zip(self.domains, self.test, strict=True)]
        train = self._parts(kernel, source)[source]
        if kernel or not self.faults.unscaled_features:
            scaler = self._once(self._scaler, source)
            tests = [scaler.transform(X) for X in tests]
        if kernel:
            fastfood = self._map(source)[1]
            tests = [np.asarray(fastfood.transform(X)) for X in tests]
        return train, tests

    def _products(self, kernel: bool, source: int) -> Array | None:
        return classifier.products(self.space(kernel, source)[0])

    def fit(
        self, recipe: Recipe, directions: Sequence[Found], source: int
    ) -> Classifier:
        """Choose C, and fit the classifier on the clips of one dataset.

        Its weights are orthogonal to the directions, so that they score clips from
        which nothing was removed, too.
        """
        X, _ = self.space(recipe.kernel, source)
        K = self._once(self._products, recipe.kernel, source)
        basis = _basis(directions, X.shape[1])
        X, K = classifier.without(X, K, basis)
        y, folds = self.present[source], self.folds[source]
        options: dict[str, Any] = {
            "penalise_intercept": self.faults.penalised_intercept
        }
        scores = classifier.out_of_fold(X, K, y, folds, GRID, **options)
        C = GRID[_first_best(scores, y, folds)]
        return classifier.solve(X, K, y, C, **options).without(basis)


def can_train(present: NDArray[np.bool_]) -> bool:
    """Return whether enough clips of both kinds of a class are drawn for the folds."""
    return bool(min(present.sum(), (~present).sum()) >= PAPER_INNER_FOLDS)


def _tested(
    domain: Domain, c: int, repeat: int, fold: int, all_domains: Sequence[Domain]
) -> NDArray[np.bool_]:
    """Return the labelled test clips; those of a genre, where there are genres."""
    test: NDArray[np.bool_] = (domain.folds[repeat] == fold) & (
        domain.labels[:, c] >= 0
    )
    if any(any(g is not None for g in d.subgroup) for d in all_domains):
        test = test & np.array([g is not None for g in domain.subgroup], bool)
    return test


def _basis(directions: Sequence[Found], n_features: int) -> Array:
    """Return orthonormal rows that span the directions."""
    rows = [one.vector for one in directions if np.any(one.vector)]
    if not rows:
        return np.zeros((0, n_features))
    basis: Array = np.linalg.svd(np.stack(rows), full_matrices=False)[2]
    return basis


def _first_best(scores: Array, y: NDArray[np.bool_], folds: NDArray[np.int64]) -> int:
    """Return the first row of `scores` whose mean AUC over the folds is highest."""
    parts = [folds == fold for fold in np.unique(folds)]
    auc = np.array(
        [
            [fold_auc(row, y[part], folds[part]) for row in scores[:, part]]
            for part in parts
        ]
    )
    auc = auc[np.isfinite(auc).all(axis=1)]
    # Rounded, so that the choice does not hang on the last bits of a sum.
    return int(np.argmax(np.round(auc.mean(axis=0), 12))) if len(auc) else 0


def as_published(scores: Array) -> Array:
    """Return log-odds of the probabilities that the study ranks, ties included.

    A probability above 1 - 1e-16 is one: large log-odds are told apart no better. One
    below 1e-308 is nought.
    """
    log_odds: Array = np.clip(logit(expit(scores)), IMPOSSIBLE, CERTAIN)
    return log_odds
