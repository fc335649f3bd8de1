# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # A table in five minutes
#
# A data frame comes in; a trained network, its metrics and its predictions come out.

# %%
import pandas as pd
from sklearn.datasets import load_breast_cancer

from mlp_exp import TableClassifier, load, train

loaded = load_breast_cancer(as_frame=True)
table = loaded.data.iloc[:, :10].assign(diagnosis=loaded.target.map({0: "malignant", 1: "benign"}))
table["size"] = pd.cut(table["mean area"], [0, 400, 800, 3000], labels=["small", "medium", "large"])  # a category
table.loc[::9, "mean texture"] = None  # gaps
known, new = table.iloc[:450], table.iloc[450:]

# %% [markdown]
# One call reads the columns, splits the rows, trains, keeps the weights of the best epoch and measures them on
# the test part. The overrides are those of the command line; without them this is a network of two layers.

# %%
settings = {"optimizer.lr": 0.01, "trainer.epochs": 40, "trainer.plots": "never"}
run = train(settings, data=known, target="diagnosis", folder="outputs/diagnosis", quiet=True)
run

# %% [markdown]
# `metrics` and `history` are data frames. The interval says what the metric would have been with other test rows
# of the same kind.

# %%
run.metrics.query("part == 'test'")

# %%
run.history.tail(3)

# %% [markdown]
# Predictions take raw columns: in any order, with gaps, with categories that training did not see.

# %%
features = new.drop(columns="diagnosis")
pd.DataFrame({"said": run.predict(features), "benign": run.predict_proba(features)[:, 0], "is": new.diagnosis}).head()

# %%
run.evaluate(new)["accuracy"]

# %% [markdown]
# Which columns do the predictions depend on? Each is shuffled in turn, and the accuracy falls by so much:

# %%
run.explain(new, "accuracy").head(4)

# %% [markdown]
# The run is a folder. Another process, or `python -m mlp_exp.predict outputs/diagnosis new.csv -o said.csv`,
# predicts the same.

# %%
assert (load("outputs/diagnosis").predict(features) == run.predict(features)).all()

# %% [markdown]
# The same as an estimator of scikit-learn. `members=4` is an ensemble: four networks that train at once.

# %%
model = TableClassifier(members=4, epochs=20, random_state=0).fit(known.drop(columns="diagnosis"), known.diagnosis)
model.score(features, new.diagnosis)
