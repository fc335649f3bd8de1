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
    job = "job 0 (optimizer.lr=-1,seed=0,trainer.epochs=1)"
    assert (done.returncode, names) == (1, [job, f"{job} and 1 more"])


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


TYPED: list[tuple[str, list[str]]] = [
    (
        "seed = 1 optimizer.lr = 0.1",
        [
            f"{word.partition('=')[0]}: expected no blanks around the =: {word}"
            for word in ("seed=1", "optimizer.lr=0.1")
        ],
    ),
    ("optimizer.lr= 0.1", ["optimizer.lr: expected no blanks around the =: optimizer.lr=0.1"]),
    ("optimizer.lr =0.1 seed=1", ["optimizer.lr: expected no blanks around the =: optimizer.lr=0.1"]),
    (
        "data=table data.path=my house.csv data.target=y",
        ["house.csv: expected key=value, as seed=1; if it belongs to the word before it: 'data.path=\"my house.csv\"'"],
    ),
    (
        "house.csv price",
        [
            "house.csv: expected key=value, as data=table data.path=house.csv data.target=COLUMN",
            "price: expected key=value, as seed=1",
        ],
    ),
    (
        "data.path=house.csv data.target=price",
        [f"data.{key}: circle takes no '{key}'. Add data=table, which takes it" for key in ("path", "target")],
    ),
    (
        "optimizer.momentum=0.9",
        ["optimizer.momentum: Adam takes no 'momentum'. Add optimizer=rmsprop or optimizer=sgd, which takes it"],
    ),
    (
        "data=house.csv data.target=price",
        ["data: there is no option 'house.csv'. For a table: data=table data.path=house.csv"],
    ),
    ("nwe", ["nwe: expected key=value, as seed=1. Did you mean new PATH?"]),
    ("multirun", ["multirun: expected key=value, as seed=1. Did you mean --multirun?"]),
    ("resume outputs/c", ["resume: expected resume=…, without a blank: resume=outputs/c"]),
    ("rerun", ["rerun: expected rerun=…, without a blank: rerun=FOLDER"]),
    ("seed=range(3)", ["seed: range(3) are several values: for a sweep, add -m"]),
    ("optimizer.lr=range(1,3)", ["optimizer.lr: range(1,3) are several values: for a sweep, add -m"]),
    ("-m optimizer.lr=interval(0.001,0.1", ["optimizer.lr: expected as many ) as (, got interval(0.001,0.1"]),
]


@pytest.mark.parametrize(("line", "said"), TYPED, ids=[line for line, _ in TYPED])
def test_what_a_newcomer_types(command: Command, tmp_path: Path, line: str, said: list[str]) -> None:
    assert refusal(command("run", *line.split(" "))) == mistakes(*said)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_ones_own_that_was_not_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "my conf/experiment").mkdir(parents=True)
    (tmp_path / "my conf/experiment/mine.yaml").write_text("# @package _global_\nseed: 1\n")
    assert refusal(command("run", "experiment=mine")) == mistakes(
        "experiment: there is no option 'mine'. It is in my conf/experiment/mine.yaml: add --config-dir 'my conf'"
    )


def test_a_key_that_only_ones_own_network_takes(command: Command, tmp_path: Path) -> None:
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/deep.yaml").write_text("_target_: deep_net.Net\nwidth: 3\n")
    (tmp_path / "deep_net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Linear):\n"
        "    def __init__(self, in_features, out_features, width, depth=1, slope=0):\n"
        "        super().__init__(in_features, out_features)\n"
    )
    words = ("--config-dir", "conf", "model=deep", "model.width=2", "model.depth=3", "model.slope=1", "seed=1")
    cure = "or as a line of the YAML of your option"
    assert refusal(command("run", *words, fork=True)) == mistakes(
        f"model.depth: is not in the configuration yet. Add it with +model.depth=3, {cure}",
        f"model.slope: is not in the configuration yet. Add it with +model.slope=1, {cure}",
    )


def test_a_folder_whose_name_is_nearly_that(command: Command, tmp_path: Path) -> None:
    (tmp_path / "outputs/first").mkdir(parents=True)
    said = f"{tmp_path}/outputs/frist: there is no such folder; expected that of a run"
    assert refusal(command("run", "resume=outputs/frist")) == f"{said}. Did you mean {tmp_path}/outputs/first?"
    assert refusal(command("run", "resume=nowhere/frist")) == said.replace("outputs", "nowhere")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--help tabel", "--help tabel: there is no such group or key. Did you mean 'data=table'?"),
        ("--dryrun seed=1", "--dryrun: there is no such option. Did you mean --dry-run?"),
        (
            "--data house.csv",
            "--data: there is no such option; a key has no dashes: data=table data.path=house.csv data.target=COLUMN",
        ),
        ("--optimizer.lr=0.1", "--optimizer.lr: there is no such option; a key has no dashes: optimizer.lr=0.1"),
        ("--zzz", "--zzz: there is no such option; python -m mlp_exp.run --help lists all"),
    ],
)
def test_a_flag_that_is_none(command: Command, line: str, said: str) -> None:
    assert refusal(command("run", *line.split(" "))) == said


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
        assert refusal(command("run", *flags, *given, "search=small", "hydra.sweep.dir=t")) == cure
    nowhere = command("run", "--dry-run", *given, "data.path=none.csv")
    assert nowhere.stderr.splitlines()[-1].endswith(
        ": none.csv: is not in the run's folder, from where a run with hydra.job.chdir=true looks for it, and not in "
        f"{tmp_path}. Give its whole path"
    )


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
