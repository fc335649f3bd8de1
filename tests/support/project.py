"""The folders of the project, and what its configuration offers."""

from pathlib import Path

from support.tables import write_table

ROOT = Path(__file__).resolve().parent.parent.parent
CONF = ROOT / "conf"


def options() -> list[tuple[str, str]]:
    """Every option of every component group, as `(group, option)`, in the order of their names."""
    files = sorted(CONF.glob("*/*.yaml"))
    return [
        (file.parent.name, file.stem) for file in files if file.parent.name not in ("experiment", "local", "search")
    ]


def option_with_values(group: str, option: str, folder: Path) -> list[str]:
    """The override that takes an option, with those that the option cannot do without; files go into `folder`."""
    words = [f"{group}={option}"]
    column = {"group": "patient", "time": "time", "column": "split"}.get(option) if group == "split" else None
    if column or (group, option) == ("data", "table"):
        words += [f"data.path={write_table(folder)}", "data.target=answer"]
    if column:
        words += ["data=table", f"split.column={column}"]
    if (group, option) == ("split", "files"):
        for part, rows in (("train", range(700)), ("val", range(700, 800)), ("test", range(800, 1000))):
            (folder / f"{part}.txt").write_text("\n".join(map(str, rows)), encoding="utf-8")
            words.append(f"split.{part}={folder / part}.txt")
    return words


def presets() -> list[str]:
    """The names of the experiment presets."""
    return sorted(file.stem for file in (CONF / "experiment").glob("*.yaml"))


MODEL_KEYS = (
    "activation, dropout, dropout_schedule, embedding_hidden, embedding_width, frequency_scale, hidden_sizes, "
    "most_embedded, norm, number_embedding, residual, scale_inputs, stack"
)
"""Of our own network, as a mistake names them."""

QUICK_TABLE = ("data=table", "experiment=table_quick")
"""A table with the quick preset: most tests of tables are not about how good the network is."""
