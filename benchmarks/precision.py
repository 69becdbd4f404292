"""Error of bfloat16 against float32, per model: in embeddings and in an AUC.

    python benchmarks/precision.py [--models yamnet,musicnn] [--weights DIR]
        [--folder DIR --label-column NAME] [--json OUT]

The clips are those of a folder with a clips.csv (docs/your_data.md), by default of the
miniature OpenMIC corpus that `make demo` makes. "rel. L2" is the median over frames of
the relative L2 distance between the two, "cosine" the lowest cosine of a frame. "AUC"
is the mean over classes of the ROC-AUC of logistic regressions on mean-pooled,
standardised features, cross-validated by recording, with float32; then its change with
bfloat16, to be compared with the intervals of a study, about 0.02 wide. Models
without a file in --weights get seeded random weights.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from models import MODELS, entry_of, ready
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from earshift import datasets, registry

MINIATURE = Path("resources/miniature/openmic")


def read_clips(folder: Path, label_column: str) -> pd.DataFrame:
    """Return the clip list of a folder: ``path`` is complete."""
    plugin = "openmic" if folder == MINIATURE else "table"
    options = {} if plugin == "openmic" else {"label_column": label_column}
    found = registry.load("datasets", plugin).list_clips(folder, **options).clips
    return found.assign(path=[str(folder / path) for path in found["path"]])


def mean_auc(features: np.ndarray, clips: pd.DataFrame) -> float:
    """Return the mean ROC-AUC over classes, cross-validated by recording."""
    values = []
    for name in datasets.classes(clips):
        label = clips[datasets.LABEL + name]
        known = label.notna().to_numpy()
        y = label[known].astype(bool).to_numpy()
        if min(y.sum(), (~y).sum()) < 10:
            continue
        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000),
        )
        scores = cross_val_predict(
            model,
            features[known],
            y,
            groups=clips["recording"][known],
            cv=GroupKFold(5),
            method="decision_function",
        )
        values.append(roc_auc_score(y, scores))
    return float(np.mean(values))


def compare(name: str, weights: Path | None, clips: pd.DataFrame) -> dict[str, float]:
    """Embed all clips in both precisions; return the figures of one line."""
    full, half = (ready(entry_of(name, weights, p)) for p in ("float32", "bfloat16"))
    distance, cosine = [], []
    pooled: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for path in clips["path"]:
        waveform = soundfile.read(path, dtype="float32")
        a, b = (model.embed(*waveform).values for model in (full, half))
        norms = [np.linalg.norm(x, axis=1) for x in (a, b)]
        distance.extend(np.linalg.norm(a - b, axis=1) / norms[0])
        cosine.extend((a * b).sum(axis=1) / (norms[0] * norms[1]))
        for mean, frames in zip(pooled, (a, b), strict=True):
            mean.append(frames.mean(axis=0))
    auc = [mean_auc(np.stack(features), clips) for features in pooled]
    return {
        "relative_l2": float(np.median(distance)),
        "least_cosine": float(np.min(cosine)),
        "auc_float32": auc[0],
        "auc_change": auc[1] - auc[0],
    }


def main() -> None:
    """Print one line per model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(m for m in MODELS if m != "mfcc"))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--folder", type=Path, default=MINIATURE)
    parser.add_argument("--label-column", default="label")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clips = read_clips(options.folder, options.label_column)
    sys.stdout.write(f"{len(clips)} clips of {options.folder}\n")
    sys.stdout.write("model     rel. L2   cosine      AUC    change\n")
    results = {}
    for name in options.models.split(","):
        figures = results[name] = compare(name, options.weights, clips)
        sys.stdout.write(
            f"{name:8s} {figures['relative_l2']:8.4f} {figures['least_cosine']:8.5f} "
            f"{figures['auc_float32']:8.4f} {figures['auc_change']:+9.4f}\n"
        )
        sys.stdout.flush()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
