"""The run folder and its files: checked, atomic, with provenance."""
