"""Hyperparameter search inside the stacks: what is searched, which trials are asked, which of them go on."""
