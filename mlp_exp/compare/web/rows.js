// The rows of the leaderboard: one for each group of runs that differ by seed or fold alone, opened to its runs.

const [FIRST, MORE] = [100, 300];  // rows that are made before the page answers again
const LONG_REASON = 100;
const rowsOf = new Map();  // shown rows, and the runs of each

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
  const box = element("input", { type: "checkbox" });
  box.setAttribute("aria-label", `highlight ${runs.length === 1 ? title(runs[0]) : `these ${runs.length} runs`}`);
  box.onchange = () => {
    runs.forEach((run) => (box.checked ? chosen.add(run) : chosen.delete(run)));
    drawChosen();
  };
  return box;
}

// Of all runs of a group, listed or not, as long as the filter leaves those that are
const wholeOf = (runs, group) => (runs.length === data.groups[group].length ? data.cut[group] : undefined);

function opener(group, runs) {
  const whole = wholeOf(runs, group);
  const scored = runs.filter((run) => results.find(isLeading)?.of(run) != null).length;
  const means = scored && scored < runs.length ? `${scored} of ${count(runs.length)}` : count(runs.length);  // of so many
  const label = whole ? `${runs.length} of ${count(whole.runs)}` : means;
  const button = element("button", { type: "button" });
  const say = () => {
    button.textContent = `${table.open.has(group) ? "▾" : "▸"} ${label}`;
    button.setAttribute("aria-expanded", String(table.open.has(group)));
  };
  button.onclick = () => {
    const own = button.closest("tr");
    if (table.open.delete(group)) {
      while (own.nextSibling?.className.startsWith("member")) {
        rowsOf.delete(own.nextSibling);
        own.nextSibling.remove();
      }
    } else {
      table.open.add(group);
      own.after(...members(runs, group));
      markChosen();
    }
    say();
  };
  say();
  return button;
}

const members = (runs, group) => ordered(runs.map((run) => [run])).map((run) => row(run, "member", group));

// A long reason is cut, and shown whole on demand
const wholeReasons = new Set();
function reason(cell, text, name) {
  if (text.length <= LONG_REASON) return;
  const button = element("button", { type: "button" });
  const say = () => {
    const isWhole = wholeReasons.has(name);
    cell.replaceChildren(isWhole ? text : `${text.slice(0, LONG_REASON)}…`, " ", button);
    button.textContent = isWhole ? "less" : "all of it";
    button.setAttribute("aria-expanded", String(isWhole));
  };
  button.onclick = () => {
    if (!wholeReasons.delete(name)) wholeReasons.add(name);
    say();
    button.focus();
  };
  say();
}

// A reason goes on over the empty cells of metrics beside it, so that it is in sight, and its row low
function widen(cells, shown) {
  const place = shown.findIndex((column) => column.name === "reason");
  if (place < 0 || !cells[place].textContent) return;
  const rest = shown.slice(place + 1);
  const filled = rest.findIndex((column, index) => !column.measured || cells[place + 1 + index].textContent !== "–");
  const empty = filled < 0 ? rest.length : filled;
  for (const cell of cells.slice(place + 1, place + 1 + empty)) cell.hidden = true;
  cells[place].colSpan = 1 + empty;
}

function row(runs, kind, group) {
  const cut = kind === "group" ? wholeOf(runs, group) : undefined;
  const shown = shownColumns();
  const cells = shown.map((column) => {
    const { text, key } = cut ? summaryOfAll(column, cut) : summary(column, runs);
    const type = column.name === "reason" ? "reason" : column.measured || typeof key === "number" ? "number" : "";
    const cell = element("td", { className: type, textContent: text });
    if (type === "reason") reason(cell, text, `${kind} ${runs[0].name}`);
    else if (column.shown && runs.length === 1 && column.of(runs[0]) !== text) cell.title = column.of(runs[0]);
    return cell;
  });
  widen(cells, shown);
  const last = element("td", { className: "again" });
  if (kind === "group") cells[0].replaceChildren(opener(group, runs));
  else if (kind !== "baseline") last.append(copyButton(runs[0].again));
  const choose = kind === "baseline" ? [] : [checkbox(runs)];
  const made = element("tr", { className: kind }, element("td", { className: "choose" }, ...choose), ...cells, last);
  if (kind === "group") made.dataset.group = group;
  rowsOf.set(made, runs);
  return made;
}

// The rows say which runs are highlighted
function markChosen() {
  for (const [made, runs] of rowsOf) {
    const isChosen = runs.every((run) => chosen.has(run));
    if (made.classList.contains("chosen") !== isChosen) made.classList.toggle("chosen", isChosen);
    const box = made.cells[0].firstChild;
    if (box) box.checked = isChosen;
  }
}

function drawTable() {
  const left = new Set(filtered(data.runs));
  const place = new Map();
  const groups = data.groups.flatMap((of, group) => {
    const runs = of.map((index) => data.runs[index]).filter((run) => left.has(run));
    place.set(runs, group);
    return runs.length ? [runs] : [];
  });
  const between = baselines.map(({ after, splits }) => [after - 0.5, filtered(splits)]).filter(([, of]) => of.length);
  const lists = [...groups.map((runs) => [place.get(runs), runs]), ...between].sort(([a], [b]) => a - b);
  const wanted = ordered(lists.map(([, runs]) => runs));
  const rows = (some) => some.flatMap((runs) => {
    const group = place.get(runs);
    if (group === undefined) return [row(runs, "baseline")];
    if (data.groups[group].length === 1 && !data.cut[group]) return [row(runs, "run", group)];
    return [row(runs, "group", group), ...(table.open.has(group) ? members(runs, group) : [])];
  });
  const body = find("leaderboard").tBodies[0];
  const add = (from, to) => {
    body.append(...rows(wanted.slice(from, to)));
    markChosen();
  };
  rowsOf.clear();
  body.replaceChildren();
  add(0, FIRST);
  const parts = [];
  for (let from = FIRST; from < wanted.length; from += MORE) parts.push(() => add(from, from + MORE));
  if (parts.length) later("rows", ...parts);
  else pending.delete("rows");
  find("shown").textContent = `${left.size} of ${count(data.runs.length)}`;
}

function drawHead() {
  const heads = shownColumns().map((column, index) => {
    const arrow = table.sort !== column ? "" : table.descending ? " ↓" : " ↑";
    const name = middle(column.name, LONG_KEY);
    const button = element("button", { textContent: name + arrow, type: "button" });
    if (name !== column.name) button.title = column.name;
    button.onclick = () => {
      table.descending = table.sort === column && !table.descending;
      table.sort = column;
      drawHead();
      drawTable();
      find("leaderboard").tHead.querySelectorAll("button")[index].focus();
    };
    const isNumber = column.measured || (column.number && data.keys[column.name].axis !== "category");
    const head = element("th", { scope: "col", className: isNumber ? "number" : "" }, button);
    if (arrow) head.setAttribute("aria-sort", table.descending ? "descending" : "ascending");
    return head;
  });
  const show = element("th", { scope: "col", className: "choose", textContent: "show" });
  const again = element("th", { scope: "col", className: "again", textContent: "command" });
  find("leaderboard").tHead.replaceChildren(element("tr", {}, show, ...heads, again));
}
