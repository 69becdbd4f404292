"""Stage 2, embeddings: frames of each clip by each model, in stores."""
