"""Columns that several tables have, with the same meaning in each."""

from earshift.tables._table import Column

PROTOCOL = Column("protocol", "text", "The protocol, such as `fixed`.")
DATASET = Column("dataset", "text", "Name of the dataset in the experiment.")
MODEL = Column("model", "text", "Name of the model in the experiment.")
CONDITION = Column(
    "condition",
    "text",
    "The acoustic condition: `clean`, or `<family>_<strength>`.",
)
METHOD = Column("method", "text", "Name of the correction in the experiment.")
SCOPE = Column(
    "scope",
    "text",
    "Which clips the method is fitted to: all (`global`), or those with the class "
    "(`classwise`).",
)
TRAIN = Column("train", "text", "Dataset that the classifiers are trained on.")
TEST = Column("test", "text", "Dataset whose clips are tested.")
CLASS = Column("class", "text", "The class.")
ACCESS = Column(
    "access",
    "text",
    "What the method sees of the target: `none`, `target_unlabelled`, "
    "`target_labelled` or, of controls alone, `oracle`.",
)
N_CLASSES = Column("n_classes", "count", "Classes that the mean is over.")
A = Column("a", "text", "Name of one dataset.")
B = Column("b", "text", "Name of the other dataset.")

SAMPLE = Column(
    "sample",
    "text",
    "Which of the clips that may train do: `all`; as many of each class as the other "
    "dataset has (`equal`); a share of the recordings (`1/8`, `1/4`, `1/2`); or half "
    "of the dataset's recordings, that of the tested clip (`same half`) or the other "
    "one (`other half`).",
)
PARTNER = Column(
    "partner",
    "text",
    "The dataset that `train` is paired with: methods are fitted to both, and equal "
    "samples are as large in both.",
    empty="if methods are fitted to more than two datasets at once, or one alone",
)
METRIC = Column("metric", "text", "The metric ([report.md](report.md#metrics)).")
#: How much was trained on and tested.
N_TRAIN = (
    Column("n_train", "number", "Training clips; mean over classes and folds."),
    Column("n_train_positive", "number", "Those of them that have the class."),
    Column("n_train_recordings", "number", "Recordings of the training clips."),
)
N_TEST = (
    Column("n_test", "count", "Tested clips."),
    Column("n_recordings", "count", "Tested recordings."),
)

#: What a mean over classes is of, whatever the protocol.
CELL = (MODEL, CONDITION, METHOD, SCOPE, TRAIN, TEST)
