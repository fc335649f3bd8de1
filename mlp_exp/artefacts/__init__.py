"""The run folder, its figures, its provenance, and what is printed."""
