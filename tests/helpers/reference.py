"""Numbers of the original implementations, where they are at hand."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("EARSHIFT_SHARED", Path(__file__).parents[3] / "shared"))


def reference(model):
    """Mark a test that compares with the original's numbers of a model."""
    absent = not (SHARED / "reference" / "models" / f"{model}.npz").is_file()
    skip = pytest.mark.skipif(absent, reason=f"no reference numbers in {SHARED}")
    return lambda test: pytest.mark.reference(skip(test))
