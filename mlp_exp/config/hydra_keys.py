"""What keys of Hydra's own node take that no schema of ours holds, in words, by their whole names."""

_FOLDER = "the path of a folder"
_COUNT = "a whole number, 1 or more"
_FLAG = "true or false"
_FRACTION = "a fraction from 0 to 1"
_PRUNER, _SAMPLER = "hydra.sweeper.pruner", "hydra.sweeper.sampler"

TAKES = {
    "hydra.job.name": "a text",
    "hydra.run.dir": _FOLDER,
    "hydra.sweep.dir": _FOLDER,
    "hydra.sweep.subdir": f"{_FOLDER} inside that of the sweep, another one for each run",
    f"{_PRUNER}.eta": "a number above 1",
    f"{_PRUNER}.first": "a number of epochs, or a fraction of them between 0 and 1",
    f"{_SAMPLER}.n_startup_trials": "a whole number, 0 or more",
    f"{_SAMPLER}.n_ei_candidates": _COUNT,
    f"{_SAMPLER}.multivariate": _FLAG,
    f"{_SAMPLER}.group": _FLAG,
    f"{_SAMPLER}.constant_liar": _FLAG,
    f"{_SAMPLER}.popsize": "a whole number, 2 or more, or null",
    f"{_SAMPLER}.use_separable_cma": _FLAG,
    f"{_SAMPLER}.with_margin": _FLAG,
    f"{_SAMPLER}.lr_adapt": _FLAG,
    f"{_SAMPLER}.consider_pruned_trials": _FLAG,
    f"{_SAMPLER}.deterministic_objective": _FLAG,
    f"{_SAMPLER}.population_size": "a whole number, 2 or more",
    f"{_SAMPLER}.mutation_prob": f"{_FRACTION}, or null",
    f"{_SAMPLER}.crossover_prob": _FRACTION,
    f"{_SAMPLER}.swapping_prob": _FRACTION,
}
"""Those of pruners and samplers are also what their messages say is expected."""
