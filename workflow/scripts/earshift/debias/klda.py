"""Remove the discriminant direction of the domains in the space of a kernel (KLDA)."""

from __future__ import annotations

from earshift.debias._directions import DirectionRemover
from earshift.debias._kernel import KernelMethod, check_map
from earshift.debias.lda import LDA, check_shrinkage

version = 1
access = "target_unlabelled"


class KernelLDA(KernelMethod):
    """Map clips to random features of a Gaussian kernel, and apply `LDA` there.

    Parameters
    ----------
    map : {"fastfood", "random_fourier"}, default="fastfood"
        `kernels.Fastfood` or `kernels.RandomFourier`.
    n_components : int, default=4
        Frequencies per feature; each gives a cosine and a sine.
    seed : int, default=42
        Of the frequencies.
    shrinkage : float in [0, 1] or "auto", default="auto"
        As in `LDA`.

    Attributes
    ----------
    map_ : Fastfood or RandomFourier
        The map; the width of its kernel is the median distance of the clips of all
        domains.
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

    def _remover(self) -> DirectionRemover:
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
