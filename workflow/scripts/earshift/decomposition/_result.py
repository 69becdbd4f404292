"""What a decomposition found, as a table and in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from earshift.evaluation import decomposition as terms
from earshift.numerics.metrics import Metric
from earshift.stages.decomposition.rows import BY_LABELS, GAP, LEFT, LESS_DATA, REMOVED

_WORDS = {
    terms.LOSS: "loss",
    terms.LABELS: "label shares",
    terms.SUBGROUPS: "subgroups",
    "x_source": "X, source only",
    "y_given_x": "Y given X",
    "x_target": "X, target only",
    terms.UNSPLIT: "X and Y|X, not told apart",
}


@dataclass(frozen=True, repr=False)
class Decomposition:
    """The gap between two datasets, and the loss of one classifier, in terms.

    Parameters
    ----------
    source, target : str
        The datasets.
    metric : Metric
        What is lost; all values are positive where it gets worse.
    confidence : float
        Level of the intervals.
    n_labels : int
        Labelled clips of each class of the term ``removed_by_labels``.
    table : DataFrame
        One row for each term of each method and class. ``of`` is ``"gap"`` or
        ``"loss"``, and values of the two are never to be added. ``class`` is empty for
        the mean over classes, in which a term counts as 0 for the classes in which it
        is not known, so that terms add up; ``n_classes`` says of how many it is. A
        value is NaN where nothing can be estimated, which ``reason`` explains.
        ``n_source`` and ``n_target`` are the clips with a known label; ``effective`` is
        the smallest effective sample size where the two datasets overlap, as a share of
        these.
    checks : DataFrame
        One row for each method: ``domain_auc``, how well clips of the two can be told
        apart; ``slope`` and ``calibration_error`` of the domain probabilities, the
        slope before and the error after their calibration; ``effective``, the mean over
        classes. All are means over repeats.
    """

    source: str
    target: str
    metric: Metric
    confidence: float
    n_labels: int
    table: pd.DataFrame
    checks: pd.DataFrame

    def terms(self, of: str, method: str = "none", name: str = "") -> pd.DataFrame:
        """Return the terms of a method and class, by name.

        Parameters
        ----------
        of : {"gap", "loss"}
            Which of the two is asked for.
        method : str, default="none"
            Of a loss.
        name : str, default=""
            The class; empty for the mean.

        Returns
        -------
        DataFrame
            ``value``, ``low`` and ``high``; those of a gap that a method removes are
            called by the method.
        """
        rows = self.table[(self.table["of"] == of) & (self.table["class"] == name)]
        if of == "loss":
            rows = rows[rows["method"] == method]
        names = rows["term"].where(rows["term"] != REMOVED, rows["method"])
        return rows.set_index(names)[["value", "low", "high"]]

    def __repr__(self) -> str:
        """Return it in words."""
        return self.to_string()

    def to_string(self) -> str:
        """Return the means over classes, and what cannot be estimated, as text."""
        own = self.table[self.table["class"] == ""]
        n = int(own["n_classes"].max())
        lines = [
            f"{self.source} -> {self.target}, {self.metric.label}, mean over {n} "
            f"class{'es' * (n > 1)}, {self.confidence:.0%} intervals",
            "",
            f"Gap: how much better a classifier trained on {self.target} is there",
        ]
        gap = own[own["of"] == "gap"]
        lines += [_line(self._of_gap(row), row) for _, row in gap.iterrows()]
        if gap["low"].iloc[0] <= 0:
            lines.append("  (no gap is detected: shares of it mean nothing)")
        for method in self.checks["method"]:
            check = self.checks[self.checks["method"] == method].iloc[0]
            lines += [
                "",
                f"Loss from clips of {self.source} to clips of {self.target} of one "
                f"classifier, '{method}'",
            ]
            rows = own[(own["of"] == "loss") & (own["method"] == method)]
            lines += [_line(_WORDS[row["term"]], row) for _, row in rows.iterrows()]
            lines.append(
                f"  (domain AUC {check['domain_auc']:.2f}, effective "
                f"{check['effective']:.0%} of the clips of a class where both overlap)"
            )
        if reasons := self._reasons():
            lines += ["", "Not estimated:", *reasons]
        return "\n".join(lines)

    def _of_gap(self, row: pd.Series) -> str:
        return {
            GAP: "gap",
            LESS_DATA: "less training data",
            REMOVED: f"{row['method']} removes",
            BY_LABELS: f"{self.n_labels} labels a class remove",
            LEFT: "left",
        }[row["term"]]

    def _reasons(self) -> list[str]:
        """Return a line for each reason."""
        own = self.table[self.table["reason"] != ""]
        named = set(self.table["class"]) - {""}
        lines = []
        for reason, rows in own.groupby("reason", sort=False):
            what = dict.fromkeys(rows["term"].map(_WORDS))
            classes = set(rows["class"]) - {""}
            if classes != named:
                what = dict.fromkeys(sorted(classes))
            methods = dict.fromkeys(rows["method"])
            lines.append(f"  {'; '.join(what)} ({', '.join(methods)}): {reason}")
        return lines


def _line(words: str, row: pd.Series) -> str:
    if np.isnan(row["value"]):
        return f"  {words:<28}     -"
    return f"  {words:<28}{row['value']:+7.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
