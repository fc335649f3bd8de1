// Two runs side by side: what differs in their configurations and results, and their curves.

function differences(first, second) {
  const rows = [];
  const add = (name, a, b, text) => { if ((a ?? null) !== (b ?? null)) rows.push([name, text(a), text(b)]); };
  const exact = (value) => String(typeof value === "number" ? Number(value.toPrecision(8)) : value ?? "–");
  for (const key of [...new Set([...Object.keys(first.config), ...Object.keys(second.config)])].sort()) {
    add(key, first.config[key], second.config[key], exact);
  }
  add("status", first.status, second.status, exact);
  add("epochs", first.epochs, second.epochs, exact);
  for (const name of data.metrics) add(name, first.metrics[name], second.metrics[name], exact);
  return rows;
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
  const traces = [first, second].flatMap((run, place) => losses.filter((column) => run.curves[column]).map((column) => ({
    ...curves([run], column), name: short(`run ${run.name}: ${column}`, 60),
    line: { width: 2, color: COLOURS[place], dash: column === "train_loss" ? "dot" : "solid" },
  })));
  plot("pair", traces, {
    showlegend: true, legend: { orientation: "h", y: -0.2 },
    xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: "loss" } },
  });
}
