// Two runs side by side: what differs in their configurations and results, and their curves.

function differences(first, second) {
  const rows = [];
  const add = (name, a, b) => { if ((a ?? null) !== (b ?? null)) rows.push([name, ...apart([a, b])]); };
  for (const key of [...new Set([...Object.keys(first.config), ...Object.keys(second.config)])].sort()) {
    add(key, first.config[key], second.config[key]);
  }
  add("status", first.status, second.status);
  add("epochs", first.epochs, second.epochs);
  for (const name of data.metrics) add(name, first.metrics[name], second.metrics[name]);
  return rows;
}

// Two values, their numbers with a few digits, or with as many as tell them apart
function apart(values) {
  const isLong = (value) => typeof value === "number" || (value?.length > LONG_NUMBER && Number.isFinite(Number(value)));
  const few = values.map((value) => (isLong(value) ? rounded(Number(value)) : value ?? "–"));
  return few[0] === few[1] ? values.map(String) : few;
}

function drawPair() {
  const [first, second] = ["first", "second"].map((id) => data.runs[find(id).value]);
  const heads = ["", `run ${first.name}`, `run ${second.name}`].map((text) => (
    element("th", { scope: "col", textContent: text })
  ));
  const rows = differences(first, second).map(([name, a, b]) => element(
    "tr", {}, element("th", { scope: "row", textContent: name }),
    element("td", { textContent: a }), element("td", { textContent: b }),
  ));
  const none = element("tr", {}, element("td", { textContent: "Nothing differs." }));
  find("differences").replaceChildren(
    element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...(rows.length ? rows : [none])),
  );
  const losses = watched.filter((column) => column.endsWith("_loss"));
  const traces = [...new Set([first, second])].flatMap((run, place) => losses.filter((column) => run.curves[column]).map((column) => ({
    ...curves([run], column), name: short(`run ${run.name}: ${column}`, 60),
    line: { width: 2, color: COLOURS[place], dash: column === "train_loss" ? "dot" : "solid" },
  })));
  const lines = (run) => losses.filter((column) => run.curves[column]).map((column) => run.curves[column]);
  const [better = first] = byScore([first, second], find("metric").value);
  const range = rangeOfCurves([...lines(first), ...lines(second)], lines(better), false);
  const away = "What is far from the better run leaves the plot; a double click shows all.";
  find("pair-text").textContent = range ? away : "";
  plot("pair", traces, {
    showlegend: true, legend: { orientation: "h", y: -0.2 },
    xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: "loss" }, ...(range ? { range } : {}) },
  });
}
