"""Tables of stage 1, clips."""

from earshift import layout
from earshift.tables._table import Column, Table
from earshift.tables.columns import DATASET, A, B

_NO_SPLIT = "without an official split"

CLIP_AUDIT = Table(
    layout.CLIP_AUDIT,
    "Each clip or file that cannot be used, then each warning about the whole dataset, "
    "then each finding about a clip that is used. If too many clips cannot be used, it "
    "is called `<dataset>.audit.rejected.csv`.",
    (
        Column(
            "clip_id",
            "text",
            "The clip.",
            empty="for files that are not clips, and for warnings about the whole "
            "dataset",
        ),
        Column(
            "path",
            "text",
            "Its audio file.",
            empty="for warnings about the whole dataset, and where there is no audio",
        ),
        Column(
            "status",
            "text",
            "Kind of fault, `warning`, or kind of finding ([your_data.md]"
            "(your_data.md#what-is-checked)).",
        ),
        Column("reason", "text", "What was found.", empty="if nothing more is known"),
        Column("usable", "text", "`yes` if the clip is used all the same, or `no`."),
    ),
)


def _n(name: str, meaning: str) -> Column:
    return Column(name, "count", meaning)


AUDIT = Table(
    layout.DATASET_AUDIT,
    "Each dataset.",
    (
        DATASET,
        _n("clips", "Clips that the dataset lists."),
        _n("usable", "Clips that can be used."),
        _n("missing", "Clips whose file is missing."),
        _n("unreadable", "Clips that cannot be decoded, or that the adapter refuses."),
        _n("truncated", "Clips whose file ends too early."),
        _n(
            "ambiguous",
            "Clips whose file holds several streams, or more than it states.",
        ),
        _n("empty", "Clips without a sample."),
        _n("silent", "Clips without a sample above -100 dB of full scale."),
        _n("not_finite", "Clips with samples that are not finite numbers."),
        _n("out_of_range", "Clips with samples 30 dB or more above full scale."),
        _n("not_listed", "Files that no list of the dataset names."),
        _n("incomplete", "Used clips whose metadata lack something."),
        _n("clipped", "Used clips with more than 0.01 % of samples clipped."),
        _n("dc_offset", "Used clips whose mean is over 0.01 of full scale from zero."),
        _n("out_of_phase", "Used clips whose channels cancel by more than 10 dB."),
        _n("quiet", "Used clips below -60 dB of full scale."),
        _n("very_short", "Used clips shorter than 0.48 s."),
        _n("exact_copies", "Clips with an exact copy in the dataset."),
        _n("near_copies", "Clips with a near copy in the dataset."),
        _n("under_other_recording", "Clips with a copy under another recording."),
        _n("in_other_dataset", "Clips with a copy in another dataset."),
        _n("in_other_split", "Clips with a copy in another official split."),
        _n("label_conflicts", "Clips with a copy whose labels contradict theirs."),
        _n("recordings_on_both_sides", "Recordings in several official splits."),
    ),
)


def _of(side: str) -> tuple[Column, ...]:
    which = {"a": "the first clip", "b": "the second clip"}[side]
    return (
        Column(f"dataset_{side}", "text", f"Dataset of {which}."),
        Column(f"clip_id_{side}", "text", f"Id of {which}."),
        Column(f"recording_{side}", "text", f"Recording of {which}."),
        Column(f"split_{side}", "text", f"Official split of {which}.", empty=_NO_SPLIT),
    )


DUPLICATES = Table(
    layout.DUPLICATES,
    "Each pair of clips that are the same sound, exact copies first.",
    (
        Column("kind", "text", "`exact` (the same samples) or `near`."),
        Column("similarity", "number", "How alike the two are; 1 for exact copies."),
        *_of("a"),
        *_of("b"),
        Column(
            "same_recording",
            "text",
            "`yes` if both are of one recording of one dataset, or `no`.",
        ),
        Column(
            "splits_differ",
            "text",
            "`yes` if both have an official split, and not the same, or `no`.",
        ),
        Column(
            "label_conflict",
            "text",
            "Classes that one clip has and the other lacks, with `; ` between them.",
            empty="where the known labels agree",
        ),
    ),
)

COUNTS = Table(
    layout.COUNTS,
    "Each class and subgroup in each official split of each dataset; usable clips.",
    (
        DATASET,
        Column("split", "text", "The official split.", empty=_NO_SPLIT),
        Column("kind", "text", "`class` or `subgroup`."),
        Column("name", "text", "Name of the class or subgroup."),
        Column("n_present", "count", "Clips that have it."),
        Column("n_absent", "count", "Clips that lack it."),
        Column("n_unknown", "count", "Clips of which that is not known."),
        Column("n_recordings", "count", "Recordings of the clips that have it."),
    ),
)

BOTH_SIDES = Table(
    layout.BOTH_SIDES,
    "Each recording whose usable clips are in more than one official split.",
    (
        DATASET,
        Column("recording", "text", "The recording."),
        Column("splits", "text", "Its official splits, with `, ` between them."),
        Column("n_clips", "count", "Its clips that have an official split."),
    ),
)

FORMATS = Table(
    layout.FORMATS,
    "Each value of each property of the audio of each dataset; usable clips.",
    (
        DATASET,
        Column(
            "property", "text", "`sample_rate_hz`, `n_channels` or `bandwidth_khz`."
        ),
        Column("value", "count", "Its value; bandwidths are rounded."),
        Column("n_clips", "count", "Clips that have this value."),
    ),
)

SPECTRA = Table(
    layout.SPECTRA,
    "Each third octave of each dataset: power relative to the whole clip, usable "
    "clips.",
    (
        DATASET,
        Column("centre_hz", "number", "Centre of the third octave.", "Hz"),
        *(
            Column(f"{name}_db", "number", meaning, "dB")
            for name, meaning in (
                ("lower", "First quartile over clips."),
                ("median", "Median over clips."),
                ("upper", "Third quartile over clips."),
            )
        ),
    ),
)

PERCENTILES = Table(
    layout.DISTRIBUTIONS,
    "Each percentile of each measure of each dataset; usable clips.",
    (
        DATASET,
        Column("measure", "text", "`bandwidth_hz`, `level_db` or `duration_s`."),
        Column("quantile", "number", "Share of clips with at most this value, 0 to 1."),
        Column(
            "value",
            "number",
            "The value of the measure.",
            "as `measure` ends: Hz, dB of full scale, s",
        ),
    ),
)

_FEW = "where a dataset has fewer than two recordings"

CUE_SCORES = Table(
    layout.CUES,
    "Each property of the audio that may give the dataset away, and all of them "
    "together, for each two datasets.",
    (
        A,
        B,
        Column("cue", "text", "The property, or `all of these`."),
        Column(
            "auc",
            "number",
            "How well a classifier that sees this alone tells the two apart: ROC-AUC, "
            "0.5 is chance.",
            empty=_FEW,
        ),
        Column("low", "number", "Lower end of its interval.", empty=_FEW),
        Column("high", "number", "Upper end of its interval.", empty=_FEW),
    ),
)

ALL = (
    *(CLIP_AUDIT, DUPLICATES, AUDIT, COUNTS, BOTH_SIDES, FORMATS),
    *(SPECTRA, PERCENTILES, CUE_SCORES),
)
