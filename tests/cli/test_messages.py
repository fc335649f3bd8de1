"""Flags wherever they stand on the line; commands that cannot do what was typed say what to type instead."""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.command_line import QUIET
from support.commands import Command, Fork, ended, mistakes, refusal
from support.folders import files_in

from mlp_exp.cli.commands import UnbrokenStream
from mlp_exp.run import main

FAILS = ("optimizer.lr=-1", "trainer.epochs=1")
LINES: list[tuple[str, ...]] = [
    (FAILS[0], "-m", FAILS[1], "seed=0,1"),
    (FAILS[0], "--multirun", "seed=0,1", FAILS[1]),
    (*FAILS, "seed=0,1", "-m"),
    (FAILS[0], "-m", "seed=0,1", "--config-dir", "mine", FAILS[1]),
    (FAILS[0], "--config-dir=mine", "seed=0,1", "-cn", "run", "-m", FAILS[1]),
]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_flags_stand_anywhere(command: Command, tmp_path: Path, line: tuple[str, ...]) -> None:
    (tmp_path / "mine").mkdir()
    done = command("run", *line, "hydra.sweep.dir=s")
    names = [text.partition(":")[0] for text in done.stderr.splitlines() if text.startswith("job ")]
    jobs = [f"job {seed} (optimizer.lr=-1,seed={seed},trainer.epochs=1)" for seed in (0, 1)]
    assert (done.returncode, names) == (1, jobs * 2)


def test_a_flag_between_the_overrides_of_one_run(command: Command) -> None:
    done = command("run", "seed=3", "--cfg", "job", "optimizer.lr=0.5", "--package", "optimizer")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nlr: 0.5\n" in done.stdout


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("seed=range(0)", "seed: expected one value or more, and range(0) has none"),
        ("seed=range(5,5)", "seed: expected one value or more, and range(5,5) has none"),
        ("model=glob(zzz)", "model: expected one value or more, and glob(zzz) has none"),
    ],
)
def test_a_sweep_without_runs(command: Command, tmp_path: Path, word: str, line: str) -> None:
    assert refusal(command("run", "-m", word, "hydra.sweep.dir=s")) == mistakes(line)
    assert list(tmp_path.iterdir()) == []


LONG = "x" * 256
CURE = "File name too long; 255 bytes are the most. Shorten hydra.run.dir, hydra.sweep.dir or hydra.sweep.subdir"


@pytest.mark.parametrize("words", [[f"hydra.run.dir={LONG}"], ["-m", "seed=0,1", f"hydra.sweep.dir={LONG}"]])
def test_a_folder_with_too_long_a_name(command: Command, tmp_path: Path, words: Sequence[str]) -> None:
    said = refusal(command("run", *words))
    assert said.startswith(f"{tmp_path}/{LONG}")
    assert said.endswith(f": {CURE}")
    assert "\n" not in said


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_folders_of_runs_whose_overrides_make_too_long_a_name(command: Command, tmp_path: Path, launcher: str) -> None:
    name = "hydra.sweep.subdir=${hydra.job.override_dirname}"
    words = (*QUIET, "seed=0,1", "data.n_samples=60", f"hydra/launcher={launcher}")
    more = f"++data.path={LONG}"
    done = command("run", "-m", *words, more, name, "hydra.sweep.dir=s")
    assert done.returncode == 1
    assert CURE in done.stderr
    assert "Traceback" not in done.stderr


def test_a_relative_path_of_a_run_in_its_own_folder(command: Command, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\n")
    given = ("data=table", "data.path=t.csv", "data.target=y", "hydra.job.chdir=true")
    cure = (
        "t.csv: is not in the run's folder, from where a run with hydra.job.chdir=true looks for it. Give its whole "
        f"path: {tmp_path}/t.csv"
    )
    assert refusal(command("run", *given, "hydra.run.dir=r")) == cure
    for flags in (["-m"], ["-m", "--dry-run"]):
        done = command("run", *flags, *given, "seed=0,1", "hydra.sweep.dir=s")
        assert done.stderr.splitlines()[-1].endswith(f": {cure}")


def test_batch_norm_of_one_row(command: Command) -> None:
    done = command("run", "model.norm=batch", "trainer.batch_size=1", *QUIET)
    assert refusal(done) == mistakes(
        "model.norm: batch takes means over a batch, which has one row: the network would learn nothing. Use "
        "model.norm=layer, or a larger trainer.batch_size"
    )


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ("outputs/my run/.hydra/config.pickle", "'rerun=outputs/my run'"),
        ("nosuch", "rerun=RUN"),
        ("a/b/c", "rerun=RUN"),
    ],
)
def test_hydras_own_rerun(command: Command, given: str, cure: str) -> None:
    assert refusal(command("run", "--experimental-rerun", given, "-m")) == (
        f"--experimental-rerun: is Hydra's; train a saved run again with: python -m mlp_exp.run {cure}"
    )


def test_a_reader_that_ends_early_stops_no_run(tmp_path: Path) -> None:
    """As behind `| head -1`: the rest of what is printed is dropped, and all is saved."""

    def work() -> None:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
        sys.argv = ["run", "trainer.epochs=1", "trainer.plots=always", "data.n_samples=60", "hydra.run.dir=r"]
        main()

    done = ended(Fork(work, tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert {"result.json", "model.pt", "plots/loss.png"} <= files_in(tmp_path / "r")


def test_a_stream_that_nobody_reads() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as file:
        stream = UnbrokenStream(file)
        assert [stream.write("a" * size) for size in (3, 1_000_000, 5)] == [3, 1_000_000, 5]
        stream.flush()
        assert stream.encoding == "utf-8"
    assert UnbrokenStream(io.StringIO()).write("seen") == 4
