"""What may not change when a run goes on, and folders that no run can go on in."""

import shlex
import signal
from pathlib import Path

import pytest
from support.commands import Command, ended, mistakes
from support.folders import result_of, went_on
from support.resuming import REASON, Make, StopAfter, content, timeless, wait_for_checkpoints, words

from mlp_exp.cli.options import take_options
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.checkpoint import Checkpoint
from mlp_exp.storage.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("parts")

# ---- what may not change


CHANGES = [
    (["trainer.epochs=4.5"], ["trainer.epochs: expected a whole number, 1 or more, or auto, got 4.5"]),
    (["trainer.epochs=null"], ["trainer.epochs: expected a whole number, 1 or more, or auto, got null"]),
    (["sed=1"], ["sed: there is no such key. Did you mean 'seed'?"]),
    (["trainer.epochs=3"], ["trainer.epochs: the run has trained 4 epochs; expected as many or more, got 3"]),
    (["seed=1", "trainer.epochs=9"], [f"seed: the run has 0, and now it is 1{REASON}"]),
    (
        ["+model.depth=3", "~optimizer.eps", "optimizer.betas=[0.8,0.9]"],
        [
            f"optimizer.betas: the run has [0.9, 0.999], and now it is [0.8, 0.9]{REASON}",
            f"optimizer.eps: the run has 1e-08, and now it is None{REASON}",
            f"model.depth: the run has None, and now it is 3{REASON}",
        ],
    ),
    (
        ["trainer.epochs=1", "trainer.plots=always", "model.norm=batch"],
        [
            f"model.norm: the run has None, and now it is batch{REASON}",
            f"trainer.plots: the run has never, and now it is always{REASON}",
        ],
    ),
    (
        ["+experiment=wine", "scheduler=cosine"],
        [
            "+experiment=wine: resume={run} takes the configuration as it was saved",
            "scheduler=cosine: resume={run} takes the configuration as it was saved",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("more", "lines"), CHANGES, ids=[" ".join(more) for more, _ in CHANGES])
def test_nothing_else_may_change(make: Make, command: Command, more: list[str], lines: list[str]) -> None:
    run = make()
    before = content(run)
    done = command("run", "resume=run", *more)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == mistakes(*(line.format(run=run) for line in lines)) + "\n"
    assert content(run) == before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["resume=run", "rerun=run"], "rerun: trains one run again; leave out resume"),
        (["--dry-run", "resume=run"], "--dry-run: describes a sweep from its beginning; leave out resume=run"),
        (
            ["--allow", "my-package", "resume=run"],
            "--allow: expected the name of a package, as my_package, got 'my-package'",
        ),
        (["resume=run", "--allow"], "--allow: expected the name of a package, as my_package, got ''"),
        (
            ["--allow=my_package", "seed=1"],
            "--allow: is for resume=RUN and rerun=RUN; a configuration of your own is trusted",
        ),
        (
            ["-m", "resume=run"],
            "resume: expected the folder of a run or of a sweep, or true with -m and hydra.sweep.dir=… of an earlier "
            "sweep, got 'run'",
        ),
        (
            ["resume="],
            "resume: expected the folder of a run or of a sweep, or true with -m and hydra.sweep.dir=… of an earlier "
            "sweep, got ''",
        ),
        (["rerun="], "rerun: expected the folder of a run"),
        (["resume=a/${seed}"], "resume: 'a/${seed}' has ${ in its name; rename the folder"),
        (["rerun=${oc.env:HOME}"], "rerun: '${oc.env:HOME}' has ${ in its name; rename the folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_do_not_fit(arguments: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        take_options(arguments, "", multirun="-m" in arguments)
    assert caught.value.problems == [line]


def test_a_run_whose_decay_and_dropout_go_by_its_epochs_is_not_extended(make: Make, command: Command) -> None:
    run = make("model.dropout_schedule=flat_cosine", "optimizer.decay_schedule=flat_cosine")
    before = content(run)
    done = command("run", "resume=run", "trainer.epochs=6")
    assert (
        done.stderr
        == mistakes(
            *(
                f"{key}: flat_cosine depends on the number of epochs, which the run began with: expected "
                "trainer.epochs=4, got 6. Train another run with it"
                for key in ("optimizer.decay_schedule", "model.dropout_schedule")
            )
        )
        + "\n"
    )
    assert (done.returncode, content(run)) == (1, before)
    assert command("run", "resume=run", "trainer.epochs=4").returncode == 0


def test_a_run_that_was_interrupted_may_end_sooner(make: Make, command: Command) -> None:
    """At an epoch that it has not passed: it is then a run of so many."""
    run, shorter = make(stopped=2), make("trainer.epochs=3", name="shorter")
    assert command("run", "resume=run", "trainer.epochs=3").returncode == 0
    assert timeless(run) == timeless(shorter)


# ---- folders


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "{path}: there is no such folder; expected that of a run"),
        ("empty", "{path}/checkpoint.pt: there is no such file; expected a checkpoint of a run"),
        ("sweep", "{path}/checkpoint.pt: there is no such file; expected a checkpoint of a run"),
        ("own_net.py", "{path}: there is no such folder; expected that of a run"),
    ],
)
def test_a_folder_that_is_not_a_runs(make: Make, command: Command, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "sweep").mkdir()
    make(name="sweep/0")
    before = content(tmp_path)
    done = command("run", f"resume={name}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == message.format(path=tmp_path / name) + "\n"
    assert content(tmp_path) == before


NAMES = ['it\'s a="b", c', "läuft [1] {2} (3) #4 100% ~ *", "$seed $x", "back\\slash\\' \\"]


@pytest.mark.parametrize("name", NAMES)
def test_the_line_that_is_printed_goes_on(
    make: Make, command: Command, stop_after: StopAfter, tmp_path: Path, name: str
) -> None:
    """Ctrl-C twice; folders may have any name."""
    whole, run = make("model.dropout=0.3", name="whole"), make("model.dropout=0.3", name=name, stopped=1)
    with stop_after(3):
        done = command("run", f"resume={run}")
    assert done.returncode == 130
    assert (
        done.stderr == f"Interrupted.\nGo on with: python -m mlp_exp.run {shlex.quote(f'resume={tmp_path / name}')}\n"
    )
    typed = shlex.split(done.stderr.splitlines()[1].removeprefix("Go on with: "))
    done = command("run", *typed[3:])
    assert (done.returncode, done.stderr) == (0, "")
    assert timeless(run) == timeless(whole)
    assert went_on(run) == [1, 3]


@pytest.mark.slow
@pytest.mark.usefixtures("every_epoch")
def test_a_signal_interrupts(make: Make, command: Command, tmp_path: Path) -> None:
    """A process of its own."""
    many = ("trainer.epochs=2000", "trainer.log_every=1000")
    run = tmp_path / "run"
    process = command.start("run", *words(*many), "hydra.run.dir=run")
    wait_for_checkpoints(3, run, process)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.returncode == 130
    assert done.stderr == f"Interrupted.\nGo on with: python -m mlp_exp.run resume={run}\n"
    result = result_of(run)
    trained = Checkpoint.read(RunFolder(run)).epoch
    assert (result["status"], 3 <= trained <= result["epochs"] < 2000) == ("interrupted", True)
    epochs = f"trainer.epochs={trained + 2}"
    assert command("run", "resume=run", epochs).returncode == 0
    assert timeless(run) == timeless(make(*many, epochs, name="whole"))
