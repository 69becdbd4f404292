"""Remove the discriminants within subgroups in the space of a kernel (mKLDA)."""

from __future__ import annotations

from earshift.debias._kernel import KernelMethod, check_map
from earshift.debias.lda import check_shrinkage
from earshift.debias.mlda import MultiLDA, check_min_clips

version = 2
access = "target_unlabelled"
needs_subgroups = True
compared_with = ("none", "k")


class MultiKernelLDA(KernelMethod):
    """Map clips to random features of a Gaussian kernel, and apply `MultiLDA` there.

    Parameters
    ----------
    map, n_components, seed
        As in `KernelMap`.
    shrinkage, min_clips
        As in `MultiLDA`.

    Attributes
    ----------
    map_
        As in `KernelMap`.
    remover_ : MultiLDA
        Fitted to the mapped clips.

    Notes
    -----
    The notes on `LDA` and `MultiLDA` hold in the space of the map.

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
        min_clips: int = 5,
    ) -> None:
        super().__init__(map=map, n_components=n_components, seed=seed)
        self.shrinkage = shrinkage
        self.min_clips = min_clips

    def remover(self) -> MultiLDA:
        """Return `MultiLDA`, not fitted."""
        return MultiLDA(shrinkage=self.shrinkage, min_clips=self.min_clips)


def make(
    *,
    map: str = "fastfood",
    n_components: int = 4,
    seed: int = 42,
    shrinkage: float | str = "auto",
    min_clips: int = 5,
) -> MultiKernelLDA:
    """Return the method; options as in `MultiKernelLDA`."""
    check_map(map, n_components, seed)
    check_shrinkage(shrinkage)
    check_min_clips(min_clips)
    return MultiKernelLDA(
        map=map,
        n_components=n_components,
        seed=seed,
        shrinkage=shrinkage,
        min_clips=min_clips,
    )
