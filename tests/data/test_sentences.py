"""Which columns of texts are to be read, and which are categories or codes."""

import hashlib
import random
import uuid
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from support.good_tables import Columns, write

from mlp_exp.data.table.load import table
from mlp_exp.data.table.sentences import holds_sentences
from mlp_exp.errors import DataError

DRAW = random.Random(0)
FIRST = ("Owen", "Laina", "Elizabeth", "James", "Anna-Maria", "Jürgen", "Øystein", "Kate", "Li", "Zoë", "Bao")
LAST = ("Braund", "Cumings", "Heikkinen", "Futrelle", "Allen", "Moran", "Palsson", "Johnson", "O'Brien", "Müller")
STREETS = ("Oak", "Elm", "Main", "Church", "Station", "Mill", "King", "High", "Park")
NOUNS = ("room", "bed", "breakfast", "view", "staff", "bathroom", "price", "location", "parking", "wifi")
VERBS = ("was", "is", "seemed", "looked", "felt")
WORDS = ("good", "dirty", "noisy", "lovely", "cheap", "huge", "tiny", "perfect", "broken")


def many(make: object, count: int = 300) -> list[str]:
    return [make(number) for number in range(count)]  # type: ignore[operator]


def sentence(length: int) -> str:
    parts = [f"the {DRAW.choice(NOUNS)} {DRAW.choice(VERBS)} {DRAW.choice(WORDS)}" for _ in range(length)]
    return (", ".join(parts) + ".").capitalize()


READ: dict[str, list[str]] = {
    "comments of one to nine sentences": many(lambda i: sentence(1 + i % 9)),
    "comments, many of them the same": [*many(lambda _: sentence(2), 200), *["No comment."] * 60],
    "titles": many(lambda i: f"{DRAW.choice(['The', 'A', 'My'])} {DRAW.choice(WORDS)} {DRAW.choice(NOUNS)} {i % 7}"),
    "titles with a year": many(lambda i: f"{sentence(1)[:-1]} ({1950 + i % 60})"),
    "names as on a passenger list": many(
        lambda i: f"{LAST[i % 10]}, {DRAW.choice(['Mr.', 'Mrs.', 'Miss.'])} {FIRST[i % 11]} {DRAW.choice(FIRST)}"
    ),
    "names": many(lambda i: f"{FIRST[i % 11]} {DRAW.choice('ABCDEFG')}. {LAST[i % 10]}"),
    "surnames, each another": [f"{a}{b.lower()}" for a in LAST for b in LAST],
    "addresses": many(lambda i: f"{DRAW.randrange(1, 300)} {STREETS[i % 9]} {DRAW.choice(['Street', 'Road', 'Ave'])}"),
    "other alphabets": many(lambda i: "".join(DRAW.choice("комнатабылчистой   ") for _ in range(30 + i % 20))),
    "texts without spaces": many(
        lambda i: "".join(DRAW.choice("今日は天気がいい部屋、綺麗。") for _ in range(10 + i % 9))
    ),
    "a handful of sentences": [sentence(3) for _ in range(5)],
}
OTHER: dict[str, list[str]] = {
    "UUIDs": many(lambda i: str(uuid.UUID(int=DRAW.getrandbits(128)))),
    "hashes": many(lambda i: hashlib.sha256(str(i).encode()).hexdigest()),
    "numbers with a letter": many(lambda i: f"A{10000 + i}"),
    "codes of two parts": many(lambda i: f"{DRAW.choice('ABC')}{DRAW.choice('DEF')} {i:05d}"),
    "numbered customers": many(lambda i: f"Customer {i}"),
    "e-mail addresses": many(lambda i: f"{FIRST[i % 7].lower()}.{LAST[i % 10].lower()}@example.org".replace("'", "")),
    "paths": many(lambda i: f"/home/{LAST[i % 10].lower()}/{DRAW.choice(NOUNS)}.txt"),
    "web addresses": many(lambda i: f"https://example.org/{DRAW.choice(NOUNS)}/{i}"),
    "telephone numbers": many(lambda i: f"+1 555 {i:03d} {DRAW.randrange(10**4):04d}"),
    "tickets": many(lambda i: DRAW.choice([f"A/5 {i}", f"PC {17000 + i}", str(113000 + i), f"STON/O2. {i}"])),
    "cabins": many(lambda i: " ".join(f"{DRAW.choice('ABCDE')}{DRAW.randrange(99)}" for _ in range(1 + i % 3))),
    "times": many(lambda i: f"{i % 24:02d}:{DRAW.randrange(60):02d} on day {i}"),
    "abbreviations": ["".join(DRAW.choice("ABCDEFGHIJ") for _ in range(3)) for _ in range(300)],
    "categories of one word": many(lambda i: DRAW.choice(WORDS)),
    "categories of several words": many(lambda i: f"a {DRAW.choice(WORDS)} {DRAW.choice(NOUNS)}"),
    "towns of two words, most of them several times": many(lambda i: f"New {STREETS[i % 9]} {LAST[i % 10]}", 300),
    "surnames, some of them several times": many(lambda i: f"{DRAW.choice(LAST)}{DRAW.choice(LAST).lower()}", 120),
    "few categories of several words": ["very good", "very bad", "not sure", "very good"],
    "one sentence": ["It rained all day."] * 9,
    "letters": list("abcdef"),
    "nothing": [],
}


def distinct(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))


@pytest.mark.parametrize("name", READ)
def test_texts_that_are_read(name: str) -> None:
    assert holds_sentences(distinct(READ[name]), len(READ[name]))


@pytest.mark.parametrize("name", OTHER)
def test_categories_and_codes_are_not(name: str) -> None:
    assert not holds_sentences(distinct(OTHER[name]), len(OTHER[name]))


@pytest.mark.parametrize("name", [*READ, *OTHER])
def test_the_order_does_not_matter(name: str) -> None:
    texts = (READ | OTHER)[name]
    expected = holds_sentences(distinct(texts), len(texts))
    assert holds_sentences(distinct(texts)[::-1], len(texts)) == expected


def test_texts_that_repeat_in_most_rows_are_categories() -> None:
    texts = distinct(READ["comments of one to nine sentences"])
    assert holds_sentences(texts, 2 * len(texts))
    assert not holds_sentences(texts, 2 * len(texts) + 1)


def columns_of(texts: Sequence[str | None]) -> Columns:
    return {"x": texts, "n": [number % 7 for number in range(len(texts))], "y": ["a", "b"] * (len(texts) // 2)}


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
def test_a_column_of_sentences_is_found(file: str, tmp_path: Path) -> None:
    comments = READ["comments of one to nine sentences"]
    found = table(write(columns_of([None, "", *comments[2:]]), tmp_path / file), "y")
    lengths = sorted(map(len, comments[2:]))
    assert (found.columns[0].kind, found.columns[0].missing) == ("text", 2)
    assert found.columns[0].note == f"{lengths[0]} … {lengths[-1]} characters"
    (column,) = found.texts
    assert column.values.tolist() == ["", "", *comments[2:]]
    assert found.categories == ()
    assert found.feature_names == ("n",)


def test_codes_are_identifiers_and_categories_stay(tmp_path: Path) -> None:
    for name, kind in (("UUIDs", "left out"), ("categories of several words", "category")):
        found = table(write(columns_of(OTHER[name]), tmp_path / "t.csv"), "y")
        assert (found.columns[0].kind, found.texts) == (kind, ())


def test_what_the_user_says_goes_first(tmp_path: Path) -> None:
    comments, codes = READ["comments of one to nine sentences"], OTHER["categories of one word"]
    path = write(columns_of(comments), tmp_path / "t.csv")
    assert table(path, "y", categorical=["x"]).columns[0].kind == "category"
    assert table(path, "y", drop=["x"]).columns[0].kind == "left out"
    found = table(write(columns_of(codes), tmp_path / "t.csv"), "y", text=["x"])
    assert found.columns[0].kind == "text"
    assert found.texts[0].values.tolist() == codes


def test_a_category_that_the_file_declares_is_text_only_where_asked(tmp_path: Path) -> None:
    comments = READ["comments of one to nine sentences"]
    columns: Columns = {**columns_of(comments), "x": pa.array(comments).dictionary_encode()}
    path = write(columns, tmp_path / "t.parquet")
    assert table(path, "y").texts == ()
    assert table(path, "y", text=["x"]).texts[0].values.tolist() == comments


@pytest.mark.parametrize(("value", "note"), [(None, "all missing"), ("same words", "constant")])
def test_a_column_without_differences_is_left_out(value: str | None, note: str, tmp_path: Path) -> None:
    found = table(write(columns_of([value] * 10), tmp_path / "t.csv"), "y", text=["x"])
    assert (found.columns[0].kind, found.columns[0].note, found.texts) == ("left out", note, ())


def test_numbers_are_no_texts(tmp_path: Path) -> None:
    path = write(columns_of(["1", "2"] * 5), tmp_path / "t.csv")
    with pytest.raises(DataError) as caught:
        table(path, "y", text=["x"])
    assert str(caught.value) == (
        f"data.path: '{path}': 1 column cannot be used as it is:\n  x: expected texts, found int64; take it out of "
        "data.text\nMend the file"
    )


def test_texts_can_be_the_only_feature(tmp_path: Path) -> None:
    comments = READ["comments of one to nine sentences"]
    found = table(write(columns_of(comments), tmp_path / "t.csv"), "y", drop=["n"])
    assert found.features.shape == (len(comments), 0)
    assert [column.name for column in found.texts] == ["x"]


def test_rows_without_a_target_have_no_text(tmp_path: Path) -> None:
    comments = READ["comments of one to nine sentences"]
    columns: Columns = {**columns_of(comments), "y": [None, *["a", "b"] * 149, "a"]}
    found = table(write(columns, tmp_path / "t.csv"), "y")
    assert found.texts[0].values.tolist() == comments[1:]
