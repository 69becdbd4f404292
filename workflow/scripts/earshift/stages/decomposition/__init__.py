"""Stage 5, decomposition: what a gap is made of, and the loss of one classifier."""
