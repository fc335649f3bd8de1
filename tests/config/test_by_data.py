"""`key: {classes: …, values: …}`: a value for classes and another for a regression; `{small: …, large: …}` by rows."""

from pathlib import Path

import pytest
from support.commands import Command, refusal
from support.compositions import compose_run
from support.folders import history_of
from support.predictions import loaded

from mlp_exp.config.by_data import ALL_FACTS, SMALL, Facts, for_data, keys_by_data
from mlp_exp.config.validation import find_problems
from mlp_exp.experiment.configs import plain_config, resolved
from mlp_exp.storage.run_folder import RunFolder

PAIR = "{classes:0.02,values:0.1}"
SHORT = ("trainer.epochs=2", "trainer.device=cpu", "trainer.plots=never", "model.hidden_sizes=[4]")


def test_a_value_is_that_of_the_task_at_any_depth() -> None:
    pair = {"classes": [1], "values": None}
    config = {
        "optimizer": {"lr": pair, "betas": [0.9]},
        "init": {"weight": {"gain": pair}},
        "callbacks": {"classes": {"rate": pair}, "values": {"rate": 1}},
        "loss": {"class_weight": {"classes": 1, "values": 2, "more": 3}},
    }
    apart = {"data": {"path": pair}, "split": {"seed": pair}, "trainer": {"plots": pair}, "model": {"_target_": pair}}
    assert list(keys_by_data(config | apart)) == ["optimizer.lr", "init.weight.gain", "callbacks.classes.rate"]
    for facts in ALL_FACTS:
        value = [1] if facts.task == "classes" else None
        assert for_data(config | apart, facts) == apart | {
            "optimizer": {"lr": value, "betas": [0.9]},
            "init": {"weight": {"gain": value}},
            "callbacks": {"classes": {"rate": value}, "values": {"rate": 1}},
            "loss": config["loss"],
        }


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        (Facts("classes", "small"), 1),
        (Facts("classes", "large"), 1),
        (Facts("values", "small"), 2),
        (Facts("values", "large"), [3]),
    ],
)
def test_pairs_may_have_pairs_in_them(facts: Facts, value: object) -> None:
    nested = {"classes": 1, "values": {"small": 2, "large": [3]}}
    other = {"small": {"classes": 1, "values": 2}, "large": {"values": [3], "classes": 1}}
    assert for_data({"model": {"width": nested, "depth": other}}, facts) == {"model": {"width": value, "depth": value}}


@pytest.mark.parametrize(("rows", "size"), [(1, "small"), (SMALL - 1, "small"), (SMALL, "large"), (10**6, "large")])
def test_the_size_is_that_of_the_data(rows: int, size: str) -> None:
    assert Facts.of("regression", rows) == ("values", size)
    assert Facts.of("ordinal", rows) == ("classes", size)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("optimizer.lr={classes:0.02,values:0.1}", []),
        ("optimizer.lr={classes:0.02,values:-1}", ["optimizer.lr.values: expected a number above 0, got -1"]),
        (
            "optimizer.lr={classes:0,values:fast}",
            [
                "optimizer.lr.classes: expected a number above 0, got 0",
                "optimizer.lr.values: expected a number above 0, got 'fast'",
            ],
        ),
        (
            "model.hidden_sizes={small:[0],large:[8]}",
            [
                "model.hidden_sizes.small: expected a list of whole numbers from 1, such as [64,32], or [] for a "
                "linear model, got [0]"
            ],
        ),
        (
            "optimizer.lr={classes:1,values:{small:2,large:-3}}",
            ["optimizer.lr.values.large: expected a number above 0, got -3"],
        ),
        ("optimizer.lr={classes:0.02}", ["optimizer.lr: expected a number above 0, got {'classes': 0.02}"]),
        (
            "optimizer.lr={classes:1,values:???}",
            ["optimizer.lr.values: missing; expected a number above 0. Give it: optimizer.lr.values=…"],
        ),
        (
            "optimizer.lr={classes:1,values:2} trainer.epochs=0",
            ["trainer.epochs: expected a whole number, 1 or more, or auto, got 0"],
        ),
        (
            "+optimizer.weight_decai={classes:1,values:2}",
            [
                f"optimizer.weight_decai.{of}: Adam takes no 'weight_decai'. Did you mean 'weight_decay'?"
                for of in ("classes", "values")
            ],
        ),
        (
            "trainer.plots={classes:auto,values:never}",
            ["trainer.plots: expected one of auto, always, never, got {'classes': 'auto', 'values': 'never'}"],
        ),
        (
            "split.train={classes:0.7,values:0.6}",
            [
                "split.train: expected a fraction from 0 to 1 (split=files: the path of a file of row numbers), "
                "got {'classes': 0.7, 'values': 0.6}"
            ],
        ),
        (
            "init=xavier_uniform +init.weight.gain={classes:1,values:-1}",
            ["init.weight.gain.values: expected a number above 0, got -1"],
        ),
        (
            "model.hidden_sizes={classes:[8],values:[8,9]} model.residual=true",
            [
                "model.residual: expected equal adjacent widths in hidden_sizes, such as [64,64], for a skip "
                "connection, got [8]",
                "model.residual: expected equal adjacent widths in hidden_sizes, such as [64,64], for a skip "
                "connection, got [8, 9]",
            ],
        ),
    ],
)
def test_both_values_are_checked(words: str, expected: list[str]) -> None:
    typed = words.split()
    found = find_problems(compose_run(typed), typed)
    assert found == expected


def preset(folder: Path, text: str) -> list[str]:
    (folder / "experiment").mkdir(exist_ok=True)
    (folder / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}", encoding="utf-8")
    return [f"hydra.searchpath=[file://{folder}]", "experiment=mine"]


@pytest.mark.parametrize("where", ["preset", "command line"])
def test_pairs_replace_other_values_and_are_replaced(tmp_path: Path, where: str) -> None:
    pair = "model:\n  hidden_sizes: {classes: [8], values: [9]}\noptimizer:\n  lr: {classes: 0.02, values: 0.1}\n"
    if where == "preset":
        words = preset(tmp_path, pair)
    else:
        words = ["model.hidden_sizes={classes:[8],values:[9]}", "optimizer.lr={classes:0.02,values:0.1}"]
    config = compose_run(words)
    assert config.model.hidden_sizes == {"classes": [8], "values": [9]}
    assert config.optimizer.lr == {"classes": 0.02, "values": 0.1}
    assert compose_run([*words, "optimizer.lr=0.5"]).optimizer.lr == 0.5
    assert compose_run([*words, "optimizer.lr.values=0.5"]).optimizer.lr == {"classes": 0.02, "values": 0.5}
    assert compose_run([*words, "model.hidden_sizes=[3]"]).model.hidden_sizes == [3]
    assert compose_run([*words, "model.hidden_sizes={classes:[],values:[1]}"]).model.hidden_sizes.classes == []


def test_a_reference_to_a_pair_is_kept_and_has_the_value_of_the_task() -> None:
    config = plain_config(compose_run(["trainer.epochs={classes:7,values:9}", "scheduler=cosine"]))
    assert config["scheduler"]["T_max"] == "${trainer.epochs}"
    assert for_data(resolved(config), Facts("values", "small"))["scheduler"]["T_max"] == 9


def test_a_run_has_the_value_of_its_task_and_keeps_both(command: Command, tmp_path: Path) -> None:
    for data, lr in (("wine", 0.02), ("diabetes", 0.1)):
        words = (*SHORT, f"data={data}")
        pair, alone = tmp_path / f"{data}-pair", tmp_path / f"{data}-alone"
        assert command("run", *words, f"optimizer.lr={PAIR}", f"hydra.run.dir={pair}").returncode == 0
        assert command("run", *words, f"optimizer.lr={lr}", f"hydra.run.dir={alone}").returncode == 0
        assert history_of(pair) == history_of(alone)
        assert loaded(pair).config["optimizer"]["lr"] == lr
        assert RunFolder(pair).config()["optimizer"]["lr"] == {"classes": 0.02, "values": 0.1}
        assert (pair / "model.pt").read_bytes() == (alone / "model.pt").read_bytes()

    again = command("run", f"rerun={pair}")
    assert "identical to" in again.stdout, again.stdout + again.stderr
    more = command("run", f"resume={pair}", "trainer.epochs=3")
    assert more.returncode == 0, more.stderr
    assert [row[1] for row in history_of(pair)[1:]] == ["0.1"] * 3
    other = command("run", f"resume={pair}", "optimizer.lr.values=0.2")
    assert "  optimizer.lr.values: the run has 0.1, and now it is 0.2;" in refusal(other)
