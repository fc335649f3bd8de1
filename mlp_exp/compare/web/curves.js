// Learning curves: those of the runs that the filter leaves, and the highlighted ones above them.

const watched = [...new Set(data.runs.flatMap((run) => Object.keys(run.curves)))];

function drawCurves() {
  const column = find("column").value;
  const runs = filtered(data.runs);
  const all = { ...curves(runs, column), name: "all", line: { width: 1, color: style("--faint") }, showlegend: false };
  const above = runs.filter((run) => chosen.has(run)).map((run, index) => (
    { ...curves([run], column), name: short(title(run), 40), line: line(index) }
  ));
  plot("curves", [all, ...above], {
    showlegend: above.length > 0, legend: { orientation: "h", y: -0.2 },
    xaxis: { title: { text: "epoch" } },
    yaxis: { title: { text: plain(column) }, type: find("log").checked ? "log" : "linear" },
  });
}

function toggle(event) {
  const run = data.runs[event.points[0].customdata];
  if (!run) return;
  if (!chosen.delete(run)) chosen.add(run);
  drawRuns();
}
