import numpy as np
import torch

from mlp_exp.engine.counted import draws


def test_a_key_draws_what_splitmix64_does() -> None:
    """The first numbers of seed 1234567, as its reference implementation gives them."""
    expected = np.array(
        [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821],
        np.uint64,
    )
    found = draws(torch.tensor(1234567), torch.arange(5))
    assert found.numpy().view(np.uint64).tolist() == expected.tolist()


def test_what_a_key_draws_depends_neither_on_others_nor_on_how_much_is_drawn() -> None:
    keys = torch.tensor([[5], [-3], [2**62]])
    together = draws(keys, torch.arange(1000))
    for row, key in enumerate(keys):
        assert torch.equal(together[row, :10], draws(key, torch.arange(10)))


def test_all_bits_are_drawn_evenly_and_independently_of_their_neighbours() -> None:
    """Of 200,000 numbers, within five standard deviations."""
    numbers = draws(torch.tensor([[1], [2]]), torch.arange(100_000)).flatten().numpy().view(np.uint64)
    bits = (numbers[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    bound = 5 * 0.5 / len(numbers) ** 0.5
    assert np.abs(bits.mean(0) - 0.5).max() < bound
    assert np.abs((bits[1:] == bits[:-1]).mean(0) - 0.5).max() < bound
    assert np.abs((bits[:, 1:] == bits[:, :-1]).mean(0) - 0.5).max() < bound
    assert len(set(numbers.tolist())) == len(numbers)
