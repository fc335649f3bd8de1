"""No tracker: the run folder is all there is."""


class NoTracker:
    """Tracks nothing."""
