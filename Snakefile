"""earshift: measure, explain and correct dataset bias in pre-trained audio embeddings.

One experiment is one configuration: config.yaml, or another file by --configfile.
"""

from snakemake.utils import min_version

min_version("9.10")

# An experiment is one whole file: --configfile replaces config.yaml, it does not add.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/reuse.smk"
include: "workflow/rules/0_data.smk"
include: "workflow/rules/0_run.smk"
include: "workflow/rules/1_clips.smk"
include: "workflow/rules/2_embeddings.smk"
include: "workflow/rules/2_audit.smk"
include: "workflow/rules/3_features.smk"
include: "workflow/rules/4_splits.smk"
include: "workflow/rules/5_scores.smk"
include: "workflow/rules/5_few_labels.smk"
include: "workflow/rules/5_decomposition.smk"
include: "workflow/rules/6_discrepancy.smk"
include: "workflow/rules/6_sensitivity.smk"
include: "workflow/rules/7_statistics.smk"


if EXPERIMENT.study.rules:

    include: EXPERIMENT.study.rules


include: "workflow/rules/8_report.smk"


rule all:
    default_target: True
    input:
        rules.write_report.output,


onstart:
    if workflow.non_local_exec and slurm.available():
        refuse_second_run()
