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
