"""Stage 3, features: one pooled vector per clip.

Reads   {results}/2_embeddings/{dataset}/{model}/{condition}.zarr
Writes  {results}/3_features/{dataset}/{model}/{condition}.zarr, and a table of the clips
        that gave none
"""


rule pool_frames:
    """Average the frames of each clip."""
    input:
        plan=rules.create_store.output.plan,
        done=expand(
            rules.extract_embeddings.output.done, shard=SHARDS, allow_missing=True
        ),
    output:
        features=directory(
            f"{RESULTS}/3_features/{{dataset}}/{{model}}/{{condition}}.zarr"
        ),
        skipped=f"{RESULTS}/3_features/{{dataset}}/{{model}}/{{condition}}.skipped.csv",
    log:
        f"logs/{RESULTS}/pool_frames/{{dataset}}/{{model}}/{{condition}}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2_000,
        runtime="1h",
    params:
        versions={"stage": versions.FEATURES},
    script:
        "../scripts/pool_frames.py"
