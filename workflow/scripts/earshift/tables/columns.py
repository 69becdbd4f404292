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
    "What the method sees of the target: `none`, `target_unlabelled` or "
    "`target_labelled`.",
)
N_CLASSES = Column("n_classes", "count", "Classes that the mean is over.")
A = Column("a", "text", "Name of one dataset.")
B = Column("b", "text", "Name of the other dataset.")

#: What a mean over classes is of, whatever the protocol.
CELL = (MODEL, CONDITION, METHOD, SCOPE, TRAIN, TEST)
