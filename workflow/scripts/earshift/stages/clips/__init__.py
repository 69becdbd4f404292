"""Stage 1, clips: each dataset listed, decoded once, and audited."""
