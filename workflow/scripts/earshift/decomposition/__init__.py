"""Where the loss between two datasets comes from, on plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from earshift import registry
from earshift.debias import Method
from earshift.decomposition._clips import pairs_of
from earshift.decomposition._result import Decomposition
from earshift.errors import ConfigError, DataError, did_you_mean
from earshift.evaluation import decomposition as terms
from earshift.evaluation import protocol
from earshift.evaluation.training import Trainer
from earshift.stages.decomposition.clips import clips_of
from earshift.stages.decomposition.decomposing import decomposed

__all__ = ["Decomposition", "decompose"]


def decompose(
    X: ArrayLike | Mapping[str, ArrayLike],
    y: ArrayLike,
    domain: ArrayLike,
    *,
    source: str,
    target: str,
    recordings: ArrayLike | None = None,
    subgroup: ArrayLike | None = None,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] = (
        "none",
        "standardise",
        "adapt",
    ),
    metric: str = "roc_auc",
    given: str = "features",
    classes: Sequence[str] | None = None,
    n_labels: int = 5,
    C: Sequence[float] = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0),
    n_folds: int = 5,
    n_repeats: int = 3,
    n_refits: int = 12,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: int = 0,
) -> Decomposition:
    """Say what the gap between two datasets, and the loss of a classifier, is made of.

    Two questions are answered, on clips that no classifier was trained on. Their
    answers are not to be added up.

    *What would close the gap?* The gap is what a classifier that was trained on the
    target is better there than one that was trained on the source. It is the sum of
    what is due to less training data, of what each method removes beyond those named
    before it, of what a few labels of the target remove beyond these, and of what is
    left. All are of the same clips of the target.

    *Where does one classifier fail?* The loss is what a classifier of the source is
    worse on clips of the target than on clips of the source. It is the sum of what is
    due to label shares, to subgroups, and of the three terms of DISDE: clips that the
    source has and the target hardly has, clips that both have (where classes are
    others, or are scored otherwise, Y given X), and clips that the target alone has.
    It is found without a correction, and after each.

    Gap and loss are the same only where a classifier is as good on the one dataset as
    on the other: the loss also holds how much harder the target's clips are for its own
    classifiers.

    Parameters
    ----------
    X : array-like of shape (n_clips, n_features), or mapping
        Pooled embeddings, in one unit. A mapping has those that each method gets, by
        its name, for methods that begin before the model.
    y : array-like of shape (n_clips,) or (n_clips, n_classes)
        The class of each clip; or for each class 1, 0, or NaN where it is not known.
    domain : array-like of shape (n_clips,)
        Dataset of each clip; clips of others than the two are not used.
    source, target : str
        The two datasets.
    recordings : array-like of shape (n_clips,), optional
        Recording of each clip: folds and resamples keep its clips together. Without,
        each clip is a recording of its own.
    subgroup : array-like of shape (n_clips,), optional
        A nuisance attribute, such as the device; None where it is not known.
    methods : sequence of str, or mapping
        Debias methods by plugin, or their config entries by name; the first is
        ``none``. Each is compared with the one before it.
    metric : str, default="roc_auc"
        One of the metrics of the tables, such as ``balanced_accuracy`` and ``brier``,
        or ``recall``: the share of the clips of a class whose best class it is.
    given : {"features", "scores"}, default="features"
        What X is in the terms of DISDE: features as classifiers see them, or nothing
        but the scores of all classes. Where features alone give away the dataset, the
        terms can only be told apart given the scores, where all that they do not show
        counts as Y given X.
    classes : sequence of str, optional
        Names of the columns of `y`.
    n_labels : int, default=5
        Labelled clips of each class; 0 leaves this term out.
    C : sequence of float
        Inverse strengths of the L2 penalty of the logistic regressions; inner folds of
        the source choose.
    n_folds, n_repeats : int, default=5, 3
        Folds by recording, and how often they are drawn.
    n_refits : int, default=12
        How often classifiers are fitted to training recordings that were drawn anew,
        over all repeats: 0, or at least 4, as each draw is looked at in two of them.
    n_resamples : int, default=1000
        Resamples of the recordings.
    confidence : float, default=0.95
        Level of the intervals.
    random_state : int, default=0
        Of all draws.

    Returns
    -------
    Decomposition
        Print it; its `table` has the numbers, also of each class.

    Raises
    ------
    DataError
        If arrays do not go together, or no class can be trained and tested.
    ConfigError
        If there is no such metric or method, or the first method is not ``none``.

    Notes
    -----
    Intervals hold for other test recordings, other training recordings (also of the
    domain classifier), and other folds. The form of the domain classifier is taken for
    granted. A recording that both datasets have is drawn in each by itself.

    What the domain classifier (`numerics.overlap.domain_scores`) cannot see counts as Y
    given X. So does a translation or a scale of the target where both overlap, although
    it needs no labels: see what is left of the term after a correction.

    References
    ----------
    Cai, Namkoong, Yadlowsky (2023), "Diagnosing model performance under distribution
    shift", arXiv 2303.02011.

    Examples
    --------
    >>> import numpy as np
    >>> from earshift import decompose
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile(["cello", "flute"], 200)
    >>> X = rng.standard_normal((400, 2)) + 2 * (y == "flute")[:, None]
    >>> domain = np.repeat(["a", "b"], 200)
    >>> X[domain == "b"] += 1.0  # the same sounds, but all of them moved
    >>> found = decompose(
    ...     X, y, domain, source="a", target="b", metric="balanced_accuracy",
    ...     methods=["none", "standardise"], n_labels=0, n_repeats=1, n_refits=0,
    ... )
    >>> found.terms("gap")["value"].round(1).to_dict()
    {'gap': 0.2, 'less_data': 0.0, 'standardise': 0.2, 'left': 0.0}
    """
    protocol.check_refits(n_refits)
    entries = _entries(methods, source, target)
    if given not in ("features", "scores"):
        raise ConfigError(
            f"there is no decomposition given '{given}' "
            f"{did_you_mean(given, ('features', 'scores'))}"
        )
    judged = terms.metric_of(metric)
    pairs, known = pairs_of(
        *(X, y, domain),
        source=source,
        target=target,
        recordings=recordings,
        subgroup=subgroup,
        methods=list(entries),
        classes=classes,
    )
    clips = clips_of(
        pairs, known, n_folds=n_folds, n_repeats=n_repeats, seed=random_state
    )
    if given == "scores" and any((part.labels < 0).any() for part in clips.pair):
        raise DataError(
            "to decompose a loss given the scores, the labels of all clips must be "
            "known, as others have no score. Leave these clips out."
        )
    plugin = {"plugin": "logistic", "C": sorted(C), "n_inner_folds": 3}
    table, checks = decomposed(
        *(clips, Method.of_all(entries), Trainer.of(plugin), judged),
        n_labels=n_labels,
        n_refits=n_refits,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=random_state,
        by_scores=given == "scores",
    )
    return Decomposition(*(source, target, judged, confidence, n_labels), table, checks)


def _entries(
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]], source: str, target: str
) -> dict[str, dict[str, Any]]:
    """Return the config entry of each method, checked."""
    given: Mapping[str, Mapping[str, Any]] = (
        methods if isinstance(methods, Mapping) else {name: {} for name in methods}
    )
    entries = {}
    for name, options in given.items():
        entry = {"plugin": name, **options}
        own = registry.own_options(entry)
        registry.check_options("debias", entry["plugin"], own)
        registry.check_entry("debias", entry)
        entries[name] = entry
    if next(iter(entries.values()), {}).get("plugin") != "none":
        raise ConfigError(
            "the first of 'methods' must be 'none', which corrections are compared "
            f"with, got {list(entries)}."
        )
    for name, method in Method.of_all(entries).items():
        if method.is_control:
            raise ConfigError(
                f"'{name}' is a control, and corrects nothing: leave it out of "
                "'methods'."
            )
        if reason := method.cannot(source, target, (source, target)):
            raise ConfigError(f"'{name}' cannot be used here: {reason}")
    return entries
