"""How much of the signal in a column of texts is found, beside scikit-learn's TF-IDF with a linear model.

The linear model gets all columns, and trains with the validation rows too. Seconds are those of the
processor from the table in memory to the score of the test rows; mlp_exp's include the files of a run.
"""

import ast
import contextlib
import csv
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from harness import median
from pages import spread, table
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from tables import metric, planned, preset, score
from threadpoolctl import threadpool_limits

from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.experiment.plan import Plan

LIBRARIES = ("numpy", "scipy", "sklearn", "torch", "matplotlib")
EACH = 1200
"""Rows of each library."""
SEEDS = 5
Rows = Iterator[Sequence[object]]

GOOD = ("lovely", "excellent", "wonderful", "delightful", "superb", "pleasant", "brilliant", "charming", "tasty")
BAD = ("awful", "dreadful", "horrible", "terrible", "disappointing", "boring", "rude", "noisy", "dirty")
PLAIN = ("the food", "our table", "the waiter", "a dessert", "the music", "this place", "the view", "parking")
TIMES = ("last week", "on Sunday", "at noon", "after the show", "with friends", "for my birthday", "in the rain")
THINGS = {"bicycle": 5.0, "sofa": 4.5, "lamp": 2.5, "camera": 5.5, "jacket": 3.5, "guitar": 5.2, "desk": 4.2}
STATES = {"brand new": 0.4, "hardly used": 0.2, "in good order": 0.0, "a few scratches": -0.3, "needs repair": -1.0}


def docstrings() -> Rows:
    """First paragraphs of the documentation in five installed libraries, and which library they are from."""
    yield "line", "length", "library"
    for name in LIBRARIES:
        spec = find_spec(name)
        assert spec
        assert spec.submodule_search_locations
        found = set()
        for path in Path(spec.submodule_search_locations[0]).rglob("*.py"):
            with contextlib.suppress(SyntaxError):  # of a later Python
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
                        found.add(" ".join(text.partition("\n\n")[0].split()))
        lines = sorted(line for line in found if len(line) >= 20)
        for line in random.Random(0).sample(lines, EACH):
            yield line, len(line), name


def reviews(rows: int, *, shuffled: bool = False) -> Rows:
    """Reviews of restaurants, a third of their adjectives misspelled, with an unrelated price and city.

    A negation turns a word's meaning; a tenth of the reviews has the wrong verdict. `shuffled`: so that the text means
    nothing, and the price a little.
    """
    draw = random.Random(rows)
    texts, verdicts = zip(*(_review(draw) for _ in range(rows)), strict=True)
    yield "review", "price", "city", "verdict"
    for number, verdict in enumerate(verdicts):
        price = draw.gauss(30 + 8 * shuffled * (verdict == "good"), 8)
        text = texts[(number + rows // 2) % rows] if shuffled else texts[number]
        yield text, f"{price:.2f}", draw.choice(("Rome", "Oslo", "Lima")), verdict


def _review(draw: random.Random) -> tuple[str, str]:
    parts, total = [], 0
    for _ in range(draw.choice((1, 3))):
        sign, word = draw.choice((1, -1)), draw.random() < 0.1
        adjective = draw.choice(GOOD if (sign > 0) != word else BAD)
        parts.append(f"{draw.choice(PLAIN)} was {'not ' if word else ''}{_misspelled(draw, adjective)}")
        parts += [draw.choice(TIMES)] * (draw.random() < 0.5)
        total += sign
    good = (total > 0) != (draw.random() < 0.1)
    return ", ".join(parts), "good" if good else "bad"


def _misspelled(draw: random.Random, word: str) -> str:
    if draw.random() > 1 / 3:
        return word
    place = draw.randrange(1, len(word) - 1)
    return draw.choice((word[:place] + word[place + 1 :], word[:place] + word[place] + word[place:]))


def offers(rows: int) -> Rows:
    """Things for sale; the price is the thing's times its state's, and falls with the age, of some things fast."""
    draw = random.Random(rows)
    yield "offer", "age", "price"
    for _ in range(rows):
        (thing, worth), (state, factor) = draw.choice([*THINGS.items()]), draw.choice([*STATES.items()])
        age = draw.uniform(0, 10)
        words = [_misspelled(draw, thing), state, draw.choice(("", "must go", "pick up only", "call me", "no pets"))]
        draw.shuffle(words)
        log_price = worth + factor - age * (0.3 if thing in ("camera", "sofa", "jacket") else 0.05)
        yield ", ".join(filter(None, words)), f"{age:.1f}", f"{np.exp(log_price + draw.gauss(0, 0.1)):.2f}"


QUICK = "reviews, 1,000 rows"
CASES: dict[str, tuple[Callable[[], Rows], list[str]]] = {
    "documentation, 6,000 rows": (docstrings, []),
    QUICK: (lambda: reviews(1000), []),
    "reviews, 5,000 rows": (lambda: reviews(5000), []),
    "reviews that say nothing, 1,000 rows": (lambda: reviews(1000, shuffled=True), []),
    "offers, 5,000 rows": (lambda: offers(5000), ["preprocess.log_target=true"]),
}


def linear(run: Plan) -> float:
    """Test score of scikit-learn's TF-IDF with logistic or ridge regression, as they are by default."""
    dataset, parts = run.components.dataset, run.parts
    rows = np.concatenate([parts.train, parts.val])
    (texts,) = dataset.texts
    vectorizer = TfidfVectorizer()
    plain = Preprocess(log_target=run.preprocessing.target.log).fit(replace(dataset, texts=()), rows)
    others = csr_matrix(plain.inputs(dataset.features, dataset.categories))
    vectorizer.fit(texts.values[rows])
    inputs = hstack([vectorizer.transform(texts.values), others], format="csr")
    if run.task.has_classes:
        model = LogisticRegression(max_iter=1000).fit(inputs[rows], dataset.target[rows])
        return score(run, model.predict(inputs[parts.test]))
    ridge = Ridge().fit(inputs[rows], plain.target.scaled(dataset.target)[rows])
    return score(run, run.task.in_unit(ridge.predict(inputs[parts.test]), plain.target))


def timed(contender: Callable[[], float]) -> tuple[float, float]:
    start = time.process_time()
    return contender(), time.process_time() - start


def row(name: str, path: Path, overrides: Sequence[str], seeds: int) -> list[str]:
    with path.open(encoding="utf-8") as file:
        text, *_, target = next(csv.reader(file))
    shared = ["data=table", f"data.path={path}", f"data.target={target}", *overrides]
    found: list[list[tuple[float, float]]] = [[], [], []]
    for seed in range(seeds):
        words = [*shared, f"seed={seed}", f"split.seed={seed}"]
        with_text, without = planned([*words, f"data.text=[{text}]"]), planned([*words, f"data.drop=[{text}]"])
        found[0].append(timed(lambda run=without: preset(run)[0]))
        found[1].append(timed(lambda run=with_text: preset(run)[0]))
        found[2].append(timed(lambda run=with_text: linear(run)))
    cells = [f"{spread([s for s, _ in each])}, {median(each, lambda pair: pair[1]):.1f} s" for each in found]
    return [f"{name}, {metric(with_text)}", *cells]


def texts(quick: bool) -> str:
    """The table; of the first reviews alone if it is to be quick."""
    lines = []
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        for name in [QUICK] if quick else CASES:
            make, overrides = CASES[name]
            path = Path(folder) / "rows.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(make())
            lines.append(row(name, path, overrides, 1 if quick else SEEDS))
            print(f"  {lines[-1]}", file=sys.stderr, flush=True)
    return table(["", "mlp_exp without the text", "mlp_exp", "TF-IDF and a linear model"], lines)
