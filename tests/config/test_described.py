"""Groups, options and keys in words: nothing of the YAML files and the schema is left out."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from support.project import CONF

from mlp_exp.config.by_data import is_by_data
from mlp_exp.config.commented_yaml import CommentedFile, Line, read_commented
from mlp_exp.config.described import INTERNAL, SETTINGS, Key, Option, groups, option
from mlp_exp.config.key_types import model_in
from mlp_exp.config.schema import Callback, Experiment
from mlp_exp.config.schema_data import Group
from mlp_exp.errors import ConfigError

ALL = {(group, name): option(group, name) for group, names in groups().items() for name in names}
KEYS = {key.name: key for each in [option("", "run"), *ALL.values()] for key in each.keys}
FILES = sorted(path for path in CONF.rglob("*.yaml") if path.parent.relative_to(CONF).as_posix() not in INTERNAL)


def key_of(found: Option, name: str) -> Key:
    return next(key for key in found.keys if key.name == name)


def leaves(values: Mapping[str, Any], where: str) -> Iterator[str]:
    """The keys of a file, each with its place; values by data are one."""
    for key, value in values.items():
        if isinstance(value, dict) and value and not is_by_data(value):
            yield from leaves(value, f"{where}{key}.")
        elif key != "defaults":
            yield f"{where}{key}"


def test_every_key_of_a_file_is_there_with_its_value() -> None:
    for file in FILES:
        group = file.parent.relative_to(CONF).as_posix().removeprefix(".")
        text = file.read_text(encoding="utf-8")
        where = "" if not group or "@package _global_" in text else f"{group.replace('/', '.')}."
        found, values = option(group, file.stem), yaml.safe_load(text)
        for name in leaves(values, where):
            assert str(yaml.safe_load(key_of(found, name).default)) == str(_value(values, name, where)), (file, name)
        assert len({key.name for key in found.keys}) == len(found.keys), file


def _value(values: Any, name: str, where: str) -> Any:
    rest = name.removeprefix(where)
    while rest:
        key = next(key for key in sorted(values, key=len, reverse=True) if f"{rest}.".startswith(f"{key}."))
        values, rest = values[key], rest[len(key) + 1 :]
    return values


def _schema(model: type[BaseModel], where: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key, inner = f"{where}{field.alias or name}", model_in(field)
        if inner is None:
            yield key
        elif inner is not Callback:
            yield from _schema(inner, f"{key}.")


def test_every_key_of_the_schema_is_there_in_its_own_words() -> None:
    for name in _schema(Experiment):
        assert KEYS[name].takes, name
    ours = {name.rpartition(".")[2] for name in KEYS if name.startswith("callbacks.")}
    assert ours >= set(Callback.model_fields) - set(Group.model_fields)
    for (group, name), model in SETTINGS.items():
        for key, field in model.model_fields.items():
            inner = f"{group}/{key}"
            if inner not in groups():
                assert key_of(ALL[group, name], f"{group.replace('/', '.')}.{key}").takes == field.description


def test_options_that_inherit_have_all_keys() -> None:
    found = option("optimizer", "adamw")
    assert found.comment == "Adam with decoupled weight decay (Loshchilov & Hutter, 2019)."
    assert key_of(found, "optimizer._target_").default == "torch.optim.AdamW"
    assert key_of(found, "optimizer.lr") == Key("optimizer.lr", "a number above 0", "1e-3", "learning rate")
    assert key_of(found, "optimizer.weight_decay") == Key(
        "optimizer.weight_decay", "a number, 0 or more", "1e-2", "shrinks the weights by lr · weight_decay per step"
    )
    assert key_of(found, "optimizer.rates") == Key(
        "optimizer.rates", "factors by kind of parameter, such as {bias: 0.1}", "", "factors of lr by kind of parameter"
    )
    assert key_of(found, "optimizer.rates.bias").default == "1.0"
    assert "optimizer.momentum" not in {key.name for key in found.keys}  # of sgd
    wine = option("data", "wine")
    assert [(key.name, key.default) for key in wine.keys] == [
        ("data._target_", "mlp_exp.components.bundled"),
        ("data.name", "wine"),
        ("data.max_rows", "null"),  # of run.yaml
    ]
    best = option("experiment", "table_best")  # on table
    assert key_of(best, "ensemble").default == "folds"
    assert key_of(best, "optimizer").default == "adamw"
    assert key_of(best, "preprocess.distinct_ranks") == Key(
        "preprocess.distinct_ranks",
        "true or false",
        "{classes: {small: false, large: true}, values: false}",
        "frequent values, as 0, do not crowd the others together; of a regression they do not help",
    )
    assert key_of(best, "optimizer.rates.scale") == Key("optimizer.rates.scale", "a number, 0 or more", "6.0", "")


def test_groups_are_in_the_order_of_a_run() -> None:
    names = list(groups())
    assert names[:5] == ["data", "split", "preprocess", "model", "loss"]
    assert names[-4:] == ["hydra/launcher", "hydra/sweeper", "hydra/sweeper/pruner", "hydra/sweeper/sampler"]


def test_groups_are_chosen_by_keys_of_their_own() -> None:
    top = option("", "run")
    assert key_of(top, "tracker") == Key(
        "tracker",
        "one of mlflow, none, tensorboard, wandb",
        "none",
        "where else runs are tracked: tensorboard, mlflow, wandb",
    )
    assert key_of(top, "hydra/launcher").default == "stacked"
    assert {"seed", "resume", "rerun", "data.max_rows", "hydra.sweep.dir"} <= {key.name for key in top.keys}
    assert {key.name for key in top.keys} >= set(groups()) - {
        "hydra/sweeper",
        "hydra/sweeper/sampler",
        "hydra/sweeper/pruner",
    }
    optuna = option("hydra/sweeper", "optuna")
    assert key_of(optuna, "hydra/sweeper/sampler").takes == "one of cmaes, gp, grid, nsgaii, random, tpe"
    assert key_of(option("data", "table"), "experiment").default == "table"
    assert key_of(option("search", "small"), "hydra.sweeper.params.model.dropout").default == "interval(0,0.5)"


def test_options_without_a_file_are_those_of_hydra() -> None:
    from hydra import initialize
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize(version_base="1.3"):  # which loads the plugins
        for group, name in (("launcher", "basic"), ("launcher", "stacked"), ("sweeper", "basic")):
            node = ConfigStore.instance().load(f"hydra/{group}/{name}.yaml").node
            own = {f"hydra.{group}.{key!s}" for key in node if key != "_target_"}
            found = option(f"hydra/{group}", name)
            assert {key.name for key in found.keys} == own
            assert {key.default for key in found.keys} <= {"null"}
            assert all(node[key] is None for key in node if key != "_target_")


# ---- files of one's own


def test_folders_of_ones_own_come_first(tmp_path: Path) -> None:
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer/adam.yaml").write_text("# Mine.\n_target_: mine.Adam\nspeed: 3  # of it # all\n")
    (tmp_path / "optimizer/mine.yaml").write_text(
        "defaults:\n- sgd\n- /optimizer/none_such\nlr: 0.5\nrates: {bias: 2}\n"
    )
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo/deep.yaml").write_text("# @package zoo.of.mine\ndefaults: [deep]\nlayers: [1,\n  2]  # two\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/config.yaml").write_text("seed: 1\n")
    folders = (tmp_path, CONF)
    assert groups(folders)["optimizer"] == tuple(sorted([*groups()["optimizer"], "mine"]))
    assert set(groups(folders)) == {*groups(), "zoo"}
    adam = option("optimizer", "adam", folders)
    assert adam.comment == "Mine."
    assert adam.keys[:2] == (
        Key("optimizer._target_", "an import path, such as package.Class", "mine.Adam", ""),
        Key("optimizer.speed", "", "3", "of it # all"),
    )
    mine = option("optimizer", "mine", folders)
    assert key_of(mine, "optimizer.lr") == Key("optimizer.lr", "a number above 0", "0.5", "learning rate")
    assert (key_of(mine, "optimizer.rates.bias").default, key_of(mine, "optimizer.rates.scale").default) == ("2", "1.0")
    assert option("zoo", "deep", folders).keys == (Key("zoo.of.mine.layers", "", "[1, 2]", ""),)
    with pytest.raises(ConfigError, match="optimizer: there is no option 'mime'"):
        option("optimizer", "mime", folders)


@pytest.mark.parametrize(
    "content",
    [b"a: [1", b"\xff\xfe", b"- a\n- b\n", b"3", b"", b"a: &a [*a]\n", b"\ta: 1"],
    ids=["open list", "no UTF-8", "a list", "a number", "nothing", "within itself", "a tab"],
)
def test_what_is_no_configuration_has_no_keys(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.yaml").write_bytes(content)
    assert read_commented(tmp_path / "file.yaml") == CommentedFile()


def test_comments_are_those_of_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(
        "# One.\n#Two: # three\n\n# of no line\na: 'x # y'   # quoted\nb: x#y\nc:  # of the node\n  d: 1\n"
        '  # between\n  e:  # empty\nf: |  # text\n  # no comment\n  b\ng: {h: [1, 2], i: "# z"}  # flow\n3: yes\n'
    )
    assert read_commented(file) == CommentedFile(
        "One.\nTwo: # three",
        lines=(
            Line("a", "'x # y'", "quoted"),
            Line("b", "x#y", ""),
            Line("c", "{d: 1, e: null}", "of the node", inner=True),
            Line("c.d", "1", "of the node"),
            Line("c.e", "null", "empty"),
            Line("f", "# no comment b", "text"),
            Line("g", '{h: [1, 2], i: "# z"}', "flow", inner=True),
            Line("g.h", "[1, 2]", ""),
            Line("g.i", '"# z"', ""),
            Line("3", "yes", ""),
        ),
    )


def test_it_needs_neither_torch_nor_hydra() -> None:
    code = "import sys, mlp_exp.config.described; print({'torch', 'hydra', 'numpy'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
