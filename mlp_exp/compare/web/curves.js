// Learning curves: those of the runs that the filter leaves, and the highlighted ones above them.

const watched = [...new Set(data.runs.flatMap((run) => Object.keys(run.curves)))];
const places = new Map(data.runs.map((run, index) => [run, index]));

// Runs as one trace with gaps: a trace of its own for each of a thousand would take seconds
function curves(runs, column) {
  const mode = runs.some((run) => run.at.length === 1) ? "lines+markers" : "lines";  // one epoch is no line
  const trace = { mode, marker: { size: 5 }, x: [], y: [], text: [], customdata: [] };
  for (const run of runs.filter((each) => each.curves[column])) {
    const [label, index] = [short(title(run)), places.get(run)];
    trace.x.push(...run.at, null);
    trace.y.push(...run.curves[column], null);
    trace.text.push(...run.at.map(() => label), "");
    trace.customdata.push(...run.at.map(() => index), null);
  }
  return { ...trace, hovertemplate: "%{text}<br>epoch %{x}: %{y}<extra></extra>" };
}

function drawCurves() {
  const [column, metric] = [find("column").value, find("metric").value];
  const runs = filtered(data.runs).filter((run) => run.curves[column]);
  const all = shades(runs, metric).map(([color, of]) => (
    { ...curves(of, column), name: "all", line: { width: 1.2, color }, showlegend: false }
  ));
  const above = runs.filter((run) => chosen.has(run)).map((run, index) => (
    { ...curves([run], column), name: short(title(run), 40), line: line(index) }
  ));
  const logs = find("log").checked;
  const values = (of) => of.flatMap((run) => finite(run.curves[column]));
  const lines = (of) => of.map((run) => run.curves[column]);
  const range = logs ? null : rangeOfCurves(lines(runs), lines(betterHalf(runs, metric)), rises(column));
  const leavesIt = (run) => finite(run.curves[column]).some((value) => value < range[0] || value > range[1]);
  const away = range ? runs.filter(leavesIt) : [];
  find("scale").hidden = !metric || data.runs.length === 1;
  find("scale-name").textContent = metric ? nameOf(metric) : "";
  find("curves-text").textContent = away.length ? leaves(away.length, "run", column, values(away), range) : "";
  plot("curves", [...(all.length ? all : [{ ...curves([], column), name: "all" }]), ...above], {
    showlegend: above.length > 0, legend: { orientation: "h", y: -0.2 },
    xaxis: { title: { text: "epoch" } },
    yaxis: {
      title: { text: plain(column) }, ...(range ? { range } : {}),
      ...(logs ? logAxis(values(runs)) : { type: "linear" }),
    },
  });
}

function toggle(event) {
  const run = data.runs[event.points[0].customdata];
  if (!run) return;
  if (!chosen.delete(run)) chosen.add(run);
  drawChosen();
}

// The column that shows how the chosen metric came about
function follow() {
  const name = find("metric").value && nameOf(find("metric").value).replace(/^best /, "");
  if (watched.includes(name)) find("column").value = name;
}
