// Draws the page, and draws anew what a person changes.

const laterCurves = () => later("curves", drawCurves);
const laterPair = () => later("pair", drawPair);

function drawRuns() {
  drawTable();
  laterCurves();
}

function drawChosen() {
  markChosen();
  laterCurves();
}

function drawPlots() {
  laterCurves();
  drawSearch();
  if (isAlone) return;
  drawMattered();
  laterPair();
}

const isAlone = data.in_all.runs === 1;

// Nothing varies between one run, and nothing can be compared with it
function leaveOut() {
  for (const id of ["mattered-title", "pair-title"]) {
    document.querySelector(`[aria-labelledby=${id}]`).hidden = isAlone;
    document.querySelector(`[href="#${id}"]`).hidden = isAlone;
  }
  if (isAlone) find("figures-title").textContent = "Figures";
}

function fillHeader() {
  const ended = Object.entries(data.in_all.statuses).map(([status, runs]) => `${runs} ${status.replace("_", " ")}`)
    .join(", ");
  const ranked = data.order ? `, ${data.order}` : "";
  const alone = `1 run: ${data.runs[0].status.replace("_", " ")}.`;
  find("summary").textContent = isAlone ? alone : `${count(data.in_all.runs)}${ranked}: ${ended}.`;
  find("about").textContent = data.about.join(" ");
  find("left-out").hidden = data.in_all.runs === data.runs.length;
  find("left-out").textContent = `Listed are the best ${data.runs.length} of ${data.in_all.runs} runs; ` +
    "leaderboard.csv has the others. Counts, means of several runs and what mattered are of all.";
  const alike = equal.map((column) => [column.name, summary(column, data.runs.slice(0, 1)).text]);
  const same = [...Object.entries(data.constants), ...alike].map(([key, value]) => `${key}=${value}`).join(" ");
  if (same) find("constants").append(isAlone ? "Settings: " : "The same in all: ", element("code", { textContent: same }));
}

function fillFigures() {
  const shown = data.figures.map(({ run, images }) => element(
    "article", {}, element("h3", { textContent: `Run ${run}` }),
    element("div", { className: "images" }, ...images.map(([name, kind, image]) => element(
      "img", { src: `data:${kind};base64,${image}`, alt: `${name.replaceAll("_", " ")} of run ${run}` },
    ))),
  ));
  const none = element("p", { textContent: "None are drawn; python -m mlp_exp.report RUN draws those of a run." });
  find("figures").append(...(shown.length ? shown : [none]));
}

function fillMade() {
  find("made").append(...data.made.flatMap(([name, text]) => {
    const value = element("dd", {}, element("code", { textContent: text }));
    if (name === "Command") value.append(" ", copyButton(text));
    return [element("dt", { textContent: name }), value];
  }));
}

function listen() {
  find("filter").oninput = drawRuns;
  find("all-metrics").onchange = () => { drawHead(); drawTable(); };
  find("clear").onclick = () => { chosen.clear(); drawChosen(); };
  find("column").onchange = laterCurves;
  find("log").onchange = laterCurves;
  find("metric").onchange = () => {
    follow();
    laterCurves();
    drawMattered();
  };
  find("first").onchange = laterPair;
  find("second").onchange = laterPair;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawPlots);
  printed.addEventListener("change", () => { drawPlots(); finish(); });
}

const runOptions = data.runs.map((run, index) => [index, title(run)]);
fill(find("column"), watched.map((name) => [name, name]), watched.includes("val_loss") ? "val_loss" : watched.at(-1));
const plainMetrics = data.headlines.filter((name) => !objectives.some(([, text]) => text === name));
const subjects = [...objectives, ...plainMetrics.map((name) => [name, name])];
fill(find("metric"), subjects, subjects[0]?.[0]);
follow();
fill(find("first"), runOptions, 0);
const others = data.groups.find((of) => !of.includes(0));  // the best run of another experiment
fill(find("second"), runOptions, others ? Math.min(...others) : Math.min(1, data.runs.length - 1));
leaveOut();
fillHeader();
fillFigures();
fillMade();
beginSearch();
restore();
drawHead();
drawTable();
drawPlots();
later("listening", () => find("curves").on("plotly_click", toggle), listenToSearch);
listen();
goOn();
