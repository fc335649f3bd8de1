// A search: how the best value came about, how far each trial came, and the front of several objectives.

const search = data.search;
const OBJECTIVE = "objective:";  // before the number of one, where a metric is asked for

// Trials look like runs whose metrics are the objectives; one that is repeated has the keys that its runs share
const trials = (search?.trials ?? []).map((trial) => {
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
const trialOf = new Map(trials.flatMap((trial) => trial.runs.map((run) => [run, trial])));
const numberOf = (metric) => (metric.startsWith(OBJECTIVE) ? Number(metric.slice(OBJECTIVE.length)) : null);
const several = search?.objectives.length > 1;

function nameOf(metric) {
  const index = numberOf(metric);
  if (index === null) return metric;
  const { name } = search.objectives[index];
  return several ? name : `best ${name}`;
}

const objectives = (search?.objectives ?? []).map((_, index) => [OBJECTIVE + index, nameOf(OBJECTIVE + index)]);
// Of more runs than are listed, some at equal distances: the best alone would show other effects
const ofAll = (metric) => (
  numberOf(metric) === null ? data.sample ?? data.runs : trials.filter((trial) => !search.cut || trial.even)
);
const scoredBy = (metric) => ofAll(metric).filter((run) => run.metrics[metric] != null);
const scale = (metric) => (numberOf(metric) !== null && find("search-log").checked ? "log" : "linear");
const rises = (objective) => search.objectives[numberOf(objective)].direction === "maximize";

// Whether the values need a log axis: all are positive, and most of the plot would be empty without it
function spreads(objective) {
  const values = trials.filter((trial) => trial.metrics[objective] != null).map((trial) => trial.metrics[objective]);
  return values.length > 1 && Math.min(...values) > 0 && Math.max(...values) > 10 * Math.min(...values);
}

const BELOW = { showlegend: true, legend: { orientation: "h", y: -0.25 }, margin: { t: 20, r: 20, l: 60, b: 90 } };

function points(shown, x, y, more) {
  return {
    type: "scatter", mode: "markers", x: shown.map(x), y: shown.map(y), text: shown.map((trial) => short(title(trial))),
    customdata: shown.map((trial) => trials.indexOf(trial)), hovertemplate: "%{text}<br>%{y}<extra></extra>", ...more,
  };
}

const kinds = () => [
  ["pruned", { symbol: "circle-open", size: 6, color: style("--faint") }],
  ["complete", { size: 7, color: style("--mark") }],
];

function drawHistory(objective) {
  const value = (trial) => trial.metrics[objective];
  const number = (trial) => trial.number;
  const known = trials.filter((trial) => value(trial) != null);
  const last = trials.at(-1)?.number ?? 0;
  const shown = kinds().map(([state, marker]) => (
    points(known.filter((trial) => trial.state === state), number, value, { name: state, marker })
  ));
  const best = { x: [], y: [] };
  for (const trial of known.filter((each) => each.state === "complete")) {
    const before = best.y.at(-1) ?? value(trial);
    best.x.push(trial.number);
    best.y.push(rises(objective) ? Math.max(before, value(trial)) : Math.min(before, value(trial)));
  }
  if (best.x.length) {
    best.x.push(last);
    best.y.push(best.y.at(-1));
  }
  const line = {
    ...best, name: "best so far", mode: "lines", line: { shape: "hv", width: 2, color: COLOURS[1] }, hoverinfo: "skip",
  };
  const failed = points(trials.filter((trial) => trial.state === "failed"), number, () => 0.02, {
    name: "failed", yaxis: "y2", marker: { symbol: "x-thin", size: 7, line: { width: 1.5, color: style("--bad") } },
    hovertemplate: "%{text}<br>failed<extra></extra>",
  });
  plot("history", [...shown, failed, line].filter((trace) => trace.x.length), {
    ...BELOW, yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
    xaxis: { title: { text: "trial" }, range: [-0.02 * last - 0.3, 1.02 * last + 0.3] },
    yaxis: { title: { text: plain(nameOf(objective)) }, type: scale(objective) },
  });
}

// Lines with gaps, as in the learning curves; the last place is the end of the training
function drawRungs() {
  const objective = OBJECTIVE + 0;
  const places = search.rungs.map((_, index) => index);
  const last = search.rungs.length;
  const at = (trial) => (trial.state === "complete" ? [...places, last] : places.slice(0, trial.at.length));
  const known = trials.filter((trial) => trial.at.length);
  const joined = (shown, more) => ({
    type: "scatter", mode: "lines+markers",
    x: shown.flatMap((trial) => [...at(trial), null]), y: shown.flatMap((trial) => [...trial.at, null]),
    text: shown.flatMap((trial) => [...trial.at.map(() => short(title(trial))), ""]),
    customdata: shown.flatMap((trial) => [...trial.at.map(() => trials.indexOf(trial)), null]),
    hovertemplate: "%{text}<br>%{y}<extra></extra>", ...more,
  });
  const traces = kinds().map(([state, marker]) => joined(known.filter((trial) => trial.state === state), {
    name: state === "pruned" ? "pruned" : "went on to the end", marker: { ...marker, size: 5 },
    line: { width: 1, color: marker.color },
  }));
  plot("rungs", traces.filter((trace) => trace.x.length), {
    ...BELOW,
    xaxis: {
      tickvals: [...places, last], ticktext: [...search.rungs.map((epoch) => `epoch ${epoch}`), "end"],
      range: [-0.2, last + 0.2],
    },
    yaxis: { title: { text: plain(nameOf(objective)) }, type: scale(objective) },
  });
}

function drawFront() {
  const [x, y] = ["front-x", "front-y"].map((id) => find(id).value);
  const known = trials.filter((trial) => trial.state === "complete" && trial.values);
  const draw = (shown, more) => points(shown, (trial) => trial.metrics[x], (trial) => trial.metrics[y], {
    hovertemplate: "%{text}<br>%{x}, %{y}<extra></extra>", ...more,
  });
  const front = known.filter((trial) => trial.front).sort((a, b) => a.metrics[x] - b.metrics[x]);
  const joined = { mode: "lines+markers", line: { width: 1.5, color: COLOURS[1] } };
  plot("front", [
    draw(known.filter((trial) => !trial.front), { name: "others", marker: { size: 6, color: style("--faint") } }),
    draw(front, {
      name: "front", marker: { size: 9, color: COLOURS[1] }, ...(search.objectives.length === 2 ? joined : {}),
    }),
  ].filter((trace) => trace.x.length), {
    ...BELOW, xaxis: { title: { text: plain(nameOf(x)) }, type: spreads(x) ? "log" : "linear" },
    yaxis: { title: { text: plain(nameOf(y)) }, type: spreads(y) ? "log" : "linear" },
  });
}

function drawSearch() {
  if (!search) return;
  drawHistory(find("objective").value);
  if (search.rungs.length) drawRungs();
  if (several) drawFront();
}

function highlight(event) {
  const trial = trials[event.points[0].customdata];
  if (!trial) return;
  const all = trial.runs.every((run) => chosen.has(run));
  trial.runs.forEach((run) => (all ? chosen.delete(run) : chosen.add(run)));
  drawRuns();
}

function theBest() {
  const [[objective, name]] = objectives;
  const whole = trials.filter((trial) => trial.state === "complete" && trial.metrics[objective] != null);
  if (several || !whole.length) return "";
  const sign = rises(objective) ? -1 : 1;
  const best = whole.reduce((a, b) => (sign * b.metrics[objective] < sign * a.metrics[objective] ? b : a));
  return `; ${name} ${rounded(best.metrics[objective])} in ${best.kind ?? "run"} ${best.name}`;
}

function fillSearch() {
  if (!search) {
    find("search").remove();
    find("search-link").remove();
    return;
  }
  const counts = ["complete", "pruned", "failed", "unfinished"].map((state) => (
    [search.states[state] ?? 0, state]
  ));
  const ended = counts.filter(([of]) => of).map(([of, state]) => `${of} ${state}`).join(", ");
  const all = counts.reduce((sum, [of]) => sum + of, 0);
  const of = search.n_trials === all ? "" : ` of ${search.n_trials}`;
  const trained = `${data.in_all.epochs.toLocaleString("en")} epochs trained`;
  find("search-text").textContent = `${all}${of} trials: ${ended}; ${trained}${theBest()}.`;
  const pruned = search.rungs.length ? ", a pruned one at its best value before it was stopped" : "";
  const some = search.cut ? ` Of ${all} trials it shows the best, and others at equal distances.` : "";
  find("history-text").textContent =
    `Each point is a trial${pruned}. Click one to highlight it in the learning curves.${some}`;
  find("search-settings").append(element("code", {
    textContent: search.settings.map(([name, text]) => `${name}=${text}`).join(" "),
  }));
  fill(find("objective"), objectives, objectives[0][0]);
  find("objective-label").hidden = !several;
  find("search-log").checked = spreads(objectives[0][0]);
  find("rungs-part").hidden = !search.rungs.length;
  find("front-part").hidden = !several;
  if (several) {
    fill(find("front-x"), objectives, objectives[1][0]);
    fill(find("front-y"), objectives, objectives[0][0]);
  }
}

function listenToSearch() {
  if (!search) return;
  find("objective").onchange = () => {
    find("search-log").checked = spreads(find("objective").value);
    drawSearch();
    drawMattered();
  };
  find("search-log").onchange = () => { drawSearch(); drawMattered(); };
  find("front-x").onchange = drawFront;
  find("front-y").onchange = drawFront;
  for (const id of ["history", "rungs", "front"]) find(id).on?.("plotly_click", highlight);
}
