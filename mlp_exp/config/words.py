"""Texts as words of Hydra's command line, and as words of a shell: names may have signs that both take apart."""

import re
import shlex
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from os import PathLike, fspath

IN_PYTHON: ContextVar[bool] = ContextVar("in_python", default=False)
"""Whether what is configured now was called from Python, so that advice is in its words."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
"""Texts that Hydra reads as they stand, but for words of YAML."""
_OF_YAML = ("true", "false", "null", "nan", "inf")
_KEY = re.compile(r"[A-Za-z0-9_./$%*@?|+ ,:=()\[\]{}\\-]+")
"""What a key within a mapping may have in Hydra's grammar, some of it after a backslash."""
_PARTS = re.compile(r"""(?<![^,\[({:\s])(["'])(?:\\.|(?!\1).)*\1(?=\s*(?:[,:\])}]|$))|[,()\[\]{}]""")
"""Commas, brackets, and texts in quotes."""
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_MARK = '"'
"""Quotes that are free inside of those of a shell."""


def quoted(text: str, mark: str = "'") -> str:
    """A text as a value of Hydra's command line, where backslashes count before quotes alone; a plain path as it is."""
    if re.fullmatch(r"/[A-Za-z0-9_./-]*", text):
        return text
    escaped = re.sub(rf"(\\*)({mark}|\Z)", lambda found: 2 * found[1] + (f"\\{mark}" if found[2] else ""), text)
    return f"{mark}{escaped}{mark}"


def unquoted(text: str) -> str:
    """A value as typed, without its quotes: the inverse of `quoted`; one that has none as it is.

    >>> unquoted(quoted("it's"))
    "it's"
    """
    mark = text[:1]
    if len(text) < 2 or mark not in ("'", '"') or text[-1] != mark:
        return text
    inside = re.compile(rf"((?:\\\\)*)(\\{mark}|$)")
    return inside.sub(lambda found: found[1][::2] + (mark if found[2] else ""), text[1:-1])


def is_plain(text: str) -> bool:
    """Whether Hydra reads the text as it stands, and as nothing but a text."""
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _OF_YAML


def typed_text(text: str, mark: str = "'") -> str:
    """A text as a value of the command line, which neither Hydra nor OmegaConf then reads as anything else.

    >>> typed_text("null"), typed_text("people.csv")
    ("'null'", 'people.csv')
    """
    return text if is_plain(text) else quoted(re.sub(r"(\\*)\$\{", lambda found: 2 * found[1] + "\\${", text), mark)


def typed_key(text: str) -> str:
    r"""A key within a mapping, which cannot be quoted; raises ValueError for one that Hydra has no words for.

    >>> print(typed_key("price [usd]"))
    price\ \[usd\]
    """
    if not _KEY.fullmatch(text) or text != text.strip():
        raise ValueError(f"{text!r} cannot be a key in an override; name it in a YAML file, and give its --config-dir")
    return re.sub(r"([\\()\[\]{}:=, ])", r"\\\1", text)


def elements(values: str) -> list[str]:
    """Values as typed with commas between them, of which those in quotes and brackets count for none.

    >>> elements('"p,q", [a,b],price[usd]')
    ['"p,q"', '[a,b]', 'price[usd]']
    """
    found, depth, start = [], 0, 0
    closed = _closed(values)
    for part in _PARTS.finditer(values):
        if part[0] != ",":
            depth += closed * (len(part[0]) == 1) * (1 if part[0] in "([{" else -1)
        elif not depth:
            found.append(values[start : part.start()])
            start = part.end()
    return [each.strip() for each in (*found, values[start:])]


def _closed(values: str) -> bool:
    """Whether each bracket outside of quotes is closed by one of its kind; if not, they are signs as any other."""
    opened: list[str] = []
    for sign in (part[0] for part in _PARTS.finditer(values)):
        if sign in _PAIRS:
            opened.append(_PAIRS[sign])
        elif sign in _PAIRS.values() and (not opened or opened.pop() != sign):
            return False
    return not opened


def as_texts(key: str, value: str, *, sweeps: bool = False) -> str:
    """An override as a word of a shell that gives a key what was typed as a text, or a list as one of texts.

    Args:
        sweeps: whether commas separate the values of several runs.

    >>> print(as_texts("data.target", "1e3"), as_texts("data.drop", "[id,price[usd]]"))
    'data.target="1e3"' 'data.drop=[id,"price[usd]"]'
    >>> print(as_texts("data.drop", "[1e3],[a=b]", sweeps=True))
    'data.drop=["1e3"],["a=b"]'
    """
    several = elements(value) if sweeps else [value]
    values = [unquoted(each) for each in several] if len(several) > 1 else several
    return shlex.quote(f"{key}={','.join(map(_as_texts, values))}")


def _as_texts(value: str) -> str:
    if len(value) > 2 and value[0] == "[" and value[-1] == "]" and len(elements(value)) == 1:
        return f"[{','.join(typed_text(unquoted(each), _MARK) for each in elements(value[1:-1]))}]"
    return typed_text(value, _MARK)


def override(key: str, value: str | Sequence[str]) -> str:
    """An override as a word of a shell, for messages: what is pasted gives the key this text, or list of texts.

    >>> print(override("data.target", "price [usd]"), override("data.drop", ["id", "n. a."]))
    'data.target="price [usd]"' 'data.drop=[id,"n. a."]'
    >>> print(override("data.target", "price"), override("data.missing", []))
    data.target=price data.missing=null
    """
    if isinstance(value, str):
        return shlex.quote(f"{key}={typed_text(value, _MARK)}")
    return shlex.quote(f"{key}=[{','.join(typed_text(each, _MARK) for each in value)}]") if value else f"{key}=null"


def of_folder(key: str, folder: str | PathLike[str]) -> str:
    """`resume=FOLDER` or `rerun=FOLDER` as a word of a shell, for messages: Hydra does not read them.

    >>> print(of_folder("resume", "my run"))
    'resume=my run'
    """
    return shlex.quote(f"{key}={fspath(folder)}")


def advice(values: Mapping[str, str | Sequence[str]]) -> str:
    """Overrides to add, in the words of who reads it: those of a shell, or a dict of Python.

    >>> print(advice({"data.missing": ["n. a."], "data.target": "price"}))
    'data.missing=["n. a."]' data.target=price
    """
    if IN_PYTHON.get():
        return repr({key: value if isinstance(value, str) else list(value) or None for key, value in values.items()})
    return " ".join(override(key, value) for key, value in values.items())
