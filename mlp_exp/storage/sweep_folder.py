"""The names of the files in a sweep's folder, beside its runs."""

MULTIRUN = "multirun.yaml"
"""Its settings, as Hydra writes them."""
LEADERBOARD = "leaderboard.csv"
PAGE = "report.html"
