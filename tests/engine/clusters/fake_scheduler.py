"""Commands of PBS, LSF, Grid Engine and HTCondor that run jobs as processes of this machine.

Their outputs are as the manuals show them. One file for all: a command is what it is called as.
State is in the folder beside it: ``N.pid`` of job N.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

STATE = Path(__file__).resolve().parent
VARIABLES = {"pbs": "PBS_JOBID", "lsf": "LSB_JOBID", "sge": "JOB_ID"}


def main() -> int:
    command, *words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    kind = (STATE / "kind").read_text()
    if command in ("qsub", "bsub", "condor_submit"):
        return submit(kind, words)
    numbers = [re.sub(r"\D.*", "", word) for word in words if word[:1].isdigit()]
    if command in ("qdel", "bkill", "condor_rm"):
        for number in numbers:
            end(number)
        return 0
    return show(kind, numbers or [p.stem for p in STATE.glob("*.pid")])


def submit(kind: str, words: list[str]) -> int:
    number = str(100 + len(list(STATE.glob("*.pid"))))
    variables = {"PBS_JOBNAME": "job", "JOB_NAME": "job"}
    if kind == "htcondor":
        text = Path(words[0]).read_text()
        arguments = re.search(r'^Arguments = "(.*)"$', text, re.MULTILINE)
        assert arguments is not None
        script = arguments[1].replace('""', '"').partition("-c '")[2][:-1].replace("''", "'")
        variables["XSURVEY_CONDOR_JOB"] = f"{number}.0"
    else:
        script = sys.stdin.read() if kind == "lsf" else Path(words[0]).read_text()
        variables[VARIABLES[kind]] = f"{number}.server" if kind == "pbs" else number
    # a site whose scheduler passes nothing on
    kept = {n: v for n, v in os.environ.items() if n in ("PATH", "HOME", "USER")}
    with open(f"job.o{number}", "w") as log:
        job = subprocess.Popen(
            ["/bin/bash", "-c", script], env={**kept, **variables}, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    (STATE / f"{number}.pid").write_text(str(job.pid))
    print({
        "pbs": f"{number}.server", "lsf": f"Job <{number}> is submitted to queue <normal>.",
        "sge": f'Your job {number} ("job") has been submitted',
        "htcondor": f"Submitting job(s).\n1 job(s) submitted to cluster {number}.",
    }[kind])  # fmt: skip
    return 0


def pid(number: str) -> int | None:
    try:
        return int((STATE / f"{number}.pid").read_text())
    except FileNotFoundError:
        return None


def end(number: str) -> None:
    process = pid(number)
    if process is not None:
        try:
            os.killpg(process, signal.SIGTERM)
        except ProcessLookupError:
            return


def lives(number: str) -> bool:
    process = pid(number)
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def show(kind: str, numbers: list[str]) -> int:
    living = [number for number in numbers if lives(number)]
    if living:
        print({
            "pbs": "Job id            Name             User              Time Use S Queue\n"
            "----------------  ---------------- ----------------  -------- - -----",
            "lsf": "JOBID  USER  STAT  QUEUE  FROM_HOST  EXEC_HOST  JOB_NAME  SUBMIT_TIME",
            "sge": "job-ID  prior   name  user  state submit/start at  queue  slots\n"
            "-------------------------------------------------------------------",
        }.get(kind, ""))  # fmt: skip
    for number in living:
        print({
            "pbs": f"{number}.server        xsurveyab        me                00:00:01 R workq",
            "lsf": f"{number}  me  RUN   normal  a  b  xsurvey  Nov 26 12:00",
            "sge": f"   {number} 0.5 xsurveyab me   r     11/26/2026 12:00:00 all.q@a  1",
            "htcondor": f"{number}.0 2 undefined",
        }[kind])  # fmt: skip
    unknown = {
        "pbs": "qstat: Unknown Job Id {}.server", "lsf": "Job <{}> is not found",
        "sge": "", "htcondor": "",
    }[kind]  # fmt: skip
    for number in set(numbers) - set(living):
        print(unknown.format(number), file=sys.stderr)
    return 153 if unknown and len(living) < len(numbers) else 0


if __name__ == "__main__":
    sys.exit(main())
