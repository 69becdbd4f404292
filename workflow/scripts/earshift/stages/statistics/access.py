"""What a method sees of the target dataset, whichever step shows it.

All tables, figures and pages have it from here.
"""

from __future__ import annotations

from collections.abc import Mapping

from earshift.debias import Method
from earshift.evaluation.protocol import Protocol


def access_of(method: Method, scope: str, *, protocol: Protocol, balance: str) -> str:
    """Return what a method sees of the target when it is fitted.

    Parameters
    ----------
    method : Method
        The method.
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
    as the target has, too, is not counted: it is true of the classifier itself. An
    oracle sees more than that in any case.
    """
    seen = protocol.sees(method)
    drawn = (protocol.balance or balance) != "none"
    by_class = scope == "classwise" and method.has_scopes
    if seen == "target_unlabelled" and (drawn or by_class):
        return "target_labelled"
    return seen


def references(name: str, methods: Mapping[str, Method]) -> tuple[str, ...]:
    """Return the methods of an experiment that one of them is compared with.

    Parameters
    ----------
    name : str
        Its name in the experiment.
    methods : mapping
        All methods by name.

    Returns
    -------
    tuple of str
        Names in the experiment of the plugins that its own declares
        (`Method.compared_with`), ``none`` first. Of several entries of a plugin it is
        the first that has the same value for each option that both know; if there is
        no such entry, the method is not compared with that plugin.
    """
    if name == "none":
        return ()
    own = methods[name].options
    compared = ["none"]
    for plugin in methods[name].compared_with[1:]:
        for other in methods.values():
            if other.plugin != plugin or other.name == name:
                continue
            theirs = other.options
            if all(theirs[key] == own[key] for key in theirs.keys() & own.keys()):
                compared.append(other.name)
                break
    return tuple(compared)
