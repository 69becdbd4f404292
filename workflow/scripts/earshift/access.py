"""What a method sees of the target dataset, whichever step shows it.

All tables, figures and pages have it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift import registry
from earshift.protocol import Protocol


def access_of(
    entry: Mapping[str, Any], scope: str, *, protocol: Protocol, balance: str
) -> str:
    """Return what a method sees of the target when it is fitted.

    Parameters
    ----------
    entry : mapping
        Config entry of the method.
    scope : {"global", "classwise"}
        Which clips it is fitted on.
    protocol : Protocol
        Whose rules hold.
    balance : str
        How training clips are drawn where the protocol leaves it to the config;
        ``none`` if all train.

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
    seen = protocol.sees(entry["plugin"])
    drawn = (protocol.balance or balance) != "none"
    if seen != "none" and (drawn or scope == "classwise"):
        return "target_labelled"
    return seen


def references(
    method: str, methods: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the methods of an experiment that one of them is compared with.

    Parameters
    ----------
    method : str
        Its name in the experiment.
    methods : mapping
        Config entries of all methods.

    Returns
    -------
    tuple of str
        Names in the experiment of the plugins that its own declares
        (`registry.compared_with`), ``none`` first. Of several entries of a plugin it is
        the first that has the same value for each option that both know; if there is
        no such entry, the method is not compared with that plugin.
    """
    if method == "none":
        return ()
    entry = methods[method]
    own = registry.all_options("debias", entry["plugin"], entry)
    found = ["none"]
    for plugin in registry.compared_with(entry["plugin"])[1:]:
        for name, other in methods.items():
            if other["plugin"] != plugin or name == method:
                continue
            theirs = registry.all_options("debias", plugin, other)
            if all(theirs[key] == own[key] for key in theirs.keys() & own.keys()):
                found.append(name)
                break
    return tuple(found)
