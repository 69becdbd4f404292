"""Stage 6, discrepancy: how far apart datasets are."""
