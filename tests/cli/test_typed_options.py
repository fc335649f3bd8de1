"""What is typed wins over presets, also the option of a group."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf
from support.commands import Command, refusal
from support.compositions import compose_run
from support.folders import result_of
from support.predictions import loaded
from support.project import CONF, QUICK_TABLE, options, presets
from support.tables import write_table

from mlp_exp.config.schema import GROUPS


def composed(*words: str) -> dict[str, Any]:
    config = OmegaConf.to_container(compose_run(words), resolve=False)
    assert isinstance(config, dict)
    return {str(group): values for group, values in config.items()}


def read(file: str) -> Any:
    return yaml.safe_load((CONF / file).read_text(encoding="utf-8"))


def own_option(preset: str, group: str) -> str:
    """The option that a preset's values are for."""
    overridden = {
        str(key): value
        for entry in read(f"experiment/{preset}.yaml").get("defaults", ())
        if isinstance(entry, dict)
        for key, value in entry.items()
    }
    named = {
        key: value for entry in read("run.yaml")["defaults"] if isinstance(entry, dict) for key, value in entry.items()
    }
    return str(overridden.get(f"override /{group}", named[group]))


@pytest.mark.parametrize("preset", presets())
def test_an_option_that_is_typed_is_taken_as_its_file_says(preset: str) -> None:
    """In each group that the preset sets values in; the rest of the preset stays as it is."""
    with_preset, values = composed(f"experiment={preset}"), read(f"experiment/{preset}.yaml")
    for group in GROUPS.keys() & values.keys() - {"data"}:
        others = [option for of, option in options() if of == group and option != own_option(preset, group)]
        for option in others[-1:]:
            expected = with_preset | {group: composed(f"{group}={option}")[group]}
            assert composed(f"experiment={preset}", f"{group}={option}") == expected


@pytest.mark.parametrize("preset", ["data=table", "experiment=digits", "experiment=[iris,debug]"])
def test_a_linear_model_is_linear_with_any_preset(preset: str) -> None:
    linear = composed("model=linear")["model"]
    assert linear["hidden_sizes"] == []
    assert composed(preset, "model=linear") == composed(preset) | {"model": linear}
    assert composed(preset, "model=linear", "model.hidden_sizes=[3]")["model"] == linear | {"hidden_sizes": [3]}


@pytest.mark.parametrize(
    ("preset", "same"),
    [
        ("data=table", "model=mlp"),
        ("experiment=table_quick", "optimizer=adamw_few_steps"),
        ("experiment=iris", "optimizer=adam"),
    ],
)
def test_the_option_that_a_preset_is_for_changes_nothing(preset: str, same: str) -> None:
    assert composed(preset, same) == composed(preset)


def preset_in(folder: Path, text: str, name: str = "mine") -> str:
    (folder / "experiment").mkdir(exist_ok=True)
    (folder / "experiment" / f"{name}.yaml").write_text(f"# @package _global_\n{text}", encoding="utf-8")
    return f"hydra.searchpath=[file://{folder}]"


def test_what_an_option_leaves_open_is_the_presets(tmp_path: Path) -> None:
    words = preset_in(tmp_path, "split: {column: part, train: 0.5}\n"), "experiment=mine"
    found = composed(*words, "split=group")["split"]
    assert found == composed("split=group")["split"] | {"column": "part"}


def test_values_of_the_data_are_for_any_data(tmp_path: Path) -> None:
    assert composed("experiment=debug", "data=wine")["data"]["max_rows"] == 100
    words = preset_in(tmp_path, "data: {path: a.csv, target: y}\n"), "experiment=mine"
    assert composed(*words, "data=table")["data"]["path"] == "a.csv"


def test_a_preset_for_tables_replaces_the_one_that_the_data_brings(tmp_path: Path) -> None:
    plain, alone = composed("data=table"), composed("experiment=table_quick")
    quick = composed(*QUICK_TABLE)
    assert {**quick, "data": 0} == {**alone, "data": 0}
    assert composed("data=table", "experiment=table") == plain
    assert composed("data=table", "experiment=[table_quick,debug]")["model"] == quick["model"]
    mine = preset_in(tmp_path, "optimizer: {lr: 0.5}\n", "table_mine")
    assert composed(mine, "data=table", "experiment=table_mine")["scheduler"] == composed()["scheduler"]
    other = preset_in(tmp_path, "optimizer: {lr: 0.5}\n", "tables")
    assert composed(other, "data=table", "experiment=tables")["scheduler"] == plain["scheduler"]


def test_through_the_command_line(command: Command, tmp_path: Path) -> None:
    table = ("data=table", f"data.path={write_table(tmp_path)}", "data.target=answer", "data.drop=[split]")
    quiet = ("trainer.steps=1", "trainer.auto_epochs=1", "trainer.device=cpu", "trainer.plots=never", "baselines=none")
    words = (*table, *quiet, "metrics.intervals=0")
    for sweep in ([], ["hydra/launcher=basic"]):
        folder = tmp_path / f"s{len(sweep)}"
        done = command("run", "-m", *words, "model=linear,mlp", *sweep, f"hydra.sweep.dir={folder}")
        assert done.returncode == 0, done.stderr
        linear, own = (loaded(folder / str(job)).config["model"]["hidden_sizes"] for job in (0, 1))
        assert (linear, own) == ([], composed("data=table")["model"]["hidden_sizes"]["small"])
    wrong = command("run", *words, "model=linear", "optimizer.nothing=1", "model.dropout=2")
    assert "model.dropout" in refusal(wrong)
    assert result_of(folder / "0")["status"] == "finished"
