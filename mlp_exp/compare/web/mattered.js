// What mattered: how much of a metric each key explains, its effect by value, and all keys together.

const BARE = { displayModeBar: false };  // it would cover the titles

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function drawImportance(metric) {
  const found = data.importance[metric];
  find("importance").hidden = !found;
  if (!found) {
    find("importance-text").textContent = "Too few runs with this metric, or it is the same in all of them.";
    return;
  }
  const trust = found.explained > 0 ? "" : " So nothing can be said of the keys: the differences look like noise.";
  find("importance-text").textContent =
    "The drop in R² of a random forest when a key's values are shuffled among the runs (permutation importance). The " +
    `forest explains ${rounded(Math.max(0, found.explained) * 100)} % of the variance among runs it was not fitted to.${trust}`;
  const ranked = [...found.keys].reverse();
  plot("importance", [{
    type: "bar", orientation: "h", y: ranked.map(([key]) => plain(key)), x: ranked.map(([, drop]) => drop),
    marker: { color: style("--mark") }, hovertemplate: "%{y}: %{x}<extra></extra>",
  }], {
    height: 90 + 28 * ranked.length, xaxis: { title: { text: "drop in R²" }, rangemode: "tozero" },
    yaxis: { type: "category" },
  }, BARE);
}

function effect(where, key, metric, runs) {
  const type = data.keys[key].axis;
  const named = type === "category";
  const values = runs.map((run) => (named ? run.overrides[key] : number(key, run.overrides[key])));
  const scores = runs.map((run) => run.metrics[metric]);
  const distinct = [...new Set(values)].sort((a, b) => (named ? inOrder(a, b) : a - b));
  const points = {
    type: "scatter", mode: "markers", x: values, y: scores, text: runs.map((run) => short(title(run))),
    marker: { size: 6, opacity: 0.6, color: style("--mark") }, hovertemplate: "%{text}<br>%{y}<extra></extra>",
  };
  const medians = distinct.map((value) => median(scores.filter((_, index) => values[index] === value)));
  const middle = {
    type: "scatter", mode: "lines+markers", x: distinct, y: medians, hoverinfo: "skip",
    line: { color: COLOURS[1], width: 2 }, marker: { size: 9, symbol: "line-ew-open", line: { width: 3 } },
  };
  const few = named || distinct.length <= 10;
  const ticks = few ? { tickvals: distinct, ticktext: distinct.map((value) => short(String(value), 24)) } : {};
  plot(where, [points, middle], {
    showlegend: false, margin: { t: 40, r: 10, l: 60, b: 45 }, title: { text: short(key, 48), font: { size: 14 } },
    xaxis: { type, categoryorder: "array", categoryarray: distinct, ...ticks }, yaxis: { title: { text: plain(metric) } },
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
  const texts = runs.map((run) => run.overrides[key] ?? "(not set)");
  const type = texts.includes("(not set)") ? "category" : data.keys[key].axis;
  const value = (text) => number(key, text);
  const distinct = [...new Set(texts)].sort(type === "category" ? inOrder : (a, b) => value(a) - value(b));
  const place = {
    category: (text) => distinct.indexOf(text), log: (text) => Math.log10(value(text)), linear: value,
  }[type];
  const ticks = distinct.length <= 12 || type === "category"
    ? { tickvals: distinct.map(place), ticktext: distinct.map((text) => cut(text, 24)) } : {};
  return { label: short(key, 28), values: texts.map(place), ...ticks };
}

function drawParallel(metric, runs) {
  const scores = runs.map((run) => run.metrics[metric]);
  const dimensions = [...keys.map((key) => dimension(key, runs)), { label: plain(metric), values: scores }];
  const wide = 90 * dimensions.length > find("parallel").clientWidth ? { width: 90 * dimensions.length } : {};
  const left = 7 * Math.max(6, ...(dimensions[0].ticktext ?? []).map((text) => text.length));
  plot("parallel", [{
    type: "parcoords", dimensions, labelfont: { size: 12 },
    line: { color: scores, colorscale: [[0, style("--mark")], [1, COLOURS[4]]], showscale: true },
  }], { margin: { t: 60, r: 40, l: 20 + left, b: 30 }, ...wide }, BARE);
}

function drawMattered() {
  const metric = find("metric").value;
  const runs = data.runs.filter((run) => run.metrics[metric] != null);
  const nothing = !keys.length || !runs.length;
  find("nothing").hidden = !nothing;
  find("mattered").hidden = nothing;
  if (nothing) return;
  drawImportance(metric);
  drawEffects(metric, runs);
  drawParallel(metric, runs);
}
