// The leaderboard: a row for each group of runs that differ by seed or fold alone, opened to its runs.

// What only a search has
function searched() {
  if (!data.search) return [];
  const { objectives: [{ name }, ...more], repeats } = data.search;
  const trial = { name: "trial", of: (run) => trialOf.get(run)?.number ?? null };
  const best = { name: `best_${name}`, of: (run) => run.best_value, measured: true, key: "best_value" };
  const front = { name: "front", of: (run) => (trialOf.get(run)?.front ? "yes" : "") };
  return [...(repeats > 1 ? [trial] : []), more.length ? front : best];
}

const columns = [
  { name: "run", of: (run) => run.name },
  ...keys.map((key) => ({
    name: key, of: (run) => run.overrides[key] ?? "", number: (text) => number(key, text),
    shown: (text) => digits(key, text),
  })),
  ...data.metrics.map((name) => ({
    name, of: (run) => run.metrics[name] ?? null, measured: true, optional: !data.headlines.includes(name),
  })),
  ...searched(),
  { name: "status", of: (run) => run.status },
  { name: "best_epoch", of: (run) => run.best_epoch, measured: true },
  { name: "epochs", of: (run) => run.epochs, measured: true },
  { name: "seconds", of: (run) => run.seconds, measured: true },
  ...(data.runs.some((run) => run.reason) ? [{ name: "reason", of: (run) => run.reason }] : []),
];
const table = { sort: null, descending: false, open: new Set() };
const shownColumns = () => columns.filter((column) => !column.optional || find("all-metrics").checked);

// What a column says of a group that is not all listed: that is known of all its runs
function summaryOfAll(column, whole) {
  const text = whole.texts[column.name] ?? "";
  if (!column.measured) return { text, key: column.number?.(text) ?? text };
  const [mean, deviation] = whole.measured[column.key ?? column.name] ?? [null, null];
  if (mean === null) return { text: "–", key: null };
  return { text: rounded(mean) + (deviation === null ? "" : ` ± ${Number(deviation.toPrecision(2))}`), key: mean };
}

// what a column says of several runs: mean ± sample standard deviation, or the values they have
function summary(column, runs) {
  const values = finite(runs.map(column.of)).filter((value) => value !== "");
  if (!values.length) return { text: column.measured ? "–" : "", key: null };
  if (column.measured) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    if (runs.length === 1) return { text: rounded(mean), key: mean };
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const spread = values.length > 1 ? ` ± ${Number(Math.sqrt(squares / (values.length - 1)).toPrecision(2))}` : "";
    return { text: rounded(mean) + spread, key: mean };
  }
  const distinct = [...new Set(values.map(String))];
  if (distinct.length > 3) return { text: `${distinct.length} values`, key: null };
  const text = distinct.join(", ");
  return { text: column.shown ? distinct.map(column.shown).join(", ") : text, key: column.number?.(text) ?? text };
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  const numbers = (typeof b === "number") - (typeof a === "number");  // come before texts
  const order = numbers || (typeof a === "number" ? a - b : inOrder(a, b));
  return table.descending ? -order : order;
}

function ordered(lists) {
  if (table.sort === null) return lists;
  const key = (runs) => summary(table.sort, runs).key;
  return lists.map((runs) => [key(runs), runs]).sort(([a], [b]) => compare(a, b)).map(([, runs]) => runs);
}

// Baselines stand between the groups of runs; each of their splits looks like a run without keys
const baselines = data.baselines.map(({ name, after, splits }) => ({
  after, splits: splits.map((split) => ({ ...split, name, overrides: bare(null, {}), status: "baseline" })),
}));

// ---- the filter

const constants = Object.entries(data.constants).map(([name, value]) => ({ name, of: () => value }));

function condition(word) {
  const found = /^(.+?)(<=|>=|<|>|=)(.+)$/.exec(word);
  const column = found && [...columns, ...constants].find((each) => each.name.toLowerCase() === found[1]);
  if (!column) return (run) => columns.some((each) => String(each.of(run) ?? "").toLowerCase().includes(word));
  const [sign, text] = found.slice(2);
  const limit = Number(text);
  const tests = {
    "<": (a) => a < limit, ">": (a) => a > limit, "<=": (a) => a <= limit, ">=": (a) => a >= limit,
    "=": (a, value) => a === limit || String(value).toLowerCase() === text,
  };
  return (run) => {
    const value = column.of(run);
    return value != null && value !== "" && tests[sign](column.number?.(value) ?? Number(value), value);
  };
}

function filtered(runs) {
  const conditions = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean).map(condition);
  return runs.filter((run) => conditions.every((holds) => holds(run)));
}

// ---- rows

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // some browsers do not allow it for a page from disk
    const area = element("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
}

function copyButton(text) {
  const button = element("button", { textContent: "copy", title: text, type: "button" });
  button.setAttribute("aria-label", `copy the command ${text}`);
  button.onclick = () => copy(button, text);
  return button;
}

function checkbox(runs) {
  const box = element("input", { type: "checkbox", checked: runs.every((run) => chosen.has(run)) });
  box.setAttribute("aria-label", `highlight ${runs.length === 1 ? title(runs[0]) : `these ${runs.length} runs`}`);
  box.onchange = () => {
    runs.forEach((run) => (box.checked ? chosen.add(run) : chosen.delete(run)));
    const place = [...find("leaderboard").querySelectorAll(".choose input")].indexOf(box);
    drawRuns();
    find("leaderboard").querySelectorAll(".choose input")[place].focus();
  };
  return box;
}

// Of all runs of a group, listed or not, as long as the filter leaves those that are
const wholeOf = (runs, group) => (runs.length === data.groups[group].length ? data.cut[group] : undefined);

function opener(group, runs) {
  const isOpen = table.open.has(group);
  const whole = wholeOf(runs, group);
  const label = whole ? `${runs.length} of ${count(whole.runs)}` : count(runs.length);
  const button = element("button", { textContent: `${isOpen ? "▾" : "▸"} ${label}`, type: "button" });
  button.setAttribute("aria-expanded", String(isOpen));
  button.onclick = () => {
    if (isOpen) table.open.delete(group);
    else table.open.add(group);
    drawTable();
    find("leaderboard").querySelector(`[data-group="${group}"] button`).focus();
  };
  return button;
}

function row(runs, kind, group) {
  const whole = kind === "group" ? wholeOf(runs, group) : undefined;
  const cells = shownColumns().map((column) => {
    const { text, key } = whole ? summaryOfAll(column, whole) : summary(column, runs);
    const type = column.name === "reason" ? "reason" : column.measured || typeof key === "number" ? "number" : "";
    return element("td", { className: type, textContent: text });
  });
  const last = element("td", { className: "again" });
  if (kind === "group") cells[0].replaceChildren(opener(group, runs));
  else if (kind !== "baseline") last.append(copyButton(runs[0].again));
  const choose = kind === "baseline" ? [] : [checkbox(runs)];
  const made = element("tr", {}, element("td", { className: "choose" }, ...choose), ...cells, last);
  made.className = runs.every((run) => chosen.has(run)) ? `${kind} chosen` : kind;
  if (kind === "group") made.dataset.group = group;
  return made;
}

function drawTable() {
  const left = new Set(filtered(data.runs));
  const place = new Map();
  const groups = data.groups.flatMap((members, group) => {
    const runs = members.map((index) => data.runs[index]).filter((run) => left.has(run));
    place.set(runs, group);
    return runs.length ? [runs] : [];
  });
  const between = baselines.map(({ after, splits }) => [after - 0.5, filtered(splits)]).filter(([, of]) => of.length);
  const lists = [...groups.map((runs) => [place.get(runs), runs]), ...between].sort(([a], [b]) => a - b);
  const rows = ordered(lists.map(([, runs]) => runs)).flatMap((runs) => {
    const group = place.get(runs);
    if (group === undefined) return [row(runs, "baseline")];
    if (data.groups[group].length === 1 && !data.cut[group]) return [row(runs, "run", group)];
    const members = table.open.has(group) ? ordered(runs.map((run) => [run])) : [];
    return [row(runs, "group", group), ...members.map((run) => row(run, "member", group))];
  });
  find("leaderboard").tBodies[0].replaceChildren(...rows);
  find("shown").textContent = `${left.size} of ${count(data.runs.length)}`;
}

function drawHead() {
  const heads = shownColumns().map((column, index) => {
    const arrow = table.sort !== column ? "" : table.descending ? " ↓" : " ↑";
    const button = element("button", { textContent: column.name + arrow, type: "button" });
    button.onclick = () => {
      table.descending = table.sort === column && !table.descending;
      table.sort = column;
      drawHead();
      drawTable();
      find("leaderboard").tHead.querySelectorAll("button")[index].focus();
    };
    const head = element("th", { scope: "col" }, button);
    if (arrow) head.setAttribute("aria-sort", table.descending ? "descending" : "ascending");
    return head;
  });
  const show = element("th", { scope: "col", className: "choose", textContent: "show" });
  const again = element("th", { scope: "col", className: "again", textContent: "command" });
  find("leaderboard").tHead.replaceChildren(element("tr", {}, show, ...heads, again));
}
