"""Numbers as readers see them: rounded, signed, with intervals, never a bare NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"
UNKNOWN = "\N{EN DASH}"


def number(value: float, digits: int = 2) -> str:
    """Return a value with `digits` decimals."""
    if not math.isfinite(value):
        return UNKNOWN
    # Adding 0 turns a rounded -0.0 into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)


def amount(value: float) -> str:
    """Return hours, costs or MB, with as many decimals as their size needs."""
    return number(value, 3 if value < 1 else 1 if value < 1000 else 0)


def rounded(value: float) -> str:
    """Return a count with its first two figures, for what is known roughly."""
    digits = 2 - len(str(int(value)))
    return f"{round(value, min(digits, 0)):,.0f}".replace(",", "\N{NO-BREAK SPACE}")


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{number(seconds / size, 0)} {unit}"
    return f"{number(seconds, 0)} s"


def line(label: str, cells: Sequence[str]) -> str:
    """Return a line of a plain table: a label, and figures on the right of columns."""
    return f"{label:<35} {''.join(f'{cell:>9}' for cell in cells)}".rstrip()


def share(value: float, low: float, high: float) -> str:
    """Return ``"30 % [20, 40]"`` of a share and the ends of its interval."""
    percent = number(100 * value, 0)
    return f"{percent}\N{NO-BREAK SPACE}% {interval(100 * low, 100 * high, 0)}"


def signed(value: float, digits: int = 3) -> str:
    """Return a change with its sign; one that rounds to zero has none."""
    text = number(value, digits)
    rounds_up = math.isfinite(value) and round(value, digits) > 0
    return f"+{text}" if rounds_up else text


def interval(low: float, high: float, digits: int = 2) -> str:
    """Return ``[low, high]``, or nothing where there is none.

    There are more decimals than `digits` where an end would otherwise read as 0: on
    which side of 0 it lies is what intervals are looked at for.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    digits = _telling(low, high, digits)
    return f"[{number(low, digits)}, {number(high, digits)}]"


def signed_interval(low: float, high: float, digits: int = 3) -> str:
    """Return ``[low, high]`` with signs, or nothing where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    digits = _telling(low, high, digits)
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def without_spread(low: float, high: float, bounds: str, digits: int = 2) -> str:
    """Return what to print of a value whose interval would print without a width.

    That all resamples are alike does not make a value certain: where all clips are told
    apart, other clips may not be.

    Parameters
    ----------
    low, high : float
        Ends of the interval.
    bounds : str
        The range of the measure, as `measured.with_facts` writes it.
    digits : int, default=2
        Decimals.

    Returns
    -------
    str
        At an end of the range a bound one hundredth from it, such as ``"\u2265 0.99"``;
        elsewhere ``"constant"``, if there is no width at all. Empty if the value and
        its interval are to be printed, as always where there is no range.
    """
    if not bounds or round(low, digits) != round(high, digits):
        return ""
    least, most = map(float, bounds.split(" to "))
    if round(low, digits) >= most:
        return f"\N{GREATER-THAN OR EQUAL TO} {number(most - 0.01)}"
    if round(high, digits) <= least:
        return f"\N{LESS-THAN OR EQUAL TO} {number(least + 0.01)}"
    return "constant" if low == high else ""


def _telling(low: float, high: float, digits: int) -> int:
    """Return how many decimals show that both ends are not 0; six at most."""
    while digits < 6 and any(v and not round(v, digits) for v in (low, high)):
        digits += 1
    return digits


def p_value(value: float) -> str:
    """Return a p-value with three decimals."""
    if not math.isfinite(value):
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(n: int, singular: str, plural: str = "") -> str:
    """Return ``"1 clip"`` or ``"2 clips"``."""
    return f"{n} {singular if n == 1 else plural or singular + 's'}"


def listed(words: list[str]) -> str:
    """Return ``"a, b and c"``."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + f" and {words[-1]}"


def includes(low: float, high: float, value: float) -> bool:
    """Return True if the interval includes `value`, or is unknown."""
    return not (low > value or high < value)
