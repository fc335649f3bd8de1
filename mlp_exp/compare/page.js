"use strict";
// The page is drawn from the values in #data; every text goes in through textContent, never as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rounded = (value) => (value == null ? "–" : Number(value.toPrecision(5)).toString());
const describe = (run) => data.keys.map((key) => `${key}=${run.overrides[key] ?? ""}`).join(", ");

// ---- the leaderboard: a row a group of runs that differ by seed or fold, opened to its runs

const columns = [
  { name: "run", of: (run) => run.name },
  ...data.keys.map((key) => ({ name: key, of: (run) => run.overrides[key] ?? "" })),
  ...data.metrics.map((name) => ({ name, of: (run) => run.metrics[name] ?? null, metric: true })),
  { name: "status", of: (run) => run.status },
  { name: "best epoch", of: (run) => run.best_epoch },
  { name: "epochs", of: (run) => run.epochs },
  { name: "seconds", of: (run) => run.seconds, metric: true },
  { name: "reason", of: (run) => run.reason },
];
const state = { sort: null, descending: false, open: new Set(), chosen: new Set() };

function deviation(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null };
}

// what a column says of several runs: their mean, or the value they have in common
function summary(column, runs) {
  const values = runs.map(column.of).filter((value) => value != null && value !== "");
  if (!values.length) return { text: "", key: null };
  if (column.metric) {
    const found = deviation(values);
    const spread = found.deviation == null ? "" : ` ± ${Number(found.deviation.toPrecision(2))}`;
    return { text: rounded(found.mean) + spread, key: found.mean };
  }
  const distinct = [...new Set(values.map(String))];
  if (distinct.length > 1) return { text: column.name === "status" ? distinct.join(", ") : "…", key: null };
  const number = Number(distinct[0]);
  return { text: distinct[0], key: Number.isNaN(number) ? distinct[0] : number };
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return state.descending ? b - a : a - b;
  return String(a).localeCompare(String(b)) * (state.descending ? -1 : 1);
}

function ordered(lists) {
  if (state.sort === null) return lists;
  const column = columns[state.sort];
  return [...lists].sort((a, b) => compare(summary(column, a).key, summary(column, b).key));
}

function matches(run) {
  const words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [run.name, describe(run), run.status, run.reason].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // not allowed for a page from disk, in some browsers
    const area = element("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy command"; }, 1500);
}

function row(runs, group) {
  const cells = columns.map((column) => {
    const { text, key } = summary(column, runs);
    const kind = column.name === "reason" ? "reason" : typeof key === "number" ? "number" : "";
    return element("td", { className: kind, textContent: column.metric && runs.length === 1 ? rounded(key) : text });
  });
  const choose = element("input", { type: "checkbox", checked: runs.every((run) => state.chosen.has(run)) });
  choose.setAttribute("aria-label", `highlight ${runs.map((run) => run.name).join(", ")}`);
  choose.onchange = () => {
    runs.forEach((run) => (choose.checked ? state.chosen.add(run) : state.chosen.delete(run)));
    draw();
  };
  const last = element("td");
  if (group !== null) {
    const open = element("button", { textContent: `${state.open.has(group) ? "▾" : "▸"} ${runs.length} runs` });
    open.setAttribute("aria-expanded", state.open.has(group));
    open.onclick = () => {
      if (!state.open.delete(group)) state.open.add(group);
      drawTable();
      find("leaderboard").querySelector(`[data-group="${group}"] button`).focus();
    };
    cells[0].replaceChildren(open);
  } else {
    const button = element("button", { textContent: "copy command", title: runs[0].again });
    button.onclick = () => copy(button, runs[0].again);
    last.append(button);
  }
  const made = element("tr", {}, element("td", {}, choose), ...cells, last);
  made.className = (group === null ? "run" : "group") + (choose.checked ? " chosen" : "");
  if (group !== null) made.dataset.group = group;
  return made;
}

function drawTable() {
  const groups = data.groups
    .map((members) => members.map((index) => data.runs[index]).filter(matches))
    .map((runs, index) => Object.assign(runs, { index }))
    .filter((runs) => runs.length);
  const rows = ordered(groups).flatMap((runs) => {
    if (data.groups[runs.index].length === 1) return [row(runs, null)];
    const members = state.open.has(runs.index) ? ordered(runs.map((run) => [run])) : [];
    return [row(runs, runs.index), ...members.map((run) => row(run, null))];
  });
  find("leaderboard").tBodies[0].replaceChildren(...rows);
  const count = groups.reduce((sum, runs) => sum + runs.length, 0);
  find("shown").textContent = `${count} of ${data.runs.length} runs`;
}

function drawHead() {
  const heads = columns.map((column, index) => {
    const arrow = state.sort !== index ? "" : state.descending ? " ↓" : " ↑";
    const button = element("button", { textContent: column.name + arrow });
    button.onclick = () => {
      state.descending = state.sort === index && !state.descending;
      state.sort = index;
      drawHead();
      drawTable();
      find("leaderboard").tHead.querySelectorAll("button")[index].focus();
    };
    const head = element("th", { scope: "col" }, button);
    if (arrow) head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    return head;
  });
  const titles = [element("th", { textContent: "show" }), ...heads, element("th", { textContent: "again" })];
  find("leaderboard").tHead.replaceChildren(element("tr", {}, ...titles));
}

// ---- the learning curves: all runs are one trace with gaps, since a thousand traces would take seconds

function joined(runs, column) {
  const trace = { x: [], y: [], text: [] };
  runs.filter((run) => run.curves[column]).forEach((run) => {
    const label = `run ${run.name}${data.keys.length ? ": " : ""}${describe(run)}`;
    trace.x.push(...run.at, null);
    trace.y.push(...run.curves[column], null);
    trace.text.push(...run.at.map(() => plain(label)), null);
  });
  return trace;
}

// Plotly reads a few tags in texts
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const HIGHLIGHTS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

function drawCurves() {
  const column = find("column").value;
  const shown = data.runs.filter(matches);
  const lines = { mode: "lines", hovertemplate: "%{text}<br>epoch %{x}: %{y}<extra></extra>" };
  const all = { ...lines, ...joined(shown, column), line: { width: 1, color: "#8888" }, showlegend: false };
  const chosen = shown.filter((run) => state.chosen.has(run)).map((run, index) => ({
    ...lines, ...joined([run], column), name: plain(`run ${run.name}`),
    line: { width: 2.5, color: HIGHLIGHTS[index % HIGHLIGHTS.length], dash: ["solid", "dash", "dot"][Math.floor(index / 6) % 3] },
  }));
  const layout = {
    paper_bgcolor: style("--paper"), plot_bgcolor: style("--paper"), font: { color: style("--ink") },
    margin: { t: 10, r: 10 }, hovermode: "closest", showlegend: chosen.length > 0,
    xaxis: { title: { text: "epoch" }, gridcolor: style("--line") },
    yaxis: { title: { text: plain(column) }, type: find("log").checked ? "log" : "linear", gridcolor: style("--line") },
  };
  Plotly.react("curves", [all, ...chosen], layout, { responsive: true, displaylogo: false });
}

function draw() {
  drawTable();
  drawCurves();
}

const watched = [...new Set(data.runs.flatMap((run) => Object.keys(run.curves)))];
find("column").append(...watched.map((name) => element("option", { value: name, textContent: name })));
find("column").value = watched.includes("val_loss") ? "val_loss" : watched[0] ?? "";
find("summary").textContent = `${data.runs.length} runs, best first by ${data.metric}`;
const constants = Object.entries(data.constants).map(([key, value]) => `${key}=${value}`);
find("constants").append(...(constants.length ? ["The same in all: ", element("code", { textContent: constants.join(" ") })] : []));
find("filter").oninput = draw;
find("column").onchange = drawCurves;
find("log").onchange = drawCurves;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCurves);
drawHead();
draw();
