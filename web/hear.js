// A figure's numbers as tones: chart2music plays and speaks what the table beside the figure holds. Bundled into a script
// of its own, which a page loads when a reader asks for it (web/theme/static/figures.js).

// @ts-expect-error The package has types that its list of exports hides.
import { c2mChart } from "chart2music";

/** @typedef {{name: string, values: number[], low: number, high: number}} Series */

const NUMBER = /^(?:about |<|≈)?\s*([-−]?\d[\d,]*(?:\.\d+)?(?:e[-−+]?\d+)?)(?: ?%)?(?:\s*[±(*].*)?$/i;

/** The number that a cell holds, NaN if it holds none. @param {string} text */
function numberIn(text) {
  const found = NUMBER.exec(text.trim());
  return found ? Number(found[1].replaceAll(",", "").replaceAll("−", "-")) : NaN;
}

/**
 * A table whose columns are the points of its rows, such as "epoch 1", "epoch 2", turned over; another as it is.
 * @param {string[][]} rows
 */
function turned(rows) {
  const heads = rows[0].slice(1);
  const numbers = heads.map((head) => Number(/\d+(?:\.\d+)?/.exec(head)?.[0] ?? NaN));
  const alike = new Set(heads.map((head) => head.replace(/\d+(?:\.\d+)?/, ""))).size === 1;
  if (heads.length < 3 || !alike || !rises(numbers)) return rows;
  const name = heads[0].replace(/[\d.]+/, "").trim();
  return rows[0].map((_, column) =>
    rows.map((row, index) => (index ? row[column] : String(numbers[column - 1] ?? name))),
  );
}

/** Whether each number is larger than the one before. @param {number[]} numbers */
const rises = (numbers) => numbers.every((value, index) => (index ? value > numbers[index - 1] : !Number.isNaN(value)));

/** The columns of a table that hold numbers, but the first, which says where on the axis. @param {string[][]} rows */
function seriesOf([heads, ...body]) {
  const all = heads.slice(1).map((name, column) => {
    const values = body.map((row) => numberIn(row[column + 1] ?? ""));
    const known = values.filter((value) => !Number.isNaN(value));
    return { name, values, low: Math.min(...known), high: Math.max(...known), known: known.length };
  });
  return all.filter(({ known }) => known >= Math.max(2, body.length / 2)); // figures.py counts the same way
}

/**
 * Sort series by size onto two axes, so that each is heard over the range of its like; others are left to the table.
 * @param {Series[]} series
 */
function onAxes(series) {
  /** @type {Series[][]} */
  const axes = [];
  for (const one of series) {
    const alike = axes.find((axis) =>
      axis.some((other) => {
        const overlap = one.low <= other.high && other.low <= one.high;
        const [small, large] = [Math.abs(one.high), Math.abs(other.high)].sort((a, b) => a - b);
        return overlap || large <= 10 * small;
      }),
    );
    if (alike) alike.push(one);
    else if (axes.length < 2) axes.push([one]);
  }
  return axes;
}

/** How an axis of values is heard: by powers of ten where they span a thousandfold. @param {Series[]} axis */
function axisOf(axis) {
  const minimum = Math.min(...axis.map(({ low }) => low));
  const maximum = Math.max(...axis.map(({ high }) => high));
  /** @type {"log10" | "linear"} */
  const type = minimum > 0 && maximum / minimum > 1000 ? "log10" : "linear";
  const format = (/** @type {number} */ value) => String(Number(value.toPrecision(5)));
  return { label: axis.map(({ name }) => name).join("; "), minimum, maximum, type, format };
}

/**
 * What chart2music plays of a table.
 * @param {string[][]} table its cells, heads first
 */
function chartOf(table) {
  const rows = turned(table);
  const axes = onAxes(seriesOf(rows));
  const places = rows.slice(1).map((row) => row[0]);
  const numbers = places.map(numberIn);
  const ordered = rises(numbers);
  /** @type {Record<string, object[]>} */
  const data = {};
  for (const [axis, members] of axes.entries()) {
    for (const { name, values } of members) {
      const points = values.map((value, index) => ({
        x: ordered ? numbers[index] : index,
        [axis ? "y2" : "y"]: value,
      }));
      data[name in data ? `${name}, again` : name] = points.filter((_, index) => !Number.isNaN(values[index]));
    }
  }
  const label = rows[0][0] || "row";
  const format = (/** @type {number} */ value) => `${label} ${value}`; // "epoch 3", and not a bare 3
  const x = { label, ...(ordered ? { format } : { valueLabels: places }) };
  return {
    data,
    axes: { x, ...(axes[0] && { y: axisOf(axes[0]) }), ...(axes[1] && { y2: axisOf(axes[1]) }) },
    ordered,
  };
}

/** @param {HTMLTableElement} table */
const cells = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));

/**
 * Fill a panel with a player of a table.
 * @param {HTMLElement} panel @param {HTMLTableElement} table @param {string} title
 */
window.hearTable = (panel, table, title) => {
  const { data, axes, ordered } = chartOf(cells(table));
  const chart = document.createElement("div");
  chart.className = "ml-hear-chart";
  chart.append("Arrow keys go from point to point, Page Up and Page Down from series to series; H lists all keys.");
  const spoken = Object.assign(document.createElement("div"), { className: "ml-hear-text" });
  const press = (/** @type {string} */ key, shiftKey = false) =>
    chart.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true }));
  /** @type {[string, () => void][]} */
  const actions = [
    ["Play", () => press("End", true)],
    ["Previous", () => press("ArrowLeft")],
    ["Next", () => press("ArrowRight")],
    ["Next series", () => press("PageDown")],
    ["Close", () => panel.dispatchEvent(new Event("close"))],
  ];
  const several = Object.keys(data).length > 1;
  const buttons = actions
    .filter(([name]) => several || name !== "Next series")
    .map(([name, act]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
      button.addEventListener("click", act);
      return button;
    });
  panel.replaceChildren(chart, spoken, ...buttons);
  const { err, data: player } = c2mChart({
    type: ordered ? "line" : "bar",
    data: several ? data : Object.values(data)[0],
    axes,
    title,
    element: chart,
    cc: spoken,
    lang: "en",
  });
  if (err) throw new Error(err); // figures.js says so
  panel.addEventListener("close", () => player?.cleanUp());
  panel.addEventListener("keydown", (event) => event.key === "Escape" && panel.dispatchEvent(new Event("close")));
  chart.focus();
};
