"""What a run returns to a sweeper, and whether the sweeper wants the right end of it."""

from mlp_exp.errors import SweeperError
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.spec import RunSpec


def require_direction(spec: RunSpec, plan: Plan) -> None:
    """Checks the direction of a sweeper that optimises: with the wrong one it would return the worst run.

    Raises:
        SweeperError: it minimises what is better when it is larger, or the other way round.
    """
    if spec.direction is None:
        return
    watched = plan.early_stopping()
    wanted = "maximize" if watched.larger_is_better else "minimize"
    if spec.direction != wanted:
        more = "larger" if watched.larger_is_better else "smaller"
        raise SweeperError(
            f"hydra.sweeper.direction: expected {wanted}, since a run returns its best {watched.monitor}, of which "
            f"{more} values are better, got {spec.direction}. Say so: hydra.sweeper.direction={wanted}"
        )
