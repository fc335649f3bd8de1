"""Numbers of things in messages."""


def counted(count: int, things: str) -> str:
    """A number with what it counts, of which the plural ends with s.

    >>> counted(1, "rows"), counted(60, "rows")
    ('1 row', '60 rows')
    """
    return f"{count} {things.removesuffix('s') if count == 1 else things}"
