"""Sweeps: many cells of one config, several at a time, stopped, resumed, failed, and as a Slurm job array."""

import csv
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from whole_run import Project

SET = "openmoji_groups"
WORDS = ["run", "prompt_engineering/smoke", "--eval.datasets", SET, "--prompt_engineering.extra_datasets", SET, "--train.steps", "2"]


def table(project: Project) -> list[dict]:
    (file,) = (project.folder / "results" / "sweeps").glob("*.csv")
    return list(csv.DictReader(file.open()))


def test_two_at_a_time_with_failures_as_rows(project: Project, tmp_path):
    cells = tmp_path / "cells.txt"
    cells.write_text("--seed 0 --limit 20\n# a line of its own\n--seed 1\n--train.batch 60000   # more than there are pairs\n")
    done = project.run(*WORDS, "--cells", str(cells), "--jobs", "2")
    assert done.returncode == 1, done.stderr
    rows = table(project)
    assert [row["status"] for row in rows] == ["done", "done", "failed"]
    assert "--seed 0 --limit 20" in rows[0]["cell"] and "readable pairs, expected at least one batch of 60000" in rows[2]["folder or error"]
    assert "2 done, 1 failed, 0 left" in done.stderr
    import h5py
    folders = [row["folder or error"] for row in rows[:2]]
    assert len(set(folders)) == 2
    with h5py.File(folders[0] + "/prompt_engineering.h5") as limited, h5py.File(folders[1] + "/prompt_engineering.h5") as whole:
        pictures = [min(n for n, params in zip(f["records/n"][()], f["records/params"][()], strict=True) if b"templates" not in params) for f in (limited, whole)]
        assert pictures[0] == 20 < pictures[1]  # of means over draws n is the draws
        assert limited["provenance"].attrs["limit"] == "20" and whole["provenance"].attrs["limit"] == "no"
    again = project.run(*WORDS, "--cells", str(cells), "--jobs", "2")
    assert again.returncode == 1 and [row["folder or error"] for row in table(project)][:2] == folders
    first = project.folder / "results" / "sweeps"
    assert "measured already" in next(first.glob("*/0.log")).read_text()


def test_a_stopped_sweep_goes_on(project: Project):
    words = [*WORDS[:-1], "400", "--sweep", "seed=0,1,2", "--jobs", "2"]
    running = project.start(*words)
    deadline = time.time() + 120
    while time.time() < deadline and not list((project.folder / "results" / "models").glob("*/.lock")):
        time.sleep(0.1)
    time.sleep(2)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 130 or running.returncode == 1, errors
    assert "the sweep was stopped; the same command goes on" in errors
    assert {row["status"] for row in table(project)} <= {"stopped", "waiting", "done"}
    words[words.index("400")] = "2"  # a shorter training, the same machinery
    assert project.run(*words).returncode == 0


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def test_a_killed_sweep_leaves_no_cell_running(project: Project):
    running = project.start(*WORDS[:-1], "400", "--sweep", "seed=0,1", "--jobs", "2")
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    deadline = time.time() + 120
    while time.time() < deadline and not list((project.folder / "results" / "models").glob("*/.lock")):
        time.sleep(0.1)
    cells = [int(pid) for pid in children.read_text().split()]
    assert len(cells) == 2 and all(map(is_running, cells))
    running.kill()
    running.communicate(timeout=60)
    deadline = time.time() + 10
    while time.time() < deadline and any(map(is_running, cells)):
        time.sleep(0.05)
    assert not any(map(is_running, cells)), cells


def test_slurm_gets_a_job_array_whose_tasks_are_the_cells(project: Project):
    words = [*WORDS, "--sweep", "seed=0,1", "--launcher", "slurm"]
    path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not os.path.exists(os.path.join(p, "sbatch")))
    done = subprocess.run([os.environ["CLIPLAB_BIN"], *words], env={**project.environment(), "PATH": path}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no sbatch on this machine" in done.stderr
    (script,) = (project.folder / "results" / "sweeps").glob("*.sbatch")
    assert "#SBATCH --array=0-1%1" in script.read_text()
    (project.folder / "cliplab").write_text(f"#!/bin/bash\nexec {os.environ['CLIPLAB_BIN']} \"$@\"\n")
    (project.folder / "cliplab").chmod(0o755)
    for task in ("0", "1"):  # as Slurm starts them
        done = subprocess.run(["bash", str(script)], env={**project.environment(), "SLURM_ARRAY_TASK_ID": task}, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    shown = project.run(*words[:-2])
    assert shown.returncode == 0 and "2 done, 0 failed, 0 left" in shown.stderr and shown.stderr.count("measured already") == 2


SLURM_CONF = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
SlurmctldPort=17817
SlurmdPort=17818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES State=UP
"""


def slurm_answers() -> bool:
    return bool(shutil.which("sbatch")) and subprocess.run(["sinfo", "-h"], capture_output=True, timeout=30, check=False).returncode == 0


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The machine's Slurm; else one node of our own, where Debian's slurm-wlm is installed and we are root."""
    if slurm_answers():
        yield
        return
    daemons = [shutil.which(name) for name in ("munged", "slurmctld", "slurmd")]
    if None in daemons or os.geteuid() != 0:
        pytest.skip("no Slurm answers on this machine, and none can be started (Debian's slurm-wlm, as root)")
    folder = tmp_path / "slurm"
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(parents=True)
    for above in (folder, *folder.parents[:3]):  # munged trusts a socket only where others may pass
        above.chmod(0o755)
    (folder / "munge/key").write_bytes(os.urandom(1024))
    (folder / "munge/key").chmod(0o600)
    (folder / "slurm.conf").write_text(SLURM_CONF.format(folder=folder, host=socket.gethostname().split(".")[0], cpus=os.cpu_count()))
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    munge = [f"--{name}-file={folder}/munge/{name}" for name in ("key", "pid", "log", "seed")]
    subprocess.run([daemons[0], "--force", f"--socket={folder}/munge/socket", *munge], check=True, timeout=30)
    for daemon in daemons[1:]:
        subprocess.run([daemon], check=True, timeout=30)
    for _ in range(30):
        if slurm_answers() and "idle" in subprocess.run(["sinfo", "-h"], capture_output=True, text=True, check=False).stdout:
            break
        time.sleep(1)
    else:
        pytest.fail((folder / "slurmctld.log").read_text()[-2000:])
    yield
    for file in (folder / "slurmd.pid", folder / "slurmctld.pid", folder / "munge/pid"):
        os.kill(int(file.read_text()), signal.SIGTERM)


def test_a_real_slurm_takes_the_array(project: Project, slurm):
    (project.folder / "cliplab").write_text(f"#!/bin/bash\nexec {os.environ['CLIPLAB_BIN']} \"$@\"\n")
    (project.folder / "cliplab").chmod(0o755)
    words = [*WORDS, "--sweep", "seed=0,1"]
    assert project.run(*words, "--launcher", "slurm").returncode == 0
    deadline = time.time() + 300
    while time.time() < deadline and len(list((project.folder / "results" / "runs").glob("*/prompt_engineering.h5"))) < 2:
        time.sleep(1)
    assert "2 done, 0 failed, 0 left" in project.run(*words).stderr


def test_the_command_sweep_is_a_run_with_sweeps(project: Project):
    done = project.run("sweep", WORDS[1], "seed=0,1", "limit=20,30", *WORDS[2:], "--jobs", "2")
    assert done.returncode == 0, done.stderr
    rows = table(project)
    assert [row["cell"].split() for row in rows] == [["--seed", s, "--limit", n] for s in "01" for n in ("20", "30")]
    assert {row["status"] for row in rows} == {"done"} and len({row["folder or error"] for row in rows}) == 4
    same = project.run(*WORDS, "--sweep", "seed=0,1", "--sweep", "limit=20,30", "--jobs", "2")
    assert same.returncode == 0 and same.stdout == done.stdout
    for words in (["sweep"], ["sweep", WORDS[1]], ["sweep", WORDS[1], "--seed", "1"]):
        refused = project.run(*words)
        assert refused.returncode == 1 and "sweep: nothing to vary, expected ./cliplab sweep CONFIG KEY=a,b,c" in refused.stderr
    late = project.run("sweep", WORDS[1], "seed=0,1", "--limit", "20", "limit=30")
    assert late.returncode == 1 and "limit=30" in late.stderr


def test_wrong_words_are_refused(project: Project, tmp_path):
    (tmp_path / "empty.txt").write_text("# nothing\n")
    for words, message in ((["--jobs", "0"], "--jobs: '0', expected 1 to 999"), (["--launcher", "pbs"], "--launcher: 'pbs', expected local or slurm"),
                           (["--cells", str(tmp_path / "empty.txt")], "no cell, expected a line of --key value"),
                           (["--sweep", "seed"], "expected key=value,value"), (["--sweep", "seed=1,,2"], "expected a value between the commas"),
                           (["--jobs"], "--jobs: no value")):
        done = project.run(*WORDS, *words)
        assert done.returncode == 1 and message in done.stderr, (words, done.stderr)
