"""Debias methods: scikit-learn transformers of pooled features, one file each.

A method plugin defines

``version``
    An integer that is raised whenever its numbers change.
``access``
    What it may see of the target: ``"none"``, ``"target_unlabelled"`` (features, domain
    and subgroup of target clips), ``"target_labelled"`` (their classes too) or
    ``"oracle"`` (the classes of the tested clips: of a control alone, see below).
``make(**options)``
    Return the unfitted transformer, with the two functions below.

and, if it likes,

``compared_with``
    A tuple of the plugins it is compared with, besides ``none``.
``control``
    True if it is no correction, but marks an end of the scale that corrections are
    measured on. Tables and figures must not take it for one (`Method.is_control`).
``auc_neutral``
    True if it cannot change a ROC-AUC: a linear classifier that is trained on the
    source puts the clips of a target in the order in which it puts them without the
    method, whatever the clips are. So it is where each dataset is moved as a whole.
    Balanced accuracy at the source's threshold may change all the same.
``needs_subgroups``
    True if it does nothing of its own where datasets share no subgroup: the report then
    says so.
``classwise``
    False if it is fitted to all clips in either scope: its results are then the same in
    both, and access does not rise with scope ``classwise``.
``cannot(*, source, target, datasets)``
    Return why it cannot serve classifiers that are trained on the dataset `source` and
    score clips of `target`, in an experiment with these `datasets` (names, in a tuple);
    None if it can. Tables then have no such rows; log and report give the reason.

The workflow calls

``fit(X, domain, y=None, subgroup=None, *, source=None)``
    `X` has shape (n_clips, n_features), `domain` names the dataset of each clip and
    `subgroup` a nuisance attribute. `y` is the class, for use from Python: the workflow
    instead fits per class (scope ``classwise``) on the clips that have it. `source` is
    the name of the dataset whose classifiers are trained, for methods that map one
    dataset onto another; in stage 6, which trains none, the first. A method with access
    ``"none"`` is given clips of the source alone.
``transform(X, domain=None)``
    Return features, which may be others in number. `domain` names the dataset of each
    clip; a method with access ``"none"`` is never told.

`source` of `fit` and `domain` of `transform` are given to methods that take them by
name. So are `source_clips` of `fit`, features of all training clips of the source, of
which `X` has in scope ``classwise`` only those with the class; and `source_labels`, the
labels of these clips, shape (n_source_clips, n_classes): 1 for present, 0 for absent,
-1 for unknown. They are the labels that classifiers are trained on, and no access is
needed to see them.

A fitted method may have

``weights_``
    How much each clip counts that it was given, shape (n_clips,), when classifiers are
    trained: 2 as the same clip twice, 0 not at all. A clip that was not given weighs 1,
    so their mean is best 1, too. Stage 6 measures features, without weights.
``removed_directions_``
    Orthonormal rows, shape (n_directions, n_features), if all that `transform` does is
    to remove these directions, and to move all clips alike. The workflow then takes
    them from the classifiers instead, which is faster.
``found_``
    The vectors that it found between domains: they are kept.

``n_rounds``, ``pseudo_labels(scores, number)``
    If classifiers are to be trained again, on clips of the source and on clips of the
    other datasets that they label themselves: how often, which an unfitted method says
    as well, and the labels for round `number`, from 0 on. `scores`, shape (n_clips,
    n_classes), are the log-odds that the classifiers of the round before give to all
    clips of other datasets that may train, NaN for a class that has none. Labels, of
    the same shape, are 1 for present, 0 for absent, -1 for a clip that does not train
    the class. Where training is balanced by draws, classes come one by one. Penalty and
    threshold stay those that the inner folds of the source chose.

An unfitted method may have ``map_and_correction()``, which returns a map of `kernels`
and the transformer of what is mapped, both not fitted. Stage 5 then fits the map to the
training clips of the source, once for all methods with this map, and what comes after
it as it would the whole method.

A control with access ``"oracle"`` is not fitted. In place of ``fit`` and ``transform``
what its ``make`` returns has

``replace(X, domain, labels, rng)``
    Return features in place of `X`, shape (n_clips, n_features), which are the clips of
    all datasets that train or those that test: the two are handed over apart, and never
    mix. Features may be others in number. `domain` names the dataset of each clip.
    `labels`, shape (n_clips, n_labels), are 1 where a class is present, 0 where it is
    absent, -1 where that is unknown: in stage 5, which calls once for each class, of
    this class alone; in stage 6, which measures clips of any class, of all classes. All
    that it draws comes from the generator `rng`.

The workflow makes `rng` of an option ``seed``, which such a control must have, of the
repeat, the fold and the side. It is the same for all classes and sources. Of training
data that are drawn anew, the clips that were drawn are handed over, each once. No clip
is transformed by itself, so the checks of that are not for controls; their scores are
the same in all scopes.

`Method` is a method of an experiment, made from its config entry. An entry of any
plugin may have ``front``, the name of a condition that is a correction
(`conditions`): the method is then fitted and tested on clips that went through it.

The classes can be imported from here: ``from earshift.debias import LDA``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from sklearn.base import TransformerMixin

from earshift import registry
from earshift.debias import _calls as calls
from earshift.debias import _checks as checks
from earshift.debias import _controls as controls
from earshift.debias import _fit_checks as fit_checks
from earshift.debias._calls import takes
from earshift.debias._controls import Control
from earshift.debias._directions import Found
from earshift.debias._method import Method, options_of
from earshift.debias.adapt import Chain
from earshift.debias.balanced_standardise import BalancedStandardise
from earshift.debias.class_onehot import ClassOneHot
from earshift.debias.combat import ComBat
from earshift.debias.coral import CORAL
from earshift.debias.importance_weights import ImportanceWeights
from earshift.debias.k import KernelMap
from earshift.debias.klda import KernelLDA
from earshift.debias.lda import LDA
from earshift.debias.leace import LEACE
from earshift.debias.length_normalisation import LengthNormalisation
from earshift.debias.mean_projection import MeanProjection
from earshift.debias.mklda import MultiKernelLDA
from earshift.debias.mlda import MultiLDA
from earshift.debias.none import Identity
from earshift.debias.optimal_transport import OptimalTransport
from earshift.debias.quantile_alignment import QuantileAlignment
from earshift.debias.random_projection import RandomProjection
from earshift.debias.self_training import SelfTraining
from earshift.debias.shuffle_all import ShuffleAll
from earshift.debias.shuffle_within_class import ShuffleWithinClass
from earshift.debias.shuffle_within_domain import ShuffleWithinDomain
from earshift.debias.source_whitening import SourceWhitening
from earshift.debias.standardise import Standardise
from earshift.debias.wccn import WCCN
from earshift.errors import ConfigError, did_you_mean

__all__ = [
    "CORAL",
    "LDA",
    "LEACE",
    "WCCN",
    "BalancedStandardise",
    "Chain",
    "ClassOneHot",
    "ComBat",
    "Control",
    "Found",
    "Identity",
    "ImportanceWeights",
    "KernelLDA",
    "KernelMap",
    "LengthNormalisation",
    "MeanProjection",
    "Method",
    "MultiKernelLDA",
    "MultiLDA",
    "OptimalTransport",
    "QuantileAlignment",
    "RandomProjection",
    "SelfTraining",
    "ShuffleAll",
    "ShuffleWithinClass",
    "ShuffleWithinDomain",
    "SourceWhitening",
    "Standardise",
    "calls",
    "checks",
    "controls",
    "fit_checks",
    "make",
    "options_of",
]


def make(name: str, **options: Any) -> TransformerMixin | Control:
    """Return the unfitted debias method called `name`.

    Parameters
    ----------
    name : str
        Name of a method (``earshift.registry.names("debias")`` lists them) or path of a
        ``.py`` file that defines one.
    **options
        Options of the method.

    Returns
    -------
    TransformerMixin or Control
        With ``fit(X, domain, y=None, subgroup=None, *, source=None)`` and
        ``transform(X, domain=None)``; of a control with access ``"oracle"`` a `Control`
        instead, with ``replace(X, domain, labels, rng)``.

    Raises
    ------
    ConfigError
        If there is no such method or option.
    """
    options = registry.check_options("debias", name, options)
    return registry.load("debias", name).make(**options)


def check_plugin(name: str, module: ModuleType) -> None:
    """Refuse a plugin that declares what no method can."""
    if module.access not in registry.ACCESS:
        raise ConfigError(
            f"the method '{name}' has access '{module.access}' "
            f"{did_you_mean(str(module.access), registry.ACCESS)}"
        )
    others = getattr(module, "compared_with", ())
    known = {"none", *registry.known_names("debias")}
    if isinstance(others, str) or not known.issuperset(others):
        raise ConfigError(
            f"the method '{name}' has compared_with = {others!r}, which must be a "
            f"tuple of names of methods {did_you_mean(str(others), known)}"
        )
    for fact in ("auc_neutral", "needs_subgroups", "control"):
        value = getattr(module, fact, False)
        if not isinstance(value, bool):
            raise ConfigError(
                f"the method '{name}' has {fact} = {value!r}, which must be True or "
                "False."
            )
    if module.access == registry.ORACLE:
        if not getattr(module, "control", False):
            raise ConfigError(
                f"the method '{name}' has access '{registry.ORACLE}', which shows it "
                "the labels of tested clips: no correction may see them. Declare "
                "'control = True' if it is none."
            )
        if getattr(module, "auc_neutral", False):
            raise ConfigError(
                f"the control '{name}' has auc_neutral = True, which says that it "
                "moves clips: with access 'oracle' it replaces them."
            )
        if not takes(module.make, "seed"):
            raise ConfigError(
                f"the control '{name}' has no option 'seed', of which the workflow "
                "makes the generator that it draws from."
            )
    cannot = getattr(module, "cannot", None)
    words = ("source", "target", "datasets")
    is_right = callable(cannot) and all(takes(cannot, word) for word in words)
    if cannot is not None and not is_right:
        raise ConfigError(
            f"the method '{name}' has a function 'cannot' that is not called as "
            "cannot(source=..., target=..., datasets=...), as it must be."
        )


def check_entry(entry: Mapping[str, Any]) -> None:
    """Refuse an entry that cannot be made, and a user's file that cheats."""
    options = options_of(entry)
    registry.load("debias", entry["plugin"]).make(**options)
    if registry.is_file(entry["plugin"]):
        from earshift.debias import _contract

        _contract.try_out(entry["plugin"], options)
