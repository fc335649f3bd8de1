"""One file for each library, all with the same `train`."""
