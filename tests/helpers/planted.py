"""Two made-up datasets that differ in one known way, and what each difference costs."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from earshift.evaluation import cells
from earshift.evaluation import decomposition as terms
from earshift.numerics import classifier


@dataclass(frozen=True)
class Mixture:
    """A dataset: normal distributions, each of one class and subgroup."""

    means: np.ndarray  # (n_parts, n_features)
    covariances: np.ndarray  # (n_parts, n_features, n_features)
    shares: np.ndarray
    classes: np.ndarray
    subgroups: np.ndarray
    wrong: float = 0.0  # share of labels that are those of other clips

    def draw(self, n, rng):
        """Features, classes and subgroups of n clips."""
        part = rng.choice(len(self.shares), n, p=self.shares)
        roots = np.linalg.cholesky(self.covariances)
        noise = rng.standard_normal((n, self.means.shape[1]))
        X = self.means[part] + np.einsum("nij,nj->ni", roots[part], noise)
        y = self.classes[part]
        mixed = rng.random(n) < self.wrong
        y = np.where(mixed, rng.permutation(y), y)
        return X, y, self.subgroups[part]

    def log_density(self, X):
        """Of clips, shape (n_clips,)."""
        with np.errstate(divide="ignore"):
            parts = [
                np.log(share) + multivariate_normal(mean, covariance).logpdf(X)
                for share, mean, covariance in zip(
                    self.shares, self.means, self.covariances, strict=True
                )
            ]
        return logsumexp(parts, axis=0)

    def mapped(self, matrix, offset=0.0):
        """The same clips, each multiplied by a matrix and moved."""
        return replace(
            self,
            means=self.means @ matrix.T + offset,
            covariances=matrix @ self.covariances @ matrix.T,
        )


def _mixture(means, shares, classes, subgroups=None, spread=1.0):
    means = np.array(means, float)
    covariances = np.broadcast_to(
        spread**2 * np.eye(means.shape[1]), (len(means), 2, 2)
    )
    names = ["-"] * len(means) if subgroups is None else subgroups
    return Mixture(means, covariances, *map(np.array, (shares, classes, names)))


#: Two classes, 2.8 standard deviations apart.
PLAIN = _mixture([[-1.4, 0], [1.4, 0]], [0.5, 0.5], ["a", "b"])

#: Of each class some clips are far from the other class, and some near.
FAR = _mixture(
    [[-2.5, 0], [-0.5, 0], [0.5, 0], [2.5, 0]],
    [0.4, 0.1, 0.1, 0.4],
    ["a", "a", "b", "b"],
    ["far", "near", "near", "far"],
    0.6,
)

#: Class c is far from a, and b is near it.
THREE = _mixture([[-1, 0], [0.5, 0], [0, 4]], [0.4, 0.1, 0.5], ["a", "b", "c"])

_TURN = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])

#: What differs -> source and target.
CASES = {
    "translation": (PLAIN, PLAIN.mapped(np.eye(2), np.array([1.2, 0.0]))),
    "scale": (PLAIN.mapped(np.eye(2), 1.4), PLAIN.mapped(1.8 * np.eye(2), 1.8 * 1.4)),
    "rotation": (PLAIN, PLAIN.mapped(_TURN)),
    "one class": (
        PLAIN,
        replace(PLAIN, means=PLAIN.means + np.array([[1.5, 0], [0, 0]])),
    ),
    "mixture": (FAR, replace(FAR, shares=np.array([0.1, 0.4, 0.4, 0.1]))),
    "label shares": (THREE, replace(THREE, shares=np.array([0.4, 0.5, 0.1]))),
    "label noise": (PLAIN, replace(PLAIN, wrong=0.4)),
}


def arrays(name, seed, n=300):
    """Features, classes, subgroups and datasets of a case."""
    rng = np.random.default_rng([seed, list(CASES).index(name)])
    parts = [mixture.draw(n, rng) for mixture in CASES[name]]
    X, y, subgroup = (np.concatenate(part) for part in zip(*parts, strict=True))
    return X, y, subgroup, np.repeat(["source", "target"], n)


def truth(name, metric, *, by_subgroup=False, n=20_000):
    """Terms of a case, by the true densities, of a classifier of n clips."""
    rng = np.random.default_rng(1)
    source, target = CASES[name]
    train, y, _ = source.draw(n, rng)
    centre, scale = train.mean(axis=0), train.std(axis=0)
    classes = np.unique(y)
    fits = [
        classifier.solve((train - centre) / scale, None, y == c, 1.0) for c in classes
    ]
    sides, codes, features = [], [], []
    for mixture in (source, target):
        X, y, subgroup = mixture.draw(n, rng)
        features.append(X)
        scores = np.stack([f.score((X - centre) / scale) for f in fits], axis=1)
        labels = (y[:, None] == classes).astype(np.int8)
        sides.append(terms.Side(scores, labels, np.zeros(n, int), np.ones((n, 1))))
        kinds = labels.argmax(axis=1)
        codes.append((kinds, 2 * kinds + (subgroup == "near")))
    draws = (sides[0].draws, sides[1].draws)
    weights = [cells.weights(own, draws) for own in zip(*codes, strict=True)]
    if not by_subgroup:
        weights[1] = None
    weighed = replace(source, shares=_shares(source, target, by_subgroup))
    X = np.concatenate(features)
    odds = target.log_density(X) - weighed.log_density(X)
    pair = terms.Pair(*sides, weights, odds)
    found = terms.losses([pair], [[]], terms.metric_of(metric), n)
    return {t: found.mean(t).drawn[0, 0] for t in (terms.LOSS, *terms.TERMS)}


def _shares(source, target, by_subgroup):
    """Shares of the source's parts where its kinds are as common as in the target."""
    if by_subgroup:
        return target.shares
    shares = source.shares.copy()
    for c in source.classes:
        own = source.classes == c
        shares[own] *= target.shares[own].sum() / source.shares[own].sum()
    return shares
