"""Which published conclusions are found again, by one test on all sides.

Of published results only those of each class are known. Therefore all sides (what was
published, and the protocols) are tested by paired t-tests over the classes, of the
cells and classes that all sides have, corrected as those of ``tests.csv``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from earshift.evaluation.samples import ALL, EQUAL
from earshift.numerics import inference
from earshift.numerics.estimates import Estimate
from earshift.stages.report import words
from earshift.studies.ismir2023.numerics import METHODS
from earshift.studies.ismir2023.published import PUBLISHED
from earshift.studies.ismir2023.tables import CELL, class_changes, class_means


@dataclass(frozen=True)
class Claim:
    """A published conclusion.

    Parameters
    ----------
    text : str
        The conclusion.
    unit : str
        What it is about: ``"gap"`` or ``"change"``.
    changes : callable
        Scores -> a row for each side (`protocol`), cell and class, with the `change` in
        points that the conclusion says is above 0.
    counted : callable
        Cells that are tested -> which of them the conclusion is about.
    """

    text: str
    unit: str
    changes: Callable[[pd.DataFrame], pd.DataFrame]
    counted: Callable[[pd.DataFrame], pd.Series[bool]]


def describe(scores: pd.DataFrame, alpha: float) -> Iterator[str]:
    """Say of each published conclusion where it is detected, and how sides differ.

    Parameters
    ----------
    scores : DataFrame
        As `tables.with_published` returns them, of all samples: columns protocol, those
        of `CELL`, sample, partner, class, repeat and roc_auc.
    alpha : float
        Intervals are of level 1 - alpha, and what is detected has a corrected p below
        alpha.

    Yields
    ------
    str
        A sentence or two for each of `CLAIMS` that all sides have cells of.
    """
    for claim in CLAIMS:
        found = sides(claim, scores)
        if not found:
            continue
        first, *others = found
        text = f"{claim.text}: "
        text += "; ".join(_counted(side, claim.unit, alpha) for side in found)
        for other in others:
            text += f". {_difference(first, other, claim.unit, alpha)}"
            text += _again(first, other, alpha)
        yield f"{text}."


@dataclass(frozen=True)
class Side:
    """What one side says of a conclusion.

    Parameters
    ----------
    protocol : str
        Which, or `PUBLISHED`.
    changes : DataFrame
        A cell a row, a class a column: changes in points.
    p_holm : Series
        Corrected p-values of the cells.
    """

    protocol: str
    changes: pd.DataFrame
    p_holm: pd.Series[float]

    @property
    def is_published(self) -> bool:
        """Return whether it is what was published."""
        return self.protocol == PUBLISHED

    @property
    def name(self) -> str:
        """What it is called."""
        return "as published" if self.is_published else f"protocol {self.protocol}"

    def detected(self, sign: int, alpha: float) -> pd.Series[bool]:
        """Return the cells whose mean change is detected to have a sign."""
        return self.p_holm.lt(alpha) & self.changes.mean(axis=1).mul(sign).gt(0)


def sides(claim: Claim, scores: pd.DataFrame) -> list[Side]:
    """Test a conclusion on all sides, on the cells and classes that all have.

    Parameters
    ----------
    claim : Claim
        The conclusion.
    scores : DataFrame
        As in `describe`.

    Returns
    -------
    list of Side
        What was published comes first. There is none if no cell is common.
    """
    changes = claim.changes(scores).dropna(subset=["change"])
    names = sorted(changes["protocol"].unique(), key=lambda name: name != PUBLISHED)
    n_sides = changes.groupby([*CELL, "class"])["protocol"].transform("nunique")
    common = changes[n_sides.eq(len(names))]
    found = []
    for name in names:
        own = common[common["protocol"].eq(name)]
        table = own.pivot(index=list(CELL), columns="class", values="change")
        cells = table.index.to_frame(index=False)
        cells["p"] = [inference.paired_t(row)[1] for row in table.to_numpy(float)]
        p_holm = inference.holm_within(cells, ("condition", "scope"), "p")
        kept = claim.counted(cells).to_numpy(bool)
        if kept.any():
            p_values = pd.Series(p_holm.to_numpy(float), table.index)
            found.append(Side(str(name), table[kept], p_values[kept]))
    return found


def _counted(side: Side, unit: str, alpha: float) -> str:
    n_up, n_down = (int(side.detected(sign, alpha).sum()) for sign in (1, -1))
    opposite = f", the opposite in {n_down}" if n_down else ""
    return (
        f"{side.name}, a mean {unit} of {_mean(side.changes, alpha)}, detected in "
        f"{n_up} of {words.count(len(side.changes), 'cell')}{opposite}"
    )


def _mean(changes: pd.DataFrame, alpha: float) -> str:
    """Return the mean over cells with its interval, that of a t-test over classes."""
    of_classes = changes.mean().round(9).to_numpy(float)  # less is rounding
    n = len(of_classes)
    variance = float(of_classes.var(ddof=1)) / n if n > 1 else float("nan")
    mean = Estimate(float(of_classes.mean()), [(variance, max(n - 1, 1))])
    span = words.signed_interval(*mean.interval(alpha), 2)
    return f"{words.signed(mean.value, 2)} points{f' {span}' if span else ''}"


def _difference(first: Side, other: Side, unit: str, alpha: float) -> str:
    """Say how far the mean of another side is from that of the first."""
    change = other.changes - first.changes
    n = words.count(change.shape[1], "class", "classes")
    reference = f"the published {unit}" if first.is_published else first.name
    return (
        f"The difference of {other.name} from {reference} is {_mean(change, alpha)} "
        f"({n})"
    )


def _again(first: Side, other: Side, alpha: float) -> str:
    """Say what another side has in the cells where the first shows the conclusion."""
    shown = first.detected(1, alpha)
    if not shown.any():
        return ""
    n = int(shown.sum())
    n_up, n_down = (int(other.detected(sign, alpha)[shown].sum()) for sign in (1, -1))
    rest = [f"in {n_down} the opposite is detected"] * bool(n_down)
    if n_left := n - n_up - n_down:
        rest.append(f"in {n_left} it is not detected")
    cells = words.count(n, "cell")
    where = first.name if first.is_published else f"in {first.name}"
    text = f". Of {cells} where it is detected {where}, {other.name} shows it in "
    return f"{text}{n_up}{'; ' if rest else ''}{words.listed(rest)}"


def _gaps(scores: pd.DataFrame) -> pd.DataFrame:
    """Return what is lost across datasets by training sets of equal size."""
    # Published ones are of training sets of equal size, but for rounding.
    plain = scores[
        scores["method"].eq("none")
        & (scores["sample"].eq(EQUAL) | scores["protocol"].eq(PUBLISHED))
    ]
    plain = plain[plain["scope"].eq(scores["scope"].iloc[0])]
    means = class_means(plain, "partner")
    own = means["train"].eq(means["test"])
    # What trains within is drawn for the dataset that it is compared with.
    within = means[own].assign(train=means["partner"])
    keys = [c for c in within if c not in ("roc_auc", "partner")]
    across = means[~own].join(within.set_index(keys)["roc_auc"].rename("within"), keys)
    return across.assign(change=across["within"] - across["roc_auc"])


def _against(reference: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return what gives the changes of the study's methods across datasets."""

    def changes(scores: pd.DataFrame) -> pd.DataFrame:
        whole = scores["sample"].eq(ALL) | scores["protocol"].eq(PUBLISHED)
        known = scores["method"].isin(METHODS)
        return class_changes(scores[whole & known], reference)

    return changes


def _every(cells: pd.DataFrame) -> pd.Series[bool]:
    return cells["method"].notna()


def _each_once(cells: pd.DataFrame) -> pd.Series[bool]:
    """Leave out repetitions: what corrects nothing is the same in all scopes."""
    corrects = pd.Series([METHODS[m].lda for m in cells["method"]], cells.index, bool)
    return corrects | ~cells.drop(columns=["scope", "p"]).duplicated(keep="last")


def _per_class_klda(cells: pd.DataFrame) -> pd.Series[bool]:
    return cells["method"].eq("klda") & cells["scope"].eq("classwise")


#: The published conclusions that are tested again.
CLAIMS = (
    Claim("Classifiers lose ROC-AUC across datasets", "gap", _gaps, _every),
    Claim(
        "Corrections and kernel features raise ROC-AUC across datasets",
        "change",
        _against("none"),
        _each_once,
    ),
    Claim(
        "Per-class KLDA raises what its kernel alone gives",
        "change",
        _against("k"),
        _per_class_klda,
    ),
)
