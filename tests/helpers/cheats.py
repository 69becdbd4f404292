"""Methods that no table may hold: each would look better, or other, than it is.

Name -> the body of a plugin file, and what the error must say of it.
"""

START = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from earshift.debias import Identity, LDA
from earshift.debias._directions import DirectionRemover, found

version, access = 1, "{access}"


class Base(TransformerMixin, BaseEstimator):
    def fit(self, X, domain=None, y=None, subgroup=None):
        self.mean_ = X.mean(axis=0)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X - self.mean_

"""
END = """

def make():
    return Cheat()
"""

BATCH = "depends on which other clips come with it: batch statistics"
AGAIN = "gives other features for the same clips when it is called again"
CHANCE = "a second fit to the same clips gives another transform"
REFIT = "its fit depends on the fits before it"
PLACE = "depends on the place of the clip in X"
JUMPS = "looks up or hashes the values of single clips"

CHEATS = {
    # Standardises each batch, and with it each dataset, by itself.
    "batch": (
        """
class Cheat(Base):
    def transform(self, X):
        return (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)
""",
        BATCH,
    ),
    # The same for large batches alone.
    "large_batch": (
        """
class Cheat(Base):
    def transform(self, X):
        return X - X.mean(axis=0) if len(X) > 20 else X
""",
        BATCH,
    ),
    # The number of a row, which may tell its label.
    "order": (
        """
class Cheat(Base):
    def transform(self, X):
        return np.column_stack([X, np.arange(len(X))])
""",
        PLACE,
    ),
    # All clips of all folds, kept in the module: those of this fold's test, too.
    "memory": (
        """
SEEN = []

class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        SEEN.append(X)
        return super().fit(np.concatenate(SEEN))
""",
        REFIT,
    ),
    # The same without a trace of how often: a set, in which a second fit adds nothing.
    "set_memory": (
        """
SEEN = {}

class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        SEEN.update({row.tobytes(): row for row in X})
        return super().fit(np.stack(list(SEEN.values())))
""",
        REFIT,
    ),
    # The first fit's, for all folds.
    "first_fit": (
        """
FIRST = {}

class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        self.mean_ = FIRST.setdefault("mean", self.mean_)
        return self
""",
        REFIT,
    ),
    "class_state": (
        """
class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        type(self).sum = getattr(type(self), "sum", 0) + self.mean_
        self.mean_ = type(self).sum
        return self
""",
        REFIT,
    ),
    # The same in a method whose directions are taken from the classifier.
    "direction_memory": (
        """
SEEN = []

class Cheat(DirectionRemover):
    def _find(self, X, domain, means, subgroup):
        SEEN.append(means[:1])
        return found(np.sum(SEEN, axis=0), domain)
""",
        REFIT,
    ),
    # What transform has seen, on the class.
    "running_mean": (
        """
class Cheat(Base):
    SEEN = []
    def transform(self, X):
        self.SEEN.append(X.mean(axis=0))
        return X - np.mean(self.SEEN, axis=0)
""",
        AGAIN,
    ),
    "noise": (
        """
class Cheat(Base):
    def transform(self, X):
        return X + 0.1 * np.random.default_rng().standard_normal(X.shape)
""",
        AGAIN,
    ),
    "unseeded_fit": (
        """
class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        self.mean_ = self.mean_ + np.random.default_rng().standard_normal()
        return self
""",
        CHANCE,
    ),
    # No answer for clips that it was not fitted to.
    "abstain": (
        """
class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        self.known_ = {row.tobytes() for row in X}
        return super().fit(X)

    def transform(self, X):
        known = np.array([row.tobytes() in self.known_ for row in X])
        return np.where(known[:, None] | (X[:, :1] > 0), X, np.nan)
""",
        r"its transform of clip '[ab]\d+' of dataset '[ab]' has the value nan",
    ),
    "infinite": (
        """
class Cheat(Base):
    def transform(self, X):
        return np.where(X > 1, np.inf, X)
""",
        r"of clip '[ab]\d+' of dataset '[ab]' has the value inf",
    ),
    # A number that a clip has by its bits, or by whether it was fitted to.
    "hash": (
        """
class Cheat(Base):
    def transform(self, X):
        return np.array([[hash(row.tobytes()) % 1000 / 500 - 1] for row in X])
""",
        JUMPS,
    ),
    "lookup": (
        """
class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        self.known_ = {row.tobytes() for row in X}
        return super().fit(X)

    def transform(self, X):
        known = np.array([row.tobytes() in self.known_ for row in X])
        return np.where(known[:, None], 5.0 * (1 + np.arange(X.shape[1])), X)
""",
        JUMPS,
    ),
    "in_place": (
        """
class Cheat(Base):
    def transform(self, X):
        X -= self.mean_
        return X
""",
        "changes the clips that it is given",
    ),
    "fewer_clips": (
        """
class Cheat(Base):
    def transform(self, X):
        return X[np.abs(X).max(axis=1) < 3]
""",
        r"a row of real numbers for each of \d+ clips, got an array of shape \(\d+, ",
    ),
    "flat": (
        """
class Cheat(Base):
    def transform(self, X):
        return X[:, 0]
""",
        r"got an array of shape \(\d+,\)",
    ),
    "widths": (
        """
class Cheat(Base):
    def transform(self, X):
        return X[:, X.std(axis=0) > 1]
""",
        f"{BATCH}|gives \\d+ features for some clips and \\d+ for others",
    ),
    # Beside a feature of another size.
    "small_batch_mean": (
        """
class Cheat(Base):
    def transform(self, X):
        return np.column_stack([X - X.mean(axis=0), np.full(len(X), 1e9)])
""",
        BATCH,
    ),
    "small_hash": (
        """
class Cheat(Base):
    def transform(self, X):
        own = [hash(row.tobytes()) % 1000 / 1000 for row in X]
        return np.column_stack([100 * X, own])
""",
        JUMPS,
    ),
    # Says that it removes directions, and does something else.
    "other_directions": (
        """
class Cheat(LDA):
    def fit(self, X, domain, y=None, subgroup=None):
        super().fit(X, domain)
        self.directions_ = 0.5 * self.directions_
        return self
""",
        "these must be orthonormal rows",
    ),
    "lost_directions": (
        """
class Cheat(LDA):
    def fit(self, X, domain, y=None, subgroup=None):
        super().fit(X, domain)
        self.directions_ = self.directions_ * np.nan
        return self
""",
        "the directions that it found hold NaN",
    ),
    # Declares directions of its own that are none.
    "flat_directions": (
        """
class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        self.removed_directions_ = self.mean_
        return self

    def transform(self, X):
        return X
""",
        r"its 'removed_directions_' must be rows of \d+ values",
    ),
    # Standardises the clips of each dataset in a batch.
    "batch_of_domain": (
        """
class Cheat(Base):
    def transform(self, X, domain):
        mean = {name: X[domain == name].mean(axis=0) for name in set(domain)}
        return X - np.stack([mean[name] for name in domain])
""",
        BATCH,
    ),
    # How many datasets there are in a batch.
    "mixture": (
        """
class Cheat(Base):
    def transform(self, X, domain):
        return X / len(set(domain))
""",
        "depends on which datasets the clips that come with it are of",
    ),
    # Counts the clips that it saw before.
    "weight_memory": (
        """
SEEN = []

class Cheat(Identity):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        SEEN.append(X)
        self.weights_ = 1.0 + (X[:, 0] > np.concatenate(SEEN)[:, 0].mean())
        return self
""",
        REFIT,
    ),
    "weight_noise": (
        """
class Cheat(Identity):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        self.weights_ = np.random.default_rng().random(len(X))
        return self
""",
        CHANCE,
    ),
    "negative_weights": (
        """
class Cheat(Identity):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        self.weights_ = np.where(X[:, 0] > 0, 1.0, -1.0)
        return self
""",
        r"'weights_' must be finite numbers from 0 on, some of them above 0, got -1",
    ),
    "no_weights": (
        """
class Cheat(Identity):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        self.weights_ = np.zeros(len(X))
        return self
""",
        r"'weights_' must be finite numbers from 0 on, some of them above 0, got 0 for",
    ),
    "too_few_weights": (
        """
class Cheat(Identity):
    def fit(self, X, domain=None, y=None, subgroup=None):
        super().fit(X)
        self.weights_ = np.ones(len(X) - 1)
        return self
""",
        r"'weights_' must be a real number for each of \d+ clips",
    ),
}

#: Cheats that see all datasets; the others say that they see nothing of the target.
COMPARING = {"direction_memory", "other_directions", "lost_directions"}
COMPARING |= {"batch_of_domain", "mixture"}


def write(folder, name):
    """Write a cheat as a plugin file; return its path."""
    access = "target_unlabelled" if name in COMPARING else "none"
    file = folder / f"{name}.py"
    file.write_text(START.format(access=access) + CHEATS[name][0] + END)
    return file
