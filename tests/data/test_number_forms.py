"""Numbers as people write them: a known value is written in a form and read back."""

import itertools
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.good_tables import some, write

from mlp_exp.data.table.cleaning import clean_texts
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import read_texts
from mlp_exp.data.table.load import table
from mlp_exp.data.table.numbers import NumberForm
from mlp_exp.errors import DataError

ROWS = 60
AFFIXES = (
    "",
    "€ ",
    " €",
    "$",
    "EUR ",
    " CHF",
    "R$ ",
    " %",
    "%",
    " kg",
    "kg",
    " km/h",
    " °C",
    " m²",
    " Std.",
    "\u00a0€",
)
GROUPINGS = {"": "", ",": ",", ".": ".", "'": "'", "’": "'", " ": " ", "\u00a0": " ", "\u202f": " ", "_": "_"}
"""How thousands are written, and the sign that a form has for it."""
NEGATIVES: dict[str, Callable[[str, str, str], str]] = {
    "-1": lambda prefix, body, suffix: f"-{prefix}{body}{suffix}",
    "\u22121": lambda prefix, body, suffix: f"\u2212{prefix}{body}{suffix}",
    "1-": lambda prefix, body, suffix: f"{prefix}{body}{suffix}-",
    "(1)": lambda prefix, body, suffix: f"({prefix}{body}{suffix})",
}


def dress(value: float, decimals: int, decimal: str, grouping: str, affix: str, negative: str) -> str:
    """A number as a text in a form."""
    whole, _, fraction = f"{abs(value):,.{decimals}f}".partition(".")
    body = whole.replace(",", grouping) + (decimal + fraction if fraction else "")
    prefix, suffix = (affix, "") if affix[:1] in ("€", "$", "E", "R") else ("", affix)
    return NEGATIVES[negative](prefix, body, suffix) if value < 0 else f"{prefix}{body}{suffix}"


def values_of(seed: int, decimals: int) -> list[float]:
    """Numbers of several lengths, negative ones too, one of them with two separators."""
    draw = np.random.default_rng(seed)
    sizes = 10 ** draw.uniform(0, 7, ROWS) * draw.choice([-1, 1, 1], ROWS)
    return [round(float(value), decimals) for value in [*sizes[:-2], 1234567.0, -12.0]]


def read(texts: list[str], **options: object) -> tuple[list[float], NumberForm]:
    found = read_texts(clean_texts(pa.chunked_array([pa.array(texts)]), Format()), Format(**options))  # type: ignore[arg-type]
    assert isinstance(found.form, NumberForm), texts[:3]
    return found.values.to_pylist(), found.form


SEPARATORS = [pair for pair in itertools.product(".,", GROUPINGS) if pair[0] != pair[1]]


@pytest.mark.parametrize("affix", AFFIXES)
def test_a_number_is_read_back(affix: str) -> None:
    """With this currency or unit and any separators, each with two forms of negative numbers.

    With decimals the decimal sign is found, too.
    """
    for seed, ((decimal, grouping), decimals) in enumerate(itertools.product(SEPARATORS, (0, 2))):
        negative = [*NEGATIVES][(seed + AFFIXES.index(affix)) % len(NEGATIVES)]
        values = values_of(seed, decimals)
        texts = [dress(value, decimals, decimal, grouping, affix, negative) for value in values]
        found, form = read(texts)
        assert found == pytest.approx(values, rel=1e-15), texts[:3]
        assert form.grouping == GROUPINGS[grouping]
        assert (form.prefix or form.suffix) == affix.strip()
        if decimals:
            assert form.decimal == decimal


@pytest.mark.parametrize("digits", ["٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "0123456789"])
def test_digits_of_other_scripts(digits: str) -> None:
    values = values_of(3, 2)
    assert [unicodedata.decimal(digit) for digit in digits] == list(range(10))
    texts = [f"{value:.2f}".translate(str.maketrans("0123456789", digits)) for value in values]
    assert read_texts(
        clean_texts(pa.chunked_array([pa.array(texts)]), Format()), Format()
    ).values.to_pylist() == pytest.approx(values)


def test_groups_of_two_as_in_india() -> None:
    texts = ["12,34,567.50", "1,23,45,678.00", "999.25", "1,234.00", "-4,56,789.10"]
    assert read(texts)[0] == [1234567.5, 12345678.0, 999.25, 1234.0, -456789.1]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1,5E+03", "2,0e-3", "7"], [1500.0, 0.002, 7.0]),
        (["+5 €", "-7 €", "0 €"], [5, -7, 0]),
        ([",5 kg", "1, kg", "2 kg"], [0.5, 1.0, 2.0]),
        (["$(1,250.00)", "$ 3.10", "-$2"], [-1250.0, 3.1, -2.0]),
        (["1 234,5 kr", "2 kr", "-3 kr"], [1234.5, 2.0, -3.0]),
        (["12345678901234567890 €", "1 €"], [12345678901234567890.0, 1.0]),
        (["0 %", "100 %", "7 %"], [0, 100, 7]),
        (["5.-", "12.-", "7.50"], [5.0, 12.0, 7.5]),
        (["CHF 5.–", "CHF 1'250.50"], [5.0, 1250.5]),
        (["1.234,-", "12,50"], [1234.0, 12.5]),
        (["1.234 %", "12.250 %", "3.5 %"], [1.234, 12.25, 3.5]),
        (["1.234", "950", "12.500"], [1234, 950, 12500]),
        (["1,234", "950", "12,500"], [1234, 950, 12500]),
        (["(96.76)", "(69.32)", "(7)", "(.5)"], [-96.76, -69.32, -7.0, -0.5]),
        (["($1,234)", "($96)"], [-1234, -96]),
        (["(1.234,50)", "(69,32)"], [-1234.5, -69.32]),
        (["(3,5 €)", "(12 €)"], [-3.5, -12.0]),
        (["(12 %)", "(7 %)"], [-12, -7]),
        (["96.76-", "69.32-"], [-96.76, -69.32]),
        (["5-", "12-"], [-5, -12]),
        (["5 €-", "12 €-"], [-5, -12]),
    ],
)
def test_special_forms(texts: list[str], values: list[float]) -> None:
    assert read(texts)[0] == values


@pytest.mark.parametrize(
    ("texts", "first", "other"),
    [
        (["1,234", "12,345", "999"], [1234, 12345, 999], [1.234, 12.345, 999.0]),
        (["1.234 €", "12.345 €"], [1234, 12345], [1.234, 12.345]),
        (["1.234 kg", "12.345 kg"], [1.234, 12.345], [1234, 12345]),
        (["1.234", "12.345"], [1.234, 12.345], [1234, 12345]),
    ],
)
def test_what_the_texts_leave_open_is_decided_by_the_user(
    texts: list[str], first: list[float], other: list[float]
) -> None:
    """A price has two decimals or none; any other number with a point and three digits is a decimal number."""
    assert read(texts)[0] == first
    found, form = read(texts)
    assert found == first
    assert read(texts, decimal="," if form.decimal == "." else ".")[0] == other


@pytest.mark.parametrize(
    "texts",
    [
        ["A12", "A13", "B7"], ["12-34", "56-78"], ["v1.2", "v1.3"], ["192.168.0.1", "10.0.0.1"], ["1/2", "3/4"],
        ["#1", "#2"],
        ["1,2,3", "4,5,6"],
        ["(9,37)", "(49,5)"], ["(1)", "(2)", "(3)"], ["47x3", "24x2"], ["10x20", "3x4"],
        ["3:2", "1:0"], ["5-10", "2-3"],
        ["12 34 5", "1 2 3"], ["3x", "x3"], ["1.2.3", "4.5.6"], ["--1", "-2"],
        ["(1", "2)"], ["€", "%"],
    ],
)  # fmt: skip
def test_what_is_no_number(texts: list[str]) -> None:
    found = read_texts(clean_texts(pa.chunked_array([pa.array(texts)]), Format()), Format())
    assert found.form is None
    assert found.values.to_pylist() == texts


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["(1)", "(2)", "(3)"], [-1, -2, -3]),
        (["(9,37)", "(49,5)"], [-9.37, -49.5]),
        (["(5 kg)", "(12 kg)"], [-5, -12]),
    ],
)
def test_numbers_in_parentheses_alone_are_left_to_the_user(texts: list[str], values: list[float]) -> None:
    """They may be footnotes or pairs."""
    cleaned = clean_texts(pa.chunked_array([pa.array(texts)]), Format())
    assert read_texts(cleaned, Format()).form is None
    assert read_texts(cleaned, Format(), "number").values.to_pylist() == values


# ---- in a table


def columns(texts: list[str]) -> dict[str, list[str]]:
    return {"amount": texts, "x": some([1.5, 2.5, 4.0], len(texts)), "y": some("ab", len(texts), 1)}


@pytest.mark.parametrize("name", ["semicolon.csv", "t.parquet"])
@pytest.mark.parametrize("role", ["a feature", "the target"])
def test_a_column_is_read_and_said(name: str, role: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = values_of(5, 2)
    path = write(columns([dress(v, 2, ",", ".", " €", "-1") for v in values]), tmp_path / name)
    with caplog.at_level("INFO"):
        found = table(path, "y" if role == "a feature" else "amount")
    if role == "a feature":
        np.testing.assert_array_equal(found.features[:, 0], values)
        (remark,) = found.columns[0].remarks
    else:
        np.testing.assert_array_equal(found.target, values)
        remark = caplog.messages[1].removeprefix("amount: ")
    example, _, read_as = remark.partition(" read as ")
    assert float(read_as) in values
    assert dress(float(read_as), 2, ",", ".", " €", "-1") == example.strip("'")


def test_a_decimal_comma_elsewhere_decides(tmp_path: Path) -> None:
    """`1.234` alone is a decimal number; beside decimal commas it is a thousand."""
    texts = [f"{1000 + 37 * row:,}".replace(",", ".") for row in range(ROWS)]
    alone = table(write({**columns(texts)}, tmp_path / "semicolon.csv"), "y")
    assert alone.features[1, 0] == 1.037
    beside = {**columns(texts), "x": some([1, 2, 3], ROWS), "price": [f"{row},25" for row in range(ROWS)]}
    found = table(write(beside, tmp_path / "tab.tsv"), "y")
    by_name = dict(zip(found.feature_names, found.features.T, strict=True))
    np.testing.assert_array_equal(by_name["amount"], [1000 + 37 * row for row in range(ROWS)])
    np.testing.assert_array_equal(by_name["price"], [row + 0.25 for row in range(ROWS)])
    assert "if that is wrong: data.decimal=." in found.columns[0].remarks


def test_whole_hundreds_show_that_points_divide_thousands(tmp_path: Path) -> None:
    """In a CSV file too, whose numbers Arrow reads as decimal ones: `2.501` beside `865`."""
    values = [300 + 137 * row for row in range(ROWS)]
    made = {**columns([f"{value:,}".replace(",", ".") for value in values]), "x": some([0.25, 1.5], ROWS)}
    for name in ("semicolon.csv", "t.parquet"):
        found = table(write(made, tmp_path / name), "y")
        np.testing.assert_array_equal(found.features[:, 0], values)
        assert found.columns[0].remarks[-1] == "if that is wrong: data.decimal=."
        np.testing.assert_array_equal(table(write(made, tmp_path / name), "y", decimal=".").features[1, 0], 437.0)


def test_numbers_that_are_not_written_plainly_are_said(tmp_path: Path) -> None:
    texts = [f"({row})" if row % 3 else f"{row}" for row in range(ROWS)]
    (column, _) = table(write(columns(texts), tmp_path / "table.csv"), "y").columns
    assert column.remarks == ("'(10)' read as -10",)


def test_later_files_may_have_larger_numbers() -> None:
    """With thousands separated, where training had none; in a plain form a comma would be open."""
    texts = pa.array(["1.234,50 €", "800,00", "1234,5 €", "1.23,4 €"])
    assert NumberForm(",", "", suffix="€").parse(texts).to_pylist() == [1234.5, 800.0, 1234.5, None]
    assert NumberForm().parse(pa.array(["1,234", "1.5"])).to_pylist() == [None, 1.5]


MIXTURES = {
    "two currencies": ([f"{row}.50 €" if row % 3 else f"${row}.25" for row in range(ROWS)], "numbers in 2 forms"),
    "a unit now and then": ([f"{row}.5 kg" if row % 4 else f"{row}.5" for row in range(ROWS)], "numbers in 2 forms"),
    "two decimal signs": ([f"{row},25" if row % 2 else f"{row}.5" for row in range(ROWS)], "numbers in 2 forms"),
    "thousands and millions": ([f"{row}.5k" if row % 3 else f"{row}M" for row in range(ROWS)], "numbers in 2 forms"),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_several_forms_are_named_with_their_rows(name: str, tmp_path: Path) -> None:
    texts, says = MIXTURES[name]
    path = write(columns(texts), tmp_path / "semicolon.csv")
    with pytest.raises(DataError) as caught:
        table(path, "y")
    message = str(caught.value)
    assert message.startswith(f"data.path: '{path}': 1 column cannot be used as it is:\n  amount: {says}: '")
    assert message.endswith("Mend the file, or add: 'data.drop=[amount]'")
    assert "rows, first row 0, from 0)" in message
    found = table(path, "y", drop=["amount"])
    assert found.columns[0].note == "data.drop"


@pytest.mark.parametrize("sign", [",", ";"])
def test_leading_zeros_are_said(sign: str, tmp_path: Path) -> None:
    """They stay numbers, as what was trained before has them; not where the user has said what the column is."""
    zips = some(["80331", "50667", "01067"], ROWS)
    path = write(columns(zips), tmp_path / "table.csv")
    Path(path).write_text(Path(path).read_text(encoding="utf-8").replace(",", sign), encoding="utf-8")
    (column, *_) = table(path, "y").columns
    assert (column.kind, column.type, column.note) == ("number", "int64", "1067 … 80331")
    assert column.remarks == ("'01067' has a leading zero; if these are codes: 'data.categorical=[amount]'",)
    for said in (table(path, "y", numeric=["amount"]), table(path, "y", categorical=["amount"])):
        assert said.columns[0].remarks == ()
    path = write(columns([text.lstrip("0") for text in zips]), tmp_path / "other.csv")
    assert table(path, "y").columns[0].remarks == ()


def test_a_category_keeps_its_texts(tmp_path: Path) -> None:
    """`00123` is not `123`, and `1.50` not `1.5`; numbers that are all apart have the names that other files give."""
    zips = some(["00123", "123", "0123", "45678"], ROWS)
    prices = some(["1.5", "1.50", "2"], ROWS, 1)
    codes = some(["7", "3", "11"], ROWS, 2)
    made = {**columns(zips), "price": prices, "code": codes}
    for name in ("table.csv", "t.parquet"):
        found = table(write(made, tmp_path / name), "y", categorical=["amount", "price", "code"])
        texts = {category.name: [category.texts[code] for code in category.codes] for category in found.categories}
        assert texts == {"amount": zips, "price": prices, "code": codes}
        assert [column.type for column in found.columns if column.name == "code"] == ["int64"]
