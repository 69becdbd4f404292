"""Stage 5, scores: classifiers within and across datasets."""
