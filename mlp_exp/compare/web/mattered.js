// What mattered: how much of a metric each key explains, its effect by value, and all keys together.

const BARE = { displayModeBar: false };  // it would cover the titles

const MOST_VALUES = 10;  // that have a tick and a median each
const MOST_TICKS = 12;
const MOST_NAMES = 30;
const LONGEST_TICK = 8;  // of a number: those that a search has drawn are longer
const UNSET = "(not set)";
const MOST_LINES = 250;  // of all keys together: more would hide one another
const areFew = (texts, number) => texts.length <= number && texts.every((text) => String(text).length <= LONGEST_TICK);

// Texts of categories, as many and as long as there is place for
function named(key, values, place = (value) => value, letters = 60, escaped = plain) {
  const step = Math.ceil(values.length / MOST_NAMES);
  const shown = values.filter((_, index) => index % step === 0);
  const long = Math.min(24, Math.max(10, Math.floor(letters / shown.length)));
  return { tickvals: shown.map(place), ticktext: shown.map((value) => escaped(apartFrom(key, value, long))) };
}

const those = (metric) => {
  if (numberOf(metric) === null) return "runs";
  return search.trials.some((trial) => trial.state === "pruned") ? "complete trials" : "trials";
};

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// Why there is no importance
function unknown(metric) {
  const values = scoredBy(metric).filter((run) => run.state !== "pruned").map((run) => run.metrics[metric]);
  const [name, runs] = [nameOf(metric), those(metric)];
  if (values.length < data.fewest) {
    return `${values.length} ${runs} with ${name}: importance needs ${data.fewest} of them.`;
  }
  if (new Set(values).size === 1) return `${name} is the same in all ${values.length} ${runs}.`;
  return `No key that all ${runs} with ${name} have varies among them.`;
}

function drawImportance(metric) {
  const found = data.importance[metric];
  const explains = found?.explained > 0;
  find("importance").hidden = !explains;
  if (!explains) {
    find("importance-text").textContent = found ? noise(metric, found.explained) : unknown(metric);
    return;
  }
  find("importance-text").textContent =
    `The drop in R² of a random forest when a key's values are shuffled among the ${those(metric)} (permutation ` +
    "importance; values far from most count as less far). The forest explains " +
    `${rounded(found.explained * 100)} % of the variance among ${those(metric)} it was not fitted to.`;
  const ranked = [...found.keys].reverse();
  plot("importance", [{
    type: "bar", orientation: "h", y: ranked.map(([key]) => plain(key)), x: ranked.map(([, drop]) => drop),
    marker: { color: style("--mark") }, hovertemplate: "%{y}: %{x}<extra></extra>",
  }], {
    height: 90 + 28 * ranked.length, xaxis: { title: { text: "drop in R²" }, rangemode: "tozero" },
    yaxis: {
      type: "category", tickvals: ranked.map(([key]) => plain(key)),
      ticktext: ranked.map(([key]) => plain(middle(key, LONG_KEY))),
    },
  }, BARE);
}

const noise = (metric, explained) => (
  `The keys do not explain ${nameOf(metric)}: a random forest predicts it for ${those(metric)} that it was not fitted ` +
  `to no better than their mean would (R² ${rounded(explained)}). The differences look like noise, so no importance ` +
  "is drawn."
);

// Few numbers, which somebody has chosen: those that a search has drawn hardly come again
const areChosen = (distinct, values) => (
  distinct.length <= MOST_VALUES
  && (!searches.length || distinct.length < values.length || areFew(distinct, MOST_VALUES))
);

// The median of each value; of many numbers that of neighbouring ones
function medians(values, scores, isNamed) {
  const distinct = [...new Set(values)].sort((a, b) => (isNamed ? inOrder(a, b) : a - b));
  if (isNamed || areChosen(distinct, values)) {
    return [distinct, distinct.map((value) => median(scores.filter((_, index) => values[index] === value)))];
  }
  const sorted = values.map((value, index) => [value, scores[index]]).sort(([a], [b]) => a - b);
  const count = Math.min(MOST_VALUES, sorted.length, Math.max(2, Math.floor(sorted.length / 5)));
  const end = (index) => Math.floor((index * sorted.length) / count);
  const parts = [...Array(count).keys()].map((index) => sorted.slice(end(index), end(index + 1)));
  return [0, 1].map((which) => parts.map((of) => median(of.map((pair) => pair[which]))));
}

function effect(where, key, metric, runs, range) {
  const type = data.keys[key].axis;
  const isNamed = type === "category";
  const place = (run) => (isNamed ? run.overrides[key] : number(key, run.overrides[key]));
  const whole = runs.filter((run) => run.state !== "pruned");
  const drawn = (shown, marker) => ({
    type: "scatter", mode: "markers", x: shown.map(place), y: shown.map((run) => run.metrics[metric]),
    text: shown.map((run) => short(title(run))), marker: { size: 6, opacity: 0.6, ...marker },
    hovertemplate: "%{text}<br>%{y}<extra></extra>",
  });
  const [at, heights] = medians(whole.map(place), whole.map((run) => run.metrics[metric]), isNamed);
  const line = {
    type: "scatter", mode: "lines+markers", x: at, y: heights, hoverinfo: "skip",
    line: { color: COLOURS[1], width: 2 }, marker: { size: 9, symbol: "line-ew-open", line: { width: 3 } },
  };
  const distinct = [...new Set(runs.map(place))].sort((a, b) => (isNamed ? inOrder(a, b) : a - b));
  const ticks = isNamed ? named(key, distinct) : ticksOf(distinct, type);
  const pruned = runs.filter((run) => run.state === "pruned");
  plot(where, [
    ...(pruned.length ? [drawn(pruned, { color: style("--faint"), symbol: "circle-open" })] : []),
    drawn(whole, { color: style("--mark") }), line,
  ], {
    showlegend: false, margin: { t: 40, r: 10, l: 60, b: 45 },
    title: { text: plain(middle(key, 40)), font: { size: 14 } },
    xaxis: { type, categoryorder: "array", categoryarray: distinct, ...ticks },
    yaxis: {
      title: { text: plain(nameOf(metric)) }, ...(range ? { range } : {}),
      ...(scale(metric) === "log" ? logAxis(runs.map((run) => run.metrics[metric])) : { type: "linear" }),
    },
  }, BARE);
}

// Few numbers have a tick each; of more those on a log axis are powers of ten, or 1, 2 and 5 times one
function ticksOf(distinct, type) {
  if (areFew(distinct, MOST_VALUES)) return { tickvals: distinct, ticktext: distinct.map(exact) };
  if (type !== "log") return { nticks: 6, tickformat: "~g" };
  const { tickvals, ticktext } = decades(distinct.map(Math.log10), 6);
  const shown = tickvals.map((at, index) => [10 ** at, ticktext[index]]).filter(([, text]) => text);
  return { tickvals: shown.map(([at]) => at), ticktext: shown.map(([, text]) => text) };
}

function drawEffects(metric, runs, range) {
  const having = (key) => runs.filter((run) => key in run.overrides);
  const shown = keys.filter((key) => new Set(having(key).map((run) => run.overrides[key])).size > 1);
  const boxes = find("effects");
  find("effects-part").hidden = !shown.length;
  while (boxes.children.length < shown.length) boxes.append(element("div"));
  [...boxes.children].forEach((box, index) => { box.hidden = index >= shown.length; });
  return shown.map((key, index) => () => effect(boxes.children[index], key, metric, having(key), range));
}

// An axis of the parallel coordinates: logarithms and names are numbers with their own ticks
function dimension(key, runs) {
  const texts = runs.map((run) => run.overrides[key] ?? UNSET);
  const distinct = [...new Set(texts)];
  const { axis } = data.keys[key];
  const value = (text) => number(key, text);
  const few = areFew(distinct.filter((text) => text !== UNSET), MOST_TICKS);
  if (distinct.includes(UNSET) && axis !== "category" && !few) return partly(key, texts);
  const type = distinct.includes(UNSET) ? "category" : axis;
  const inRow = distinct.sort(type === "category" ? inOrder : (a, b) => value(a) - value(b));
  const place = {
    category: (text) => inRow.indexOf(text), log: (text) => Math.log10(value(text)), linear: value,
  }[type];
  const found = texts.map(place);
  const shown = { label: plain(middle(key, 28)), values: found };
  if (few || type === "category") return { ...shown, ...named(key, inRow, place, 24 * MOST_NAMES, String) };
  return { ...shown, ...(type === "log" ? decades(found) : {}) };
}

// The ticks of logarithms are the numbers themselves: 1, 2 and 5 of each decade, or fewer; or the ends
function decades(logs, number = MOST_TICKS) {
  const [low, high] = [least(logs), most(logs)];
  const first = Math.floor(low);
  const of = (digits) => [...Array(Math.ceil(high) - first + 1).keys()]
    .flatMap((decade) => digits.map((digit) => digit * 10 ** (first + decade)))
    .filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  const found = [[1, 2, 5], [1, 3], [1]].map(of).find((ticks) => ticks.length <= number) ?? [];
  const text = (value) => exact(Number(value.toPrecision(3)));
  const ticks = new Map([low, high].map((end) => [end, found.length < 3 ? text(10 ** end) : ""]));
  for (const value of found) ticks.set(Math.log10(value), text(value));
  const tickvals = [...ticks.keys()].sort((a, b) => a - b);  // both ends too: Plotly selects from tick to tick
  return { tickvals, ticktext: tickvals.map((place) => ticks.get(place)) };
}

// Many numbers, that some runs do not have: these are drawn below them
function partly(key, texts) {
  const logs = data.keys[key].axis === "log";
  const place = (value) => (logs ? Math.log10(value) : value);
  const found = texts.map((text) => (text === UNSET ? null : place(number(key, text))));
  const known = finite(found);
  const [low, high] = [least(known), most(known)];
  const below = low - 0.15 * (high - low || 1);
  const shown = { label: plain(middle(key, 28)), values: found.map((value) => value ?? below) };
  if (!logs) return { ...shown, unset: true };
  const { tickvals, ticktext } = decades(known);
  return { ...shown, tickvals: [below, ...tickvals], ticktext: [UNSET, ...ticktext] };
}

// From the best to the worst; Plotly draws high ones on top: the best, and never a pruned one
function colours(metric, runs, scores) {
  const whole = scores.filter((_, index) => runs[index].state !== "pruned");
  const low = least(whole);
  const range = most(whole) - low || 1;
  const place = (score) => (rises(metric) ? 1 + (score - low) / range : 2 - (score - low) / range);
  return {
    color: scores.map((score, index) => (runs[index].state === "pruned" ? 0 : place(score))), cmin: 0, cmax: 2,
    colorscale: [[0, style("--faint")], [0.49, style("--faint")], [0.49, style("--worst")], [1, style("--mark")]],
  };
}

function drawParallel(metric, all, range) {
  const step = Math.ceil(all.length / MOST_LINES);
  const runs = step > 1 ? byRank(all, metric).filter((_, index) => index % step === 0) : all;
  const logs = scale(metric) === "log";
  const within = (value) => (range ? Math.min(range[1], Math.max(range[0], value)) : value);
  const scores = runs.map((run) => (logs ? Math.log10(run.metrics[metric]) : within(run.metrics[metric])));
  const used = keys.filter((key) => runs.some((run) => key in run.overrides));
  const scored = { label: plain(nameOf(metric)), values: scores, ...(logs ? decades(scores) : {}) };
  // Plotly would write the ends beside the ticks, over them
  const dimensions = [...used.map((key) => dimension(key, runs)), scored].map((each) => ({ tickformat: "~g", ...each }));
  const widest = Math.max(90, ...dimensions.map((each) => 10 + 6.3 * each.label.length));
  const { clientWidth, offsetHeight } = find("parallel");
  const wanted = dimensions.length * widest;
  const wide = wanted > clientWidth ? { width: wanted, height: offsetHeight - 18 } : {};  // less that of a scroll bar
  const one = numberOf(metric) === null ? "run" : "trial";
  find("parallel-text").textContent =
    `Each line is a ${one}, from its values to its metric, coloured by it. Drag along an axis to select ${one}s.` +
    (dimensions.some((each) => each.unset) ? " The lowest place on an axis may mean that a key is not set." : "") +
    (range ? " Values far beyond those of the better half are drawn at the end of the axis." : "") +
    (runs.length < all.length ? ` Drawn are ${runs.length} of ${all.length} ${one}s, evenly from best to worst.` : "");
  const ticks = 7 * Math.max(6, ...(dimensions[0].ticktext ?? []).map((text) => text.length));
  const left = 20 + Math.max(ticks, 3.2 * dimensions[0].label.length);
  const right = Math.max(50, 4 * dimensions.at(-1).label.length);
  plot("parallel", [{
    type: "parcoords", dimensions, labelfont: { size: 12 }, rangefont: { color: "rgba(0,0,0,0)" },
    line: colours(metric, runs, scores),
  }], { margin: { t: 60, r: right, l: left, b: 30 }, ...wide }, {
    ...BARE, responsive: !wide.width,  // Plotly would make it as narrow as the window
  });
}

// Complete ones, best first, then those that were pruned
const byRank = (runs, metric) => (
  [false, true].flatMap((pruned) => byScore(runs.filter((run) => isPruned(run) === pruned), metric))
);

function drawMattered() {
  const metric = find("metric").value;
  const runs = scoredBy(metric);
  const nothing = !keys.length || !runs.length;
  find("nothing").hidden = !nothing;
  find("mattered").hidden = nothing;
  pending.delete("mattered");
  if (nothing) return;
  const one = numberOf(metric) === null ? "run" : "trial";
  const pruned = runs.some((run) => run.state === "pruned");
  const scores = runs.map((run) => run.metrics[metric]);
  const range = scale(metric) === "log" ? null
    : robustScores(runs, betterHalf(runs, metric), (run) => [run.metrics[metric]], rises(metric));
  const away = range ? scores.filter((score) => score < range[0] || score > range[1]) : [];
  find("effects-text").textContent =
    `Each point is a ${one}${pruned ? ", an open one was pruned" : ""}; the line joins the ` +
    `median of each value, or of neighbouring ones${pruned ? ", among the complete ones" : ""}.` +
    (away.length ? ` ${leaves(away.length, one, nameOf(metric), away, range)}` : "") +
    (runs.length < data.in_all.runs && data.sample ? ` Drawn are ${runs.length} ${one}s at equal distances.` : "");
  later(
    "mattered", () => drawImportance(metric), ...drawEffects(metric, runs, range),
    () => drawParallel(metric, runs, range),
  );
}
