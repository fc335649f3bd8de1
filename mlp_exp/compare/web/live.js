// While runs train, `mlp-report --watch` writes the page again and again, and a small script beside it. The page loads
// itself anew when that script says so, and is then as it was: filtered, sorted, opened, highlighted and scrolled.

const LOOK = 2000;  // milliseconds
const CALM = 1500;  // since a person did something
const KEPT = `mlp_exp ${location.pathname}`;
const touched = new Set();  // what a person has changed; all else follows the runs
let acted = 0;

const runNames = (runs) => runs.map((run) => run.name);
const ofRun = { first: true, second: true };  // these choose a run, whose place may change

function state() {
  const controls = [...touched].map((id) => {
    const { type, checked, value } = find(id);
    return [id, type === "checkbox" ? checked : ofRun[id] ? data.runs[value].name : value];
  });
  const focus = document.activeElement;
  const { scrollTop, scrollLeft } = document.querySelector(".scroll");
  return {
    controls, sort: table.sort?.name, descending: table.descending, chosen: runNames([...chosen]),
    open: [...table.open].flatMap((group) => runNames(data.groups[group].map((index) => data.runs[index]))),
    reasons: [...wholeReasons], focus: focus.id,
    selection: focus.id === "filter" ? [focus.selectionStart, focus.selectionEnd] : null,
    scroll: [scrollX, scrollY], rows: [scrollTop, scrollLeft],
  };
}

function keep(more = {}) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ ...state(), ...more }));
  } catch {  // a browser may keep nothing for a page from disk
  }
}

function taken() {
  try {
    const text = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

const kept = taken();

// What decides how the page is drawn, before that
function restore() {
  if (!kept) return;
  const named = new Map(data.runs.map((run, index) => [run.name, index]));
  for (const [id, value] of kept.controls) {
    const control = find(id);
    if (!control) continue;
    touched.add(id);
    const wanted = ofRun[id] ? named.get(value) : value;
    if (control.type === "checkbox") control.checked = value;
    else if (control.tagName !== "SELECT") control.value = value;
    else if ([...control.options].some((option) => option.value === String(wanted))) control.value = wanted;
    if (id === "which") showSearch();
  }
  table.sort = columns.find((column) => column.name === kept.sort) ?? null;
  table.descending = kept.descending;
  kept.chosen.filter((name) => named.has(name)).forEach((name) => chosen.add(data.runs[named.get(name)]));
  const open = new Set(kept.open);
  const isOpen = (of) => of.some((index) => open.has(data.runs[index].name));
  data.groups.forEach((of, group) => { if (isOpen(of)) table.open.add(group); });
  kept.reasons.forEach((name) => wholeReasons.add(name));
}

// Where a person was, once all is drawn
function goBack() {
  if (!kept) return;
  history.scrollRestoration = "manual";
  finish();
  scrollTo(...kept.scroll);
  Object.assign(document.querySelector(".scroll"), { scrollTop: kept.rows[0], scrollLeft: kept.rows[1] });
  const focus = kept.focus && find(kept.focus);
  focus?.focus({ preventScroll: true });
  if (kept.selection) focus.setSelectionRange(...kept.selection);
}

function look() {
  const script = element("script", { src: `${data.live.script}?${Date.now()}` });
  script.onload = () => {
    script.remove();
    if (window.written === data.live.written || performance.now() - acted < CALM) setTimeout(look, LOOK);
    else renew();
  };
  script.onerror = () => renew({ ended: true });  // the page that is written last looks no more
  document.head.append(script);
}

function renew(more) {
  keep(more);
  location.reload();
}

function goOn() {
  const isLive = data.live && !kept?.ended;
  find("live").hidden = !isLive;
  if (isLive) {
    find("live").textContent =
      `Runs are training. The page shows them as they were at ${data.live.at}, and renews itself.`;
  }
  goBack();
  if (!isLive) return;
  for (const kind of ["pointerdown", "keydown", "wheel"]) {
    addEventListener(kind, () => { acted = performance.now(); }, { passive: true });
  }
  addEventListener("change", ({ target }) => { if (target.id) touched.add(target.id); });
  addEventListener("input", ({ target }) => { if (target.id) touched.add(target.id); });
  setTimeout(look, LOOK);
}
