"""Scripts of jobs of all schedulers: what the profile says, and nothing of Dask's defaults."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import dask
import pytest

from xsurvey.engine.clusters.batch import BatchJob, batch_profile
from xsurvey.engine.clusters.dask_settings import dask_settings
from xsurvey.engine.clusters.environment import memory_limit, scratch_made
from xsurvey.engine.clusters.job_folder import JobRecord, last_complaint
from xsurvey.engine.clusters.profiles import ClusterProfile, imported, load_profile
from xsurvey.engine.clusters.queue_cluster import (
    job_arguments,
    jobqueue_settings,
    make_cluster_class,
)
from xsurvey.engine.clusters.queue_systems import QUEUE_SYSTEMS
from xsurvey.engine.clusters.queues import job_folder
from xsurvey.errors import OutputError, ParameterError

SCHEDULERS = list(QUEUE_SYSTEMS)
COMMON = {
    "workers": 6, "workers_per_job": 3, "memory": "4GB", "walltime": "90min", "account": "xray",
    "queue": "long", "interface": "ib0", "python": "/path to/python", "scratch": "/scratch/me",
    "prologue": ["module load python", "echo 'here it is'"],
}  # fmt: skip
OWN = {
    "slurm": {"extra_directives": ["--qos=high"]},
    "pbs": {"extra_directives": ["-W group_list=xray"]},
    "lsf": {"extra_directives": ['-R "select[x]"'], "memory_unit": "mb"},
    "sge": {"extra_directives": ["-l os=el9"], "resource_spec": "h_vmem=13G",
            "parallel_environment": "smp"},
    "htcondor": {"extra_directives": ["rank = Mips"], "queue": None, "disk": "3GB"},
}  # fmt: skip


def profile(backend: str, **values: object) -> ClusterProfile:
    model = type(load_profile(backend))
    return model.read({"backend": backend, **COMMON, **OWN[backend], **values}, "")


def worker_script(backend: str, folder: Path, **values: object) -> str:
    """Return the script of a job of workers, without Dask's settings."""
    wanted, system = profile(backend, **values), QUEUE_SYSTEMS[backend]
    name = "xsurvey12345678"
    job, _ = make_cluster_class(system, folder, JobRecord(folder, backend, name))
    arguments = job_arguments(wanted, system, folder, dask_settings(wanted), name)
    with dask.config.set(jobqueue_settings(backend)):
        made = job("tls://10.0.0.1:4000", name=f"{name}-0", protocol="tls://", **arguments)
        return made.job_script()


# 3 workers of 4 GB and 300 MB beside them, in the schedulers' units
DIRECTIVES = {
    "slurm": """\
#SBATCH -J xsurvey12345678
#SBATCH -p long
#SBATCH -A xray
#SBATCH -n 1
#SBATCH --cpus-per-task=3
#SBATCH --mem=11731M
#SBATCH -t 01:30:00
#SBATCH -o worker-%j.log
#SBATCH --qos=high
""",
    "pbs": """\
#PBS -N xsurvey12345678
#PBS -q long
#PBS -A xray
#PBS -l select=1:ncpus=3:mem=11731mb
#PBS -l walltime=01:30:00
#PBS -j oe
#PBS -W group_list=xray
""",
    "lsf": """\
#BSUB -J xsurvey12345678
#BSUB -q long
#BSUB -P "xray"
#BSUB -n 3
#BSUB -R "span[hosts=1]"
#BSUB -M 12300
#BSUB -W 01:30
#BSUB -o worker-%J.log
#BSUB -R "select[x]"
""",
    "sge": """\
#$ -N xsurvey12345678
#$ -q long
#$ -P xray
#$ -l h_vmem=13G
#$ -l h_rt=01:30:00
#$ -cwd
#$ -j y
#$ -pe smp 3
#$ -l os=el9
""",
    "htcondor": """\
batch_name = xsurvey12345678
RequestCpus = MY.DaskWorkerCores
RequestMemory = floor(MY.DaskWorkerMemory / 1048576)
RequestDisk = floor(MY.DaskWorkerDisk / 1024)
MY.JobId = "$(ClusterId).$(ProcId)"
MY.DaskWorkerCores = 3
MY.DaskWorkerMemory = 12300000000
MY.DaskWorkerDisk = 3000000000
environment = "XSURVEY_CONDOR_JOB=$(ClusterId).$(ProcId)"
accounting_group = xray
allowed_execute_duration = 5400
rank = Mips
""",
}


@pytest.mark.parametrize("backend", SCHEDULERS)
def test_directives_are_those_of_the_profile(backend, tmp_path):
    script = worker_script(backend, tmp_path)
    wanted = DIRECTIVES[backend].splitlines()
    lines = script.splitlines()
    assert [line for line in wanted if line not in lines] == []
    if backend != "htcondor":
        assert [x for x in lines if re.match(r"#(SBATCH|PBS|BSUB|\$) ", x)] == wanted


@pytest.mark.parametrize("backend", SCHEDULERS)
def test_workers_are_those_of_the_profile(backend, tmp_path, monkeypatch):
    monkeypatch.setenv("XSURVEY_DATA", "/data of all")
    monkeypatch.setenv("ATOMDB", "/atomdb")
    monkeypatch.setenv("XSURVEY_JOB", "7")  # of another job
    script = worker_script(backend, tmp_path)
    if backend == "htcondor":
        script = script.replace("''", "'")
    for words in (
        "'/path to/python' -m distributed.cli.dask_worker tls://10.0.0.1:4000",
        "--name xsurvey12345678-0 --nthreads 1 ", "--nworkers 3 --nanny",
        "--memory-limit 4000000000B", "--death-timeout 120", "--local-directory /scratch/me",
        "--interface ib0", "--protocol tls://", "module load python", "echo 'here it is'",
        "export OMP_NUM_THREADS=1", "export NUMBA_NUM_THREADS=1", "export ATOMDB=/atomdb",
        "export XSURVEY_DATA='/data of all'",
    ):  # fmt: skip
        assert words in script, words
    # the last limit counts, which is not the share of the job's memory
    assert script.rindex("--memory-limit") == script.index("--memory-limit 4000000000B")
    assert "export XSURVEY_JOB=7" not in script
    text = re.search(r"DASK_INTERNAL_INHERIT_CONFIG=([\w=+/-]+)", script)
    assert text is not None
    settings = json.loads(base64.urlsafe_b64decode(text[1]))["distributed"]
    assert settings["worker"]["memory"]["terminate"] == 0.95
    assert settings["nanny"]["pre-spawn-environ"]["OMP_NUM_THREADS"] == "1"
    assert settings["worker"]["preload"] == ["xsurvey.engine.clusters.in_job"]


@pytest.mark.parametrize(
    ("backend", "values", "need", "limit"),
    [
        # how many workers of an allocation share a host shows only when they are there
        ("allocation", {}, 6, 6), ("allocation", {}, 0, 2), ("allocation", {}, 1, 2),
        # of a job it is known: no worker may take more than all have
        ("slurm", {"workers_per_job": 4}, 6, 6), ("slurm", {"workers_per_job": 2}, 6, 4),
        ("slurm", {"workers_per_job": 1}, 6, 2), ("slurm", {"workers_per_job": 4}, 0, 2),
    ],
)  # fmt: skip
def test_a_worker_may_take_what_its_tasks_need(backend, values, need, limit):
    made = type(load_profile(backend)).read({"backend": backend, "memory": "2GB", **values}, "")
    words = memory_limit(made.sized_to(need * 1_000_000_000))
    assert words == ["--memory-limit", f"{limit}000000000B"]


@pytest.mark.parametrize("backend", SCHEDULERS)
def test_what_is_not_given_is_not_asked_for(backend, tmp_path):
    # the user's own settings for Dask say nothing of our jobs
    with dask.config.set({f"jobqueue.{backend}": {"walltime": "00:07:00", "queue": "dask"}}):
        script = worker_script(
            backend, tmp_path, queue=None, account=None, walltime=None, extra_directives=[]
        )
    assert "00:07:00" not in script and "00:30:00" not in script and "dask\n" not in script
    head = script.partition("cd ")[0]
    assert not re.search(r"^#\w+ (-q|-p|-A|-P|-t|-W|-l walltime)", head, re.MULTILINE)


@pytest.mark.parametrize("backend", [b for b in SCHEDULERS if b != "htcondor"])
def test_jobs_know_their_number_end_and_log(backend, tmp_path):
    """The part of the script before the workers, run by a shell."""
    folder = tmp_path / "of a run"
    script = worker_script(backend, folder, prologue=["true"])
    lines = script.splitlines()
    head = "\n".join(lines[: next(i for i, x in enumerate(lines) if "dask_worker" in x)])
    number = {"slurm": "SLURM_JOB_ID", "pbs": "PBS_JOBID", "lsf": "LSB_JOBID", "sge": "JOB_ID"}
    variables = {
        number[backend]: "123.server" if backend == "pbs" else "123",
        "PBS_JOBNAME": "x", "JOB_NAME": "x", "PATH": "/usr/bin:/bin",
    }  # fmt: skip
    tell = 'echo "$XSURVEY_JOB|$XSURVEY_JOB_LOG|$(( XSURVEY_JOB_ENDS - $(date +%s) ))"'
    done = subprocess.run(
        ["bash", "-c", f"{head}\n{tell}"], env=variables, capture_output=True, text=True, check=True
    )
    job, log, left = done.stdout.strip().split("|")
    names = {"slurm": "worker-123.log", "pbs": "x.o123", "lsf": "worker-123.log", "sge": "x.o123"}
    assert (job, log) == ("123", str(folder / names[backend]))
    assert 5395 <= int(left) <= 5400


BATCH_DIRECTIVES = {
    # 6 workers of 4 GB and 200 MB, and 1 GB for the rest
    "slurm": """\
#SBATCH --job-name=xsurvey
#SBATCH --ntasks=6
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=4165M
#SBATCH --time=01:30:00
#SBATCH --partition=long
#SBATCH --account=xray
#SBATCH --output=slurm-%j.log
#SBATCH --open-mode=append
#SBATCH --no-kill
#SBATCH --requeue
#SBATCH --qos=high
""",
    "pbs": """\
#PBS -N xsurvey
#PBS -q long
#PBS -A xray
#PBS -l select=1:ncpus=6:mem=24987mb
#PBS -l walltime=01:30:00
#PBS -j oe
#PBS -W group_list=xray
""",
    "lsf": """\
#BSUB -J xsurvey
#BSUB -q long
#BSUB -P xray
#BSUB -n 6
#BSUB -R "span[hosts=1]"
#BSUB -M 26200
#BSUB -W 01:30
#BSUB -o lsf-%J.log
#BSUB -R "select[x]"
""",
    "sge": """\
#$ -N xsurvey
#$ -q long
#$ -P xray
#$ -l h_vmem=13G
#$ -l h_rt=01:30:00
#$ -pe smp 6
#$ -cwd
#$ -j y
#$ -S /bin/bash
#$ -l os=el9
""",
    "htcondor": "",
}


@pytest.mark.parametrize("backend", SCHEDULERS)
def test_a_whole_run_as_a_job(backend, tmp_path):
    wanted = batch_profile(profile(backend), backend)
    job = BatchJob(wanted, tmp_path / "a b", ["my config.yaml", "--output", "out"])
    files = job.files()
    head, _, rest = files["job.sh"].partition("cd ")
    assert head == f"#!/bin/bash\n{BATCH_DIRECTIVES[backend]}"
    assert files["job.sh"].endswith(
        f"exec '/path to/python' -m xsurvey run 'my config.yaml' --output out "
        f"--cluster '{tmp_path}/a b/cluster.yaml' --workers 6\n"
    )
    assert "module load python\n" in rest and "export OMP_NUM_THREADS=1\n" in rest
    assert "export XSURVEY_LOCK_WAIT=240\n" in rest
    subprocess.run(["bash", "-n", "-c", files["job.sh"]], check=True)
    job.folder.mkdir()
    (job.folder / "cluster.yaml").write_text(files["cluster.yaml"])
    within = load_profile(str(job.folder / "cluster.yaml"))
    assert within.backend == ("allocation" if backend == "slurm" else "local")
    assert within.memory == 4_000_000_000
    assert job.log("12").parent == job.folder


@pytest.mark.parametrize("backend", SCHEDULERS)
@pytest.mark.parametrize("name", ["a%jb", "a%%", "a\\b", "a\nb", "a\tb", "a\u2028b"])
def test_folders_in_which_schedulers_see_something_else_are_refused(backend, name, tmp_path):
    folder = tmp_path / name / "jobs"
    for make in (
        BatchJob(batch_profile(profile(backend), backend), folder, []).files,
        lambda: job_folder(folder),
    ):
        with pytest.raises(OutputError, match="for which schedulers put something else; give an"):
            make()
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("backend", [b for b in SCHEDULERS if b != "htcondor"])
def test_other_signs_in_folders_stay_what_they_are(backend, tmp_path):
    folder = tmp_path / 'it\'s "$HOME" & `é`; #1'
    job_folder(folder)
    scripts = (
        BatchJob(batch_profile(profile(backend), backend), folder, []).files()["job.sh"],
        worker_script(backend, folder),
    )
    for script in scripts:
        lines = [x for x in script.splitlines() if x.startswith("export XSURVEY_JOB_LOG=")]
        tell = "\n".join([*lines, 'echo "$XSURVEY_JOB_LOG"'])
        done = subprocess.run(["bash", "-c", tell], capture_output=True, text=True, check=True)
        # Slurm itself has workers of a whole run tell of their logs
        assert not lines or done.stdout.startswith(f"{folder}/")


@pytest.mark.parametrize("good", [True, False])
def test_a_scratch_that_a_node_does_not_have_is_told_in_the_log(tmp_path, good):
    scratch = tmp_path / "of me"
    if not good:
        scratch = tmp_path / "file" / "of me"
        (tmp_path / "file").touch()
    lines = [*scratch_made(str(scratch)), "echo worker"]
    script = "\n".join(lines)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == (("worker\n", 0) if good else ("", 1))
    assert scratch.is_dir() == good
    (tmp_path / "worker-7.log").write_text(f"noise\n{done.stderr}")
    (tmp_path / "x-0.sh").write_text("xsurvey: error: of a script\n")
    told = last_complaint(tmp_path)
    if good:
        assert told is None and scratch_made(None) == []
    else:
        assert re.fullmatch(
            rf"scratch: {scratch} is no folder on \S+ that can be written in; correct .*", told
        )


def test_what_is_submitted_is_for_its_owner_alone(tmp_path, monkeypatch):
    (tmp_path / "qsub").write_text("#!/bin/sh\necho 7.server\n")
    (tmp_path / "qsub").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XSURVEY_TOKEN", "secret")
    job = BatchJob(batch_profile(profile("pbs"), "pbs"), tmp_path / "jobs/batch-1", ["c.yaml"])
    assert job.submit() == "7"
    assert "export XSURVEY_TOKEN=secret" in (job.folder / "job.sh").read_text()
    modes = {p.name: p.stat().st_mode & 0o777 for p in (job.folder, job.folder / "job.sh")}
    assert modes == {"batch-1": 0o700, "job.sh": 0o700}


def test_a_job_of_a_machine_of_htcondor(tmp_path):
    job = BatchJob(batch_profile(profile("htcondor"), "x"), tmp_path, ["c.yaml"])
    assert job.files()["job.submit"].splitlines() == [
        "executable = job.sh", "batch_name = xsurvey", "request_cpus = 6",
        "request_memory = 24987MB", "request_disk = 2862MB", "accounting_group = xray",
        "allowed_execute_duration = 5400",
        'environment = "XSURVEY_CONDOR_JOB=$(ClusterId).$(ProcId)"',
        "output = job.log", "error = job.log", "log = htcondor.log", "stream_output = True",
        "stream_error = True", "rank = Mips", "queue",
    ]  # fmt: skip


def test_profiles_that_cannot_be_submitted(tmp_path):
    with pytest.raises(ParameterError, match="'local': has no scheduler to submit to"):
        batch_profile(load_profile("local"), "local")
    several = profile("sge", parallel_environment=None)
    with pytest.raises(ParameterError, match="parallel_environment: is required for a job of"):
        BatchJob(batch_profile(several, "sge"), tmp_path, []).script()


@pytest.mark.parametrize("name", [*SCHEDULERS, "allocation", "scheduler-file", "local"])
def test_profiles_that_come_along_show_every_key_at_its_default(name):
    shipped = load_profile(name)
    text = Path(imported.__code__.co_filename).parents[2] / f"configs/cluster/{name}.yaml"
    keys = set(re.findall(r"^(\w+):", text.read_text(), re.MULTILINE))
    absent = {"htcondor": {"queue"}}
    assert keys == set(type(shipped).model_fields) - absent.get(name, set())
    model, given = type(shipped), {"backend": name}
    if name == "scheduler-file":
        given["scheduler_file"] = "scheduler.json"
    defaults = model.read(given, "").normalised()
    # of an allocation workers start soon or never
    assert {k for k, v in shipped.normalised().items() if v != defaults[k]} <= {"start_timeout"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"queue": "two words"}, "queue: 'two words' is not the name of a queue"),
        ({"queue": "x\n#SBATCH --evil"}, "is not the name of a queue"),
        ({"account": ""}, "account: '' is not the name"),
        ({"prologue": ["a\nb"]}, "prologue: has an item of several lines"),
        ({"walltime": "12"}, "walltime: 12 has no unit; write 12min, 12h or 12:00:00$"),
        ({"walltime": 60}, "walltime: 60 has no unit; write 60min, 60h or 12:00:00$"),
        ({"walltime": "5s"}, "walltime: a job takes from 1 min to 366 d, and not 5 s; write 30min"),
        ({"walltime": "2:30"}, "walltime: '2:30' is not HOURS:MINUTES:SECONDS; write 12:00:00 or"),
        ({"walltime": "12:61:00"}, "walltime: '12:61:00' is not HOURS:MINUTES:SECONDS; write"),
        (
            {"walltime": "3weeks"},
            "walltime: unit 'weeks' of '3weeks' is not one of .*; write 30min",
        ),
        ({"start_timeout": "soon"}, "start_timeout: 'soon' is not a time; write 30min, 12h or"),
        ({"memory": "3"}, "memory: 3 has no unit; write 3GB, or 3MB$"),
        ({"memory": 2_500_000_000}, "memory: 2500000000 has no unit; write 2.5GB$"),
        ({"memory": "3G"}, "memory: '3G' is not an amount of memory, such as 2GB or 500MB"),
        ({"workers": 0}, "workers: .*greater than or equal to 1"),
        ({"wall_time": "5h"}, "wall_time: unknown key; did you mean 'walltime'"),
    ],
)
def test_what_is_wrong_with_a_profile_is_told(values, message):
    with pytest.raises(ParameterError, match=message):
        profile("slurm", **values)


def test_walltimes_as_schedulers_write_them():
    for text, seconds in {"12:00:00": 43200, "1-00:30:00": 88200, "2h": 7200, "1d": 86400}.items():
        made = profile("slurm", walltime=text)
        assert made.walltime == seconds
        assert type(made).read(made.normalised(), "") == made


@pytest.mark.parametrize(
    "name", ["walltime", "time_limit", "task_timeout", "start_timeout", "walltime_margin"]
)
def test_all_times_of_a_profile_are_written_alike(name):
    for text, seconds in {"00:30:00": 1800, "30min": 1800, "2ks": 2000}.items():
        assert getattr(profile("slurm", **{name: text}), name) == seconds


def test_htcondor_has_no_queues():
    with pytest.raises(ParameterError, match="queue: HTCondor has no queues; leave it out"):
        profile("htcondor", queue="long")


def test_importing_dask_jobqueue_leaves_ctrl_c_alone():
    code = (
        "import signal; before = signal.getsignal(signal.SIGINT)\n"
        "import xsurvey.engine.clusters.queues\n"
        "assert signal.getsignal(signal.SIGINT) is before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
