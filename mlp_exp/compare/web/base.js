"use strict";
// What the sections share. Values come from #data; every text goes in as text, never as HTML.

// Without a prototype an object has the keys of the data alone, not also `constructor`
const bare = (_, value) => (
  value && typeof value === "object" && !Array.isArray(value) ? Object.assign(Object.create(null), value) : value
);
const data = JSON.parse(document.getElementById("data").textContent, bare);
const keys = Object.keys(data.keys);
const chosen = new Set();  // runs that are highlighted
const find = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function fill(select, options, value) {
  select.append(...options.map(([key, text]) => element("option", { value: key, textContent: text })));
  select.value = value;
}

const rounded = (value) => {
  if (value == null) return "–";
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(5)));
};
const count = (runs) => `${runs} run${runs === 1 ? "" : "s"}`;
const number = (key, text) => data.keys[key].numbers[text];
// A value as typed; a search draws numbers with more digits than anyone reads
const digits = (key, text) => {
  const value = data.search && data.keys[key].numbers[text];
  return value == null || Number.isInteger(value) ? text : rounded(value);
};
const describe = (run) => (
  keys.filter((key) => key in run.overrides).map((key) => `${key}=${digits(key, run.overrides[key])}`).join(", ")
);
const title = (run) => [`${run.kind ?? "run"} ${run.name}`, describe(run)].filter(Boolean).join(": ");
const inOrder = (a, b) => a.localeCompare(b, undefined, { numeric: true });
const finite = (values) => values.filter((value) => value != null);

// Plotly reads a few tags in texts, and long ones would cover the plot
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const short = (text, most = 120) => plain(cut(text, most));

// ---- plots

const printed = matchMedia("print");

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];  // Okabe and Ito
const DASHES = ["solid", "dash", "dot", "dashdot"];
const line = (index) => ({
  width: 2.5, color: COLOURS[index % COLOURS.length], dash: DASHES[Math.floor(index / COLOURS.length) % DASHES.length],
});
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function plot(where, traces, { xaxis = {}, yaxis = {}, ...more }, config = {}) {
  const empty = traces.every((trace) => trace.x && !trace.x.length);
  const axis = {
    gridcolor: style("--line"), zerolinecolor: style("--line"), automargin: true, exponentformat: "e", visible: !empty,
  };
  const layout = {
    paper_bgcolor: style("--paper"), plot_bgcolor: style("--paper"), font: { color: style("--ink") },
    margin: { t: 20, r: 20, l: 60, b: 50 }, hovermode: "closest",
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis, title: { standoff: 8, ...yaxis.title } },
    ...(empty ? { annotations: [{ text: "nothing to draw", showarrow: false }] } : {}),
    ...(printed.matches ? { width: find(where)?.clientWidth } : {}),  // Plotly would measure too late
    ...more,
  };
  const offline = { responsive: true, displaylogo: false, showSendToCloud: false };
  return Plotly.react(where, traces, layout, { ...offline, ...config });
}

// All runs as one trace with gaps: a trace of its own for each of a thousand would take seconds
function curves(runs, column) {
  const mode = runs.some((run) => run.at.length === 1) ? "lines+markers" : "lines";  // one epoch is no line
  const trace = { mode, marker: { size: 5 }, x: [], y: [], text: [], customdata: [] };
  for (const run of runs.filter((each) => each.curves[column])) {
    const [label, index] = [short(title(run)), data.runs.indexOf(run)];
    trace.x.push(...run.at, null);
    trace.y.push(...run.curves[column], null);
    trace.text.push(...run.at.map(() => label), "");
    trace.customdata.push(...run.at.map(() => index), null);
  }
  return { ...trace, hovertemplate: "%{text}<br>epoch %{x}: %{y}<extra></extra>" };
}
