"""How names are compared: of classes, recordings, subgroups, sides and columns.

A name is what a reader sees: two that look the same are one, and two that differ only
by upper and lower case are refused, since one of them is a slip.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable

from earshift.errors import DataError

#: Characters without width that change no letter: controls, soft hyphen, Mongolian
#: vowel separator, zero-width space, marks of direction, word joiner and invisible
#: operators, byte-order mark.
_HIDDEN = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
    r"\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
)

#: Without width too, but they change how the letters beside them look.
_JOINERS = r"\u200c\u200d"

_EDGES = re.compile(rf"^[\s{_HIDDEN}{_JOINERS}]+|[\s{_HIDDEN}{_JOINERS}]+$")

#: A byte of the name of a file as `printable` writes it.
ESCAPED = r"\\x[89a-f][0-9a-f]"

#: Whole numbers, and what spreadsheets make of long ones: 1E+05.
_WHOLE = re.compile(r"0*([0-9]+?)(?:\.0*)?")
_SCIENTIFIC = re.compile(r"([1-9])(?:\.([0-9]*))?[eE]\+?([0-9]{1,2})")

#: Names this alike, from 0 to 1, are near: one letter of six.
_ALIKE = 0.8

#: A name that another starts with is near it from so many letters on.
_SHORTENED = 3


def clean(name: str) -> str:
    """Return a name as it is kept and compared.

    Parameters
    ----------
    name : str
        As it was written.

    Returns
    -------
    str
        In Unicode form NFC, without invisible characters, without white space at either
        end, and with one plain space for each run of white space inside.
    """
    if name.isascii() and name.isprintable() and "  " not in name:
        return name.strip()
    visible = re.sub(f"[{_HIDDEN}]", "", trim(name))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def trim(text: str) -> str:
    """Return a text without white space and invisible characters at either end.

    Parameters
    ----------
    text : str
        Such as the path of a file, whose Unicode form is that of the disk.

    Returns
    -------
    str
        The rest as it was.
    """
    if text.isascii():
        return text.strip()
    return _EDGES.sub("", text)


def fold(name: str) -> str:
    """Return what is equal for names that differ only by case or by form.

    Parameters
    ----------
    name : str
        Any name.

    Returns
    -------
    str
        `clean`, without case, joiners, selectors of a variant, and the forms of
        characters that Unicode calls compatible, such as full-width letters.
    """
    if name.isascii():
        return clean(name).lower()
    plain = unicodedata.normalize("NFKC", clean(name)).casefold()
    return unicodedata.normalize(
        "NFC", re.sub(rf"[{_JOINERS}\u034f\ufe00-\ufe0f]", "", plain)
    )


def refuse_alike(
    names: Iterable[str],
    what: str,
    place_of: Callable[[str], str],
    *,
    numbers: bool = False,
) -> None:
    """Refuse names that differ only by upper and lower case, or by `fold`'s forms.

    Parameters
    ----------
    names : iterable of str
        As `clean` returns them.
    what : str
        What they are, in the singular, with whose before it: for instance
        ``"clips.csv: the recording"``.
    place_of : callable
        Returns where a name was first seen, such as ``"row 2"``.
    numbers : bool, default=False
        Whether those are refused, too, that are one `number`.

    Raises
    ------
    DataError
        With both names and where they are.
    """
    written = list(names)
    reasons = {fold: "by upper and lower case, or by forms of one character,"}
    if numbers:
        reasons[number] = "by zeros that a spreadsheet adds or drops,"
    for key, why in reasons.items():
        if pair := alike(written, key):
            first, second = pair
            raise DataError(
                f"{what} '{first}' ({place_of(first)}) and '{second}' "
                f"({place_of(second)}) differ only {why} and would count as two. "
                "Write them alike, or rename one."
            )


def alike(
    names: Iterable[str], key: Callable[[str], str] = fold
) -> tuple[str, str] | None:
    """Return the first two of some names, all different, whose key is equal."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(key(name), name)
        if other != name:
            return other, name
    return None


def number(name: str) -> str:
    """Return what is equal for names that are one whole number to a spreadsheet.

    Parameters
    ----------
    name : str
        As `clean` returns it.

    Returns
    -------
    str
        ``01``, ``1.0`` and ``1`` as ``1``, ``1E+05`` as ``100000``; what is no such
        number as it is.
    """
    if match := _WHOLE.fullmatch(name):
        return match[1]
    if match := _SCIENTIFIC.fullmatch(name):
        digits, decimals, zeros = match[1], (match[2] or "").rstrip("0"), int(match[3])
        if len(decimals) <= zeros:
            return digits + decimals.ljust(zeros, "0")
    return name


def printable(name: str) -> str:
    r"""Return the name of a file in characters that can be written as UTF-8.

    Parameters
    ----------
    name : str
        As `os.fsdecode` returns it, so perhaps with bytes that are not UTF-8.

    Returns
    -------
    str
        The same, with such bytes as ``\xe9``.
    """
    plain = re.sub("[\udc80-\udcff]", lambda m: f"\\x{ord(m[0]) - 0xDC00:02x}", name)
    return plain.encode("utf-8", "backslashreplace").decode("utf-8")


def on_disk(name: str) -> str:
    """Return the name of a file as it was before `printable`."""
    return re.sub(ESCAPED, lambda m: chr(0xDC00 + int(m[0][2:], 16)), name)


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
        Those that are equal but for case, hyphens, underscores, spaces or a plural,
        that are the start of the other (``sax``, ``saxophone``), or that differ by a
        letter or two; the nearest first.
    """
    bare = _bare(name)
    if not bare:
        return []
    likeness_of = {
        other: _likeness(bare, _bare(other)) for other in others if other != name
    }
    alike = [other for other, likeness in likeness_of.items() if likeness >= _ALIKE]
    return sorted(alike, key=lambda other: (-likeness_of[other], other))


def _bare(name: str) -> str:
    """Return a name without case, signs between words, and the s of a plural."""
    words = re.split(r"[\W_]+", fold(name))
    return "".join(re.sub("(?<=[^s]{2})s$", "", word) for word in words)


def _likeness(a: str, b: str) -> float:
    """Return how alike two bare names are, from 0 to 1."""
    short, long = sorted((a, b), key=len)
    if short == long:
        return 1.0
    if any(c.isdigit() for c in a + b):  # take1 and take2 are two names
        return 0.0
    if len(short) >= _SHORTENED and long.startswith(short):
        return 0.9
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()


def text_of(strength: float | str) -> str:
    """Return a strength as a text that is part of names, such as ``"-6"`` for -6.0."""
    if isinstance(strength, str):
        return strength
    return repr(float(strength) + 0.0).removesuffix(".0")  # and no -0
