# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # From a sweep to an ensemble
#
# Runs of one shape train together as one stack, so that many cost little more than a few. What comes out is a
# table to look into, and an average of good runs that is better than the best of them.

# %%
from sklearn.datasets import load_diabetes

from mlp_exp import interval, load, results, search, sweep

table = load_diabetes(as_frame=True).frame
known, new = table.iloc[:350], table.iloc[350:]
common = {"trainer.epochs": 30, "trainer.plots": "never", "baselines": "none"}

# %% [markdown]
# Three learning rates, two rates of dropout, three seeds: 18 runs. They share one split, so that they differ by
# their training alone.

# %%
grid = {"optimizer.lr": [1e-3, 3e-3, 1e-2], "model.dropout": [0.0, 0.2], "seed": range(3)}
found = sweep({**grid, **common}, data=known, target="target", folder="outputs/grid", quiet=True)
found

# %% [markdown]
# One row a run, best first, in a data frame. So a question about hyperparameters is a question about a table.

# %%
runs = found.to_pandas()
runs.groupby(["optimizer.lr", "model.dropout"]).val_rmse.agg(["mean", "std"]).sort_values("mean")

# %%
epochs = found.history()
epochs.groupby("epoch").val_loss.describe()[["min", "50%", "max"]].iloc[::10]

# %% [markdown]
# The best run, and averages: of the five best; and of those, chosen one after the other and perhaps twice, whose
# average is best for the rows that all held out.

# %%
best, average, chosen = found.best, found.load(top=5), found.load(greedy=5)
{name: run.evaluate(new)["rmse"] for name, run in {"best": best, "average": average, "chosen": chosen}.items()}

# %%
chosen

# %% [markdown]
# Ranges instead of lists make it a search: it asks for batches of trials, which train together, and ends the
# worst of them early.

# %%
space = {"optimizer.lr": interval(1e-3, 3e-2, log=True), "model.dropout": interval(0.0, 0.4), **common}
searched = search(space, trials=12, data=known, target="target", folder="outputs/search", quiet=True)
searched.to_pandas().status.value_counts()

# %% [markdown]
# Everything is in folders: later, and for what the command line has trained, `load` and `results` read them.
# Several folders are one table.

# %%
everything = results("outputs/grid", "outputs/search")
assert len(everything) == 30
everything.load(top=8).evaluate(new)["rmse"]

# %%
assert (load("outputs/grid", top=5).predict(new) == average.predict(new)).all()
