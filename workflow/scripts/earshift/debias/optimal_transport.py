"""Move the source onto the target by the shortest linear way (Monge's map)."""

from __future__ import annotations

from earshift.debias._onto_target import Array, OntoTarget, check_components, power

version = 1
access = "target_unlabelled"


class OptimalTransport(OntoTarget):
    """Map clips of the source as optimal transport between two normal distributions.

    In the principal components, a clip x of the source becomes (x - m_s) M + m_t, with
    M = C_s^-1/2 (C_s^1/2 C_t C_s^1/2)^1/2 C_s^-1/2, means m and covariances C of source
    and target, shrunk as Ledoit and Wolf do. Of all linear maps that give the source
    the mean and covariance of the target, it moves clips least, in mean square.

    Parameters
    ----------
    n_components : int, optional
        Number of principal components, at most; without, as many as hold 99 % of the
        variance within datasets.

    Attributes
    ----------
    components_, matrix_, mean_, target_mean_, source_, n_components_
        As of `OntoTarget`; `matrix_` is symmetric.

    Notes
    -----
    Where datasets differ in how common classes are, their means and covariances do so
    for this reason too.

    References
    ----------
    Flamary, Lounici, Ferrari (2019), "Concentration bounds for linear Monge mapping
    estimation and optimal transport domain adaptation", arXiv:1905.10155.
    """

    def _matrix(self, source: Array, target: Array) -> Array:
        root, inverse = power(source, 0.5), power(source, -0.5)
        return inverse @ power(root @ target @ root, 0.5) @ inverse


def make(*, n_components: int | None = None) -> OptimalTransport:
    """Return the method; `n_components` as in `OptimalTransport`, 1 or more."""
    check_components("optimal_transport", n_components)
    return OptimalTransport(n_components)
