"""A stand-in for a Slurm cluster of one node: its commands as small programs, whose jobs are processes.

A folder holds a file for each job, with the number of its process; 0 while it waits, as all do while there is a file
`full`.
"""

import sys
from pathlib import Path

PROGRAM = r"""
import os, re, signal, subprocess, sys
from pathlib import Path

jobs = Path({folder!r})
name, words = Path(sys.argv[0]).name, sys.argv[1:]


def alive(job):
    pid = int(job.read_text())
    try:
        return not pid or Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if name == "sbatch":
    text = Path(words[0]).read_text()
    partition = re.search(r"--partition=(\S+)", text)
    if partition and partition[1] != "cpu":
        print(f"sbatch: error: invalid partition specified: {{partition[1]}}", file=sys.stderr)
        sys.exit("sbatch: error: Batch job submission failed: Invalid partition name specified")
    array = re.search(r"--array=0-(\d+)", text)
    first = 1 + max((int(path.name.partition("_")[0]) for path in jobs.glob("[0-9]*")), default=0)
    for place in range(int(array[1]) + 1) if array else [None]:
        env = dict(os.environ, SLURM_JOB_ID=str(first), SLURM_JOB_NUM_NODES="1")
        if array:
            env.update(SLURM_ARRAY_JOB_ID=str(first), SLURM_ARRAY_TASK_ID=str(place))
        job = jobs / (str(first) if place is None else f"{{first}}_{{place}}")
        null = subprocess.DEVNULL
        job.write_text("0")
        if not (jobs / "full").exists():
            run = ["bash", words[0]]
            process = subprocess.Popen(run, env=env, start_new_session=True, stdin=null, stdout=null, stderr=null)
            job.write_text(str(process.pid))
    print(f"Submitted batch job {{first}}")
elif name == "srun":
    array, place = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    for number, option in ((1, "--output"), (2, "--error")):
        path = words[words.index(option) + 1].replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0")
        path = path.replace("%A", array or "").replace("%a", place or "")
        os.dup2(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o666), number)
    command = words[next(i for i, word in enumerate(words) if word == sys.executable):]
    os.execvp(command[0], command)
elif name == "squeue":
    print("\n".join(path.name for path in jobs.glob("[0-9]*") if alive(path)))
elif name == "scancel":
    for path in [path for word in words for path in [*jobs.glob(word), *jobs.glob(f"{{word}}_*")]]:
        if alive(path) and path.read_text() != "0":
            os.killpg(int(path.read_text()), signal.SIGTERM)
        elif alive(path):
            path.write_text("999999999")
"""


def stand_in(folder: Path) -> Path:
    """Makes the commands, in a folder for `PATH`."""
    commands = folder / "bin"
    commands.mkdir(parents=True)
    for name in ("sbatch", "srun", "squeue", "scancel", "sacct"):
        path = commands / name
        path.write_text(f"#!{sys.executable} -IS\n{PROGRAM.format(folder=str(folder))}", encoding="utf-8")
        path.chmod(0o755)
    return commands
