"""`python -m mlp_exp.predict` and `load`: what a trained run says of a table is what it said in training."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from support.commands import Command, clean_environment, refusal, said
from support.folders import files_in, result_of
from support.predictions import column, components, content, loaded, metrics_in, rows_of, train, write_rows
from support.project import QUICK_TABLE

import mlp_exp
from mlp_exp.data.table.misfits import Misfits
from mlp_exp.data.table.schema import FeatureSchema
from mlp_exp.display.numbers import number
from mlp_exp.errors import DataError
from mlp_exp.experiment.planning import plan
from mlp_exp.inference import tables
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.loading import load
from mlp_exp.tasks.metrics import CLASS_DEFAULTS

SEEN = "rows equal rows of training"
MEASURED = f"{SEEN}; metrics on them say little about new rows"

# ---- runs on the small table of all tests


def test_what_is_written(small: Path, tmp_path: Path, command: Command) -> None:
    """Labels in their own words, and the probabilities that training saw."""
    output = tmp_path / "o.csv"
    assert said(command("predict", small / "s/0", small / "table.csv", "-o", output)) == [
        "ignored: split, answer",
        f"168 of 240 {SEEN}",
        f"240 predictions: {output}",
    ]
    found = content(output)
    probabilities = np.stack([found["probability_no"], found["probability_yes"]], axis=1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert found["prediction"].to_pylist() == np.array(["no", "yes"])[probabilities.argmax(axis=1)].tolist()
    assert output.read_text(encoding="utf-8").startswith("prediction,probability_no,probability_yes\n")
    assert files_in(tmp_path) == {"o.csv"}


def test_columns_in_another_order_and_more_of_them(small: Path, tmp_path: Path, command: Command) -> None:
    said(command("predict", small / "s/0", small / "table.csv", "-o", tmp_path / "o.csv"))
    table = [[*reversed(row), f"note {index}", "x" * index] for index, row in enumerate(rows_of(small))]
    table[0][-2:] = ["[red]note", "id, or so"]
    path = write_rows(tmp_path / "t.csv", table)
    assert (
        said(command("predict", small / "s/0", path, "-o", tmp_path / "p.csv"))[0]
        == "ignored: answer, split, [red]note, id, or so"
    )
    assert (tmp_path / "p.csv").read_bytes() == (tmp_path / "o.csv").read_bytes()


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ({"city": "City"}, "'city' (near it: City)"),
        ({"city": "zip", "colour": "color"}, "'colour' (near it: color), 'city'"),
        ({"age": "years", "x": "y"}, "'x', 'age'"),
    ],
)
def test_missing_columns_are_named(
    command: Command, small: Path, tmp_path: Path, rename: dict[str, str], message: str
) -> None:
    header, *rows = rows_of(small)
    names = [rename.get(name, name) for name in header]
    path = write_rows(tmp_path / "t.csv", [names, *rows])
    expected = f"'{path}': the table has no column {message}. It has {', '.join(names)}"
    assert refusal(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv")) == expected
    assert files_in(tmp_path) == {"t.csv"}


# ---- metrics


@pytest.mark.parametrize(("name", "target"), [("s/0", "answer"), ("age", "age")])
def test_metrics_of_the_parts_are_those_of_the_result(
    small: Path, tmp_path: Path, command: Command, name: str, target: str
) -> None:
    result = result_of(small / name)
    config = loaded(small / name).config
    words = [
        "data=table",
        "experiment=table_quick",
        f"data.path={small / 'table.csv'}",
        f"data.target={target}",
        "preprocess.one_hot_max=9",
    ]
    words += ["data.drop=[split]"] if name == "s/0" else ["preprocess.log_target=true"]
    made = plan(components(*words, f"seed={config['seed']}"))
    header, *rows = rows_of(small)
    for part, numbers in made.parts.items():
        source = made.components.dataset.source_rows[numbers]
        path = write_rows(tmp_path / f"{part}.csv", [header, *(rows[row] for row in source)])
        lines = said(command("predict", small / name, path, "-o", tmp_path / "o.csv", "--target", target))
        seen = [f"{len(source)} of {len(source)} {MEASURED}"] if part == "train" else []
        head = [*(["ignored: split"] if name == "s/0" else []), *seen, f"{target} of {len(source)} rows"]
        assert [line.rstrip() for line in lines[: len(head)]] == head
        assert metrics_in(lines) == {key: number(value) for key, value in result["metrics"][part].items()}
        found = tables.predict_table(Ensemble([loaded(small / name)]), str(path), tmp_path / "p.csv", [target])
        assert found.scores.values == pytest.approx(result["metrics"][part], abs=1e-6)
        assert (found.rows, found.without_target) == (len(source), 0)


def test_rows_without_a_target(small: Path, tmp_path: Path, command: Command) -> None:
    table = rows_of(small)
    for row in (1, 100, 200):
        table[row][-1] = "?"
    path = write_rows(tmp_path / "t.csv", table)
    lines = said(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv", "--target", "answer"))
    assert lines[:3] == [
        "ignored: split",
        f"168 of 240 {MEASURED}",
        "3 of 240 rows have no answer and are left out of the metrics",
    ]
    assert lines[3].rstrip() == "answer of 237 rows"
    assert list(metrics_in(lines)) == list(CLASS_DEFAULTS)
    assert lines[-1] == f"240 predictions: {tmp_path / 'o.csv'}"
    for values in table[1:]:
        values[-1] = ""
    lines = said(
        command("predict", small / "s/0", write_rows(path, table), "-o", tmp_path / "o.csv", "--target", "answer")
    )
    assert lines[2:] == [
        "240 of 240 rows have no answer and are left out of the metrics",
        f"240 predictions: {tmp_path / 'o.csv'}",
    ]


def test_a_label_of_no_class(command: Command, small: Path, tmp_path: Path) -> None:
    table = rows_of(small)
    table[1 + 150][-1] = "perhaps"
    path = write_rows(tmp_path / "t.csv", table)
    assert refusal(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv", "--target", "answer")) == (
        f"'{path}': column 'answer', row 150, from 0: expected a class of training (no, yes), found 'perhaps'. "
        "Fix it, or leave it empty"
    )
    assert refusal(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv", "--target", "anwser")) == (
        "--target: the table has no column 'anwser'. Did you mean 'answer'?"
    )
    assert files_in(tmp_path) == {"t.csv"}


def test_a_target_that_is_a_feature_or_has_another_name(small: Path, tmp_path: Path, command: Command) -> None:
    table = [[*row, row[-1]] for row in rows_of(small)]
    table[0][-1] = "truth"
    path = write_rows(tmp_path / "t.csv", table)
    one, other = (
        said(command("predict", small / "s/0", path, "-o", tmp_path / "o.csv", "--target", name))
        for name in ("answer", "truth")
    )
    assert metrics_in(one) == metrics_in(other)
    assert (
        "x of 240 rows" in said(command("predict", small / "age", path, "-o", tmp_path / "o.csv", "--target", "x"))[2]
    )


@pytest.mark.parametrize(
    ("labels", "kind", "file_labels"),
    [
        ([0, 1, 2] * 20, "int64", ["0", "1.0", "02"] * 20),
        ([0.5, 1.0, 2.0] * 20, "double", ["0.5", "1", "2e0"] * 20),
        ([True, False] * 30, "bool", ["True", "0"] * 30),
        (["1", "b"] * 30, "string", ["1", " b "] * 30),
    ],
)
def test_labels_of_each_type(labels: list[Any], kind: str, file_labels: list[str], tmp_path: Path) -> None:
    """Labels mean what they meant in training, however they are written."""
    x = np.random.default_rng(0).normal(size=60).tolist()
    parquet.write_table(pa.table({"x": x, "y": labels}), tmp_path / "t.parquet")
    train(
        tmp_path / "r",
        "data=table",
        "experiment=table_quick",
        f"data.path={tmp_path / 't.parquet'}",
        "data.target=y",
        "data.task=classification",
    )
    run = loaded(tmp_path / "r")
    assert run.task.targets[0].type == kind
    write_rows(tmp_path / "t.csv", [["x", "y"], *([repr(a), b] for a, b in zip(x, file_labels, strict=True))])
    found = [
        tables.predict_table(Ensemble([run]), str(tmp_path / name), tmp_path / "o.csv", ["y"]).scores.values
        for name in ("t.parquet", "t.csv")
    ]
    assert found[0] == found[1]
    assert found[0]["accuracy"] is not None


# ---- ensembles


def test_an_ensemble_is_the_mean(small: Path, tmp_path: Path, command: Command) -> None:
    folders = [small / f"s/{seed}" for seed in (0, 1, 2)]
    for index, folder in enumerate(folders):
        said(command("predict", folder, small / "table.csv", "-o", tmp_path / f"{index}.csv"))
    lines = said(command("predict", *folders, small / "table.csv", "-o", tmp_path / "all.csv"))
    assert lines[0] == f"average of 3 runs: {folders[0]}, {folders[1]}, {folders[2]}"
    ones = [content(tmp_path / f"{index}.csv")["probability_yes"].to_numpy() for index in range(3)]
    found = content(tmp_path / "all.csv")
    np.testing.assert_allclose(found["probability_yes"], np.mean(ones, axis=0), atol=1e-12)
    assert found["prediction"].to_pylist() == np.where(np.mean(ones, axis=0) > 0.5, "yes", "no").tolist()
    for index in range(3):
        single = content(tmp_path / f"{index}.csv")
        assert not found.equals(single)


def test_the_best_of_a_sweep(small: Path, tmp_path: Path, command: Command) -> None:
    scores = {seed: result_of(small / f"s/{seed}")["metrics"]["val"] for seed in range(3)}
    best = sorted(scores, key=lambda seed: scores[seed]["log_loss"])
    if result_of(small / "s/0")["monitor"] == "val_accuracy":
        best = sorted(scores, key=lambda seed: (-scores[seed]["accuracy"], seed))
    for top in (1, 2, 3):
        runs = [f"s/{seed}" for seed in best[:top]]
        head = "1 run" if top == 1 else f"average of {len(runs)} runs"
        lines = said(command("predict", "s", "table.csv", "-o", tmp_path / "o.csv", "--top", str(top), cwd=small))
        assert lines[0] == f"{head}: {', '.join(runs)}"
        said(command("predict", *runs, "table.csv", "-o", tmp_path / "p.csv", cwd=small))
        assert (tmp_path / "p.csv").read_bytes() == (tmp_path / "o.csv").read_bytes()


def test_a_sweep_with_failed_runs(small: Path, tmp_path: Path, command: Command) -> None:
    sweep = Path(shutil.copytree(small / "s", tmp_path / "s"))
    (sweep / "0/result.json").write_text(json.dumps({"status": "failed", "metrics": {}}), encoding="utf-8")
    (sweep / "1/model.pt").unlink()
    done = command("predict", sweep, small / "table.csv", "-o", tmp_path / "o.csv", "--top", "5")
    assert (done.returncode, done.stderr) == (0, f"{sweep}: 1 of 5: 2 of its 3 runs did not end well\n")
    assert done.stdout.splitlines()[0].endswith("s/2")
    (sweep / "2/model.pt").unlink()
    expected = f"{sweep}: expected the folder of a run, with model.pt, or of a sweep of such runs"
    assert refusal(command("predict", sweep, small / "table.csv", "-o", tmp_path / "o.csv")) == expected
    assert refusal(
        command("predict", tmp_path / "nowhere", small / "table.csv", "-o", tmp_path / "o.csv")
    ) == expected.replace(str(sweep), str(tmp_path / "nowhere"))


def test_runs_that_predict_something_else(command: Command, small: Path) -> None:
    table = small / "table.csv"
    assert refusal(command("predict", small / "s/0", small / "age", table, "-o", "o.csv")) == (
        f"{small}/age: its target is 'age', and that of {small}/s/0 is 'answer'; the average of runs is for those that "
        "predict the same"
    )


def test_runs_share_what_is_the_same(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of a sweep share columns and preprocessing; a run with other columns has its own."""
    runs = [loaded(small / f"s/{seed}") for seed in range(3)]
    made: list[int] = []
    features = FeatureSchema.features

    def counted(*given: Any) -> Any:
        made.append(1)
        return features(*given)

    monkeypatch.setattr(FeatureSchema, "features", counted)
    ensemble = Ensemble(runs)
    found = ensemble.predict_proba({name: column(small, name) for name in ensemble.names})
    assert len(made) == 1
    one = np.mean([run.predict_proba({name: column(small, name) for name in ensemble.names}) for run in runs], axis=0)
    np.testing.assert_allclose(found, one, atol=1e-12)


# ---- in Python


def test_load_gives_a_plain_module(small: Path) -> None:
    assert mlp_exp.load is load
    run = loaded(small / "s/0")
    assert (run.task.name, run.class_names, run.target_name) == ("binary", ("no", "yes"), "answer")
    assert [column.name for column in run.columns] == ["x", "age", "colour", "city", "patient", "time"]
    assert run.feature_names == ("x", "age", "time")
    assert run.config["seed"] == 0
    module = run.module
    assert isinstance(module, torch.nn.Module)
    assert not module.training
    linear = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    assert {tuple(layer.weight.shape) for layer in linear} >= {(8, linear[0].in_features)}
    saved = torch.load(small / "s/0/model.pt", weights_only=True)
    assert saved["format"] == 4
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, saved["state_dict"][name])


def test_predictions_in_python(small: Path, tmp_path: Path, command: Command) -> None:
    """Of anything with columns: as the command line writes them."""
    run = loaded(str(small / "s/0"))
    said(command("predict", small / "s/0", small / "table.csv", "-o", tmp_path / "o.csv"))
    expected = content(tmp_path / "o.csv")
    texts = {name: column(small, name) for name in run.feature_schema.names}
    typed = {**texts, "x": np.array(texts["x"], dtype=np.float64), "age": [float(a or "nan") for a in texts["age"]]}
    for table in (texts, typed, pa.table(texts), pa.table(typed).to_batches()[0], {**typed, "other": texts["x"]}):
        labels = run.predict(table)
        assert labels.dtype.kind == "U"
        assert labels.tolist() == expected["prediction"].to_pylist()
        probabilities = run.predict_proba(table)
        assert probabilities.shape == (240, 2)
        assert probabilities.dtype == np.float64
        np.testing.assert_allclose(probabilities[:, 1], expected["probability_yes"], atol=1e-6)
    nothing = {name: values[:0] for name, values in texts.items()}
    assert run.predict(nothing).tolist() == []
    assert run.predict_proba(nothing).shape == (0, 2)
    with pytest.raises(
        DataError, match=r"^the table: expected columns by name, since 'colour' is no number, got an array$"
    ):
        run.predict(np.zeros((2, 6)))
    with pytest.raises(
        DataError, match=r"^the table: the table has no column 'x', 'age', 'colour', 'city', 'patient', 'time'"
    ):
        run.predict({"z": [1]})


def test_values_in_their_own_unit(small: Path, tmp_path: Path, command: Command) -> None:
    run = loaded(small / "age")
    values = run.predict({name: column(small, name) for name in run.feature_schema.names})
    assert values.dtype == np.float64
    assert 10 < values.mean() < 90
    said(command("predict", small / "age", small / "table.csv", "-o", tmp_path / "o.csv"))
    found = content(tmp_path / "o.csv")
    assert found.column_names == ["prediction"]
    np.testing.assert_allclose(found["prediction"], values, rtol=1e-6)
    with pytest.raises(DataError, match=r"^'age' has values and no classes: there are no probabilities$"):
        run.predict_proba({})


NO_TABLES: list[tuple[Any, str]] = [
    ("people.csv", r"a path; read the file first, as with pandas\.read_csv$"),
    (Path("people.csv"), "a path; "),
    ([[0.0, 1.0]], r"a list; make it an array: numpy\.array\(…\)$"),
    ([{"x1": 0.0, "x2": 1.0}], r"a list; make it a data frame: pandas\.DataFrame\(…\)$"),
    (pd.Series([0.0, 1.0], ["x1", "x2"]), r"a Series; a row of a data frame as a table is frame\.iloc\[\[0\]\]"),
    ({"x1": [0.0], "x2": 1}, r"one value where a column should be \('x2': 1\); a list has a value for each row$"),
]


def test_a_run_on_arrays(small: Path, tmp_path: Path, command: Command) -> None:
    run = loaded(small / "moons")
    assert run.feature_names == ("x1", "x2")
    points = np.random.default_rng(0).normal(size=(9, 2))
    by_name = {"x2": points[:, 1], "x1": points[:, 0]}
    np.testing.assert_array_equal(run.predict_proba(points), run.predict_proba(by_name))
    assert set(run.predict(points)) <= {"upper", "lower"}
    assert run.predict(np.zeros((0, 2))).shape == (0,)
    for wrong, text in (
        (np.zeros(2), r"expected an array \[N, 2\], got shape \[2\]"),
        (np.zeros((3, 4)), r"expected an array \[N, 2\], got shape \[3, 4\]"),
        (np.array([["a", "b"]]), "expected columns by name, or an array of numbers: could not convert"),
        *((wrong, rf"expected columns by name, or an array of numbers, got {got}") for wrong, got in NO_TABLES),
        (
            np.array([[0.0, np.inf]]),
            "column 'x2': 1 of 1 cells are not of the form that it had in training, first in row 0, from 0: expected "
            "a finite number, found 'inf'",
        ),
    ):
        with pytest.raises(DataError, match=rf"^the table: {text}"):
            run.predict(wrong)
    path = write_rows(tmp_path / "t.csv", [["x2", "x1"], *([repr(float(b)), repr(float(a))] for a, b in points)])
    said(command("predict", small / "moons", path, "-o", tmp_path / "o.csv"))
    np.testing.assert_allclose(
        content(tmp_path / "o.csv")["probability_lower"], run.predict_proba(points)[:, 1], atol=1e-6
    )


def test_data_frames_that_mix_texts_and_numbers(small: Path) -> None:
    """Such a column is one of texts, as in the CSV file that pandas would write."""
    pandas = pytest.importorskip("pandas")
    run = loaded(small / "s/0")
    columns: dict[str, Any] = {name: column(small, name)[:6] for name in run.feature_schema.names}
    columns["x"] = ["0.5", 1.5, 2, None, float("nan"), np.float64(-1)]
    columns["city"] = ["city 1", 3, 1.5, True, None, "city 2"]
    columns["other"] = [object(), 1, "a", {}, [], None]
    frame = pandas.DataFrame(columns)
    texts = {**columns, "x": ["0.5", "1.5", "2", None, None, "-1.0"]}
    texts |= {"city": ["city 1", "3", "1.5", "True", None, "city 2"], "other": list("abcdef")}
    seen: list[pa.Table] = []
    check = type(run).outputs

    def noted(self: Any, table: pa.Table, misfits: Misfits) -> Any:
        seen.append(table)
        return check(self, table, misfits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(run), "outputs", noted)
        np.testing.assert_array_equal(run.predict_proba(frame), run.predict_proba(texts))
    assert seen[0].select(["x", "city"]).to_pydict() == {name: texts[name] for name in ("x", "city")}
    assert frame["x"][1] == 1.5
    with pytest.raises(DataError, match=r"^the table: expected columns by name, or an array of numbers: "):
        run.predict(columns)


def test_loading_draws_nothing(small: Path) -> None:
    before = torch.random.get_rng_state()
    load(small / "s/0")
    assert torch.equal(torch.random.get_rng_state(), before)


# ---- the command


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("o.txt", "o.txt: expected a name that ends in .csv, .csv.gz or .parquet"),
        ("o", "o: expected a name that ends in .csv, .csv.gz or .parquet"),
        ("no/o.csv", "no/o.csv: expected the name of a file, and there is no folder 'no'; make it: mkdir -p no"),
        ("d.csv", "d.csv: expected the name of a file, and it is a folder"),
        ("t.csv", "t.csv: is the table itself; expected another file for the predictions"),
        ("./link.csv", "link.csv: is the table itself; expected another file for the predictions"),
    ],
)
def test_an_output_that_cannot_be(
    command: Command, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(small / "table.csv", "t.csv")
    (tmp_path / "link.csv").symlink_to("t.csv")
    (tmp_path / "d.csv").mkdir()
    assert refusal(command("predict", "no run at all", "t.csv", "-o", output)) == message
    assert (tmp_path / "t.csv").read_bytes() == (small / "table.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["r", "t.csv"], "the following arguments are required: -o/--output"),
        (["r", "-o", "o.csv"], "the following arguments are required: TABLE"),
        (["r", "t.csv", "-o", "o.csv", "--top", "0"], "argument --top: expected a whole number from 1 on, got '0'"),
    ],
)
def test_arguments_that_do_not_fit(command: Command, arguments: list[str], message: str) -> None:
    done = command("predict", *arguments)
    assert done.returncode == 2
    assert done.stderr.endswith(f"mlp-predict: error: {message}\n")


def test_an_interrupt_leaves_nothing(
    command: Command, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "o.csv").write_text("before", encoding="utf-8")

    def interrupted(*_: object) -> Iterator[pa.Table]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ensemble, "answers_and_seen", interrupted)
    done = command("predict", small / "s/0", small / "table.csv", "-o", tmp_path / "o.csv")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")
    assert (tmp_path / "o.csv").read_text(encoding="utf-8") == "before"
    assert files_in(tmp_path) == {"o.csv"}


def test_class_names_of_any_signs(tmp_path: Path, command: Command) -> None:
    x = np.random.default_rng(0).normal(size=60)
    names = ['say "a, b"', "[red]größe", "a b"]
    table = {"x": x, "y": [names[i % 3] for i in range(60)]}
    parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    train(tmp_path / "r", *QUICK_TABLE, f"data.path={tmp_path / 't.parquet'}", "data.target=y")
    for output in ("o.csv", "o.parquet"):
        said(command("predict", tmp_path / "r", tmp_path / "t.parquet", "-o", tmp_path / output, "--target", "y"))
    found = content(tmp_path / "o.csv")
    assert found.column_names == ["prediction", *(f"probability_{name}" for name in sorted(names))]
    assert found.equals(content(tmp_path / "o.parquet"))
    assert set(found["prediction"].to_pylist()) <= set(names)


@pytest.mark.slow
def test_options_may_stand_anywhere_and_torch_is_imported_when_it_is_needed(
    command: Command, small: Path, tmp_path: Path
) -> None:
    code = (
        "import sys, mlp_exp, mlp_exp.predict as p\n"
        "try: p.main(['--help'])\nexcept SystemExit: pass\n"
        "print('torch' in sys.modules, dir(mlp_exp).count('load'), hasattr(mlp_exp, 'nothing'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path, env=clean_environment()
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: mlp-predict [OPTIONS] RUN [RUN ...] [TABLE] -o OUT\n")
    assert done.stdout.endswith("False 1 False\n")
    done = command("predict", small / "s/0", small / "s/1", "-o", "o.csv", small / "table.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"ignored: split, answer\n168 of 240 {SEEN}\n240 predictions: o.csv\n")
    assert len(content(tmp_path / "o.csv")) == 240
