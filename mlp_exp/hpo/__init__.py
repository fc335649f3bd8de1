"""Which configurations to try next: a search on Optuna, whose trials train in stacks, and its pruning."""
