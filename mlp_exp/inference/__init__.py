"""Uses of trained runs: predictions, of one or averaged over several, and files for other runtimes."""
