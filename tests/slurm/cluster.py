"""A real SLURM on this machine: a controller and two nodes, each with one fake GPU.

The daemons are Debian's, on loopback, with their state in one folder; they are started
and stopped by process id, and by a watchdog if the tests are killed. The commands of a
cluster are scripts that say which cluster is meant: a job may then drop the
environment, as Snakemake's does.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.helpers.waiting import runs, wait_for
from tests.slurm import watchdog

COMMANDS = "sbatch srun squeue scancel scontrol sinfo sacct sacctmgr sshare".split()

DAEMONS = ("munged", "slurmctld", "slurmd")

CONF = """
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={state}/munge.sock
CryptoType=crypto/munge
StateSaveLocation={state}/slurmctld
SlurmdSpoolDir={state}/%n
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/%n.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/%n.log
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
DefMemPerCPU=500
MinJobAge=300
KillWait=5
SlurmdTimeout=30
SlurmctldTimeout=30
JobRequeue=1
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
{accounting}
{nodes}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=7-0 State=UP
PartitionName=gpu Nodes=n1,n2 MaxTime=2:00:00 State=UP
PartitionName=short Nodes=n1,n2 MaxTime=5 State=UP
"""

NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
    "CPUs=4 RealMemory=40000 Gres=gpu:1 State=UNKNOWN"
)

ACCOUNTING = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports[1]}
AccountingStoragePass={state}/munge.sock
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
AccountingStorageEnforce=associations,limits
"""

SLURMDBD = """
AuthType=auth/munge
AuthInfo=socket={state}/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports[1]}
SlurmUser={user}
LogFile={state}/slurmdbd.log
PidFile={state}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports[2]}
StorageUser=slurm
StoragePass={password}
StorageLoc=accounting
CommitDelay=1
"""


def missing(accounting=False):
    """The daemons that are not installed."""
    wanted = [*DAEMONS, *(("slurmdbd", "mariadbd") if accounting else ())]
    return [name for name in wanted if not shutil.which(name, path=_path())]


def _path():
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def free_ports(n):
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """A SLURM cluster, up from `start` to `stop`."""

    def __init__(self, state, accounting=False):
        self.state, self.accounting = Path(state), accounting
        self.nodes = ("n1", "n2")
        self.ports = free_ports(5)
        self.host = socket.gethostname().split(".")[0]
        self._database = self._watchdog = None
        self.password = secrets.token_hex(12)

    @property
    def environment(self):
        """Of processes that use this cluster."""
        path = os.pathsep.join([str(self.state / "bin"), _path()])
        variables = dict(os.environ, PATH=path, SLURM_CONF=str(self._conf))
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        return variables

    @property
    def _conf(self):
        return self.state / "slurm.conf"

    def run(self, *command, check=True, timeout=200, **options):
        """Run a command on the cluster's front; return its output."""
        done = subprocess.run(
            [str(word) for word in command],
            env=self.environment | options.pop("env", {}),
            capture_output=True,
            text=True,
            timeout=timeout,
            **options,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout if check else done

    def start(self):
        """Write the configuration, start the daemons, wait until the nodes are up."""
        for name in ("slurmctld", "bin", *self.nodes):
            (self.state / name).mkdir(parents=True)
        self.state.chmod(0o755)
        self._configure()
        # In a session of its own: it outlives what ends the tests.
        self._watchdog = subprocess.Popen(
            [sys.executable, watchdog.__file__, self.state],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._start_munge()
        if self.accounting:
            self._start_accounting()
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        wait_for(lambda: self.states() == ["idle", "idle"], "the nodes' start", 180)

    def _configure(self):
        values = {
            "state": self.state,
            "host": self.host,
            "user": getpass.getuser(),
            "ports": self.ports,
            "password": self.password,
        }
        nodes = [
            NODE.format(name=name, host=self.host, port=port)
            for name, port in zip(self.nodes, self.ports[3:], strict=True)
        ]
        values["accounting"] = (
            ACCOUNTING
            if self.accounting
            else "AccountingStorageType=accounting_storage/none"
        ).format(**values)
        self._conf.write_text(CONF.format(nodes="\n".join(nodes), **values))
        gpus = [f"NodeName={name} Name=gpu File=/dev/null\n" for name in self.nodes]
        (self.state / "gres.conf").write_text("".join(gpus))
        file = self.state / "slurmdbd.conf"
        file.write_text(SLURMDBD.format(**values))
        file.chmod(0o600)
        for name in COMMANDS:
            script = self.state / "bin" / name
            real = shutil.which(name, path=_path())
            script.write_text(f'#!/bin/sh\nSLURM_CONF={self._conf} exec {real} "$@"\n')
            script.chmod(0o755)

    def _start_munge(self):
        key = self.state / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self._daemon(
            *("munged", f"--key-file={key}", f"--socket={self.state}/munge.sock"),
            *(f"--pid-file={self.state}/munged.pid", "--num-threads=2"),
            *(f"--log-file={self.state}/munged.log", "--force"),
            f"--seed-file={self.state}/munge.seed",
        )

    def _start_accounting(self):
        data, pipe = self.state / "mysql", self.state / "mysql.sock"
        owner = f"--user={getpass.getuser()}"
        self.run(
            *("mariadb-install-db", "--no-defaults", owner, f"--datadir={data}"),
            *("--auth-root-authentication-method=socket", "--skip-test-db"),
        )
        with (self.state / "mysql.log").open("w") as log:
            self._database = subprocess.Popen(
                [
                    *("mariadbd", "--no-defaults", owner, f"--datadir={data}"),
                    *(f"--socket={pipe}", f"--pid-file={self.state}/mariadbd.pid"),
                    *("--bind-address=127.0.0.1", f"--port={self.ports[2]}"),
                    *("--innodb-buffer-pool-size=64M", "--skip-log-bin"),
                    "--innodb-lock-wait-timeout=900",
                ],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        sql = ["mariadb", "--no-defaults", f"--socket={pipe}", "-e"]
        wait_for(
            lambda: self.run(*sql, "select 1", check=False).returncode == 0,
            "the database's start",
        )
        for address in ("127.0.0.1", "localhost"):
            user = f"'slurm'@'{address}'"
            self.run(*sql, f"create user {user} identified by '{self.password}'")
            self.run(*sql, f"grant all on *.* to {user}")
        self._daemon("slurmdbd")
        manage = ("sacctmgr", "-i")
        wait_for(
            lambda: self.run(*manage, "show", "cluster", check=False).returncode == 0,
            "the start of slurmdbd",
        )
        self.run(*manage, "add", "cluster", "local")
        self.run(*manage, "add", "account", "lab", "Cluster=local")
        self.run(*manage, "add", "user", getpass.getuser(), "Account=lab")
        user = getpass.getuser()
        self.run(*manage, "modify", "user", user, "set", "DefaultAccount=lab")

    def _daemon(self, *command):
        with (self.state / f"{command[0]}.out").open("a") as out:
            subprocess.run(
                command,
                env=self.environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                timeout=200,
                check=True,
            )

    def start_controller(self):
        """Start slurmctld."""
        self._daemon("slurmctld")
        wait_for(
            lambda: self.run("scontrol", "ping", check=False).returncode == 0,
            "the controller's start",
        )

    def start_node(self, node):
        """Start the slurmd of a node."""
        self._daemon("slurmd", "-N", node)

    def stop_daemon(self, name, how=signal.SIGTERM):
        """Stop a daemon by its process id, and wait until it is gone."""
        file = self.state / f"{name}.pid"
        if not file.exists():
            return
        pid = int(file.read_text())
        for number in (how, signal.SIGKILL):
            try:
                os.kill(pid, number)
                wait_for(lambda: not runs(pid), f"the end of {name}", 15)
            except ProcessLookupError:
                break
            except AssertionError:
                continue
            break
        file.unlink(missing_ok=True)

    def states(self):
        """State of each node."""
        done = self.run("sinfo", "-hN", "-p", "main", "-o", "%t", check=False)
        return done.stdout.split()

    def jobs(self, fields="%i %T"):
        """A line for each job that SLURM knows, ended ones as well."""
        return self.run("squeue", "-h", "-r", "-t", "all", "-o", fields).splitlines()

    def live(self):
        """Ids of the jobs that wait or run."""
        return self.run("squeue", "-h", "-r", "-o", "%i").split()

    def stop(self):
        """Cancel all jobs and stop every daemon."""
        if (self.state / "slurmctld.pid").exists():
            self.run("scancel", "-u", getpass.getuser(), check=False)
            time.sleep(0.3)
        for name in (*self.nodes, "slurmctld", "slurmdbd", "mariadbd", "munged"):
            self.stop_daemon(name)
        if self._database:
            self._database.wait(timeout=30)
        if self._watchdog:
            self._watchdog.communicate(watchdog.STOPPED, timeout=200)
