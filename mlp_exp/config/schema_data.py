"""The type and range of every key of the groups `data`, `split` and `preprocess`."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlp_exp.config.components import public_name
from mlp_exp.config.value_types import (
    Count,
    DateFormat,
    File,
    Files,
    Flag,
    Fraction,
    Name,
    Names,
    Natural,
    NonNegative,
    Positive,
    Separator,
    Target,
    Targets,
    Text,
    Words,
)

FRACTION_OR_FILE = "a fraction from 0 to 1 (split=files: the path of a file of row numbers)"


class Group(BaseModel):
    """A node that is built by its `_target_`, which may be the user's own."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False, populate_by_name=True)

    import_path: Target = Field(alias="_target_")


class Data(Group):
    max_rows: Annotated[int | None, Field(ge=10, description="a whole number, 10 or more, or null for all rows")] = None
    n_samples: Annotated[int, Field(ge=10, description="a whole number, 10 or more")] = 1000
    seed: Natural = 0
    noise: NonNegative = 0.0
    turns: Positive = 1.0
    n_classes: Annotated[int, Field(ge=2, description="a whole number, 2 or more")] = 2
    name: Text = ""
    path: Files = ""
    target: Targets = ""
    task: Literal["auto", "classification", "binary", "multiclass", "ordinal", "multilabel", "regression"] = Field(
        "auto", description="one of auto, classification, binary, multiclass, ordinal, multilabel, regression"
    )
    order: list[str | int | float] | None = Field(
        None,
        min_length=3,
        description="a list of three classes or more, such as [low,medium,high], or null (two need no order)",
    )
    weight: Name | None = Field(None, description="the name of a column, or null")
    columns: Names | None = Field(None, description="a list of column names, such as [age,income], or null for all")
    numeric: Names = []
    categorical: Names = []
    dates: Names = []
    drop: Names = []
    text: Names = []
    missing: Words = []
    keep_default_missing: Flag = True
    dayfirst: bool | None = Field(None, description="true, false, or null to find it")
    date_format: DateFormat = None
    separator: Separator = None
    decimal: Literal[".", ","] | None = Field(None, description="'.', ',', or null to find it")
    encoding: Text = "utf-8"
    header: Flag = True
    ragged_rows: Literal["error", "skip"] = Field("error", description="error or skip")


class Split(Group):
    train: Annotated[Fraction | File, Field(description=FRACTION_OR_FILE)] = 1.0
    val: Annotated[Fraction | File | None, Field(description=FRACTION_OR_FILE)] = 0.0
    test: Annotated[Fraction | File, Field(description=FRACTION_OR_FILE)] = 0.0
    column: Name = ""
    folds: Annotated[int, Field(ge=2, description="a whole number, 2 or more")] = 2
    fold: Natural = 0
    seed: Annotated[int | None, Field(ge=0, description="a whole number, 0 or more, or null for the run's seed")] = None

    @model_validator(mode="after")
    def parts_fit(self) -> Self:
        given = {name: getattr(self, name) for name in ("train", "val", "test") if name in self.model_fields_set}
        in_files = self.import_path == public_name("FileSplit")
        for name, value in given.items():
            if isinstance(value, float | int) == in_files:
                expected = "the path of a file of row numbers" if in_files else "a fraction from 0 to 1"
                raise ValueError(f"{name}: expected {expected}, got {'null' if value is None else repr(value)}")
        if len(given) == 3 and not in_files:
            total = sum(given.values())
            if abs(total - 1) > 1e-6 or given["train"] == 0:
                raise ValueError(
                    "expected train + val + test to be 1, with train above 0, "
                    f"got {' + '.join(f'{value:g}' for value in given.values())} = {total:g}"
                )
        if "folds" in self.model_fields_set and self.fold >= self.folds:
            raise ValueError(f"fold: expected a whole number from 0 to {self.folds - 1}, got {self.fold}")
        return self


class Preprocess(Group):
    scaling: Literal["none", "standard", "robust", "quantile"] = Field(
        "standard", description="one of none, standard, robust, quantile"
    )
    ranks: Flag = False
    distinct_ranks: Flag = False
    embed_ranks: Flag = False
    one_hot_max: Natural = 64
    embedding_width: Count = 8
    log_target: Flag = False
    text_width: Annotated[int, Field(ge=1, le=256, description="a whole number from 1 to 256")] = 32
