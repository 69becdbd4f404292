"""What differs between clusters: read from a file, and put into the profile."""

import re

import pytest
import yaml
from snakemake.profiles import ProfileConfigFileParser

from earshift import slurm
from earshift.errors import ConfigError
from earshift.slurm.site import Site
from tests.helpers.places import ROOT
from tests.helpers.workflow import snakemake, write_experiment


def profile(folder, monkeypatch, **values):
    """Options that Snakemake gets in a folder with a site's values."""
    (folder / "slurm").mkdir(exist_ok=True)
    (folder / "slurm" / "site.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(folder)
    with (ROOT / "slurm" / "config.yaml").open() as file:
        return dict(ProfileConfigFileParser().parse(file))


def test_every_value_reaches_snakemake(tmp_path, monkeypatch):
    example = yaml.safe_load((ROOT / "slurm" / "site.example.yaml").read_text())
    assert set(example) == set(Site.__dataclass_fields__)
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "setup.sh").touch()
    found = profile(tmp_path, monkeypatch, **example)
    assert (found["jobs"], found["max-threads"]) == ("500", "16")
    assert found["slurm-qos"] == "normal"
    assert found["software-deployment-method"] == "conda"
    setup = tmp_path / "slurm" / "setup.sh"
    assert found["precommand"] == f"trap '' USR1 && . {setup}"
    assert found["slurm-jobname-prefix"] == slurm.run_name(tmp_path)
    assert set(found["default-resources"]) == {
        "mem_mb=2000",
        "runtime=60",
        "slurm_account='my_project'",
        "slurm_partition='cpu'",
    }


@pytest.mark.workflow
@pytest.mark.parametrize("gpu", [0, 1])
def test_jobs_with_a_gpu_go_where_gpus_are_and_no_others(tmp_path, gpu):
    folder = write_experiment(tmp_path / "run", extraction={"gpu": gpu})
    (folder / "slurm").mkdir()
    # What Python would make of them: 2014, and a function.
    site = "gpu_partition: all\ngpu_model: a100\naccount: 2024-10\npartition: open\n"
    (folder / "slurm" / "site.yaml").write_text(site)
    done = snakemake(folder, "-n", "--profile", ROOT / "slurm")
    assert done.returncode == 0, done.stderr[-3000:]
    said = {}
    for text in re.split(r"\n\n", done.stdout + done.stderr):
        if rule := re.search(r"^(?:rule|checkpoint) (\w+):", text, re.M):
            said[rule[1]] = text
    assert all("slurm_account=2024-10" in text for text in said.values())
    with_gpu = {rule for rule, text in said.items() if "gpu_model=a100" in text}
    assert with_gpu == ({"calibrate_model"} if gpu else set())
    for rule, text in said.items():
        partition = "all" if rule in with_gpu else "open"
        assert f"slurm_partition={partition}" in text


def test_no_value_is_needed(tmp_path, monkeypatch):
    found = profile(tmp_path, monkeypatch)
    assert found["executor"] == "slurm"
    assert found["default-resources"] == ["mem_mb=2000", "runtime=60"]
    assert not {"slurm-qos", "software-deployment-method"} & set(found)
    interval = str(slurm.STATUS_EVERY_S)
    assert found["slurm-init-seconds-before-status-checks"] == interval
    assert found["seconds-between-status-checks"] == interval
    (tmp_path / "slurm" / "site.yaml").unlink()
    assert Site.read() == Site()


def test_an_account_of_digits_is_a_name(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text("account: 12345\njobs: 7\npartition:\n")
    assert Site.read(file) == Site(account="12345", jobs=7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acconut: a", "there is no value 'acconut' .*Did you mean 'account'"),
        ("jobs: many", "'jobs' must be a number from 1 on, not 'many'"),
        ("jobs: 0", "'jobs' must be a number from 1 on, not 0"),
        ("setup: no.sh", "there is no file 'no.sh' .looked for /.*no.sh"),
        ("software: conds", "there is no software 'conds' .*Did you mean 'conda'"),
        ("- a", "lines of 'name: value' were needed"),
        ("jobs: 2\n\tsetup: a", "site.yaml' cannot be read: line 2: "),
        ("jobs: 2\njobs: 3", "line 2: the key 'jobs' is there twice"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, text, message):
    file = tmp_path / "site.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        Site.read(file)


def test_the_names_of_a_runs_jobs_tell_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert slurm.run_name() == slurm.run_name(tmp_path)
    assert slurm.run_name() != slurm.run_name(tmp_path / "other")
    (tmp_path / "link").symlink_to(tmp_path)
    assert slurm.run_name(tmp_path / "link") == slurm.run_name(tmp_path)
