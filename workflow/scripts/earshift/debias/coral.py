"""Give the source the covariance of the target, whitened and coloured again (CORAL)."""

from __future__ import annotations

from earshift.debias._onto_target import Array, OntoTarget, check_components, power

version = 1
access = "target_unlabelled"


class CORAL(OntoTarget):
    """Whiten clips of the source by its covariance, and colour them by the target's.

    In the principal components, a clip x of the source becomes
    (x - m_s) C_s^-1/2 C_t^1/2 + m_t, with means m and covariances C of source and
    target, shrunk as Ledoit and Wolf do.

    Parameters
    ----------
    n_components : int, optional
        Number of principal components, at most; without, as many as hold 99 % of the
        variance within datasets.

    Attributes
    ----------
    components_, matrix_, mean_, target_mean_, source_, n_components_
        As of `OntoTarget`.

    Notes
    -----
    Where datasets differ in how common classes are, their covariances do so for this
    reason too. The map may turn features, and with them directions that tell classes
    apart: `OptimalTransport` reaches the same covariance by the shortest way.

    References
    ----------
    Sun, Feng, Saenko (2016), "Return of frustratingly easy domain adaptation", AAAI.
    """

    def _matrix(self, source: Array, target: Array) -> Array:
        return power(source, -0.5) @ power(target, 0.5)


def make(*, n_components: int | None = None) -> CORAL:
    """Return the method; `n_components` as in `CORAL`, 1 or more."""
    check_components("coral", n_components)
    return CORAL(n_components)
