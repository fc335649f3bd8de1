"""The content of a model file, validated before it is used: it may come from a stranger."""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from mlp_exp.config.schema import MOST_MEMBERS
from mlp_exp.data.dataset import Column, Kind, TargetColumn, TaskName
from mlp_exp.data.row_hashes import MOST_ROWS
from mlp_exp.data.table.dates import ORDERS, DateForm, check_date_format
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.numbers import NumberForm
from mlp_exp.data.table.schema import FeatureSchema, arrow_type
from mlp_exp.data.text.encoder import TextEncoder
from mlp_exp.model.several import by_module
from mlp_exp.storage.checked import Closed

Count = Annotated[int, Field(ge=0)]
Scale = Annotated[FiniteFloat, Field(gt=0)]
MOST_OF_AN_AFFIX = 32


class SavedNumberForm(Closed):
    decimal: Literal[".", ","]
    grouping: Literal["", ",", ".", "'", " ", "_"]
    prefix: Annotated[str, Field(max_length=MOST_OF_AN_AFFIX)]
    suffix: Annotated[str, Field(max_length=MOST_OF_AN_AFFIX)]


class SavedDateForm(Closed):
    order: str
    zoned: bool

    @field_validator("order")
    @classmethod
    def is_known(cls, order: str) -> str:
        if order not in ORDERS and check_date_format(order):
            raise ValueError(f"expected an order of dates, got '{order[:20]}'")
        return order


SavedForm = SavedNumberForm | SavedDateForm | None


class SavedColumn(Closed):
    name: str
    kind: Kind
    note: str
    missing: Count
    parts: list[Literal["year", "weekday", "hour"]]
    type: str
    form: SavedForm = None
    remarks: Annotated[list[str], Field(default_factory=list)]


class SavedNumbers(Closed):
    fill: list[FiniteFloat]
    shift: list[FiniteFloat]
    scale: list[Annotated[float, Field(gt=0)]]
    clips: bool
    normal: bool
    quantiles: Annotated[list[list[FiniteFloat]], Field(min_length=1)] | None = None


class SavedCategory(Closed):
    name: str
    texts: list[str]
    has_missing: bool
    embedded: bool


class SavedText(Closed):
    """The columns' own arrays; the file's size bounds theirs."""

    name: str
    idf: str
    topics: str
    scores: str
    shift: list[FiniteFloat]
    scale: list[Annotated[float, Field(gt=0)]]

    @model_validator(mode="after")
    def is_complete(self) -> Self:
        TextEncoder.from_state(self.model_dump())
        return self


class SavedScaling(Closed):
    """Of a target; lists for several."""

    shift: FiniteFloat | list[FiniteFloat]
    scale: Scale | list[Scale]
    log: bool
    low: FiniteFloat | list[FiniteFloat] | None = None  # models of earlier versions have no bounds
    high: FiniteFloat | list[FiniteFloat] | None = None


class SavedTarget(Closed):
    """A column that is predicted."""

    name: str
    class_names: list[str]
    type: str
    form: SavedForm = None


class SavedPreprocess(Closed):
    numbers: SavedNumbers
    ranks: bool
    indicators: list[Count]
    categories: list[SavedCategory]
    embedding_width: Annotated[int, Field(ge=1)]
    target: SavedScaling
    texts: Annotated[list[SavedText], Field(default_factory=list)]  # models of earlier versions have none
    embed_ranks: bool = False

    @model_validator(mode="after")
    def lengths_agree(self) -> Self:
        numbers = self.numbers
        count = len(numbers.fill)
        rows = numbers.quantiles or []
        if any(len(row) != count for row in (numbers.shift, numbers.scale, *rows)):
            raise ValueError(f"expected {count} of each figure, one for each number")
        if (self.ranks or numbers.normal) != bool(rows):
            raise ValueError("expected quantiles where there are ranks, and only there")
        if any(index >= count for index in self.indicators):
            raise ValueError(f"expected indicators of {count} numbers")
        return self


class SavedReading(BaseModel):
    """How a table was read, as far as it matters for prediction."""

    model_config = ConfigDict(strict=True, extra="ignore")
    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str = "utf-8"
    header: bool = True
    missing: list[str | int | float] = []
    keep_default_missing: bool = True


class SavedModel(BaseModel):
    """The content of `model.pt`, or a part of it where the file is a combination of runs."""

    model_config = ConfigDict(strict=True, extra="ignore", arbitrary_types_allowed=True)
    config: dict[str, Any]
    task: TaskName
    feature_names: list[str]
    targets: Annotated[list[SavedTarget], Field(min_length=1)]
    columns: list[SavedColumn]
    preprocess: SavedPreprocess
    scaling: SavedScaling
    temperature: Scale = 1.0
    thresholds: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(default_factory=list)]
    out_features: Annotated[int, Field(ge=1)]
    state_dict: dict[str, torch.Tensor]
    reading: SavedReading
    training_rows: torch.Tensor | None = None

    @model_validator(mode="before")
    @classmethod
    def of_format_2(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Models of format 2 have one target, and its scaling among the preprocessing."""
        if content.get("format") != 2:
            return content
        names = {"name": "target_name", "class_names": "class_names", "type": "target_type", "form": "target_form"}
        target = {name: content.get(key) for name, key in names.items()}
        made = content.get("preprocess")
        return {**content, "targets": [target], "scaling": made.get("target") if isinstance(made, dict) else None}

    @field_validator("training_rows")
    @classmethod
    def are_hashes(cls, rows: torch.Tensor | None) -> torch.Tensor | None:
        if rows is not None and (rows.dtype != torch.int64 or rows.dim() != 1 or len(rows) > MOST_ROWS):
            raise ValueError(f"expected at most {MOST_ROWS} whole numbers, got shape {list(rows.shape)} ({rows.dtype})")
        return rows

    @model_validator(mode="after")
    def parts_agree(self) -> Self:
        counts = [len(target.class_names) for target in self.targets]
        fits = {
            "binary": counts == [2],
            "multiclass": len(counts) == 1 and counts[0] > 2,
            "ordinal": len(counts) == 1 and counts[0] > 2,
            "multilabel": len(counts) > 1 and set(counts) == {2},
            "regression": set(counts) == {0},
        }
        if not fits[self.task]:
            raise ValueError(f"expected the class names of a {self.task} task, got {', '.join(map(str, counts))}")
        for names in ([target.name for target in self.targets], *(target.class_names for target in self.targets)):
            if len({*names}) < len(names):
                raise ValueError("expected targets, and classes of a target, of different names")
        scaled = len(counts) if self.task == "regression" else 1
        scaling = self.scaling
        for size in (scaling.shift, scaling.scale, scaling.low, scaling.high):
            if size is None:
                continue
            if (len(size) if isinstance(size, list) else 1) != scaled or isinstance(size, list) != (scaled > 1):
                raise ValueError(f"expected the scaling of {scaled} target{'s' * (scaled > 1)}")
        if len(self.preprocess.numbers.fill) != len(self.feature_names):
            raise ValueError(f"expected figures of {len(self.feature_names)} numbers, one for each feature name")
        if missing := [group for group in ("data", "model", "loss") if not _has_target(self.config.get(group))]:
            raise ValueError(f"config: expected {missing[0]} with a _target_")
        if [name for column in self.used_columns for name in column.number_names] != self.feature_names:
            raise ValueError("expected columns that give the features")
        made = self.preprocess
        for kind, what, each in (("category", "categories", made.categories), ("text", "texts", made.texts)):
            if [column.name for column in self.used_columns if column.kind == kind] != [one.name for one in each]:
                raise ValueError(f"expected columns that give the {what}")
        for name in (*(target.type for target in self.targets), *(column.type for column in self.used_columns)):
            arrow_type(name)
        _ = self.networks
        return self

    @cached_property
    def networks(self) -> list[dict[str, torch.Tensor]]:
        """The weights of each network by the names in its module: of one, or of the members of an ensemble.

        Raises ValueError if the file does not hold as many as its configuration says.
        """
        ensemble = self.config.get("ensemble") or {}
        count = ensemble.get("members", 1) if isinstance(ensemble, dict) else None
        if type(count) is not int or not 1 <= count <= MOST_MEMBERS:
            raise ValueError(f"config.ensemble.members: expected a whole number from 1 to {MOST_MEMBERS}, got {count}")
        found = by_module(self.state_dict, count)
        if sum(map(len, found)) < len(self.state_dict) or (count > 1 and not all(found)):
            raise ValueError(f"state_dict: expected names from 0.… to {count - 1}.…, those of {count} networks")
        return found

    @property
    def used_columns(self) -> tuple[Column, ...]:
        """The columns that are features; those of data that was no table are numbers and texts."""
        if not self.columns:
            categories = (Column(c.name, "category", type="string") for c in self.preprocess.categories)
            texts = (Column(each.name, "text", type="string") for each in self.preprocess.texts)
            return (*(Column(name, "number", type="double") for name in self.feature_names), *categories, *texts)
        columns = (
            Column(
                **{
                    **vars(column),
                    "parts": tuple(column.parts),
                    "form": self._form(column.form, column.kind),
                    "remarks": (),
                }
            )
            for column in self.columns
        )
        return tuple(column for column in columns if column.number_names or column.kind in ("category", "text"))

    @property
    def feature_schema(self) -> FeatureSchema:
        reading = self.reading
        words = tuple(map(str, reading.missing))
        format = Format(
            reading.separator, reading.decimal, reading.encoding, words, reading.keep_default_missing, reading.header
        )
        return FeatureSchema(self.used_columns, format)

    @property
    def target_columns(self) -> tuple[TargetColumn, ...]:
        return tuple(
            TargetColumn(
                target.name,
                tuple(target.class_names),
                target.type,
                self._form(target.form, "category" if target.class_names else "number"),
            )
            for target in self.targets
        )

    def _form(self, saved: SavedForm, kind: Kind) -> NumberForm | DateForm | None:
        """A form; models of earlier versions have none, and the decimal sign of their configuration."""
        if saved is None:
            return NumberForm(self.reading.decimal or ".") if kind == "number" else None
        return (NumberForm if isinstance(saved, SavedNumberForm) else DateForm)(**vars(saved))


def _has_target(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("_target_"), str)
