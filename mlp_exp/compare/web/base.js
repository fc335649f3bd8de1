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

// ---- work in small parts, so that the page answers meanwhile

const pending = new Map();

// Does these one after another, instead of those of this name that are not done yet
function later(name, ...tasks) {
  if (!pending.size) setTimeout(step);
  pending.set(name, tasks);
}

function step() {
  const [name, tasks] = pending.entries().next().value ?? [];
  if (!tasks) return;
  const task = tasks.shift();
  if (!tasks.length) pending.delete(name);
  try {
    task?.();
  } finally {
    if (pending.size) setTimeout(step);
  }
}

// Does all of it now
function finish() {
  while (pending.size) {
    for (const [name, tasks] of [...pending]) {
      pending.delete(name);
      tasks.forEach((task) => task());
    }
  }
}

// ---- numbers and names as texts

const LONG_NUMBER = 8;  // characters that are shown as typed
const LONG_VALUE = 40;
const LONG_KEY = 32;
const FEW_LETTERS = 3;

const exact = (value) => (
  value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)
    ? value.toExponential().replace("e+", "e") : String(value)
);
const rounded = (value) => {
  if (value == null) return "–";
  return Number.isInteger(value) && Math.abs(value) < 1e9 ? String(value) : exact(Number(value.toPrecision(5)));
};

// A mean has no more digits than its deviation gives a meaning
function withDeviation(mean, deviation) {
  const short = rounded(mean);
  if (deviation === null) return short;
  const places = deviation > 0 ? Math.max(0, 1 - Math.floor(Math.log10(deviation))) : 100;
  const fixed = places <= 100 && Math.abs(mean) < 1e6 ? mean.toFixed(places) : short;
  return `${fixed.length < short.length ? fixed : short} ± ${exact(Number(deviation.toPrecision(2)))}`;
}

// Texts that begin alike differ at their ends
function middle(text, most) {
  const letters = [...text];
  if (letters.length <= most) return text;
  return `${letters.slice(0, most / 2).join("")}…${letters.slice(letters.length - Math.ceil(most / 2) + 1).join("")}`;
}

// What all texts have in common at their beginning, or at their end, up to where a name ends
function shared(texts, turned = (text) => [...text]) {
  const [first, ...others] = texts.map(turned);
  let length = others.length ? first.length : 0;
  for (const other of others) while (first.slice(0, length).join() !== other.slice(0, length).join()) length -= 1;
  while (length && !/[/\\,._\s[\]-]/.test(first[length - 1])) length -= 1;
  return length;
}

// Long texts without most of what they have in common
const commons = new Map();
function apartFrom(key, text, length) {
  if (!commons.has(key)) {
    const texts = [...new Set(data.runs.map((run) => run.overrides[key]).filter((of) => of !== undefined))];
    commons.set(key, [shared(texts), shared(texts, (of) => [...of].reverse())]);
  }
  const [before, after] = commons.get(key);
  const letters = [...text];
  if (letters.length <= length || before + after >= letters.length) return middle(text, length);
  const own = letters.slice(before, letters.length - after).join("");
  const kept = Math.max(FEW_LETTERS, (length - own.length) / 2);
  const start = before <= kept ? letters.slice(0, before).join("") : "…";
  const end = after <= kept ? letters.slice(letters.length - after).join("") : "…";
  return middle(start + own + end, length);
}

const count = (runs) => `${runs} run${runs === 1 ? "" : "s"}`;
const number = (key, text) => data.keys[key].numbers[text];
// A value as typed; but numbers that were drawn have more digits than anyone reads, and paths are long
const valueText = (key, text) => {
  const value = data.keys[key]?.numbers[text];
  const asTyped = value == null || text.length <= LONG_NUMBER || /^[-+]?\d+$/.test(text);
  return asTyped ? apartFrom(key, text, LONG_VALUE) : exact(Number(value.toPrecision(5)));
};
const describe = (run) => (
  keys.filter((key) => key in run.overrides).map((key) => `${key}=${valueText(key, run.overrides[key])}`).join(", ")
);
const titles = new Map();
function title(run) {
  if (!titles.has(run)) titles.set(run, [`${run.kind ?? "run"} ${run.name}`, describe(run)].filter(Boolean).join(": "));
  return titles.get(run);
}
const inOrder = (a, b) => a.localeCompare(b, undefined, { numeric: true });
const finite = (values) => values.filter((value) => value != null);
const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);

// Plotly reads a few tags in texts, and long ones would cover the plot
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const short = (text, length = 120) => plain(cut(text, length));

// ---- plots

const printed = matchMedia("print");

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];  // Okabe and Ito
const DASHES = ["solid", "dash", "dot", "dashdot"];
const line = (index) => ({
  width: 2.5, color: COLOURS[index % COLOURS.length], dash: DASHES[Math.floor(index / COLOURS.length) % DASHES.length],
});
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Plotly would write 2 and 3 for 0.02 and 0.03
function logAxis(values) {
  const known = values.filter((value) => value > 0);
  const span = known.length ? Math.log10(most(known) / least(known)) : 0;
  const dtick = span > 3 ? Math.ceil(span / 8) : "D2";
  return { type: "log", tickformat: "~g", ...(span > 0.8 ? { dtick } : {}) };
}

function plot(where, traces, { xaxis = {}, yaxis = {}, ...more }, config = {}) {
  const empty = traces.every((trace) => trace.x && !trace.x.length);
  const axis = {
    gridcolor: style("--line"), zerolinecolor: style("--line"), automargin: true, exponentformat: "e", minexponent: 6,
    visible: !empty,
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
