"""The run that a search starts from: what its values are, what it watches, how long it trains."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlp_exp.config.by_data import for_data
from mlp_exp.config.validation import require_valid
from mlp_exp.errors import ConfigError
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.job_context import active, require_files
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.hpo.asked import MakeJob
from mlp_exp.hpo.dimensions import Params
from mlp_exp.hpo.space import Space


@dataclass(frozen=True)
class Defaults:
    """A run without the values that are searched.

    Attributes:
        params: its own values of them, as far as the space has these.
    """

    plan: Plan
    params: Params

    @classmethod
    def of(cls, space: Space, make_job: MakeJob, folder: Path, session: Session) -> "Defaults":
        """Reads the data.

        Args:
            folder: of the search, in which the user's own code then runs.

        Raises:
            MlpExpError: such a run cannot train.
        """
        spec = _composed(space, make_job)
        moved = str(folder) if spec.directory == spec.folder else spec.directory
        spec = replace(spec, folder=str(folder), directory=moved)
        with active(spec):
            require_files(spec)
            made = plan(Components(spec.config, session))
        values = for_data(spec.values, made.components.facts)
        return cls(made, space.of_values(values, _choices(spec)))


def _composed(space: Space, make_job: MakeJob) -> RunSpec:
    """The run with what is fixed; where the search alone gives some key a value, with the first of each."""
    spec = make_job(0, space.overrides({})).compose()
    try:
        require_valid(spec.values, spec.overrides)
    except ConfigError:
        first: Params = {}
        for dimension in space.dimensions:
            if space.is_active(dimension.key, first):
                first[dimension.key] = dimension.outermost()[0]
        spec = make_job(0, space.overrides(first)).compose()
        require_valid(spec.values, spec.overrides)
    return spec


def _choices(spec: RunSpec) -> Mapping[str, Any]:
    """The options of the groups."""
    choices: Mapping[str, Any] = spec.job.get("hydra.runtime.choices") or {}
    return choices
