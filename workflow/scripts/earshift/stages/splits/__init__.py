"""Stage 4, splits: labels for shared classes, and which clips train and test."""
