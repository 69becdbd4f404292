"""Two miniature corpora, synthesised offline in the layouts of IRMAS and OpenMIC-2018.

They let the whole workflow run on real audio files without a download, and because
their bias is planted, they also show whether the workflow finds what is there.
"""

from __future__ import annotations

from pathlib import Path

from threadpoolctl import threadpool_limits

from earshift.errors import ConfigError, did_you_mean
from earshift.miniature.layouts import LAYOUTS
from earshift.miniature.recording import CHAINS, NEUTRAL

__all__ = ["synthesise"]


def synthesise(
    corpus: str, folder: Path, *, seed: int, scale: float = 1.0, shift: bool = True
) -> None:
    """Synthesise one miniature corpus.

    The same arguments give the same bytes in every file.

    Parameters
    ----------
    corpus : str
        ``"irmas"`` or ``"openmic"``.
    folder : Path
        Where to write; created if absent.
    seed : int
        Of everything random. The two corpora share nothing random at the same seed.
    scale : float, default=1
        Size relative to the full miniature (320 and 160 clips), for tests.
    shift : bool, default=True
        Whether the corpora are recorded differently. Where it is False both have the
        chain `recording.NEUTRAL`; their genre mixes differ all the same.

    Raises
    ------
    ConfigError
        If `corpus` is neither of the two, or `scale` is not above 0.
    """
    if corpus not in LAYOUTS:
        raise ConfigError(f"no miniature of '{corpus}' {did_you_mean(corpus, LAYOUTS)}")
    if not scale > 0:
        raise ConfigError(
            f"scale is the size relative to the full miniature, above 0; got {scale}"
        )
    chain = CHAINS[corpus] if shift else NEUTRAL
    folder.mkdir(parents=True, exist_ok=True)
    # One thread: a matrix product split among several may round differently.
    with threadpool_limits(limits=1):
        LAYOUTS[corpus](folder, chain, seed, scale)
