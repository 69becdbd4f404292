"""Errors a user can act on: each says what was needed, what came and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EarshiftError(Exception):
    """Root of every error that earshift raises on purpose."""


class ConfigError(EarshiftError):
    """The configuration asks for something that does not exist or cannot be."""


class DataError(EarshiftError, ValueError):
    """A table, folder or array is not what the stage needs.

    Also a `ValueError`, which is what scikit-learn's users expect of an estimator.
    """


class MethodError(DataError):
    """A debias method does what no method may, or gives what cannot be used."""


class AudioError(DataError):
    """One clip cannot be used; `status` is the word the clip table records.

    Parameters
    ----------
    status : str
        ``"missing"``, ``"unreadable"``, ``"truncated"``, ``"ambiguous"``, ``"empty"``,
        ``"not_finite"``, ``"out_of_range"``, ``"silent"``, ``"short"``, ``"low_rate"``
        or ``"changed"``.
    message : str
        What is wrong with the clip, for the log.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message

    def __str__(self) -> str:
        """Return the message alone."""
        return self.message


class WeightsError(EarshiftError):
    """A weights file is missing, unreadable, or not that of the model asked for."""


class DownloadError(EarshiftError):
    """A file could not be fetched, or what came is not the file that was asked for."""


class ClusterError(EarshiftError):
    """The cluster does not answer, or refuses what it is asked for."""


class StoppedError(EarshiftError):
    """A job stopped before its end; what is done is kept, and the next one goes on."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return the choices, and the nearest of them to `word`, as an error's tail.

    Parameters
    ----------
    word : str
        What the user wrote.
    choices : iterable of str
        What would have been right.

    Returns
    -------
    str
        For instance ``"(known: lda, mlda, none). Did you mean 'lda'?"``.
    """
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"(known: {', '.join(known) or 'none'}).{hint}"
