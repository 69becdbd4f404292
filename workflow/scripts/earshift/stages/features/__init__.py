"""Stage 3, features: one pooled vector a clip."""
