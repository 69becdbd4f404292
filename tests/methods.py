"""Plugin files of methods that a user might add, and how to write them."""

#: Maps each dataset by its own mean and spread.
STANDARDISER = '''
"""Give each feature mean 0 and spread 1 in each dataset."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

version = 1
access = "target_unlabelled"


class PerDomain(TransformerMixin, BaseEstimator):
    def fit(self, X, domain, y=None, subgroup=None):
        parts = {str(name): X[domain == name] for name in np.unique(domain)}
        self.mean_ = {name: part.mean(axis=0) for name, part in parts.items()}
        self.std_ = {name: part.std(axis=0) for name, part in parts.items()}
        return self

    def transform(self, X, domain):
        mean = np.stack([self.mean_[str(name)] for name in domain])
        std = np.stack([self.std_[str(name)] for name in domain])
        return (X - mean) / std


def make():
    return PerDomain()
'''

#: Moves every other dataset onto the source.
ONTO_SOURCE = '''
"""Move each dataset's mean to that of the source."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

version = 1
access = "target_unlabelled"


class OntoSource(TransformerMixin, BaseEstimator):
    def fit(self, X, domain, y=None, subgroup=None, *, source):
        mean = {str(name): X[domain == name].mean(axis=0) for name in np.unique(domain)}
        self.shift_ = {name: mean[source] - own for name, own in mean.items()}
        return self

    def transform(self, X, domain):
        return X + np.stack([self.shift_[str(name)] for name in domain])


def make():
    return OntoSource()
'''

#: Clips whose last feature is above the mean of the source do not count.
WEIGHTER = '''
"""Give each clip a weight."""

import numpy as np

from earshift.debias.none import Identity

version = 1
access = "target_unlabelled"


class Weighter(Identity):
    def __init__(self, *, above=0.0, below=1.0):
        self.above, self.below = above, below

    def fit(self, X, domain, y=None, subgroup=None):
        super().fit(X)
        self.weights_ = np.where(X[:, -1] > 0, self.above, self.below)
        return self


def make(*, above: float = 0.0, below: float = 1.0):
    return Weighter(above=above, below=below)
'''

#: Removes the difference of the means, in one direction, and says which.
ONE_DIRECTION = '''
"""Remove the direction between the means of two datasets."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

version = 1
access = "target_unlabelled"


class OneDirection(TransformerMixin, BaseEstimator):
    def fit(self, X, domain, y=None, subgroup=None):
        a, b = (X[domain == name].mean(axis=0) for name in np.unique(domain))
        self.removed_directions_ = ((b - a) / np.linalg.norm(b - a))[None]
        return self

    def transform(self, X):
        W = self.removed_directions_
        return X - (X @ W.T) @ W + 7


def make():
    return OneDirection()
'''


def written(folder, name, text):
    """Write a plugin file; return the config entry of its method."""
    file = folder / f"{name}.py"
    file.write_text(text)
    return {"plugin": str(file)}
