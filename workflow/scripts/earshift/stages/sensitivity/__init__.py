"""Stage 6, sensitivity: how embeddings move when the audio changes, and what it costs.

It looks at one dataset at a time: its clips as they are (``clean``), and the same clips
in each strength of a family of conditions.
"""

#: The condition that all others are compared with.
CLEAN = "clean"

#: The condition in which each clip is in one of the strengths, drawn for it.
RANDOM = "random"

#: What is trained on, and what is tested: clips as they are, or changed.
UNCHANGED, UNSEEN, KNOWN, BACK = (
    "clean to clean",
    "clean to changed",
    "changed to changed",
    "changed to clean",
)
