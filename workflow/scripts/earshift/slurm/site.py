"""What differs between clusters, from a file that git ignores.

The profile for SLURM (slurm/config.yaml) reads it, and the preflight checks it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from earshift import text
from earshift.errors import ConfigError, did_you_mean

#: Where a site's values are, below the folder that a run is started in.
SITE = Path("slurm") / "site.yaml"

#: What sets up the software of jobs, as Snakemake names it.
SOFTWARE = ("conda",)


@dataclass(frozen=True)
class Site:
    """What differs between clusters.

    Parameters
    ----------
    account, partition, qos : str, optional
        Of all jobs.
    gpu_partition : str, optional
        Of the jobs that run models; by default `partition`.
    gpu_model : str, optional
        Type of GPU, as SLURM calls it.
    jobs : int
        Jobs in the queue at most.
    cpus_per_node : int
        Cores that a job may ask for at most.
    setup : str, optional
        Shell script that each job reads first, with lines such as ``module load``.
    software : {"conda"}, optional
        What sets up the software of each rule; by default, jobs use the environment
        that the run was started in.
    """

    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    gpu_partition: str | None = None
    gpu_model: str | None = None
    jobs: int = 500
    cpus_per_node: int = 8
    setup: str | None = None
    software: str | None = None

    @classmethod
    def read(cls, file: Path = SITE) -> Self:
        """Read the values of a site; all are optional, and so is the file.

        Parameters
        ----------
        file : Path
            YAML file with parameters of this class.

        Returns
        -------
        Site
            Its values.

        Raises
        ------
        ConfigError
            If a value is unknown or has the wrong type.
        """
        values = (text.from_yaml(file) if file.exists() else None) or {}
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: lines of 'name: value' were needed")
        types = {
            f.name: int if isinstance(f.default, int) else str for f in fields(cls)
        }
        for name, value in values.items():
            if name not in types:
                raise ConfigError(
                    f"{file}: there is no value '{name}' {did_you_mean(name, types)}"
                )
            # A name of digits alone is read as a number.
            if types[name] is str:
                values[name] = None if value is None else str(value)
            elif not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(
                    f"{file}: '{name}' must be a number from 1 on, not {value!r}"
                )
        software = values.get("software")
        if software not in (None, *SOFTWARE):
            raise ConfigError(
                f"{file}: there is no software '{software}' "
                f"{did_you_mean(software, SOFTWARE)}"
            )
        setup = values.get("setup")
        if setup is not None and not Path(setup).is_file():
            raise ConfigError(
                f"{file}: 'setup' is a shell script that each job reads first; there "
                f"is no file '{setup}' (looked for {Path(setup).absolute()})"
            )
        return cls(**values)

    @property
    def precommand(self) -> str:
        """What the shell of each job runs first, in one line."""
        # SIGUSR1 is for the script alone, which then stops in time: Snakemake, above
        # it, would die of it.
        trap = "trap '' USR1"
        if self.setup is None:
            return trap
        # Its lines must not pass through the shells that submit the job.
        return f"{trap} && . {shlex.quote(str(Path(self.setup).absolute()))}"

    def partition_of(self, gpus: int) -> str | None:
        """Return the partition of a job with, or without, GPUs."""
        return (self.gpu_partition if gpus else None) or self.partition

    def options(self, gpus: int) -> list[str]:
        """Return what sbatch is told of a job with, or without, GPUs."""
        partition = self.partition_of(gpus)
        model = f"{self.gpu_model}:" if self.gpu_model else ""
        values = {
            "--account": self.account,
            "--partition": partition,
            "--qos": self.qos,
            "--gpus": f"{model}{gpus}" if gpus else None,
        }
        return [
            word for name, value in values.items() if value for word in (name, value)
        ]
