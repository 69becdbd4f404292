"""Stage 3, features: one pooled vector per clip.

Reads   {results}/2_embeddings/{dataset}/{model}/{condition}.zarr
Writes  {results}/3_features/{dataset}/{model}/{condition}.zarr, and a table of the clips
        that gave none
"""


rule pool_frames:
    """Pool the frames of each clip."""
    input:
        plan=of(job_inputs.of_family, pattern=layout.STORE_PLAN),
        index=of(job_inputs.of_family, pattern=layout.INDEX),
    output:
        features=directory(f"{RESULTS}/{layout.FEATURES}"),
        skipped=f"{RESULTS}/{layout.NO_FEATURES}",
    log:
        f"{LOGS}/pool_frames/{{dataset}}/{{model}}/{{condition}}.log",
    benchmark:
        f"{LOGS}/pool_frames/{{dataset}}/{{model}}/{{condition}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="4h",
    params:
        versions={"stage": versions.FEATURES},
        pooling=config["pooling"],
    script:
        "../scripts/3_features/pool_frames.py"
