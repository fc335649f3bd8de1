// The metric that is chosen: it colours the runs, and the better half of them says how far axes reach.

const SHADES = 8;
const REACH = 4;  // how many times the range of the better half an axis may reach beyond it
const STRIP = 10;  // an axis that is so many times as long as what is looked at shows too little of it
const FEWEST_BETTER = 3;  // runs whose range says what is far from it
const FEWEST_EPOCHS = 10;  // of a curve that has a beginning and an end

const scoreOf = (run, metric) => run.metrics[metric] ?? trialOf.get(run)?.metrics[metric] ?? null;
const isPruned = (run) => run.state === "pruned" || run.status === "pruned";

// Those with the metric, best first
function byScore(runs, metric, of = search) {
  const sign = metric && rises(metric, of) ? -1 : 1;
  const scored = runs.map((run) => [scoreOf(run, metric), run]);
  return scored.filter(([score]) => score !== null).sort(([a], [b]) => sign * (a - b)).map(([, run]) => run);
}

function betterHalf(runs, metric, of = search) {
  const ranked = byScore(runs, metric, of);
  return ranked.length ? ranked.slice(0, Math.ceil(ranked.length / 2)) : runs;
}

// From the best, 0, to the worst, 1
function shade(place) {
  const of = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const [best, worst] = [of(style("--mark")), of(style("--worst"))];
  return `rgb(${best.map((part, index) => Math.round(part + place * (worst[index] - part))).join(",")})`;
}

// Colours and their runs, the best last, which is on top
function shades(runs, metric) {
  const ranked = byScore(runs.filter((run) => !isPruned(run)), metric);
  const scored = new Set(ranked);
  const number = Math.min(SHADES, ranked.length);
  const end = (index) => Math.round((index * ranked.length) / number);
  const parts = [...Array(number).keys()].map((index) => (
    [shade(number > 1 ? index / (number - 1) : 0), ranked.slice(end(index), end(index + 1))]
  ));
  return [[style("--faint"), runs.filter((run) => !scored.has(run))], ...parts.reverse()].filter(([, of]) => of.length);
}

// Without the few that are lowest and highest
function ends(values) {
  const sorted = Float64Array.from(values).sort();
  return [0.02, 0.98].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
}

// The range of an axis that leaves out what is far from the better half; null where nothing is
function robust(values, better, isInside = (value, low, high) => value >= low && value <= high) {
  if (!better.length) return null;
  const [low, high] = ends(better);
  const reach = REACH * (high - low) || Math.abs(high) || 1;
  const inside = values.filter((value) => isInside(value, low - reach, high + reach));
  if (!inside.length || inside.length === values.length) return null;
  const [from, to] = [least(inside), most(inside)];
  const edge = 0.05 * (to - from) || reach / 4;
  return [from - edge, to + edge];
}

// Nothing explodes in a metric that rises to 1 and is not far below 0
const isBounded = (values, isRising) => isRising && values.every((value) => Math.abs(value) <= 1);

// That of learning curves, as lists. Where the first epochs would press the later half of all others into a narrow strip,
// they are left out, too
function rangeOfCurves(all, better, isRising) {
  const values = all.flatMap(finite);
  const range = isBounded(values, isRising) ? null : robust(values, better.flatMap(finite));
  const late = better.filter((of) => of.length >= FEWEST_EPOCHS).flatMap((of) => finite(of.slice(of.length / 2)));
  if (!late.length) return range;
  const [from, to] = range ?? [least(values), most(values)];
  const [low, high] = ends(late);
  return high > low && to - from > STRIP * (high - low) ? robust(values, late) : range;
}

// That of scores, which are left out on the side that is worse. Of few runs none is far from the others
function robustScores(runs, better, values, isRising) {
  const all = finite(runs.flatMap(values));
  if (better.length < FEWEST_BETTER || isBounded(all, isRising)) return null;
  const isInside = isRising ? (value, low) => value >= low : (value, _, high) => value <= high;
  return robust(all, finite(better.flatMap(values)), isInside);
}

// What is said of those that leave a plot of this range
function leaves(number, kind, name, values, [low, high]) {
  const beyond = (value) => Math.max(low - value, value - high);
  const farthest = finite(values).reduce((a, b) => (beyond(b) > beyond(a) ? b : a));
  return `${number} ${kind}${number === 1 ? " leaves" : "s leave"} the plot, with ${name} as far as ` +
    `${rounded(farthest)}; a double click shows all.`;
}
