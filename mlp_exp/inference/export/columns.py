"""Raw columns as numeric features and codes, the work of a `FeatureSchema`, in operations that ONNX has, too."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mlp_exp.data.vocabulary import FIRST, MISSING, UNSEEN, Vocabulary
from mlp_exp.inference.export.dates import PARTS, waves
from mlp_exp.inference.export.normal_quantile import double
from mlp_exp.inference.export.raw_columns import MISSING_PLACE, UNSEEN_PLACE, RawColumns, is_seconds
from mlp_exp.inference.trained_run import TrainedRun

NAN = double(math.nan)


class Columns(nn.Module):
    """Raw columns as what one run, or several that read columns in the same way, make of them."""

    numbers: Tensor | None
    dates: Tensor | None
    order: Tensor | None
    can_be_missing: Tensor
    missing: Tensor | None
    missing_days: Tensor | None
    are_dates: Tensor
    categories: Tensor | None
    sizes: Tensor
    starts: Tensor
    codes: Tensor

    def __init__(self, raw: RawColumns, run: TrainedRun) -> None:
        super().__init__()
        own, names = [c for c in run.columns if c.kind != "category"], [column.name for column in raw.numbers]
        self._add("numbers", [names.index(column.name) for column in own])
        dates = [place for place, column in enumerate(own) if column.parts]
        self._add("dates", dates)
        self.parts = [part for part in PARTS if any(part in column.parts for column in own)]
        order = []
        for place, column in enumerate(own):
            order.append(place)
            for part in column.parts:
                wave = len(own) + 2 * (len(dates) * self.parts.index(part) + dates.index(place))
                order += [wave, wave + 1]
        self._add("order", order)
        self._add("missing", run.feature_schema.format.missing_numbers)
        self._add("missing_days", run.feature_schema.format.missing_days)
        self._add("are_dates", [column.kind == "date" for column in own])
        self._add("can_be_missing", [column.kind == "number" and not is_seconds(column) for column in own])
        self._add_codes(raw, run)

    def _add(self, name: str, values: Sequence[float]) -> None:
        """Keeps integers, booleans or float64 numbers as a buffer; an archive needs no empty ones."""
        self.register_buffer(name, torch.from_numpy(np.array(values)) if len(values) else None)

    def _add_codes(self, raw: RawColumns, run: TrainedRun) -> None:
        vocabularies, names = run.preprocessing.vocabularies, [column.name for column in raw.categories]
        places = [names.index(vocabulary.name) for vocabulary in vocabularies]
        missing = set(run.feature_schema.format.all_missing)
        tables = [_codes(raw.texts[place], v, missing) for place, v in zip(places, vocabularies, strict=True)]
        self._add("categories", places)
        self._add("sizes", [len(table) for table in tables])
        self._add("starts", [sum(map(len, tables[:place])) for place in range(len(tables))])
        self._add("codes", [code for table in tables for code in table])

    def forward(self, numbers: Tensor | None, categories: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Raw columns → numeric features `[B, F]` and codes `[B, C]` of the vocabularies; None where the run has none.

        Args:
            numbers: `[B, R]` float64, finite or NaN where missing; None where no run has any.
            categories: `[B, S]` int64, each a place in its texts, `MISSING_PLACE`, or any other number for an unseen
                text; None where no run has any.
        """
        features = codes = None
        if numbers is not None and self.numbers is not None:
            features = self._features(numbers[:, self.numbers])
        if categories is not None and self.categories is not None:
            codes = self._codes(categories[:, self.categories])
        return features, codes

    def _features(self, own: Tensor) -> Tensor:
        if self.missing is not None:
            is_word = (own[..., None] == self.missing).any(dim=2)
            own = torch.where(is_word & self.can_be_missing, NAN, own)
        if self.missing_days is not None:
            is_day = (own.floor()[..., None] == self.missing_days).any(dim=2)
            own = torch.where(is_day & self.are_dates, NAN, own)
        if self.dates is None:
            return own
        return torch.cat([own, waves(own[:, self.dates], self.parts)], dim=1)[:, self.order]

    def _codes(self, places: Tensor) -> Tensor:
        rows = places - UNSEEN_PLACE
        rows = torch.where((rows >= 0) & (rows < self.sizes), rows, 0)
        return self.codes[rows + self.starts]


def _codes(texts: Sequence[str], vocabulary: Vocabulary, missing: set[str]) -> list[int]:
    """The code of an unseen text, of a missing one, and of each of these texts, at its place - `UNSEEN_PLACE`."""
    assert (UNSEEN_PLACE, MISSING_PLACE) == (-2, -1)
    known = {text: FIRST + place for place, text in enumerate(vocabulary.texts)} | dict.fromkeys(missing, MISSING)
    return [UNSEEN, MISSING, *(known.get(text, UNSEEN) for text in texts)]
