"""Types of the values in a configuration; what is expected of each is its description."""

from typing import Annotated, Literal

from pydantic import Field

Natural = Annotated[int, Field(ge=0, description="a whole number, 0 or more")]
Count = Annotated[int, Field(ge=1, description="a whole number, 1 or more")]
Epochs = Annotated[
    Annotated[int, Field(ge=1)] | Literal["auto"], Field(description="a whole number, 1 or more, or auto")
]
Positive = Annotated[float, Field(gt=0, description="a number above 0")]
NonNegative = Annotated[float, Field(ge=0, description="a number, 0 or more")]
Number = Annotated[float, Field(description="a number")]
Fraction = Annotated[float, Field(ge=0, le=1, description="a fraction from 0 to 1")]
Factor = Annotated[float, Field(gt=0, le=1, description="a number above 0, at most 1")]
Rate = Annotated[float, Field(ge=0, lt=1, description="a number from 0 up to, not including, 1")]
Rates = Annotated[
    Rate | list[Rate],
    Field(description="a rate from 0 up to, not including, 1, or a list with one for each hidden layer"),
]
Betas = Annotated[
    list[Rate], Field(min_length=2, max_length=2, description="two numbers from 0 up to 1, such as [0.9,0.999]")
]
Levels = Annotated[
    list[Annotated[float, Field(gt=0, lt=1)]],
    Field(min_length=1, description="a list of numbers between 0 and 1, such as [0.05,0.5,0.95]"),
]
Eps = Annotated[
    Positive | Annotated[list[float | None], Field(min_length=2, max_length=2)],
    Field(description="a number above 0 (Adafactor: two, such as [null,1e-3])"),
]
Widths = Annotated[
    list[Annotated[int, Field(ge=1)]],
    Field(description="a list of whole numbers from 1, such as [64,32], or [] for a linear model"),
]
Flag = Annotated[bool, Field(description="true or false")]
Text = Annotated[str, Field(min_length=1, description="a text")]
File = Annotated[str, Field(min_length=1, description="the path of a file")]
Files = Annotated[File | Annotated[list[File], Field(min_length=1)], Field(description="the path of a file, or a list")]
Name = Annotated[str | int, Field(description="the name of a column")]
Targets = Annotated[
    Name | Annotated[list[Name], Field(min_length=1)], Field(description="the name of a column, or a list of names")
]
Names = Annotated[list[Name], Field(description="a list of column names, such as [age,income]")]
Words = Annotated[
    list[str | int | Annotated[float, Field(allow_inf_nan=True)]],
    Field(description="a list of texts, such as [unknown,-9]"),
]
Separator = Annotated[
    str | None, Field(min_length=1, max_length=1, description="one character, such as ';', or null to detect it")
]
DateFormat = Annotated[
    str | None, Field(pattern="%[Yy]", description="directives of strptime, such as '%d.%m.%Y %H:%M', or null")
]
Target = Annotated[
    str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$", description="an import path, such as package.Class")
]
ClassWeight = Annotated[
    Literal["balanced"]
    | Annotated[dict[str | bool | int | float, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    | None,
    Field(description="balanced, null, or a weight above 0 for each class, such as {yes: 5, no: 1}"),
]
