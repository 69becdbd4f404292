"""All terms of a gap and of a loss, of clips that are in their folds."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from earshift.debias import Method
from earshift.evaluation.training import Trainer
from earshift.numerics.metrics import Metric
from earshift.stages.decomposition.clips import Clips
from earshift.stages.decomposition.few_labels import few_labels
from earshift.stages.decomposition.held_out import Run
from earshift.stages.decomposition.rows import COLUMNS, Rows

log = logging.getLogger(__name__)


def decomposed(
    clips: Clips,
    methods: Mapping[str, Method],
    trainer: Trainer,
    metric: Metric,
    *,
    n_labels: int,
    n_refits: int,
    n_resamples: int,
    confidence: float,
    seed: int,
    by_scores: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the terms of the gap, and of the loss of each method.

    Parameters
    ----------
    clips : Clips
        Source and target.
    methods : mapping of str to Method
        By name, as in `clips`; the first is without a correction.
    trainer : Trainer
        Of the classifiers.
    metric : Metric
        What is lost.
    n_labels : int
        Labelled clips of each class; 0 leaves this term out.
    n_refits, n_resamples : int
        Draws of training data, over all repeats, and of the recordings that test.
    confidence : float
        Level of the intervals.
    seed : int
        Of all draws.
    by_scores : bool, default=False
        Whether the domain classifier sees scores in place of features.

    Returns
    -------
    terms : DataFrame
        Columns `rows.COLUMNS`.
    checks : DataFrame
        One row for each method, as `earshift.Decomposition` describes them.
    """
    n_repeats = len(clips.pair[0].folds)
    where = "from {} to {}".format(*(domain.name for domain in clips.pair))
    runs = {
        name: [
            Run(
                *(clips.domains[name], clips.classes, method, trainer, seed),
                *(repeat, n_refits),
            )
            for repeat in range(n_repeats)
        ]
        for name, method in methods.items()
    }
    made = Rows(
        *(clips, metric, n_resamples, 1 - confidence, seed), by_scores=by_scores
    )
    scores = {}
    for number, (name, own) in enumerate(runs.items()):
        scores[name] = [run.scores(within=number == 0) for run in own]
        log.info("%s: clips are scored with '%s'", where, name)
    few = None
    if n_labels:
        few = [few_labels(run, n_labels) for run in list(runs.values())[-1]]
        log.info("%s: clips are scored with few labels", where)
    rows, checks = made.gap(scores, few), []
    for name, own in runs.items():
        losses, check = made.loss(own, scores[name])
        log.info("%s: the loss with '%s' is split", where, name)
        rows += made.rows_of_loss(name, losses)
        checks.append({"method": name} | check)
    blank = dict.fromkeys(COLUMNS, np.nan) | {"reason": ""}
    return pd.DataFrame([blank | row for row in rows]), pd.DataFrame(checks)
