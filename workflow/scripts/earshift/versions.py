"""Versions of the stages' numbers.

Snakemake does not watch the library. Each stage therefore has a number that is raised
when its results change for the same inputs, and that re-runs its jobs and no others; a
change of a comment re-runs nothing. Plugins have a `version` of their own.
"""

MINIATURE = 2
CLIPS = 3
#: Of what stage 1 keeps of a decoded file; raise CLIPS with it. Files are decoded anew.
MEASURES = 2
AUDIT = 2
EMBEDDINGS = 4
#: Of what stage 2 does with short clips where `short` is not "pad", its default.
SHORT_CLIPS = 1
FEATURES = 2
SPLITS = 4
SCORES = 6
#: Of what correcting each fault of the published code changes, in stage 5.
DEVIATIONS = 2
FEW_LABELS = 2
DECOMPOSITION = 1
DISCREPANCY = 6
SENSITIVITY = 1
STATISTICS = 7
REPORT = 8
