"""A classifier with scikit-learn's interface."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from mlp_exp.data.splits.sampling import Codes
from mlp_exp.data.statistics import Floats
from mlp_exp.errors import InputError
from mlp_exp.estimators.base import TableEstimator
from mlp_exp.estimators.inputs import table_like_fitted
from mlp_exp.estimators.targets import class_column, codes_of, labels


class TableClassifier(ClassifierMixin, TableEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classes of the rows of a table, from one network, or from several whose answers are averaged.

    It is what `python -m mlp_exp.run data=table` trains, with the same presets; None leaves a setting to the preset.
    Texts and data frames' categories are categories, booleans and dates are themselves, and anything may be missing.

    Args:
        members: number of networks; of several each validates on its own part of the rows (`experiment=table_best`).
        hidden_sizes: width of each hidden layer.
        dropout: rate, at least 0 and below 1.
        lr: learning rate.
        weight_decay: of the optimizer.
        epochs: upper bound.
        batch_size: rows per step.
        loss: an option of `loss`, as `focal`.
        val: fraction of the rows that choose the best epoch of a single network; none where they would be under 10.
        categorical: names or places of columns that are categories although they are numbers.
        overrides: for all other keys of the configuration: a dict, or texts as on the command line.
        device: `cpu`, `cuda`, `mps` or `auto`.
        random_state: seed; a generator gives the next one, and None one of NumPy's global generator.
        verbose: 0 prints nothing, 1 what the command line would.

    Attributes:
        classes_: the C labels of training, sorted, of the type of y.
        n_features_in_: number of features F.
        feature_names_in_: their names, where X had some.
        run_: the files of the trained run.

    Example:
        >>> rows, labels = {"age": range(20, 80), "town": ["a", "b", "c"] * 20}, ["low"] * 30 + ["high"] * 30
        >>> model = TableClassifier(lr=0.05, epochs=15, random_state=0).fit(rows, labels)
        >>> model.predict({"age": [23, 78], "town": ["a", "b"]})
        array(['low', 'high'], dtype='<U4')
        >>> folder = model.to_run_folder("people")  # python -m mlp_exp.predict people rows.csv -o answers.csv
    """

    classes_: NDArray[Any]
    task = "classification"

    def checked_target(self, y: Any, rows: int) -> NDArray[Any]:
        return labels(y, rows)

    def target_columns(self, y: NDArray[Any], *, reset: bool) -> tuple[dict[str, pa.Array], Codes | None]:
        if reset:
            self.classes_ = np.unique(y)
            if len(self.classes_) < 2:
                raise InputError(f"y: expected two classes or more, got one class in all rows: '{self.classes_[0]}'")
        codes = codes_of(y, self.classes_, "y" if reset else "eval_set")
        return {"target": class_column(codes, self.classes_)}, codes

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The labels `[N]` of the rows of X, as `fit` takes it.

        Raises:
            NotFittedError: nothing is trained yet.
            ValueError: X does not have the columns of training, or they are of other types.
        """
        with self.predicting() as run:
            names = {name: code for code, name in enumerate(run.class_names)}
            answers = run.predict_columns(table_like_fitted(self, X))["prediction"]
        return self.classes_[[names[each] for each in answers.tolist()]]

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """The probabilities `[N, C]` in the order of `classes_`; arguments and errors of `predict`."""
        with self.predicting() as run:
            found = np.asarray(run.predict_proba(table_like_fitted(self, X)), np.float64)
        found /= found.sum(axis=1, keepdims=True)  # rounded to float32 they miss 1 by 1e-7
        return found
