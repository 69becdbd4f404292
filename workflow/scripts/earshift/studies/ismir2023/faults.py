"""What the code of the ISMIR 2023 study does, and what ``fixed`` does instead.

One place for these texts: the report and the LaTeX table read them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from earshift.stages.splits.selection import ALL_CORRECTED


@dataclass(frozen=True)
class Deviation:
    """One fault of the published code.

    Parameters
    ----------
    title : str
        What it is about, in a few words.
    published : str
        What the published code does.
    fixed : str
        What the protocol ``fixed`` does instead.
    """

    title: str
    published: str
    fixed: str


#: The fault that the published numbers do not have: its effect is that of adding it.
ADDED = "aliased_fastfood"

#: Fault, as ``tables/deviations.csv`` names it -> what it is.
DEVIATIONS: Mapping[str, Deviation] = MappingProxyType(
    {
        "unshuffled_folds": Deviation(
            "Inner folds are blocks of genres",
            "C is chosen in three folds that are not shuffled, of clips sorted by "
            "genre; clips of one recording are in several folds.",
            "Folds are drawn at random from whole recordings.",
        ),
        "unscaled_features": Deviation(
            "Features are not standardised",
            "LDA and classifier get features on their own scales. For VGGish and "
            "YAMNet the direction between the datasets is then mostly that of one or "
            "two nearly constant features.",
            "Features are standardised by the training clips of the source.",
        ),
        "one_class_lda": Deviation(
            "A genre that one dataset lacks",
            "mLDA fits such a genre to clips of one dataset alone, which gives their "
            "mean, not a difference between datasets, and removes that.",
            "A genre with too few clips in a dataset is skipped, and the log says so.",
        ),
        "scaler_per_dataset": Deviation(
            "Two scales in the kernel methods",
            "Directions are found in clips that each dataset's own mean and spread "
            "standardised, so that the means no longer differ; they are then taken off "
            "clips on the scale of the training dataset.",
            "One scaler, fitted to the training clips of the source.",
        ),
        "penalised_intercept": Deviation(
            "The intercept is penalised",
            "The solver counts the intercept as one more weight to keep small.",
            "The intercept is free.",
        ),
        "draws": Deviation(
            "One draw, genres left unequal",
            "Training clips are drawn once, with one seed. Each dataset keeps its own "
            "shares of the genres, and rounding down leaves the datasets up to four "
            "clips apart.",
            "From each dataset the same number for each genre, with and without the "
            "class; several draws.",
        ),
        "genres": Deviation(
            "The map of genres",
            "Titles are matched word by word: Blues, Opera and others match no genre, "
            "and their clips are dropped.",
            "Whole titles are looked up in a list; clips that this gives a genre train "
            "and test, too.",
        ),
        ADDED: Deviation(
            "The kernel map overwrites what it reads (added, not corrected)",
            "In some versions of the library that the study used, the permutation "
            "within the map writes over its own input. The published numbers and the "
            "protocol paper are without this; its effect is that of adding it.",
            "A true permutation.",
        ),
        ALL_CORRECTED: Deviation(
            "All together",
            "Everything above and below.",
            "Everything is corrected but the labels of IRMAS; clips of genres that the "
            "map of the study misses are tested, too.",
        ),
    }
)

#: What the table of deviations adds.
OTHER_CLIPS = (
    "The map of genres and all together are tested on other clips than the protocol "
    "paper, to which a part of their change is due."
)

#: Faults that no switch corrects alone.
UNMEASURED: tuple[Deviation, ...] = (
    Deviation(
        "Metadata by position",
        "Genres are taken from the rows of the metadata by the place of the sorted "
        "keys: a table in another order gives clips the genres of others.",
        "Rows are joined by key, in both protocols.",
    ),
    Deviation(
        "Missing values",
        "A misplaced argument turns missing values of test clips into 0 in silence.",
        "Clips with missing values are left out and listed, in both protocols.",
    ),
    Deviation(
        "Labels of the target",
        "Per-class corrections use labels of the target dataset, and all corrections "
        "and kernels its training clips, which were drawn by their labels. The "
        "comparison with no correction does not say so.",
        "What a method sees of the target is shown beside its results.",
    ),
    Deviation(
        "Recordings on both sides",
        "A clip may train though its recording is tested in the other dataset, or a "
        "copy of it in either.",
        "Such clips are left out of training; 4_splits/shared.csv counts them.",
    ),
    Deviation(
        "Absent is not always absent",
        "IRMAS names the predominant instrument alone, and clips of others count as "
        "without it, though it may play along; OpenMIC-2018 has checked labels. This "
        "counts as a difference between the datasets.",
        "The same: no better labels are at hand.",
    ),
    Deviation(
        "Metrics that depend on the share of positives",
        "F1, accuracy and average precision are compared between test sets with "
        "different shares of clips that have the class.",
        "Conclusions rest on ROC-AUC, which does not depend on that share.",
    ),
    Deviation(
        "No measure of chance",
        "One number per cell; differences of 0.00 to 1.7 points are read as effects.",
        "Intervals, paired tests with correction for their number, and a region of "
        "practical equivalence.",
    ),
)


def describe(fault: str) -> Deviation:
    """Return the texts of a fault; one that is not described has its name alone."""
    return DEVIATIONS.get(fault, Deviation(fault, "", ""))
