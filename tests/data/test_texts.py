"""Columns of texts as numbers."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from support.reviews import review_data, text_column

from mlp_exp.data.dataset import Dataset, TargetColumn
from mlp_exp.data.preprocessing import Preprocess, Preprocessing
from mlp_exp.data.text import fit, hashing
from mlp_exp.data.text.encoder import FOLDS, TextEncoder, folds, weigh
from mlp_exp.data.text.fit import MOST_SCORES, fit_texts, wanted_scores
from mlp_exp.data.text.hashing import CHARACTERS, FEATURES, LONGEST, WORDS, blocks, counts

ROWS = 400
TRAIN = np.arange(0, ROWS, 2)
DATA = review_data(ROWS)
(COLUMN,) = DATA.texts
FITTED = Preprocess(text_width=4).fit(DATA, TRAIN)
(ENCODER,) = FITTED.texts


def correlation(numbers: Any, labels: Any) -> float:
    return float(np.corrcoef(numbers, labels)[0, 1])


# ---- counts


def test_counts_of_words_pairs_and_characters() -> None:
    """Of two words and the pair of them; and of three to five characters in each word with its edges."""
    found = counts(["it rained"])
    assert found.shape == (1, FEATURES)
    assert found.dtype == np.float32
    assert found[:, :WORDS].sum() == 3
    assert found[:, WORDS:].sum() == (2 + 1) + (6 + 5 + 4)
    assert found[:, WORDS:].shape[1] == CHARACTERS


def test_case_and_order_of_sentences_do_not_matter_to_words() -> None:
    one, other = (counts([text])[:, :WORDS] for text in ("Good. Bad", "good BAD"))
    assert (one != other).nnz == 0


def test_an_empty_text_counts_nothing() -> None:
    assert counts(["", "   ", "?"])[:2].nnz == 0


def test_the_beginning_of_a_long_text_is_read() -> None:
    long = "word " * LONGEST
    assert (counts([long]) != counts([long[:LONGEST]])).nnz == 0


def test_blocks_hold_all_texts_and_few_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "BLOCK", 10)
    texts = ["a" * length for length in (3, 7, 1, 25, 0, 9, 2, 0)]
    found = [texts[block] for block in blocks(texts)]
    assert [text for part in found for text in part] == texts
    assert [sum(map(len, part)) for part in found] == [10, 1, 25, 9, 2]
    assert list(blocks([])) == []


# ---- weights


def test_weights_are_those_of_scikit_learn() -> None:
    matrix = HashingVectorizer(n_features=FEATURES, norm=None, alternate_sign=False, dtype=np.float32).transform(
        COLUMN.values
    )
    transformer = TfidfTransformer(sublinear_tf=True).fit(matrix)
    expected = transformer.transform(matrix)
    np.testing.assert_allclose(
        weigh(matrix.copy(), transformer.idf_.astype(np.float16)).toarray(), expected.toarray(), atol=1e-3
    )


# ---- topics and scores


def test_scores_and_the_strongest_topic_have_unit_variance_in_the_training_part() -> None:
    numbers = ENCODER.numbers(COLUMN.values[TRAIN])
    assert numbers.shape == (len(TRAIN), 4 + 1)
    assert numbers.dtype == np.float32
    np.testing.assert_allclose(numbers.mean(axis=0), 0, atol=1e-4)
    *topics, score = numbers.std(axis=0)
    assert (max(topics), score) == (pytest.approx(1, abs=1e-4), pytest.approx(1, abs=1e-4))
    assert min(topics) < 0.95


def test_the_score_tells_the_classes_apart_in_new_texts() -> None:
    new = review_data(ROWS, seed=1)
    score = ENCODER.numbers(new.texts[0].values)[:, -1]
    assert np.mean((score > 0) == new.target) > 0.95


def test_a_text_has_the_same_numbers_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    together = ENCODER.numbers(COLUMN.values)
    alone = np.concatenate([ENCODER.numbers([text]) for text in COLUMN.values])
    np.testing.assert_array_equal(together, alone)
    monkeypatch.setattr(hashing, "BLOCK", 100)
    np.testing.assert_array_equal(together, ENCODER.numbers(COLUMN.values))


def test_only_the_training_part_matters() -> None:
    values, target = COLUMN.values.copy(), DATA.target.copy()
    values[1::2], target[1::2] = "something else", 1 - target[1::2]
    other = Preprocess(text_width=4).fit(replace(DATA, texts=(replace(COLUMN, values=values),), target=target), TRAIN)
    assert other.state() == FITTED.state()


def test_texts_that_say_nothing_have_scores_that_say_nothing() -> None:
    """Also in the training part, where a fit to all texts would know each answer by heart."""
    data = review_data(1000, useful=False)
    (encoder,) = Preprocess().fit(data, np.arange(1000)).texts
    numbers = encoder.numbers(data.texts[0].values)
    assert abs(correlation(numbers[:, -1], data.target)) < 0.1
    wanted = wanted_scores(data.target, 2)
    matrix = weigh(counts(data.texts[0].values), encoder.idf)
    known = [matrix @ encoder.scores[:, fold].astype(np.float32) for fold in range(FOLDS)]
    assert min(correlation(each[:, 0], wanted[:, 0]) for each in known) > 0.25


def test_the_own_target_of_a_text_is_not_in_its_score() -> None:
    """Changed targets of all texts of a fold change the scores of all other folds, and not of this one."""
    fold = folds(COLUMN.values[TRAIN])
    wanted = wanted_scores(DATA.target[TRAIN], 2)
    changed = np.where(fold[:, None] == 1, 5.0, wanted)
    one, other = (fit_texts(COLUMN, TRAIN, each, 2).scores for each in (wanted, changed))
    assert [bool((one[:, k] == other[:, k]).all()) for k in range(FOLDS)] == [False, True, False, False]


def test_equal_texts_are_in_one_fold_and_folds_are_alike() -> None:
    found = folds(["a", "b", "a", *COLUMN.values])
    assert found[0] == found[2]
    assert (np.bincount(found, minlength=FOLDS) > ROWS / FOLDS / 2).all()


@pytest.mark.parametrize(("n_classes", "width"), [(0, 1), (2, 1), (3, 3), (MOST_SCORES, 16), (40, MOST_SCORES)])
def test_what_scores_predict(n_classes: int, width: int) -> None:
    draw = np.random.default_rng(0)
    target = draw.integers(0, n_classes, 500) if n_classes else draw.normal(5, 2, 500)
    wanted = wanted_scores(target, n_classes)
    assert wanted.shape == (500, width)
    np.testing.assert_allclose(wanted.mean(axis=0), 0, atol=1e-12)
    assert wanted.std() == pytest.approx(1)
    if n_classes:
        assert len(np.unique(wanted, axis=0)) == n_classes
    else:
        assert correlation(wanted[:, 0], target) == pytest.approx(1)


@pytest.mark.parametrize(("targets", "width"), [(2, 2), (MOST_SCORES, 16), (40, MOST_SCORES)])
@pytest.mark.parametrize("labels", [False, True])
def test_what_scores_predict_of_several_targets(labels: bool, targets: int, width: int) -> None:
    draw = np.random.default_rng(0)
    target = draw.integers(0, 2, (500, targets)) if labels else draw.normal(5, 2, (500, targets))
    wanted = wanted_scores(target, 0)
    assert wanted.shape == (500, width)
    np.testing.assert_allclose(wanted.mean(axis=0), 0, atol=1e-12)
    assert wanted.std() == pytest.approx(1)
    if targets == width:
        assert correlation(wanted[:, -1], target[:, -1]) == pytest.approx(1)


@pytest.mark.parametrize("labels", [False, True])
def test_each_of_several_targets_has_a_score(labels: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 2, ROWS)
    both = np.stack([noise, DATA.target], axis=1)
    data = Dataset.from_arrays(DATA.features, both if labels else both * 30.0 + 7, regression=not labels)
    (encoder,) = Preprocess(text_width=4).fit(replace(data, texts=DATA.texts), TRAIN).texts
    scores = encoder.numbers(COLUMN.values)[:, 4:]
    assert scores.shape == (ROWS, 2)
    assert correlation(scores[:, 1], DATA.target) > 0.9
    assert abs(correlation(scores[:, 0], DATA.target)) < 0.5


def test_scores_of_values() -> None:
    data = replace(DATA, targets=(TargetColumn("target"),), target=DATA.target * 3.0 + 7)
    (encoder,) = Preprocess().fit(data, TRAIN).texts
    assert correlation(encoder.numbers(COLUMN.values[1::2])[:, -1], data.target[1::2]) > 0.9


def test_a_large_training_part_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evenly, by the number of rows and of characters."""
    fitted: list[list[str]] = []

    def noted(texts: Any) -> Any:
        fitted.append(list(texts))
        return folds(texts)

    monkeypatch.setattr(fit, "folds", noted)
    wanted = wanted_scores(DATA.target[TRAIN], 2)
    monkeypatch.setattr(fit, "FIT_ROWS", 50)
    fit_texts(COLUMN, TRAIN, wanted, 2)
    monkeypatch.setattr(fit, "FIT_CHARACTERS", 600)
    fit_texts(COLUMN, TRAIN, wanted, 2)
    assert fitted[0] == COLUMN.values[::8].tolist()
    assert 300 < sum(map(len, fitted[1])) < 900


# ---- odd columns


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_few_rows_have_few_topics(rows: int) -> None:
    encoder = fit_texts(COLUMN, np.arange(rows), wanted_scores(DATA.target[:rows], 2), 5)
    numbers = encoder.numbers(COLUMN.values)
    assert encoder.width == min(rows, 5) + 1
    assert np.isfinite(numbers).all()


@pytest.mark.parametrize("text", ["", "?!", "always the same"])
def test_training_texts_without_differences_are_zeros(text: str) -> None:
    data = replace(DATA, texts=(text_column([text] * ROWS),))
    fitted = Preprocess().fit(data, TRAIN)
    assert (fitted.encoded(data.texts)[0] == 0).all()
    assert (fitted.encoded([COLUMN])[0] == 0).all()


def test_a_missing_text_is_zeros_before_scaling() -> None:
    (numbers,) = ENCODER.numbers([""])
    np.testing.assert_allclose(numbers * ENCODER.scale + ENCODER.shift, 0, atol=1e-6)


# ---- with the other features


def test_inputs_hold_them_before_the_embeddings() -> None:
    inputs = FITTED.inputs(DATA.features, (), FITTED.encoded(DATA.texts))
    assert inputs.shape == (ROWS, FITTED.inputs_width) == (ROWS, 1 + 5)
    np.testing.assert_array_equal(inputs[:, 1:], ENCODER.numbers(COLUMN.values))


def test_state_is_plain_and_restores_the_same_numbers() -> None:
    state = json.loads(json.dumps(FITTED.state()))
    restored = Preprocessing.from_state(state)
    assert restored.state() == FITTED.state()
    np.testing.assert_array_equal(restored.encoded(DATA.texts)[0], FITTED.encoded(DATA.texts)[0])


def test_the_state_of_earlier_versions_has_no_texts() -> None:
    state = Preprocess().fit(replace(DATA, texts=()), TRAIN).state()
    del state["texts"]
    assert Preprocessing.from_state(state).texts == ()


def test_the_state_is_bounded() -> None:
    for classes in (2, 5, 100):
        target = np.arange(ROWS) % classes
        data = replace(DATA, target=target, targets=(TargetColumn("target", tuple(map(str, range(classes)))),))
        size = len(json.dumps(Preprocess().fit(data, np.arange(ROWS)).state()))
        assert size < 2**20 * (1 if classes <= 2 else 2.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"idf": ""}, "expected weights of"),
        ({"topics": "AAAA"}, "buffer size"),
        ({"topics": "AAAAAAAA"}, "expected weights of"),
        ({"scores": ""}, "expected weights of"),
        ({"scores": "no base64"}, "Only base64 data is allowed"),
        ({"shift": [0.0] * 4}, "expected weights of"),
        ({"scale": [1.0] * 6}, "expected weights of"),
        ({"idf": "AHwA" * (FEATURES * 2 // 3 + 1)}, "buffer size|finite"),
    ],
)
def test_a_state_whose_parts_do_not_agree(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextEncoder.from_state(ENCODER.state() | change)


# ---- the dataset


def test_texts_are_in_the_fingerprint() -> None:
    def of(*texts: str, name: str = "review") -> str:
        column = text_column(list(texts), name)
        return Dataset(
            np.zeros((2, 0)), np.array([0, 1]), (), (TargetColumn("target", ("a", "b")),), texts=(column,)
        ).fingerprint

    assert of("a", "b") == of("a", "b")
    assert len({of("a", "b"), of("b", "a"), of("ab", ""), of("a", "b", name="other"), of("", "ab")}) == 5


def test_fewer_rows_keep_their_texts() -> None:
    few = DATA.at_most(20)
    assert few.texts[0].values.tolist() == COLUMN.values[few.source_rows].tolist()
