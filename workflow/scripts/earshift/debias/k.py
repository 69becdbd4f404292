"""Map clips to random features of a Gaussian kernel, and remove nothing (K)."""

from __future__ import annotations

from earshift.debias._kernel import KernelMethod, check_map

version = 1
access = "none"


class KernelMap(KernelMethod):
    """Map clip features to random features of a Gaussian kernel.

    What the kernel methods are compared with: classifiers of these features are kernel
    methods, but nothing of the domains is removed.

    Parameters
    ----------
    map : {"fastfood", "random_fourier"}, default="fastfood"
        `kernels.Fastfood` or `kernels.RandomFourier`.
    n_components : int, default=4
        Frequencies per feature; each gives a cosine and a sine.
    seed : int, default=42
        Of the frequencies.

    Attributes
    ----------
    map_ : Fastfood or RandomFourier
        The map; `fit` says which clips give its kernel the width.
    remover_ : Identity
        Nothing is corrected.

    References
    ----------
    Wang, Richard, McFee (2023), "Transfer learning and bias correction with
    pre-trained audio embeddings", ISMIR, section 3.4.
    """


def make(*, map: str = "fastfood", n_components: int = 4, seed: int = 42) -> KernelMap:
    """Return the method; options as in `KernelMap`."""
    check_map(map, n_components, seed)
    return KernelMap(map=map, n_components=n_components, seed=seed)
