"""Dates as people write them: a known time is written in a form and read back."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from support.good_tables import some, write

from mlp_exp.data.table.cleaning import clean_texts
from mlp_exp.data.table.dates import DateForm, parse_times
from mlp_exp.data.table.format import Format
from mlp_exp.data.table.forms import read_texts
from mlp_exp.data.table.load import table
from mlp_exp.errors import DataError

ROWS = 60
TIME = dt.datetime
GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()  # noqa: SIM905
FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
DAYS: dict[str, Callable[[TIME], str]] = {
    "2020-01-31": lambda t: f"{t:%Y-%m-%d}",
    "2020/1/31": lambda t: f"{t.year}/{t.month}/{t.day}",
    "2020.01.31": lambda t: f"{t:%Y.%m.%d}",
    "31.01.2020": lambda t: f"{t:%d.%m.%Y}",
    "31.1.20": lambda t: f"{t.day}.{t.month}.{t:%y}",
    "31/01/2020": lambda t: f"{t:%d/%m/%Y}",
    "31-1-2020": lambda t: f"{t.day}-{t.month}-{t.year}",
    "01/31/2020": lambda t: f"{t:%m/%d/%Y}",
    "1/31/20": lambda t: f"{t.month}/{t.day}/{t:%y}",
    "01-31-2020": lambda t: f"{t:%m-%d-%Y}",
    "31 Jan 2020": lambda t: f"{t:%d %b %Y}",
    "31-JAN-20": lambda t: f"{t:%d-%b-%y}".upper(),
    "January 31, 2020": lambda t: f"{t:%B} {t.day}, {t.year}",
    "Jan 31 2020": lambda t: f"{t:%b} {t.day} {t.year}",
    "2020-Jan-31": lambda t: f"{t:%Y-%b-%d}",
    "Fri, 31 Jan 2020": lambda t: f"{t:%a, %d %b %Y}",
    "31. Januar 2020": lambda t: f"{t.day}. {GERMAN[t.month - 1]} {t.year}",
    "31 de janvier de 2020": lambda t: f"{t.day} {FRENCH[t.month - 1]} {t.year}",
}
CLOCKS: dict[str, Callable[[TIME], str]] = {
    "": lambda t: "",
    " 9:05": lambda t: f" {t.hour}:{t:%M}",
    " 09:05:07": lambda t: f" {t:%H:%M:%S}",
    "T09:05:07": lambda t: f"T{t:%H:%M:%S}",
    " 09:05:07.123": lambda t: f" {t:%H:%M:%S}.{t.microsecond // 1000:03}",
    " 09:05:07,123": lambda t: f" {t:%H:%M:%S},{t.microsecond // 1000:03}",
    " 09:05:07.1234567": lambda t: f" {t:%H:%M:%S}.{t.microsecond:06}7",
    " 9:05 AM": lambda t: f" {t.hour % 12 or 12}:{t:%M} {t:%p}",
    " 9:05:07 am": lambda t: f" {t.hour % 12 or 12}:{t:%M:%S} {t:%p}".lower(),
}
ZONES: dict[str, tuple[str, int]] = {
    "Z": ("Z", 0), " UTC": (" UTC", 0), " GMT": (" GMT", 0), "+00": ("+00", 0), "+0200": ("+0200", 120),
    " -05:30": (" -05:30", -330),
}  # fmt: skip


def times_of(seed: int) -> list[TIME]:
    """Times from 1970 to 2068, with days after the twelfth."""
    draw = np.random.default_rng(seed)
    start = TIME(1970, 1, 1)
    return [start + dt.timedelta(days=int(d), microseconds=int(u)) for d, u in zip(
        draw.integers(0, 35_000, ROWS), draw.integers(0, 86_400_000_000, ROWS), strict=True
    )]  # fmt: skip


def rounded(time: TIME, clock: str) -> TIME:
    """What a form leaves of a time."""
    if not clock:
        return time.replace(hour=0, minute=0, second=0, microsecond=0)
    if clock in (" 9:05", " 9:05 AM"):
        return time.replace(second=0, microsecond=0)
    micros = {".123": 1000, ",123": 1000, "34567": 1}.get(clock[-4:] if "1234" not in clock else clock[-5:], 1_000_000)
    return time.replace(microsecond=time.microsecond // micros * micros)


def read(texts: list[str], **options: object) -> tuple[list[TIME], DateForm]:
    """The times, in UTC if they have a zone, and their form."""
    format = Format(**options)  # type: ignore[arg-type]
    found = read_texts(clean_texts(pa.chunked_array([pa.array(texts)]), format), format)
    assert isinstance(found.form, DateForm), (texts[:3], found.form)
    return pc.cast(found.values, pa.timestamp("us"), safe=False).to_pylist(), found.form


@pytest.mark.parametrize("day", DAYS)
def test_a_date_is_read_back(day: str) -> None:
    """With every kind of clock, and without one."""
    for seed, (name, clock) in enumerate(CLOCKS.items()):
        times = times_of(seed)
        found, form = read([DAYS[day](time) + clock(time) for time in times])
        assert found == [rounded(time, name) for time in times]
        assert not form.zoned


@pytest.mark.parametrize("zone", ZONES)
def test_zones_are_taken_to_utc(zone: str) -> None:
    text, minutes = ZONES[zone]
    for day in ("2020-01-31", "31.01.2020", "01/31/2020", "31 Jan 2020"):
        times = [rounded(time, " 09:05:07") for time in times_of(7)]
        found, form = read([f"{DAYS[day](time)} {time:%H:%M:%S}{text}" for time in times])
        assert found == [time - dt.timedelta(minutes=minutes) for time in times]
        assert form.zoned


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["2020-01", "1999-12"], ["2020-01-01", "1999-12-01"]),
        (["01/2020", "12/1999"], ["2020-01-01", "1999-12-01"]),
        (["Jan 2020", "Dezember 1999"], ["2020-01-01", "1999-12-01"]),
        (["Q1 2020", "Q4 1999"], ["2020-01-01", "1999-10-01"]),
        (["2020-Q2", "1999Q3"], ["2020-04-01", "1999-07-01"]),
        (["9999-12-31 23:59:59.997", "2021-06-19 08:30:00.000"], ["9999-12-31T23:59:59.997", "2021-06-19T08:30"]),
        (["0001-01-01", "2021-06-19"], ["0001-01-01", "2021-06-19"]),
        (["29.02.2020", "28.02.2021"], ["2020-02-29", "2021-02-28"]),
        (["31/12/68", "31/12/69"], ["2068-12-31", "1969-12-31"]),
        (["20200327T103011Z", "20200328T000000Z"], ["2020-03-27T10:30:11", "2020-03-28"]),
        (["12-JAN-20 05.30.11.000000 PM", "13-FEB-20 01.02.03.5 AM"], ["2020-01-12T17:30:11", "2020-02-13T01:02:03.5"]),
        (["12JAN2020:10:30:11", "1FEB2021:00:00:00"], ["2020-01-12T10:30:11", "2021-02-01"]),
        (["1. 12. 2020", "24. 1. 2021"], ["2020-12-01", "2021-01-24"]),
        (["1er janvier 2020", "2 août 2021"], ["2020-01-01", "2021-08-02"]),
        (["3 stycznia 2020", "7 grudnia 2021"], ["2020-01-03", "2021-12-07"]),
        (["3 января 2020", "7 декабря 2021"], ["2020-01-03", "2021-12-07"]),
        (["2020年1月3日", "2021年12月31日"], ["2020-01-03", "2021-12-31"]),
        (["Jan-20", "Dec-21"], ["2020-01-01", "2021-12-01"]),
    ],
)
def test_periods_and_far_days(texts: list[str], days: list[str]) -> None:
    found = [np.datetime64(value, "us") for value in read(texts)[0]]
    assert found == [np.datetime64(day, "us") for day in days]


@pytest.mark.parametrize("separator", ["/", "-", "."])
def test_what_the_column_leaves_open_is_decided_by_the_user(separator: str) -> None:
    texts = [f"0{1 + row % 9}{separator}0{1 + row % 7}{separator}2020" for row in range(ROWS)]
    first, second = (read(texts, dayfirst=wish)[0] for wish in (True, False))
    assert [(time.day, time.month) for time in first] == [(time.month, time.day) for time in second]
    assert read(texts)[0] == (first if separator == "." else second)


@pytest.mark.parametrize(
    "texts",
    [
        ["30.02.2020", "01.01.2020"], ["2020-13-01", "2020-01-01"], ["12/31/2020", "31/12/2020"],
        ["2020-01-01", "2020-01-01Z"],
        ["2020-01-01 25:00", "2020-01-01 05:00"], ["31 Foo 2020", "1 Jan 2020"], ["13:00 PM", "1:00 PM"],
        ["may", "june"],
        ["May 5th", "June 6th"], ["10.0.0.1", "10.0.0.2"],
        ["May 12", "Nov 20"], ["7984-1", "7985-2"], ["1140-02", "1141-03"], ["2000-01", "2012-13"],
        ["2020-01-01x", "2020-01-01"],
    ],
)  # fmt: skip
def test_what_is_no_date(texts: list[str]) -> None:
    found = read_texts(clean_texts(pa.chunked_array([pa.array(texts)]), Format()), Format())
    assert found.form is None
    assert found.values.to_pylist() == texts


def test_times_of_day() -> None:
    texts = pa.array(["00:00", "23:59:59.5", "24:00", "7:05", "x", None, "12:60"])
    assert parse_times(texts).to_pylist() == [
        dt.time(),
        dt.time(23, 59, 59, 500_000),
        None,
        dt.time(7, 5),
        None,
        None,
        None,
    ]


# ---- in a table


def columns(texts: list[str]) -> dict[str, list[str]]:
    return {"when": texts, "x": some([1.5, 2.5, 4.0], len(texts)), "y": some("ab", len(texts), 1)}


def days_of(path: str, **options: object) -> list[float]:
    return [float(day) for day in table(path, "y", **options).features[:, 0]]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["table.csv", "t.parquet"])
def test_years_and_compact_days_are_dates_for_who_says_so(name: str, tmp_path: Path) -> None:
    times = [time for time in times_of(1) if time.year >= 1970]
    path = write(
        {**columns([f"{time:%Y%m%d}" for time in times]), "year": [time.year for time in times]}, tmp_path / name
    )
    assert {c.name: c.kind for c in table(path, "y").columns}["when"] == "number"
    found = table(path, "y", dates=["when", "year"])
    assert [column.kind for column in found.columns] == ["date", "number", "date"]
    epoch = TIME(1970, 1, 1)
    assert found.features[:, 0].tolist() == [(time - epoch).days for time in times]
    years = found.features[:, found.feature_names.index("year")]
    assert years.tolist() == [(TIME(time.year, 1, 1) - epoch).days for time in times]


def test_a_format_of_ones_own(tmp_path: Path) -> None:
    times = times_of(2)
    path = write(columns([f"{time:%d|%m|%Y at %H.%M}" for time in times]), tmp_path / "table.csv")
    found = days_of(path, date_format="%d|%m|%Y at %H.%M")
    expected = [(rounded(time, " 9:05") - TIME(1970, 1, 1)) / dt.timedelta(days=1) for time in times]
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_order_is_found_said_and_decided(tmp_path: Path) -> None:
    texts = [f"0{1 + row % 9}/0{1 + row % 7}/2020" for row in range(ROWS)]
    path = write(columns(texts), tmp_path / "table.csv")
    found = table(path, "y")
    assert found.columns[0].remarks == ("'01/01/2020' read as 2020-01-01", "if that is wrong: data.dayfirst=true")
    assert days_of(path, dayfirst=True)[8] == (TIME(2020, 2, 9) - TIME(1970, 1, 1)).days
    assert days_of(path)[8] == (TIME(2020, 9, 2) - TIME(1970, 1, 1)).days


def test_far_days_are_said_and_can_be_missing(tmp_path: Path) -> None:
    texts = ["9999-12-31" if row % 3 else f"2021-01-{1 + row % 28:02}" for row in range(ROWS)]
    for name in ("table.csv", "t.parquet"):
        path = write(columns(texts), tmp_path / name)
        found = table(path, "y")
        assert found.columns[0].remarks == ("9999-12-31 (40) may stand for no date: 'data.missing=[\"9999-12-31\"]'",)
        assert found.features[1, 0] == 2932896
        without = table(path, "y", missing=["9999-12-31"])
        assert without.columns[0].missing == 40
        assert np.isnan(without.features[1, 0])


def test_typed_far_days_can_be_missing_too(tmp_path: Path) -> None:
    days = [dt.date(9999, 12, 31) if row % 3 else dt.date(2021, 1, 1 + row % 28) for row in range(ROWS)]
    path = write(
        {**columns([]), "when": days, "x": some([1.5, 2.5], ROWS), "y": some("ab", ROWS)}, tmp_path / "t.parquet"
    )
    assert table(path, "y", missing=["9999-12-31"]).columns[0].missing == 40


def test_the_users_order_leaves_other_columns_alone(tmp_path: Path) -> None:
    """It decides what is open, and is no demand."""
    us, german = [f"12/{1 + row % 31}/2020" for row in range(ROWS)], [f"{1 + row % 31}.12.2020" for row in range(ROWS)]
    path = write({**columns(us), "de": german}, tmp_path / "table.csv")
    for wish in (True, False):
        found = table(path, "y", dayfirst=wish)
        assert {column.name: column.kind for column in found.columns if column.name != "x"} == {
            "when": "date",
            "de": "date",
        }
        day = (TIME(2020, 12, 30) - TIME(1970, 1, 1)).days
        assert [found.features[29, found.feature_names.index(name)] for name in ("when", "de")] == [day, day]


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (
            [f"{17 + row % 9}.04.2020" if row % 2 else f"07/{17 + row % 9}/2020" for row in range(ROWS)],
            "dates in 2 forms: '18.04.2020' (30 rows, first row 1, from 0), '07/17/2020' (30 rows, first row 0, from "
            "0)",
        ),
        (
            [f"2020-01-{1 + row % 28:02}" if row % 4 else f"{1 + row % 28:02}/02/2020" for row in range(ROWS)],
            "dates in 2 forms: '2020-01-02' (45 rows, first row 1, from 0), '01/02/2020' (15 rows, first row 0, from "
            "0)",
        ),
        (
            [f"2020-01-{1 + row % 28:02}T10:00:00" + "Z" * (row % 3 == 1) for row in range(ROWS)],
            "dates in 2 forms: '2020-01-01T10:00:00' (40 rows, first row 0, from 0), '2020-01-02T10:00:00Z' (20 "
            "rows, first row 1, from 0)",
        ),
    ],
)
def test_several_forms_are_named_with_their_rows(texts: list[str], says: str, tmp_path: Path) -> None:
    path = write(columns(texts), tmp_path / "table.csv")
    with pytest.raises(DataError) as caught:
        table(path, "y")
    assert str(caught.value) == (
        f"data.path: '{path}': 1 column cannot be used as it is:\n  when: {says}\n"
        "Mend the file, or add: 'data.drop=[when]'"
    )
