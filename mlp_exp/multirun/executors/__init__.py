"""Where stacks train: in this process, or in forks of it."""
