// A search: how the best value came about, how far each trial came, and the front of several objectives.

let current = searches[0];  // of several, that which is shown

const valuesOf = (objective) => finite(current.trials.map((trial) => trial.metrics[objective]));
const rangeOf = (objective, values = (trial) => [trial.metrics[objective]]) => (
  robustScores(current.trials, betterHalf(current.trials, objective, current), values, rises(objective, current))
);

// Whether an objective needs a log axis: all values are positive, and most of the plot would be empty without it
function spreads(objective) {
  const [low, high] = rangeOf(objective) ?? [-Infinity, Infinity];
  const values = valuesOf(objective).filter((value) => value >= low && value <= high);
  return values.length > 1 && least(valuesOf(objective)) > 0 && most(values) > 10 * least(values);
}

function axisOf(objective, log = find("search-log").checked, range = log ? null : rangeOf(objective)) {
  const type = log ? logAxis(valuesOf(objective)) : { type: "linear" };
  return { title: { text: plain(nameOf(objective, current)) }, ...type, ...(range ? { range } : {}) };
}

const BELOW = { showlegend: true, legend: { orientation: "h", y: -0.25 }, margin: { t: 20, r: 20, l: 60, b: 90 } };

function points(shown, x, y, more) {
  return {
    type: "scatter", mode: "markers", x: shown.map(x), y: shown.map(y), text: shown.map((trial) => short(title(trial))),
    customdata: shown.map((trial) => current.trials.indexOf(trial)),
    hovertemplate: "%{text}<br>%{y}<extra></extra>", ...more,
  };
}

const kinds = () => [
  ["pruned", { symbol: "circle-open", size: 6, color: style("--faint") }],
  ["complete", { size: 7, color: style("--mark") }],
];

// The best value of the complete trials so far, after each
function bestSoFar(of, objective) {
  const best = { x: [], y: [] };
  for (const trial of of.trials.filter((each) => each.state === "complete" && each.metrics[objective] != null)) {
    const before = best.y.at(-1) ?? trial.metrics[objective];
    best.x.push(trial.number);
    best.y.push((rises(objective, of) ? Math.max : Math.min)(before, trial.metrics[objective]));
  }
  if (best.x.length) {
    best.x.push(of.trials.at(-1).number);
    best.y.push(best.y.at(-1));
  }
  return { ...best, mode: "lines", hoverinfo: "skip" };
}

function drawHistory(objective) {
  const [name, axis] = [nameOf(objective, current), axisOf(objective)];
  const known = current.trials.filter((trial) => trial.metrics[objective] != null);
  const number = (trial) => trial.number;
  const value = (trial) => trial.metrics[objective];
  const shown = kinds().map(([state, marker]) => (
    points(known.filter((trial) => trial.state === state), number, value, { name: state, marker })
  ));
  const failed = points(current.trials.filter((trial) => trial.state === "failed"), number, () => 0.02, {
    name: "failed", yaxis: "y2", marker: { symbol: "x-thin", size: 7, line: { width: 1.5, color: style("--bad") } },
    hovertemplate: "%{text}<br>failed<extra></extra>",
  });
  const alike = (of) => objectivesOf(of).some(([id, text]) => id === objective && text === name);
  const others = searches.filter((of) => of !== current && alike(of));
  const compared = others.map((of, index) => ({
    ...bestSoFar(of, objective), name: short(`best so far of ${of.name}`, 60),
    line: { ...line(index + 2), width: 1.5, shape: "hv" },
  }));
  const best = {
    ...bestSoFar(current, objective), name: "best so far", line: { shape: "hv", width: 2.5, color: COLOURS[1] },
  };
  const last = Math.max(0, ...[current, ...others].map((of) => of.trials.at(-1)?.number ?? 0));
  plot("history", [...shown, failed, ...compared, best].filter((trace) => trace.x.length), {
    ...BELOW, yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
    xaxis: { title: { text: "trial" }, range: [-0.02 * last - 0.3, 1.02 * last + 0.3] }, yaxis: axis,
  });
  const away = axis.range ? valuesOf(objective).filter((value) => value < axis.range[0] || value > axis.range[1]) : [];
  find("history-away").textContent = away.length ? leaves(away.length, "trial", name, away, axis.range) : "";
}

// Lines with gaps, as in the learning curves; the last place is the end of the training
function drawRungs() {
  const objective = OBJECTIVE + 0;
  const places = current.rungs.map((_, index) => index);
  const last = current.rungs.length;
  const log = find("search-log").checked;
  const at = (trial) => (trial.state === "complete" ? [...places, last] : places.slice(0, trial.at.length));
  const known = current.trials.filter((trial) => trial.at.length);
  const joined = (shown, more) => ({
    type: "scatter", mode: "lines+markers",
    x: shown.flatMap((trial) => [...at(trial), null]), y: shown.flatMap((trial) => [...trial.at, null]),
    text: shown.flatMap((trial) => [...trial.at.map(() => short(title(trial))), ""]),
    customdata: shown.flatMap((trial) => [...trial.at.map(() => current.trials.indexOf(trial)), null]),
    hovertemplate: "%{text}<br>%{y}<extra></extra>", ...more,
  });
  const traces = kinds().map(([state, marker]) => joined(known.filter((trial) => trial.state === state), {
    name: state === "pruned" ? "pruned" : "went on to the end", marker: { ...marker, size: 5 },
    line: { width: 1, color: marker.color },
  }));
  plot("rungs", traces.filter((trace) => trace.x.length), {
    ...BELOW,
    xaxis: {
      tickvals: [...places, last], ticktext: [...current.rungs.map((epoch) => `epoch ${epoch}`), "end"],
      range: [-0.2, last + 0.2],
    },
    yaxis: axisOf(objective, log, log ? null : rangeOf(objective, (trial) => trial.at)),
  });
}

function drawFront() {
  const [x, y] = ["front-x", "front-y"].map((id) => find(id).value);
  const known = current.trials.filter((trial) => trial.state === "complete" && trial.values);
  const draw = (shown, more) => points(shown, (trial) => trial.metrics[x], (trial) => trial.metrics[y], {
    hovertemplate: "%{text}<br>%{x}, %{y}<extra></extra>", ...more,
  });
  const front = known.filter((trial) => trial.front).sort((a, b) => a.metrics[x] - b.metrics[x]);
  const joined = { mode: "lines+markers", line: { width: 1.5, color: COLOURS[1] } };
  plot("front", [
    draw(known.filter((trial) => !trial.front), { name: "others", marker: { size: 6, color: style("--faint") } }),
    draw(front, {
      name: "front", marker: { size: 9, color: COLOURS[1] }, ...(current.objectives.length === 2 ? joined : {}),
    }),
  ].filter((trace) => trace.x.length), {
    ...BELOW, xaxis: axisOf(x, spreads(x)), yaxis: axisOf(y, spreads(y)),
  });
}

function drawSearch() {
  if (!current) return;
  const tasks = [() => drawHistory(find("objective").value)];
  if (current.rungs.length) tasks.push(drawRungs);
  if (current.objectives.length > 1) tasks.push(drawFront);
  later("search", ...tasks);
}

function highlight(event) {
  const trial = current.trials[event.points[0].customdata];
  if (!trial) return;
  const all = trial.runs.every((run) => chosen.has(run));
  trial.runs.forEach((run) => (all ? chosen.delete(run) : chosen.add(run)));
  drawChosen();
}

function theBest() {
  const [[objective, name]] = objectivesOf(current);
  const whole = current.trials.filter((trial) => trial.state === "complete" && trial.metrics[objective] != null);
  if (current.objectives.length > 1 || !whole.length) return "";
  const sign = rises(objective, current) ? -1 : 1;
  const best = whole.reduce((a, b) => (sign * b.metrics[objective] < sign * a.metrics[objective] ? b : a));
  return `; ${name} ${rounded(best.metrics[objective])} in ${best.kind ?? "run"} ${best.name}`;
}

// What is said of the search that is shown, and the choices that it has
function fillSearch() {
  const counts = ["complete", "pruned", "failed", "unfinished"].map((state) => (
    [current.states[state] ?? 0, state]
  ));
  const ended = counts.filter(([of]) => of).map(([of, state]) => `${of} ${state}`).join(", ");
  const all = counts.reduce((sum, [of]) => sum + of, 0);
  const of = current.n_trials === all ? "" : ` of ${current.n_trials}`;
  const trained = `${current.epochs.toLocaleString("en")} epochs trained`;
  find("search-text").textContent = `${all}${of} trials: ${ended}; ${trained}${theBest()}.`;
  const pruned = current.rungs.length ? ", a pruned one at its best value before it was stopped" : "";
  const some = current.cut ? ` Of ${all} trials it shows the best, and others at equal distances.` : "";
  find("history-text").textContent =
    `Each point is a trial${pruned}. Click one to highlight it in the learning curves.${some}`;
  find("search-settings").replaceChildren(element("code", {
    textContent: current.settings.map(([name, text]) => `${name}=${text}`).join(" "),
  }));
  const own = objectivesOf(current);
  const several = own.length > 1;
  for (const id of ["objective", "front-x", "front-y"]) find(id).replaceChildren();
  fill(find("objective"), own, own[0][0]);
  find("objective-label").hidden = !several;
  find("search-log").checked = spreads(own[0][0]);
  find("rungs-part").hidden = !current.rungs.length;
  find("front-part").hidden = !several;
  if (several) {
    fill(find("front-x"), own, own[1][0]);
    fill(find("front-y"), own, own[0][0]);
  }
}

function showSearch() {
  current = searches[find("which").value];
  fillSearch();
}

function beginSearch() {
  if (!current) {
    find("search").remove();
    find("search-link").remove();
    return;
  }
  fill(find("which"), searches.map((of, index) => [index, of.name]), 0);
  find("which-label").hidden = searches.length === 1;
  fillSearch();
  find("which").onchange = () => {
    showSearch();
    drawSearch();
  };
  find("objective").onchange = () => {
    find("search-log").checked = spreads(find("objective").value);
    drawSearch();
    if (search) drawMattered();
  };
  find("search-log").onchange = () => {
    drawSearch();
    if (search) drawMattered();
  };
  find("front-x").onchange = drawSearch;
  find("front-y").onchange = drawSearch;
}

// Once they are drawn, points can be clicked
function listenToSearch() {
  for (const id of ["history", "rungs", "front"]) find(id)?.on?.("plotly_click", highlight);
}
