"""Linear discriminant analysis whose covariance is shrunk as Ledoit and Wolf do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earshift.classifiers._discriminant import ShrunkenLDA

version = 1
linear = True


def make() -> ShrunkenLDA:
    """Return the classifier, not fitted; it has no options."""
    # Only where it is used: scikit-learn takes half a second to load.
    from earshift.classifiers._discriminant import ShrunkenLDA

    return ShrunkenLDA()
