"use strict";
// What the sections share. Values come from #data; every text goes in as text, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
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

const rounded = (value) => (value == null ? "–" : Number(value.toPrecision(5)).toString());
const describe = (run) => keys.map((key) => `${key}=${run.overrides[key] ?? ""}`).join(", ");
const title = (run) => `run ${run.name}${keys.length ? ": " : ""}${describe(run)}`;
const inOrder = (a, b) => a.localeCompare(b, undefined, { numeric: true });
const finite = (values) => values.filter((value) => value != null);

// Plotly reads a few tags in texts, and long ones would cover the plot
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const short = (text, most = 120) => plain(text.length > most ? `${text.slice(0, most - 1)}…` : text);

// ---- plots

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];  // Okabe and Ito
const DASHES = ["solid", "dash", "dot", "dashdot"];
const line = (index) => ({
  width: 2.5, color: COLOURS[index % COLOURS.length], dash: DASHES[Math.floor(index / COLOURS.length) % DASHES.length],
});
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function plot(where, traces, { xaxis = {}, yaxis = {}, ...more }, config = {}) {
  const axis = { gridcolor: style("--line"), zerolinecolor: style("--line"), automargin: true };
  const layout = {
    paper_bgcolor: style("--paper"), plot_bgcolor: style("--paper"), font: { color: style("--ink") },
    margin: { t: 20, r: 20, l: 60, b: 50 }, hovermode: "closest",
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...more,
  };
  return Plotly.react(where, traces, layout, { responsive: true, displaylogo: false, ...config });
}

// All runs as one trace with gaps: a trace of its own for each of a thousand would take seconds
function curves(runs, column) {
  const trace = { mode: "lines", x: [], y: [], text: [], customdata: [], connectgaps: false };
  for (const run of runs.filter((each) => each.curves[column])) {
    const [label, index] = [short(title(run)), data.runs.indexOf(run)];
    trace.x.push(...run.at, null);
    trace.y.push(...run.curves[column], null);
    trace.text.push(...run.at.map(() => label), "");
    trace.customdata.push(...run.at.map(() => index), null);
  }
  return { ...trace, hovertemplate: "%{text}<br>epoch %{x}: %{y}<extra></extra>" };
}
