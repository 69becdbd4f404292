"""Remove the discriminant direction of the domains in the space of a kernel (KLDA)."""

from __future__ import annotations

from earshift.debias._kernel import KernelMethod, check_map
from earshift.debias.lda import LDA, check_shrinkage

version = 2
access = "target_unlabelled"
compared_with = ("none", "k")


class KernelLDA(KernelMethod):
    """Map clips to random features of a Gaussian kernel, and apply `LDA` there.

    Parameters
    ----------
    map, n_components, seed
        As in `KernelMap`.
    shrinkage
        As in `LDA`.

    Attributes
    ----------
    map_
        As in `KernelMap`.
    remover_ : LDA
        Fitted to the mapped clips.

    Notes
    -----
    The note on `LDA` holds in the space of the map.

    References
    ----------
    Wang, Richard, McFee (2023), "Transfer learning and bias correction with
    pre-trained audio embeddings", ISMIR, section 3.4.
    """

    def __init__(
        self,
        *,
        map: str = "fastfood",
        n_components: int = 4,
        seed: int = 42,
        shrinkage: float | str = "auto",
    ) -> None:
        super().__init__(map=map, n_components=n_components, seed=seed)
        self.shrinkage = shrinkage

    def remover(self) -> LDA:
        """Return `LDA`, not fitted."""
        return LDA(shrinkage=self.shrinkage)


def make(
    *,
    map: str = "fastfood",
    n_components: int = 4,
    seed: int = 42,
    shrinkage: float | str = "auto",
) -> KernelLDA:
    """Return the method; options as in `KernelLDA`."""
    check_map(map, n_components, seed)
    check_shrinkage(shrinkage)
    return KernelLDA(map=map, n_components=n_components, seed=seed, shrinkage=shrinkage)
