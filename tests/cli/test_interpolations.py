"""Interpolations that have no value: one message, the same in a single run and in a sweep."""

import itertools
import re
from pathlib import Path

import pytest
from support.commands import Command, Result, mistakes, refusal
from support.folders import files_in, history_of, result_of
from support.sweeps import assert_failures, job, scores_in

SHORT = ("trainer.epochs=1", "trainer.device=cpu", "trainer.plots=never", "data.n_samples=60", "model.hidden_sizes=[4]")
UNSET = "KeyError raised while resolving interpolation: \"Environment variable 'MLP_EXP_UNSET' not found\""
SINGLE: tuple[str, ...] = ("hydra.run.dir=r",)
SWEEP = ("-m", "hydra.sweep.dir=s")
BASIC = (*SWEEP, "hydra/launcher=basic")
MISSING = "MissingMandatoryValue while resolving interpolation: Missing mandatory value: "
NO_VALUE: dict[str, tuple[list[str], str]] = {
    "a key that is not there": (
        ["optimizer.lr=${optimiser.lr}"],
        "optimizer.lr: Interpolation key 'optimiser.lr' not found",
    ),
    "a key that is not there, in an option": (
        ["scheduler=cosine", "scheduler.T_max=${trainer.epoch}"],
        "scheduler.T_max: Interpolation key 'trainer.epoch' not found",
    ),
    "a key that is not there, within a text": (
        ["model.activation=x${nothing}"],
        "model.activation: Interpolation key 'nothing' not found",
    ),
    "a key that is not there, in a list": (
        ["model.hidden_sizes=[4,${nothing}]"],
        "model.hidden_sizes[1]: Interpolation key 'nothing' not found",
    ),
    "a variable that is not set": (["seed=${oc.env:MLP_EXP_UNSET}"], f"seed: {UNSET}"),
    "a variable that is not set, in a path": (
        ["data=table", "data.target=y", "data.path=${oc.env:MLP_EXP_UNSET}/t.csv"],
        f"data.path: {UNSET}",
    ),
    "a variable that is not set, in a fraction": (["split.val=${oc.env:MLP_EXP_UNSET}"], f"split.val: {UNSET}"),
    "a resolver that is not known": (["optimizer.lr=${eval:1}"], "optimizer.lr: Unsupported interpolation type eval"),
    "a resolver that is not known, in a loss": (
        ["loss.label_smoothing=${eval:1}"],
        "loss.label_smoothing: Unsupported interpolation type eval",
    ),
    "a resolver that raises": (
        ["seed=${oc.decode:}"],
        "seed: TypeError raised while resolving interpolation: decode() missing 1 required positional argument: 'expr'",
    ),
    "a value that is missing": (["+a=???", "seed=${a}"], f"seed: {MISSING}a"),
    "a value that is missing, in another group": (
        ["data=table", "data.target=y", "optimizer.lr=${data.path}"],
        f"optimizer.lr: {MISSING}data.path",
    ),
    "a key that is its own value": (
        ["trainer.epochs=${trainer.epochs}"], "trainer.epochs: Recursive interpolation detected",
    ),
    "Hydra's name of the job": (["hydra.job.name=${nothing}"], "hydra.job.name: Interpolation key 'nothing' not found"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLP_EXP_UNSET", raising=False)


def words_of(overrides: list[str]) -> list[str]:
    """Those of a short run; of two that set one key, the later one counts."""
    kept = {word.partition("=")[0]: word for word in (*SHORT, *overrides)}
    if "data" in kept:
        kept.pop("data.n_samples")
    return list(kept.values())


def without_job(done: Result) -> str:
    """The message of a sweep's one job."""
    found = re.fullmatch(r"job 0 \([^\n]*\): (.*)", refusal(done), re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("kind", NO_VALUE)
def test_an_interpolation_without_a_value_gives_one_message(command: Command, tmp_path: Path, kind: str) -> None:
    overrides, line = NO_VALUE[kind]
    words = words_of(overrides)
    assert refusal(command("run", *words, *SINGLE)) == mistakes(line)
    assert not (tmp_path / "r" / "history.csv").exists()
    assert without_job(command("run", "-m", *words, *SWEEP[1:])) == mistakes(line)


@pytest.mark.parametrize("launcher", [SWEEP, BASIC], ids=["stacked", "basic"])
def test_every_job_of_a_sweep_names_its_own(command: Command, launcher: tuple[str, ...]) -> None:
    """Those without a mistake train."""
    done = command("run", *launcher, *SHORT, "optimizer.lr=1e-2,'${nothing}','${eval:1}'")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    for number, text in ((1, "Interpolation key 'nothing' not found"), (2, "Unsupported interpolation type eval")):
        found = re.findall(rf"^job {number} \(.*\): (.*)\n(.*)$", done.stderr, re.MULTILINE)
        assert ["\n".join(lines) for lines in found] == 2 * [mistakes(f"optimizer.lr: {text}")]
    assert len(done.stderr.splitlines()) == 4 + 1 + 4


@pytest.mark.parametrize("launcher", [SWEEP, BASIC], ids=["stacked", "basic"])
def test_a_job_without_a_value_leaves_what_any_failed_job_does(
    command: Command, tmp_path: Path, launcher: tuple[str, ...]
) -> None:
    done = command("run", *launcher, *words_of([]), "optimizer.lr=1e-2,-1,${nothing},${oc.env:MLP_EXP_UNSET},${eval:1}")
    lines = {
        1: "expected a number above 0, got -1",
        2: "Interpolation key 'nothing' not found",
        3: UNSET,
        4: "Unsupported interpolation type eval",
    }
    failures = {number: ("failed", mistakes(f"optimizer.lr: {line}")) for number, line in lines.items()}
    assert_failures(done, tmp_path / "s", failures)
    files = {".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "result.json", "run.log"}
    for number, (_, reason) in failures.items():
        folder = tmp_path / "s" / str(number)
        assert files_in(folder) == files
        assert reason in (folder / "run.log").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [SWEEP, BASIC], ids=["stacked", "basic"])
def test_a_job_that_failed_for_a_variable_trains_once_it_is_set(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launcher: tuple[str, ...]
) -> None:
    """What has trained then stays, also when the variable is gone."""
    sweep = (*launcher, *words_of([]), "model.activation=relu,${oc.env:MLP_EXP_UNSET}")
    line = mistakes(f"model.activation: {UNSET}")
    assert_failures(command("run", *sweep), tmp_path / "s", {1: ("failed", line)})
    assert_failures(command("run", *sweep, "resume=true"), tmp_path / "s", {1: ("failed", line)})
    monkeypatch.setenv("MLP_EXP_UNSET", "tanh")
    done = command("run", *sweep, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    trained, rows = result_of(tmp_path / "s/1"), scores_in(tmp_path / "s")
    assert [row["status"] for row in rows] == ["finished", "finished"]
    monkeypatch.delenv("MLP_EXP_UNSET")
    done = command("run", *sweep, "resume=true")
    overrides = (*words_of([]), "model.activation=$\\{oc.env\\:MLP_EXP_UNSET\\}")
    assert refusal(done) == f"{job(1, *overrides)}: {line}"
    assert (result_of(tmp_path / "s/1"), scores_in(tmp_path / "s")) == (trained, rows)


def test_a_single_run_without_a_value_says_so_in_its_folder(command: Command, tmp_path: Path) -> None:
    line = mistakes("optimizer.lr: Interpolation key 'nothing' not found")
    assert refusal(command("run", *SINGLE, *SHORT, "optimizer.lr=${nothing}")) == line
    assert result_of(tmp_path / "r") == {"status": "failed", "reason": line, "metrics": {}}


HYDRAS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "the run's folder": (SINGLE[:0], "hydra.run.dir", ""),
    "the sweep's folder": (("-m",), "hydra.sweep.dir", ""),
    "the sweep's folder, basic": (("-m", "hydra/launcher=basic"), "hydra.sweep.dir", ""),
    "a job's folder": (SWEEP, "hydra.sweep.subdir", "job"),
    "a job's folder, basic": (BASIC, "hydra.sweep.subdir", ""),
    "a run's variable": (SINGLE, "+hydra.job.env_set.NAME", ""),
    "a job's variable": (SWEEP, "+hydra.job.env_set.NAME", "job"),
    "a job's variable, basic": (BASIC, "+hydra.job.env_set.NAME", ""),
}
VALUES = {
    "${nothing.there}": "Interpolation key 'nothing.there' not found",
    "${oc.env:MLP_EXP_UNSET}/x": UNSET,
    "${eval:1}": "Unsupported interpolation type eval",
}


@pytest.mark.parametrize(("kind", "value"), [*zip(HYDRAS, itertools.cycle(VALUES), strict=False)])
def test_so_it_does_in_hydras_own_settings(command: Command, tmp_path: Path, kind: str, value: str) -> None:
    how, key, said_of = HYDRAS[kind]
    done = command("run", *how, *SHORT, f"{key}={value}")
    message = without_job(done) if said_of else refusal(done)
    assert message == mistakes(f"{key.removeprefix('+')}: {VALUES[value]}")
    assert list(tmp_path.rglob("history.csv")) == []


@pytest.mark.slow
def test_on_the_real_command_line(command: Command, tmp_path: Path) -> None:
    done = command("run", "optimizer.lr=${optimiser.lr}", process=True)
    line = "optimizer.lr: Interpolation key 'optimiser.lr' not found"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{mistakes(line)}\n")
    done = command("run", "hydra.run.dir=${oc.env:MLP_EXP_UNSET}", process=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{mistakes(f'hydra.run.dir: {UNSET}')}\n")


@pytest.mark.parametrize("folder", ["hydra.run.dir", "hydra.sweep.dir"])
def test_an_interpolation_with_a_value_trains(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """Also one that has it at its own place alone, which Hydra's name of the job repeats."""
    monkeypatch.setenv("MLP_EXP_UNSET", "set")
    words = words_of(["optimizer.lr=${oc.select:nothing,2e-3}", "trainer.log_every=${.epochs}"])
    sweep = folder == "hydra.sweep.dir"
    done = command("run", *(["-m"] if sweep else []), *words, f"{folder}=${{oc.env:MLP_EXP_UNSET}}")
    assert (done.returncode, done.stderr) == (0, "")
    run = tmp_path / ("set/0" if sweep else "set")
    assert history_of(run)[1][:2] == ["1", "0.002"]
