// What mattered: how much of a metric each key explains, its effect by value, and all keys together.

const BARE = { displayModeBar: false };  // it would cover the titles

const MOST_VALUES = 10;  // that have a tick and a median each
const MOST_TICKS = 12;
const LONGEST_TICK = 8;  // of a number: those that a search has drawn are longer
const UNSET = "(not set)";
const areFew = (texts, most) => texts.length <= most && texts.every((text) => String(text).length <= LONGEST_TICK);

const those = (metric) => {
  if (numberOf(metric) === null) return "runs";
  return trials.some((trial) => trial.state === "pruned") ? "complete trials" : "trials";
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
  find("importance").hidden = !found;
  if (!found) {
    find("importance-text").textContent = unknown(metric);
    return;
  }
  const trust = found.explained > 0 ? "" : " So nothing can be said of the keys: the differences look like noise.";
  find("importance-text").textContent =
    `The drop in R² of a random forest when a key's values are shuffled among the ${those(metric)} (permutation ` +
    `importance). The forest explains ${rounded(Math.max(0, found.explained) * 100)} % of the variance among ` +
    `${those(metric)} it was not fitted to.${trust}`;
  const ranked = [...found.keys].reverse();
  plot("importance", [{
    type: "bar", orientation: "h", y: ranked.map(([key]) => plain(key)), x: ranked.map(([, drop]) => drop),
    marker: { color: style("--mark") }, hovertemplate: "%{y}: %{x}<extra></extra>",
  }], {
    height: 90 + 28 * ranked.length, xaxis: { title: { text: "drop in R²" }, rangemode: "tozero" },
    yaxis: { type: "category" },
  }, BARE);
}

// The median of each value; of many numbers that of neighbouring ones
function medians(values, scores, named) {
  const distinct = [...new Set(values)].sort((a, b) => (named ? inOrder(a, b) : a - b));
  if (named || areFew(distinct, MOST_VALUES)) {
    return [distinct, distinct.map((value) => median(scores.filter((_, index) => values[index] === value)))];
  }
  const sorted = values.map((value, index) => [value, scores[index]]).sort(([a], [b]) => a - b);
  const count = Math.min(MOST_VALUES, sorted.length, Math.max(2, Math.floor(sorted.length / 5)));
  const end = (index) => Math.floor((index * sorted.length) / count);
  const parts = [...Array(count).keys()].map((index) => sorted.slice(end(index), end(index + 1)));
  return [0, 1].map((which) => parts.map((of) => median(of.map((pair) => pair[which]))));
}

function effect(where, key, metric, runs) {
  const type = data.keys[key].axis;
  const named = type === "category";
  const place = (run) => (named ? run.overrides[key] : number(key, run.overrides[key]));
  const whole = runs.filter((run) => run.state !== "pruned");
  const drawn = (shown, marker) => ({
    type: "scatter", mode: "markers", x: shown.map(place), y: shown.map((run) => run.metrics[metric]),
    text: shown.map((run) => short(title(run))), marker: { size: 6, opacity: 0.6, ...marker },
    hovertemplate: "%{text}<br>%{y}<extra></extra>",
  });
  const [at, middle] = medians(whole.map(place), whole.map((run) => run.metrics[metric]), named);
  const line = {
    type: "scatter", mode: "lines+markers", x: at, y: middle, hoverinfo: "skip",
    line: { color: COLOURS[1], width: 2 }, marker: { size: 9, symbol: "line-ew-open", line: { width: 3 } },
  };
  const distinct = [...new Set(runs.map(place))].sort((a, b) => (named ? inOrder(a, b) : a - b));
  const ticktext = distinct.map((value) => short(String(value), 24));
  const ticks = named || areFew(distinct, MOST_VALUES) ? { tickvals: distinct, ticktext } : {};
  const pruned = runs.filter((run) => run.state === "pruned");
  plot(where, [
    ...(pruned.length ? [drawn(pruned, { color: style("--faint"), symbol: "circle-open" })] : []),
    drawn(whole, { color: style("--mark") }), line,
  ], {
    showlegend: false, margin: { t: 40, r: 10, l: 60, b: 45 }, title: { text: short(key, 48), font: { size: 14 } },
    xaxis: { type, categoryorder: "array", categoryarray: distinct, ...ticks },
    yaxis: { title: { text: plain(nameOf(metric)) }, type: scale(metric) },
  }, BARE);
}

function drawEffects(metric, runs) {
  const places = find("effects");
  const wanted = keys.filter((key) => runs.some((run) => key in run.overrides));
  while (places.children.length < wanted.length) places.append(element("div"));
  [...places.children].forEach((place, index) => { place.hidden = index >= wanted.length; });
  wanted.forEach((key, index) => effect(places.children[index], key, metric, runs.filter((run) => key in run.overrides)));
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
  const ticked = few || type === "category";
  const ticks = ticked ? { tickvals: inRow.map(place), ticktext: inRow.map((text) => cut(text, 24)) } : {};
  const places = texts.map(place);
  return { label: short(key, 28), values: places, ...(type === "log" && !ticked ? decades(places) : ticks) };
}

// The ticks of logarithms are the numbers themselves: 1, 2 and 5 of each decade, or fewer; or the ends
function decades(places) {
  const [low, high] = [places.reduce((a, b) => Math.min(a, b)), places.reduce((a, b) => Math.max(a, b))];
  const first = Math.floor(low);
  const of = (digits) => [...Array(Math.ceil(high) - first + 1).keys()]
    .flatMap((decade) => digits.map((digit) => digit * 10 ** (first + decade)))
    .filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  const found = [[1, 2, 5], [1, 3], [1]].map(of).find((ticks) => ticks.length <= MOST_TICKS) ?? [];
  const text = (value) => String(Number(value.toPrecision(3)));
  const ticks = new Map([low, high].map((end) => [end, found.length < 3 ? text(10 ** end) : ""]));
  for (const value of found) ticks.set(Math.log10(value), text(value));
  const tickvals = [...ticks.keys()].sort((a, b) => a - b);  // both ends too: Plotly selects from tick to tick
  return { tickvals, ticktext: tickvals.map((place) => ticks.get(place)) };
}

// Many numbers, that some runs do not have: these are drawn below them
function partly(key, texts) {
  const logs = data.keys[key].axis === "log";
  const place = (value) => (logs ? Math.log10(value) : value);
  const places = texts.map((text) => (text === UNSET ? null : place(number(key, text))));
  const known = finite(places);
  const [low, high] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
  const below = low - 0.15 * (high - low || 1);
  const shown = { label: short(key, 28), values: places.map((place) => place ?? below) };
  if (!logs) return { ...shown, unset: true };
  const { tickvals, ticktext } = decades(known);
  return { ...shown, tickvals: [below, ...tickvals], ticktext: [UNSET, ...ticktext] };
}

// The colours are those of the values; Plotly draws high ones on top: the best, and never a pruned one
function colours(metric, runs, scores) {
  const scale = [[0, style("--mark")], [1, COLOURS[4]]];
  if (!runs.some((run) => run.state === "pruned")) return { color: scores, colorscale: scale, showscale: true };
  const whole = scores.filter((_, index) => runs[index].state !== "pruned");
  const low = whole.reduce((a, b) => Math.min(a, b), Infinity);
  const range = whole.reduce((a, b) => Math.max(a, b), -Infinity) - low || 1;
  const place = (score) => (rises(metric) ? 1 + (score - low) / range : 2 - (score - low) / range);
  return {
    color: scores.map((score, index) => (runs[index].state === "pruned" ? 0 : place(score))), cmin: 0, cmax: 2,
    colorscale: [[0, style("--faint")], [0.49, style("--faint")], [0.49, COLOURS[4]], [1, style("--mark")]],
  };
}

function drawParallel(metric, runs) {
  const logs = scale(metric) === "log";
  const scores = runs.map((run) => (logs ? Math.log10(run.metrics[metric]) : run.metrics[metric]));
  const pruned = runs.some((run) => run.state === "pruned");
  const used = keys.filter((key) => runs.some((run) => key in run.overrides));
  const scored = { label: plain(nameOf(metric)), values: scores, ...(logs ? decades(scores) : {}) };
  const dimensions = [...used.map((key) => dimension(key, runs)), scored];
  const least = dimensions.length * Math.max(90, ...dimensions.map((each) => 10 + 6.3 * each.label.length));
  const { clientWidth, offsetHeight } = find("parallel");
  const wide = least > clientWidth ? { width: least, height: offsetHeight - 18 } : {};  // less that of a scroll bar
  const unset = " The lowest place on an axis may mean that a key is not set.";
  find("parallel-text").textContent += dimensions.some((each) => each.unset) ? unset : "";
  const left = 7 * Math.max(6, ...(dimensions[0].ticktext ?? []).map((text) => text.length));
  plot("parallel", [{
    type: "parcoords", dimensions, labelfont: { size: 12 }, line: colours(metric, runs, scores),
  }], { margin: { t: 60, r: pruned ? 80 : 40, l: 20 + left, b: 30 }, ...wide }, {
    ...BARE, responsive: !wide.width,  // Plotly would make it as narrow as the window
  });
}

function drawMattered() {
  const metric = find("metric").value;
  const runs = scoredBy(metric);
  const nothing = !keys.length || !runs.length;
  find("nothing").hidden = !nothing;
  find("mattered").hidden = nothing;
  if (nothing) return;
  const one = numberOf(metric) === null ? "run" : "trial";
  const pruned = runs.some((run) => run.state === "pruned");
  find("effects-text").textContent =
    `Each point is a ${one}${pruned ? ", an open one was pruned" : ""}; the line joins the ` +
    `median of each value, or of neighbouring ones${pruned ? ", among the complete ones" : ""}.` +
    (runs.length < data.in_all.runs && data.sample ? ` Drawn are ${runs.length} ${one}s at equal distances.` : "");
  find("parallel-text").textContent =
    `Each line is a ${one}, from its values to its metric. Drag along an axis to select ${one}s.`;
  drawImportance(metric);
  drawEffects(metric, runs);
  drawParallel(metric, runs);
}
