"""A regressor with scikit-learn's interface."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from mlp_exp.data.splits.sampling import Codes
from mlp_exp.data.statistics import Floats
from mlp_exp.errors import InputError
from mlp_exp.estimators.base import TableEstimator
from mlp_exp.estimators.inputs import table_like_fitted
from mlp_exp.estimators.targets import values


class TableRegressor(RegressorMixin, TableEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Values of the rows of a table, one or several each, from one network, or from several that are averaged.

    Arguments and attributes are those of `TableClassifier`, without classes.

    Example:
        >>> rows, prices = {"rooms": [1, 2, 3, 4] * 15, "town": ["a", "b", "c"] * 20}, [90.0, 120, 150, 180] * 15
        >>> model = TableRegressor(loss="quantile", epochs=5, random_state=0).fit(rows, prices)
        >>> model.predict_quantiles({"rooms": [2, 3], "town": ["a", "b"]}).shape  # 5 %, 50 % and 95 %
        (2, 3)
    """

    task = "regression"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def checked_target(self, y: Any, rows: int) -> NDArray[Any]:
        return values(y, rows)

    def target_columns(self, y: NDArray[Any], *, reset: bool) -> tuple[dict[str, pa.Array], Codes | None]:
        columns = [y] if y.ndim == 1 else list(y.T)
        for place, column in enumerate(columns):
            if reset and column.min() == column.max():
                which = f", column {place}" if len(columns) > 1 else ""
                raise InputError(f"y{which}: expected different values, got {column[0]:g} in all {len(column)} rows")
        names = ["target"] if len(columns) == 1 else [f"target{place}" for place in range(len(columns))]
        return {name: pa.array(column) for name, column in zip(names, columns, strict=True)}, None

    def predict(self, X: Any) -> Floats:  # noqa: N803
        """The values `[N]`, of T targets `[N, T]`, of the rows of X, as `fit` takes it.

        Raises:
            NotFittedError: nothing is trained yet.
            ValueError: X does not have the columns of training, or they are of other types.
        """
        with self.predicting() as run:
            return np.asarray(run.predict(table_like_fitted(self, X)))

    def predict_quantiles(self, X: Any) -> Floats:  # noqa: N803
        """The quantiles `[N, Q]` of a regressor with `loss="quantile"`, whose levels ascend.

        Arguments and errors are those of `predict`; InputError for another loss, too.
        """
        with self.predicting() as run:
            return run.predict_quantiles(table_like_fitted(self, X))
