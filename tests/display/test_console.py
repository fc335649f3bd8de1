"""What is printed: the table of results, messages, the progress bar."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from support.commands import table_of

from mlp_exp.display.console import ConsoleHandler, width
from mlp_exp.display.progress import epoch_bar, open_with_progress
from mlp_exp.display.tables import print_scores

# what is printed


@pytest.fixture(autouse=True)
def plain_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console of 80 columns that is no terminal, whatever the environment says."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    console = Console()
    for module in ("console", "progress"):
        monkeypatch.setattr(f"mlp_exp.display.{module}.get_console", lambda: console)


def test_the_table_of_results(capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(
        "Results of the best epoch",
        {
            "train": {"accuracy": 1.0, "roc_auc": 0.99996, "log_loss": 0.00004},
            "val": {"accuracy": 0.5, "roc_auc": 0.12345, "log_loss": 12.5},
            "test": {"accuracy": 2 / 3, "roc_auc": None, "log_loss": 0.0},
        },
    )
    out, err = capsys.readouterr()
    assert out.splitlines()[0].strip() == "Results of the best epoch"
    assert table_of(out.splitlines()) == [
        ["metric", "train", "val", "test"],
        ["accuracy", "1.0000", "0.5000", "0.6667"],
        ["roc_auc", "1.0000", "0.1235", "–"],
        ["log_loss", "4e-05", "12.500", "0.0000"],
    ]
    assert err == ""
    assert "\x1b" not in out


def test_the_table_of_a_regression_without_validation(capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(
        "Results of the best epoch", {"train": {"rmse": 53.21987, "r2": -0.5}, "test": {"rmse": 12345.6789, "r2": None}}
    )
    out = capsys.readouterr().out
    assert table_of(out.splitlines()) == [
        ["metric", "train", "test"],
        ["rmse", "53.220", "12346"],
        ["r2", "-0.5000", "–"],
    ]
    assert "│ rmse   │ 53.220  │ 12346 │" in out  # points are below one another
    assert "│ r2     │ -0.5000 │     – │" in out


def test_intervals_and_reasons_fit_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("mean_absolute_class_error", "roc_auc", "r2", "rmse", "brier", "crps")
    values = dict(zip(names, (0.95123, None, -0.25, 123.456, 0.000123456, 0.0), strict=True))
    ends = dict(zip(names, ((0.9312, 0.9671), None, (-0.7, 0.25), (98.7, 154.3), (1e-5, 2e-4), (0, 0)), strict=True))
    print_scores(
        "Results of the best epoch",
        {"train": values, "val": values, "test": values},
        {"val": {"roc_auc": "only one class in this part"}, "test": {"roc_auc": "only one class in this part"}},
        {"test": ends},
    )
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert table_of(lines)[1] == ["mean_absolute_class_error", "0.9512", "0.9512", "0.9512 (0.931–0.967)"]
    assert [row[3] for row in table_of(lines) if row[0] in names[2:]] == [
        "-0.2500 (-0.70 to 0.25)",
        "123.46 (99–154)",
        "0.0001235 (1e-05–0.0002)",
        "0.0000 (0.0000–0.0000)",
    ]
    assert "only one class in" in " ".join(lines)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.Logger("of a test", logging.DEBUG)
    made.addHandler(ConsoleHandler())
    yield made
    made.handlers.clear()


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_errors_go_to_standard_error(capsys: pytest.CaptureFixture[str], logger: logging.Logger, level: str) -> None:
    logger.log(getattr(logging, level), "%d of %s", 3, "four")
    out, err = capsys.readouterr()
    assert (out, err) == (("", "3 of four\n") if level in ("ERROR", "CRITICAL") else ("3 of four\n", ""))


@pytest.mark.parametrize(
    "message",
    [
        "[bold]no markup[/bold] model.hidden_sizes=[64,32]",
        "one line " * 40 + "end",
        "first\n  second",
        "https://example.org /tmp/a/b.py 0.123 'text' None",
        "C:warning:x and :smile: are no pictures",
        "",
    ],
)
@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_messages_are_printed_as_they_are(
    capsys: pytest.CaptureFixture[str], logger: logging.Logger, message: str, level: int
) -> None:
    logger.log(level, message)
    out, err = capsys.readouterr()
    assert out + err == message + "\n"


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_on_a_terminal_lines_break_at_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logger: logging.Logger, level: int
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(width=30)
    monkeypatch.setattr("mlp_exp.display.console.get_console", lambda: console)
    monkeypatch.setenv("COLUMNS", "30")
    logger.log(level, "The run diverged in epoch 1: its loss\nis no number. Go on with: mlp-exp resume=a/long/folder")
    out, err = capsys.readouterr()
    assert (out + err).splitlines() == [
        "The run diverged in epoch 1:",
        "its loss",
        "is no number. Go on with:",
        "mlp-exp resume=a/long/folder",
    ]


def test_without_a_terminal_lines_have_80_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where another stream is a terminal that is wider."""
    console = Console(width=200)
    monkeypatch.setattr("mlp_exp.display.console.get_console", lambda: console)
    assert width() == 200
    monkeypatch.delenv("COLUMNS")
    assert width() == 80
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    console = Console(width=200)
    assert width() == 200


def test_a_traceback_is_printed_with_an_error(capsys: pytest.CaptureFixture[str], logger: logging.Logger) -> None:
    try:
        raise ValueError("deep inside")
    except ValueError:
        logger.exception("it broke")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("it broke\nTraceback (most recent call last):\n")
    assert err.endswith("ValueError: deep inside\n")


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with epoch_bar() as bar:
        task = bar.add_task("", total=3)
        bar.update(task, advance=1, description="train loss 0.5000")
        assert bar.tasks[0].completed == 1
    assert capsys.readouterr().out.strip() == ""


def test_the_bar_of_a_file_shows_its_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "[red]t.csv"
    path.write_bytes(bytes(2000))
    for terminal in (True, False):
        shown = io.StringIO()
        console = Console(file=shown, force_terminal=terminal, width=100)
        monkeypatch.setattr("mlp_exp.display.progress.get_console", lambda console=console: console)
        with open_with_progress(path) as raw:
            assert raw.read(500) == bytes(500)
        assert ("reading [red]t.csv" in shown.getvalue()) == terminal
        assert ("0.5/2.0 kB" in shown.getvalue()) == terminal


def test_the_bar_of_a_file_that_arrow_has_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(bytes(2000))
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr("mlp_exp.display.progress.get_console", lambda: console)
    with open_with_progress(path) as raw:
        raw.close()
    assert raw.closed
