"""No tracker: the run folder is the only record."""


class NoTracker:
    """Tracks nothing."""
