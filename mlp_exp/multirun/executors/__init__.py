"""Stacks: how runs are sorted into them, and where they train: in this process, in forks of it, on other machines."""
