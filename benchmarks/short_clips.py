"""Compare ways to pad short clips: how well they hide them, and what they cost.

    python benchmarks/short_clips.py [--models mfcc,musicnn,yamnet] [--weights DIR]
        [--folder DIR --label-column NAME] [--clips N] [--json OUT]

Every clip of a window or more is cut to its first part, of a random length from a fifth
to four fifths of a window. "cut or not" is the ROC-AUC of a classifier that tells cut
clips from whole ones, with half of the recordings cut: 0.5 is best. "one window" is the
same for cut clips of one window, which need no padding. "classes" is the mean ROC-AUC
of label classifiers that are trained on whole clips and tested on cut clips of other
recordings. All are logistic regressions on standardised means over frames,
cross-validated by recording, with 95 % intervals over recordings. `skip` leaves the cut
clips out. The clips are those of a folder with a clips.csv, by default of the miniature
OpenMIC corpus that `make demo` makes; `--clips 40 --models mfcc` takes some seconds.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from models import entry_of, ready
from precision import MINIATURE, read_clips
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from earshift import datasets
from earshift.audio import reading
from earshift.models import Model
from earshift.models._framing import fill_up
from earshift.numerics.auc import resampled_auc
from earshift.numerics.inference import bootstrap_weights, interval

FILLS = ("pad", "repeat", "reflect")
WHOLE, ONE_WINDOW = "whole clips", "one window"
N_RESAMPLES, CONFIDENCE, N_FOLDS = 999, 0.95, 5

#: How much of a whole clip is used, in seconds.
LONGEST_S = 10


def embed_all(model: Model, clips: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the mean over frames of each clip: whole, one window long, and cut."""
    rng = np.random.default_rng(0)
    rate = model.spec.sample_rate_hz
    windows = {name: [] for name in (WHOLE, ONE_WINDOW, *FILLS)}
    for path in clips["path"]:
        samples, source = soundfile.read(path, dtype="float32")
        samples = reading.prepare(samples, source, rate, model.resampler)
        own = samples[: round(rng.uniform(0.2, 0.8) * model.shortest)]
        windows[WHOLE].append(model.windows(samples[: LONGEST_S * rate]))
        windows[ONE_WINDOW].append(model.windows(samples[: model.shortest]))
        for how in FILLS:
            filled = fill_up(own, model.shortest, how)
            windows[how].append(model.windows(filled))
    return {name: means(model, parts) for name, parts in windows.items()}


def means(model: Model, windows: list[np.ndarray]) -> np.ndarray:
    """Return the mean over the frames of each clip; batches are filled across clips."""
    frames = model.embed_windows(np.concatenate(windows))
    ends = np.cumsum([len(own) for own in windows])
    return np.stack([part.mean(axis=0) for part in np.split(frames, ends[:-1])])


def auc(
    train: np.ndarray, test: np.ndarray, y: np.ndarray, recordings: np.ndarray
) -> np.ndarray:
    """Return the AUC of `test`, by classifiers of `train`; then of each resample."""
    scores, folds = np.full(len(y), np.nan), np.zeros(len(y), np.int64)
    parts = GroupKFold(N_FOLDS).split(train, y, recordings)
    for fold, (fit, left) in enumerate(parts):
        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000),
        )
        model.fit(train[fit], y[fit])
        scores[left], folds[left] = model.decision_function(test[left]), fold
    rng = np.random.default_rng(0)
    weights = bootstrap_weights(recordings, N_RESAMPLES, rng)
    return resampled_auc(scores, y, folds, weights)


def long_enough(model: Model, clips: pd.DataFrame) -> pd.DataFrame:
    """Return the clips that fill a window."""
    least_s = model.shortest / model.spec.sample_rate_hz
    durations = [soundfile.info(path).duration for path in clips["path"]]
    return clips[np.asarray(durations) >= least_s].reset_index(drop=True)


def compare(model: Model, clips: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """Return the figures of a model: variant -> measure -> value and interval."""
    features = embed_all(model, clips)
    recordings = clips["recording"].to_numpy(str)
    names = np.unique(recordings)
    half = np.random.default_rng(1).permutation(names)[: len(names) // 2]
    is_cut = np.isin(recordings, half)
    out = {}
    for name, rows in features.items():
        measures = {}
        if name != WHOLE:
            mixed = np.where(is_cut[:, None], rows, features[WHOLE])
            measures["cut or not"] = auc(mixed, mixed, is_cut, recordings)
        curves = []
        for label in datasets.classes(clips):
            known = clips[datasets.LABEL + label].notna().to_numpy()
            y = clips.loc[known, datasets.LABEL + label].to_numpy(bool)
            if min(y.sum(), (~y).sum()) < 2 * N_FOLDS:
                continue
            own = recordings[known]
            curves.append(auc(features[WHOLE][known], rows[known], y, own))
        if curves:
            measures["classes"] = np.mean(curves, axis=0)
        out[name] = {
            measure: [float(v[0]), *interval(v[1:], CONFIDENCE)]
            for measure, v in measures.items()
        }
    return out


def main() -> None:
    """Print a line per model and variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="mfcc,musicnn,yamnet")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--folder", type=Path, default=MINIATURE)
    parser.add_argument("--label-column", default="label")
    parser.add_argument("--clips", type=int, help="at most so many")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clips = read_clips(options.folder, options.label_column)
    n = options.clips or len(clips)
    clips = clips.sample(min(n, len(clips)), random_state=0).reset_index(drop=True)
    results = {}
    for name in options.models.split(","):
        model = ready(entry_of(name, options.weights, "float32"))
        own = long_enough(model, clips)
        n_recordings = own["recording"].nunique()
        sys.stdout.write(f"{name}: {len(own)} clips of {n_recordings} recordings\n")
        results[name] = compare(model, own)
        for variant, measures in results[name].items():
            cells = [
                f"{measure} {value:.3f} [{low:.3f}, {high:.3f}]"
                for measure, (value, low, high) in measures.items()
            ]
            sys.stdout.write(f"{name:8s} {variant:12s} {'   '.join(cells)}\n")
            sys.stdout.flush()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
