"""Names that differ, and may have been meant as one."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

#: A name that another starts with is near it from so many letters on.
_SHORTENED = 3

#: Names this alike, from 0 to 1, are near.
_ALIKE = 0.8


def near(name: str, others: Iterable[str]) -> list[str]:
    """Return the names that probably mean the same as one name.

    Parameters
    ----------
    name : str
        A name, such as ``"sax"``.
    others : iterable of str
        Names to compare it with; the name itself is passed over.

    Returns
    -------
    list of str
        Those that are the same but for case and signs, that are the start of the other
        (``sax``, ``saxophone``), or that differ by a letter or two; the nearest first.
    """
    own = _letters(name)
    found = {other: _likeness(own, _letters(other)) for other in others}
    alike = [other for other, x in found.items() if other != name and x >= _ALIKE]
    return sorted(alike, key=lambda other: (-found[other], other))


def _letters(name: str) -> str:
    """Return the letters and digits of a name, in one case and form."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum())


def _likeness(a: str, b: str) -> float:
    """Return how alike the letters of two names are, from 0 to 1."""
    short, long = sorted((a, b), key=len)
    if short and long.startswith(short) and len(short) >= _SHORTENED:
        return 1.0 if short == long else 0.9
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
