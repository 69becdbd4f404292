"""Titles, alternative texts and captions of the figures."""

from __future__ import annotations

from collections.abc import Mapping

#: Name of a figure's file -> title, alternative text and caption; ``{level}`` is the
#: confidence level.
CAPTIONS: Mapping[str, tuple[str, str, str]] = {
    "per_class": (
        "Each class, within and across datasets",
        "Points with intervals: ROC-AUC of each class, trained on the test dataset "
        "itself and trained on another dataset.",
        "ROC-AUC of each class without any correction, by model (columns) and test "
        "dataset (rows), trained on all clips. Values are drawn towards the mean of "
        "the classes, the more the less is known of each. Lines are {level} intervals, "
        "each for a class named beforehand. Classes are sorted by their mean loss, in "
        "which the sizes of the training sets have a part. Dashed: chance. From "
        "tables/class_values.csv.",
    ),
    "gaps": (
        "The gap between within and across",
        "Points with intervals: within minus across, per model, direction and method.",
        "How much lower the mean ROC-AUC over classes is when the classifier was "
        "trained on another dataset than when it was trained on the test dataset "
        "itself, on equally many clips with a class and equally many without. Lines "
        "are {level} intervals, not corrected for the number of gaps. Grey: the same "
        "between two halves of the test dataset, where there is no gap in truth. "
        "Purple: controls, if any ran. From tables/gaps.csv and tables/null_gaps.csv.",
    ),
    "changes": (
        "What each correction changes",
        "Points with intervals: change of mean ROC-AUC by each method, coloured by "
        "verdict.",
        "Change of the mean ROC-AUC over classes against no correction, on the same "
        "test clips, trained on all clips. Lines are intervals of the paired change, "
        "at the {level} level corrected for the number of methods. Empty and grey: no "
        "effect is detected; filled and grey: too small to matter; filled and "
        "coloured: large enough to matter; empty and coloured: either. Controls are "
        "left out. From tables/summary.csv.",
    ),
    "discrepancy": (
        "How different the datasets are, before and after",
        "Points with intervals: each measure of difference before and after methods.",
        "How different the features of held-out clips of two datasets are. Lines are "
        "{level} intervals from resampling the recordings of both datasets. Filled: a "
        "difference is detected, one-sided; empty: none is, with so many clips. "
        "Dashed: no difference; some measures have a grey band instead, the {level} "
        "interval of equal datasets. Purple: controls, if any ran. That says nothing "
        "of whether classifiers carry over. From tables/discrepancy.csv.",
    ),
}

#: The same of the figure of the section on discrepancy.
CURVE = (
    "By the number of clips",
    "Line plots: each measure by the number of clips of each dataset, a line per pair.",
    "The same measures without correction, by the number of clips of each dataset. "
    "Bands are {level} intervals. Where a line still rises, more clips would give a "
    "larger value. Empty marks: two halves of one dataset, with as many clips. Dashed: "
    "no difference. From tables/discrepancy_curve.csv and tables/discrepancy_null.csv.",
)

#: The same of the figure of the section on learning curves.
LEARNING = (
    "By the number of training recordings",
    "Line plots: mean ROC-AUC by the number of recordings that train, a line per "
    "training dataset.",
    "Mean ROC-AUC over classes without correction, trained on an eighth, a quarter, "
    "half and all of the recordings that may train. Bands are {level} intervals. "
    "Compare lines at the same number of recordings: that of the test dataset itself "
    "(within, full marks) and those of others (across, empty marks). Where a line "
    "still rises, more recordings of this kind would give more. The means are over the "
    "classes that could be trained, which may be fewer with few recordings. From "
    "tables/learning_curves.csv.",
)

#: The same of the figure of the scorecard.
TRADE_OFFS = (
    "What is gained across, and lost within",
    "Scatter plots: change of mean ROC-AUC across against that within, a mark for each "
    "correction.",
    "Change of the mean ROC-AUC over classes against no correction, trained on all "
    "clips of one dataset: tested on the other (across, upwards) and on itself "
    "(within, to the right). Lines are {level} intervals, not corrected for the number "
    "of corrections. Dashed: no change. Filled: no other correction of the direction "
    "is as good in all changes that the table below has, sees no more of the target, "
    "and is better in one. From tables/scorecard.csv.",
)

#: The same of the figure of what tells the datasets apart.
ATTRIBUTION = (
    "By what the datasets are told apart",
    "Dot plots: how well the datasets are told apart, a line for each model.",
    "How well a classifier tells the clips of two datasets apart, from the features of "
    "each model. Full marks: without correction, with {level} intervals; empty marks: "
    "with corrections; strokes: two halves of one dataset, with as many clips. Dashed: "
    "equal datasets. From tables/discrepancy.csv and tables/discrepancy_null.csv.",
)

#: The same of the figure of the section on few labels.
LABELS = (
    "By the number of labelled clips",
    "Line plots: mean metrics by the number of labelled clips of the test dataset, a "
    "line per method.",
    "Mean over classes of classifiers that are trained on one dataset and tested on "
    "another, with so many labelled clips per class of the latter among their training "
    "clips. Bands are {level} intervals, for other test recordings and other draws of "
    "folds and labelled clips. Where a line without a correction reaches the height at "
    "which that of a correction begins, it has as many labels as the correction is "
    "worth. Dashed, in grey: trained on the test dataset itself, without a correction. "
    "From tables/label_curves.csv.",
)

#: The same of the figure of what gaps are made of.
DECOMPOSITION = (
    "The parts of each gap",
    "Bars with intervals: the gap from one dataset to another, and below it the parts "
    "that it is the sum of.",
    "The gap, mean over classes: how much better classifiers of the test dataset are "
    "there than those of the training dataset. Each bar below begins where the one "
    "above it ends: what is due to less training data, what each correction removes "
    "beyond the one before it, what labelled clips of the test dataset remove beyond "
    "these, and what is left to classifiers of as many clips of the test dataset. "
    "Lines are {level} intervals of each part, not corrected for their number. Pale: "
    "the interval of the part, or that of the gap, holds 0. From "
    "tables/decomposition.csv.",
)

#: The same of the figures of the study; ``{}`` in a name is the protocol shown.
STUDY: Mapping[str, tuple[str, str, str]] = {
    "genres": (
        "Genres before and after the draw",
        "Bar plot of the shares of genres in each dataset, at three stages.",
        "Share of each genre among all usable clips of a dataset, among the training "
        "clips that a protocol uses, and among those drawn for any class (means over "
        "draws); n: numbers of clips. From tables/study/genres.csv.",
    ),
    "samples": (
        "Training clips of each class",
        "Dot plot of the number of training clips with each class, before and after "
        "the draw.",
        "Training clips with the class: all, and those drawn for it (means over "
        "draws). From tables/study/samples.csv.",
    ),
    "class_scores_{}": (
        "Each class, by training and test dataset",
        "Dot plot of the ROC-AUC of each class and model, in a row per training "
        "dataset and a column per test dataset.",
        "ROC-AUC of each class without correction. Vertical marks: published values, "
        "where the model has the same name. From tables/study/classes.csv.",
    ),
    "arrows_{}": (
        "From no correction to mLDA",
        "Arrows from the ROC-AUC of each class without correction to that with mLDA.",
        "How mLDA moves the ROC-AUC of each class across datasets. From "
        "tables/study/classes.csv.",
    ),
    "kernel_arrows_{}": (
        "From no correction to mKLDA",
        "Arrows from the ROC-AUC of each class without correction to that with mKLDA.",
        "How mKLDA, its kernel included, moves the ROC-AUC of each class across "
        "datasets. From tables/study/classes.csv.",
    ),
    "cosines_{}": (
        "Do the directions of dataset and class agree?",
        "Dot plot of the cosine between the direction of LDA and that of each class.",
        "Absolute cosine of the direction between the datasets (LDA; KLDA in the space "
        "of the kernel) and the weights of the classifier of each class; 0: at right "
        "angles. Vertical marks: published values, where the model has the same name. "
        "Features of different scale weigh differently, so compare within a panel. "
        "From tables/study/cosines.csv.",
    ),
    "ranks_{}": (
        "How many directions do the genres span?",
        "Line plot of the singular values of the stacked directions of the genres.",
        "Singular values of the unit directions of the genres, one below the other; a "
        "line per class. All 1: at right angles; 0: one is spanned by the others. From "
        "tables/study/ranks.csv.",
    ),
}

#: The same of the figure of the audit.
AUDIO = (
    "Spectra, bandwidths, levels and durations",
    "Line plots, one line per dataset: average spectrum, and distributions of "
    "bandwidth, level and duration.",
    "Above: power in third octaves in dB of the whole, the median over clips with the "
    "band between the quartiles. Below: cumulative distributions of bandwidth, level "
    "and duration over clips; a vertical step means that many clips share one value. "
    "Where the lines differ, a classifier can tell the datasets apart without their "
    "content. From 1_clips/spectra.csv and 1_clips/distributions.csv.",
)

#: The same of the figure of scores of changed clips.
STRENGTHS = (
    "Scores by strength",
    "Line plots: mean metrics by the strength of each condition, a line per model.",
    "Mean metrics over classes of held-out changed clips, by the strength of the "
    "change, weaker ones first; where strengths lie on both sides of what changes "
    "nothing, that is in the middle. Full: trained on unchanged clips. Dashed: trained "
    "on clips that were changed alike. Dotted: trained and tested on unchanged clips. "
    "Bands are {level} intervals. From tables/sensitivity_scores.csv.",
)

#: The same of the figure of how embeddings move.
MOVEMENT = (
    "How embeddings move",
    "Line plots: displacement, retrieval, direction consistency and effective "
    "dimension by the strength of each condition.",
    "How the features of clips move when their audio changes, by the strength of the "
    "change: how far (1: as far as two clips of different recordings), whether clips "
    "remain nearest to their own originals, whether all move in one direction (1) or "
    "each in its own (0), and over how many equal directions displacements spread "
    "about their mean. Bands are {level} intervals. From tables/sensitivity.csv.",
)
