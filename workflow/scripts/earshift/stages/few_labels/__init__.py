"""Stage 5, few labels: what some labelled clips of the target add to the source."""
