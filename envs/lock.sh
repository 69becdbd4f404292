#!/usr/bin/env bash
# Write envs/requirements.lock: exact versions and hashes of every dependency of
# pyproject.toml, no addresses. Versions stay as they are; `envs/lock.sh --upgrade` raises
# them all. musicnn is added by hand, because its own metadata asks for a NumPy of 2019
# while only the weights in its wheel are used. mirdata asks for smart_open with the
# clients of every cloud store; only local files are read here.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
musicnn=$(grep -o 'musicnn==[0-9.]*' ../pyproject.toml)
sed "s/, \"$musicnn\"//" ../pyproject.toml >"$work/pyproject.toml"
cp requirements.lock "$work/lock"
echo "smart_open>=7" >"$work/override"
(cd "$work" && uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --no-header --all-extras --override override "$@" \
    pyproject.toml -o lock)
pip download --quiet --no-deps --dest "$work" "$musicnn"
{
    cat "$work/lock"
    printf '%s \\\n    %s\n' "$musicnn" "$(pip hash "$work"/musicnn-*.whl | tail -n 1)"
} >requirements.lock
