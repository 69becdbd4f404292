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
