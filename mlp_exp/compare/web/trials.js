// The trials of searches, and metrics: those of runs, and the objectives of a search.

const OBJECTIVE = "objective:";  // before the number of one, where a metric is asked for

// Trials look like runs whose metrics are the objectives; one that is repeated has the keys that its runs share
function trialsOf(search) {
  return search.trials.map((trial) => {
    const runs = trial.runs.map((index) => data.runs[index]);
    const overrides = Object.fromEntries(
      Object.entries(trial.overrides ?? runs[0].overrides).filter(([key]) => !search.repeat.includes(key)),
    );
    const metrics = Object.fromEntries((trial.values ?? []).map((value, index) => [OBJECTIVE + index, value]));
    return {
      ...trial, runs, metrics: bare(null, metrics), overrides: bare(null, overrides),
      ...(search.repeats > 1 ? { kind: "trial", name: String(trial.number) } : { name: trial.name ?? runs[0].name }),
    };
  });
}

const searches = data.searches.map((search) => ({ ...search, trials: trialsOf(search) }));
const search = searches.length === 1 ? searches[0] : null;  // that all is about
const allTrials = searches.flatMap(({ trials }) => trials);
const trialOf = new Map(allTrials.flatMap((trial) => trial.runs.map((run) => [run, trial])));
const numberOf = (metric) => (metric.startsWith(OBJECTIVE) ? Number(metric.slice(OBJECTIVE.length)) : null);

function nameOf(metric, of = search) {
  const index = numberOf(metric);
  if (index === null) return metric;
  const { name } = of.objectives[index];
  return of.objectives.length > 1 ? name : `best ${name}`;
}

function rises(metric, of = search) {
  const index = numberOf(metric);
  return index === null ? data.rising.includes(metric) : of.objectives[index].direction === "maximize";
}

const objectivesOf = (of) => of.objectives.map((_, index) => [OBJECTIVE + index, nameOf(OBJECTIVE + index, of)]);
const objectives = search ? objectivesOf(search) : [];
// Of more runs than are listed, some at equal distances: the best alone would show other effects
const ofAll = (metric) => (
  numberOf(metric) === null ? data.sample ?? data.runs : search.trials.filter((trial) => !search.cut || trial.even)
);
const scoredBy = (metric) => ofAll(metric).filter((run) => run.metrics[metric] != null);
const scale = (metric) => (numberOf(metric) !== null && find("search-log").checked ? "log" : "linear");
