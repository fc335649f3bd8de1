"""The command line: Hydra's application, the jobs that it composes, options and messages."""
