"""Names of the files in a sweep folder, beside its runs."""

MULTIRUN = "multirun.yaml"
"""Hydra's settings of the sweep."""
LEADERBOARD = "leaderboard.csv"
PAGE = "report.html"
