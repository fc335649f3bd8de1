// The columns of the leaderboard, what they say of several runs, their order, and the filter.

const inHundredths = (seconds) => (seconds == null ? null : Math.round(seconds * 100) / 100);

// What only a search has
function searched() {
  if (!search) return [];
  const { objectives: [{ name }, ...more], repeats } = search;
  const trial = { name: "trial", of: (run) => trialOf.get(run)?.number ?? null };
  const best = { name: `best_${name}`, of: (run) => run.best_value, measured: true, key: "best_value" };
  const front = { name: "front", of: (run) => (trialOf.get(run)?.front ? "yes" : "") };
  return [...(repeats > 1 ? [trial] : []), more.length ? front : best];
}

const results = [
  ...data.metrics.map((name) => ({
    name, of: (run) => run.metrics[name] ?? null, measured: true, optional: !data.headlines.includes(name),
  })),
  ...searched(),
  { name: "status", of: (run) => run.status },
  { name: "best_epoch", of: (run) => run.best_epoch, measured: true },
  { name: "epochs", of: (run) => run.epochs, measured: true },
];
const isLeading = ({ name }) => data.leading.includes(name);  // by these the rows are ranked: they are seen first
const columns = [
  { name: "run", of: (run) => run.name },
  ...results.filter(isLeading),
  ...keys.map((key) => ({
    name: key, of: (run) => run.overrides[key] ?? "", number: (text) => number(key, text),
    shown: (text) => valueText(key, text),
  })),
  // beside the metrics, that a run with a reason hardly has: it takes their place
  ...(data.runs.some((run) => run.reason) ? [{ name: "reason", of: (run) => run.reason, between: "\n" }] : []),
  ...results.filter((column) => !isLeading(column)),
  { name: "seconds", of: (run) => inHundredths(run.seconds), measured: true },
];

// What is the same in all runs is said once, above the table
const listsAll = data.runs.length > 1 && data.runs.length === data.in_all.runs && !data.baselines.length;
const equal = results.filter((column) => {
  const values = new Set(data.runs.map(column.of));
  return listsAll && !column.optional && values.size === 1 && !values.has(null) && !values.has("");
});
for (const column of equal) column.optional = true;

const table = { sort: null, descending: false, open: new Set() };
const shownColumns = () => columns.filter((column) => !column.optional || find("all-metrics").checked);

// What a column says of a group that is not all listed: that is known of all its runs
function summaryOfAll(column, whole) {
  const text = whole.texts[column.name] ?? "";
  if (!column.measured) return { text, key: column.number?.(text) ?? text };
  const [mean, deviation] = whole.measured[column.key ?? column.name] ?? [null, null];
  return mean === null ? { text: "–", key: null } : { text: withDeviation(mean, deviation), key: mean };
}

// what a column says of several runs: mean ± sample standard deviation, or the values they have
function summary(column, runs) {
  const values = finite(runs.map(column.of)).filter((value) => value !== "");
  if (!values.length) return { text: column.measured ? "–" : "", key: null };
  if (column.measured) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null;
    return { text: withDeviation(mean, deviation), key: mean };
  }
  const distinct = [...new Set(values.map(String))];
  if (distinct.length > 3) return { text: `${distinct.length} values`, key: null };
  const text = distinct.join(", ");
  const shown = distinct.map(column.shown ?? String).join(column.between ?? ", ");
  return { text: shown, key: column.number?.(text) ?? text };
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
