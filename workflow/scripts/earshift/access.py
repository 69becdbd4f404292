"""What a method sees of the target dataset, whichever step shows it.

All tables, figures and pages have it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift import published, registry


def access_of(
    entry: Mapping[str, Any], scope: str, *, protocol: str, balance: str
) -> str:
    """Return what a method sees of the target when it is fitted.

    Parameters
    ----------
    entry : mapping
        Config entry of the method.
    scope : {"global", "classwise"}
        Which clips it is fitted on.
    protocol : {"fixed", "paper"}
        Whose rules hold: in ``paper``, all kernels take their width from both datasets.
    balance : {"none", "paper", "joint"}
        How `fixed` draws the training clips; ``paper`` always draws.

    Returns
    -------
    str
        One of `registry.ACCESS`.

    Notes
    -----
    A balanced draw takes clips of the target by their labels: who sees them sees what
    labels chose, in either scope. That of each class as many clips of the source train
    as the target has, too, is not counted: it is true of the classifier itself.
    """
    seen = str(registry.load("debias", entry["plugin"]).access)
    drawn = balance != "none"
    if protocol == "paper":
        recipe = published.METHODS[entry["plugin"]]
        seen = "target_unlabelled" if recipe.sees_target else "none"
        drawn = True
    if seen != "none" and (drawn or scope == "classwise"):
        return "target_labelled"
    return seen
