"""A sweep that YAML turns on, and what its interrupted command prints; names of Hydra's files."""

import shlex
import shutil
import signal
from pathlib import Path

import pytest
from support.command_line import LAUNCHERS
from support.commands import Command, refusal
from support.folders import files_in, history_of, leaderboard_of, result_of
from support.sweeps import QUIET, assert_same_jobs, jobs_in, state_of, wait_for

from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.leaderboard.leaderboard import Leaderboard
from mlp_exp.storage.run_folder import RunFolder

SHORT = (*QUIET, "trainer.epochs=2", "data.n_samples=60", "model.hidden_sizes=[4]")
PRESET = """\
# @package _global_
trainer: {epochs: 3000, log_every: 1, checkpoint_every: 0}
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      seed: range(2)
"""


@pytest.fixture
def long(tmp_path: Path) -> None:
    """An option of the user's own that trains two runs for long."""
    (tmp_path / "own/experiment").mkdir(parents=True)
    (tmp_path / "own/experiment/long.yaml").write_text(PRESET, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("long")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_printed_line_resumes_a_sweep_that_yaml_turned_on(
    command: Command, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    typed = ["--config-dir", "own", "experiment=long", *QUIET, "data.n_samples=60", "model.hidden_sizes=[4]"]
    started = command.start("run", *typed, "hydra.sweep.dir=s")
    folder = tmp_path / "s"

    def begun() -> bool:
        return len(list(folder.glob("*/checkpoint.pt"))) == 2

    wait_for(begun, started)
    started.send_signal(number)
    _, stderr = started.communicate(timeout=60)
    line = shlex.join(["-m", *typed, f"hydra.sweep.dir={folder}", "resume=true"])
    assert stderr == f"Interrupted.\nGo on with: python -m mlp_exp.run {line}\n"
    assert started.returncode == status
    assert [result_of(path)["status"] for path in jobs_in(folder)] == ["interrupted"] * 2
    saved = [Checkpoint.read(RunFolder(path)).epoch for path in jobs_in(folder)]
    before = [history_of(path)[: 2 + epoch] for path, epoch in zip(jobs_in(folder), saved, strict=True)]

    again = command.start("run", *shlex.split(stderr.splitlines()[1].removeprefix("Go on with: "))[3:])

    def goes_on() -> bool:
        logs = [(path / "run.log").read_text(encoding="utf-8") for path in jobs_in(folder)]
        return all(
            f"epoch {epoch + 1}/3000: " in log.partition(f"goes on after epoch {epoch}\n")[2]
            for epoch, log in zip(saved, logs, strict=True)
        )

    wait_for(goes_on, again)
    again.send_signal(number)
    assert again.communicate(timeout=60)[1] == stderr  # the line stays the same
    assert again.returncode == status
    after = [history_of(path)[: len(rows)] for path, rows in zip(jobs_in(folder), before, strict=True)]
    assert after == before


@pytest.mark.slow
@pytest.mark.usefixtures("long")
def test_a_sweep_that_yaml_turned_on_is_one_that_m_turned_on(command: Command, tmp_path: Path) -> None:
    words = ["--config-dir", "own", "experiment=long", *SHORT]
    assert command("run", *words, "hydra.sweep.dir=a").returncode == 0
    assert command("run", "-m", *words, "hydra.sweep.dir=b").returncode == 0
    assert len(jobs_in(tmp_path / "a")) == 2
    assert_same_jobs(tmp_path / "a", tmp_path / "b")


OUTPUT_SUBDIR = (
    "hydra.output_subdir: expected .hydra, where a sweep keeps what each of its runs was, got {}. Leave it out"
)


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize(("typed", "shown"), [("null", "None"), ("hydra", "hydra"), ("a/b", "a/b")])
def test_another_place_for_hydras_files_is_refused_in_a_sweep(
    command: Command, tmp_path: Path, launcher: str, typed: str, shown: str
) -> None:
    words = ["-m", *SHORT, "seed=0,1", "hydra.sweep.dir=s", *LAUNCHERS[launcher]]
    done = command("run", *words, f"hydra.output_subdir={typed}")
    assert refusal(done) == OUTPUT_SUBDIR.format(shown)
    assert (done.stdout, list(tmp_path.iterdir())) == ("", [])


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_it_leaves_an_existing_sweep_as_it_is(command: Command, tmp_path: Path, launcher: str) -> None:
    words = ["-m", *SHORT, "seed=0,1", "hydra.sweep.dir=s", *LAUNCHERS[launcher]]
    assert command("run", *words).returncode == 0
    before = state_of(tmp_path / "s")
    assert [row["status"] for row in leaderboard_of(tmp_path / "s")] == ["finished"] * 2
    for more in ([], ["resume=true"], ["resume=false"]):
        assert refusal(command("run", *words, "hydra.output_subdir=null", *more)) == OUTPUT_SUBDIR.format("None")
        assert state_of(tmp_path / "s") == before
    assert command("run", *words, "resume=true").returncode == 0
    assert len(Leaderboard.read(tmp_path / "s").entries) == 2


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("was", ["null", "settings"])
def test_a_sweep_that_was_made_so_is_not_resumed(command: Command, tmp_path: Path, launcher: str, was: str) -> None:
    """As version 0.1 let it: no run says which job it was, and the leaderboard would lose them all."""
    words = ["-m", *SHORT, "seed=0,1", "hydra.sweep.dir=s", *LAUNCHERS[launcher]]
    assert command("run", *words).returncode == 0
    for path in jobs_in(tmp_path / "s"):
        (path / ".hydra").rename(path / "settings")
        if was == "null":
            shutil.rmtree(path / "settings")
    saved = tmp_path / "s/multirun.yaml"
    text = saved.read_text(encoding="utf-8")
    assert text.count("\n  output_subdir: .hydra\n") == 1
    saved.write_text(text.replace("output_subdir: .hydra", f"output_subdir: {was}"), encoding="utf-8")
    before = state_of(tmp_path / "s")
    assert refusal(command("run", *words, "resume=true")) == (
        f"{tmp_path}/s: was made with hydra.output_subdir={was}, and its runs cannot be told apart: it cannot be "
        "resumed. Start another sweep: choose another hydra.sweep.dir"
    )
    assert state_of(tmp_path / "s") == before


NAMES = [
    "a=b,c",
    "two words (1) läuft 🙂",
    'it\'s "so" [x] {y}',
    "#4 100% ~ * ;&",
    "$HOME `x`",
    "b\\c\\' \\",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_printed_line_resumes_a_sweep_in_a_folder_of_any_name(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    here = tmp_path / name
    here.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("mlp_exp.multirun.sweep.train_sweep", interrupted)
        done = command("run", "-m", *SHORT, "seed=0,1", "hydra.sweep.dir=s", cwd=here)
    assert done.returncode == 130
    _, line = done.stderr.splitlines()
    words = shlex.split(line.removeprefix("Go on with: "))
    assert words[:3] == ["python", "-m", "mlp_exp.run"]
    done = command("run", *words[3:])  # from elsewhere
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["status"] for row in leaderboard_of(here / "s")] == ["finished"] * 2
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("typed", ["null", "settings"])
def test_a_single_run_may_have_them_anywhere(command: Command, tmp_path: Path, typed: str) -> None:
    done = command("run", *SHORT, "hydra.run.dir=r", f"hydra.output_subdir={typed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert result_of(tmp_path / "r")["status"] == "finished"
    saved = {name for name in files_in(tmp_path / "r") if name.endswith("/config.yaml")}
    assert saved == (set() if typed == "null" else {f"{typed}/config.yaml"})
