"""A private Slurm on this machine: one controller, two nodes, its own keys and ports.

All its files lie below one folder, it listens on the loopback device only, and it is stopped by
the numbers of its processes. ``python -m tests.slurm.start`` starts one to try things by hand.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CORES = 2
MEMORY_MB = 8000
_DAEMONS = ("munged", "slurmctld", "slurmd")
_COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol")
_START_S = 60.0
_STOP_S = 20.0

_CONF = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool.%n
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=300
SwitchType=switch/none
PropagateResourceLimits=NONE
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs={cores} RealMemory={memory}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs={cores} RealMemory={memory}
PartitionName=debug Nodes=ALL Default=YES State=UP DefMemPerCPU=1000
"""


class SlurmError(RuntimeError):
    """The private Slurm does not start."""


def missing_programs() -> list[str]:
    """Return what is not installed of the programs that are needed."""
    return [name for name in (*_DAEMONS, *_COMMANDS) if _program(name) is None]


@dataclass(frozen=True)
class PrivateSlurm:
    """A Slurm that runs.

    Attributes
    ----------
    folder : path
        Where its configuration, logs and state are.
    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which Slurm's commands find it."""
        others = {n: v for n, v in os.environ.items() if not n.startswith(("SLURM_", "SBATCH_"))}
        return {**others, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def call(self, *command: object) -> str:
        """Run one of Slurm's commands and return what it prints."""
        done = subprocess.run(
            [str(word) for word in command], env=self.environment, check=True, text=True,
            capture_output=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Return name and state of the jobs that have not ended, by number."""
        lines = self.call("squeue", "-h", "-o", "%i|%j|%T").splitlines()
        return {number: (name, state) for number, name, state in (x.split("|") for x in lines)}

    def node_returns(self, name: str) -> None:
        """Wait until a node that was set down is back, by itself or as it is told to."""
        words = ("scontrol", "update", f"nodename={name}", "state=resume")
        with contextlib.suppress(subprocess.CalledProcessError):
            self.call(*words)
        wait_until(lambda: idle_nodes(self) == 2, _START_S, f"node {name}")

    def cancel_all(self) -> None:
        """Cancel what is left, and wait until it has gone."""
        for number in self.jobs():
            self.call("scancel", number)
        wait_until(lambda: not self.jobs(), 30.0, "jobs to go")


@contextlib.contextmanager
def private_slurm(folder: Path) -> Iterator[PrivateSlurm]:
    """Start a Slurm of one's own below a folder, and stop it when the block ends.

    Raises
    ------
    SlurmError
        A program is missing, or does not start.
    """
    absent = missing_programs()
    if absent:
        raise SlurmError(f"not installed: {', '.join(absent)}")
    for name in ("state", "spool.n1", "spool.n2"):
        (folder / name).mkdir(parents=True)
    (folder / "slurm.conf").write_text(_configuration(folder))
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    folder.chmod(0o755)  # munged wants it so
    slurm = PrivateSlurm(folder)
    try:
        _start_munged(folder)
        for command in (["slurmctld"], ["slurmd", "-N", "n1"], ["slurmd", "-N", "n2"]):
            _start(slurm, command)
        wait_until(lambda: idle_nodes(slurm) == 2, _START_S, f"nodes; see {folder}")
        yield slurm
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            slurm.cancel_all()
        _stop(folder)


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until a condition holds.

    Raises
    ------
    SlurmError
        It does not come to hold in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SlurmError(f"waited too long for {what}")
        time.sleep(0.1)


def _program(name: str) -> str | None:
    # daemons are in folders that users may not have in their path
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(name, path=places)


def _configuration(folder: Path) -> str:
    controller, first, second = _free_ports(3)
    return _CONF.format(
        host=socket.gethostname().split(".")[0], user=getpass.getuser(), folder=folder,
        controller=controller, first=first, second=second, cores=CORES, memory=MEMORY_MB,
    )  # fmt: skip


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _start_munged(folder: Path) -> None:
    command = [
        str(_program("munged")), "--force", f"--key-file={folder}/munge.key",
        f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed",
    ]  # fmt: skip
    _call(command, dict(os.environ))


def _start(slurm: PrivateSlurm, command: list[str]) -> None:
    # without a supervisor and without a group of its own it would be stopped with its starter
    _call([str(_program(command[0])), *command[1:]], slurm.environment)


def _call(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env=environment, text=True, capture_output=True, timeout=_START_S, check=False,
        start_new_session=True,
    )  # fmt: skip
    if done.returncode:
        raise SlurmError(f"{command[0]}: {done.stderr.strip() or done.returncode}")


def idle_nodes(slurm: PrivateSlurm) -> int:
    """Return how many nodes would take a job now."""
    with contextlib.suppress(subprocess.SubprocessError):
        return slurm.call("sinfo", "-h", "-N", "-o", "%T").split().count("idle")
    return 0


def _stop(folder: Path) -> None:
    """Stop the daemons, those first that need the others."""
    for path in (*folder.glob("slurmd.*.pid"), folder / "slurmctld.pid", folder / "munged.pid"):
        with contextlib.suppress(OSError, ValueError):
            number = int(path.read_text())
            os.kill(number, signal.SIGTERM)
            end = time.monotonic() + _STOP_S
            while _lives(number) and time.monotonic() < end:
                time.sleep(0.05)
            os.kill(number, signal.SIGKILL)


def _lives(number: int) -> bool:
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # ended, and nobody collects it


def main() -> None:
    """Start one, tell how to use it, and stop it at Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="slurm.") as folder, private_slurm(Path(folder)):
        print(f"export SLURM_CONF={folder}/slurm.conf  # Ctrl-C here stops it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM):  # one that a shell put behind ignores Ctrl-C
        signal.signal(_number, signal.default_int_handler)
    main()
