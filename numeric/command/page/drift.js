// Drift of N rounds with equal innovations, and the dials that show it. Leading order in the error: J² = observability · energy.
// The inner products are <g_i, g_j> = overlap^|i-j| J²: 1 coherent, 0 orthogonal, -1 alternating.
"use strict";

// After 1..rounds rounds from the data law: floor of the larger of two consecutive drifts, sum for orthogonal errors, drift,
// ceiling. Everything by the one-round recursion f' = (1 - alpha) f + g.
function driftRows(alpha, energy, observability, overlap, rounds) {
  const keep = 1 - alpha;
  const square = observability * energy;
  const size = Math.sqrt(square);
  const rows = [];
  let orthogonal = 0, drift = 0, root = 0, aligned = 0; // aligned = <f_n, g_n>
  for (let n = 1; n <= rounds; n += 1) {
    drift = keep * keep * drift + 2 * keep * aligned + square;
    aligned = overlap * (keep * aligned + square);
    orthogonal = keep * keep * orthogonal + square;
    root = keep * root + size;
    rows.push({ n: n, floor: square / ((2 - alpha) * (2 - alpha)), orthogonal: orthogonal, drift: drift, ceiling: root * root });
  }
  return rows;
}

// Where the drift tends to as rounds go on, for alpha > 0.
function driftLimit(alpha, energy, observability, overlap) {
  const keep = 1 - alpha;
  return (observability * energy * (1 + keep * overlap)) / (alpha * (2 - alpha) * (1 - keep * overlap));
}

// The settings in a fragment such as #alpha=0.2&energy=0.05; values outside their range are left out.
const RANGES = {
  alpha: [0.001, 1],
  energy: [1e-8, 100],
  observability: [0, 1],
  overlap: [-1, 1],
  rounds: [1, 200],
};
function readFragment(fragment) {
  const found = {};
  for (const part of String(fragment).replace(/^#/, "").split("&")) {
    const [name, text] = part.split("=");
    const range = Object.prototype.hasOwnProperty.call(RANGES, name) ? RANGES[name] : null;
    const value = text === undefined || text === "" ? NaN : Number(text);
    if (range && value >= range[0] && value <= range[1]) found[name] = name === "rounds" ? Math.round(value) : value;
  }
  return found;
}

function shown(value) {
  if (value === 0) return "0";
  const text = Math.abs(value) < 1e-4 || Math.abs(value) >= 1e6 ? value.toExponential(3) : String(Number(value.toPrecision(4)));
  return text.replace("e+", "e").replace("-", "−");
}

function startDials() {
  const place = document.getElementById("dials");
  if (!place) return;
  const state = { alpha: 0.2, energy: 0.05, observability: 1, overlap: 1, rounds: 16 };
  const input = (name) => document.getElementById("dial-" + name);
  const tags = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const fromSlider = (name) => (name === "energy" ? Math.pow(10, Number(input(name).value)) : Number(input(name).value));
  const toSlider = (name) => (name === "energy" ? Math.log10(state.energy) : state[name]);
  let waiting = 0;

  function summary(rows) {
    const last = rows[rows.length - 1];
    return (
      "Fresh fraction " + shown(state.alpha) + ", energy " + shown(state.energy) + ", observability " + shown(state.observability) +
      ", overlap " + shown(state.overlap) + ". After " + last.n + (last.n === 1 ? " round" : " rounds") + " the drift is " +
      shown(last.drift) + ": the discounted sum is " + shown(last.orthogonal) + ", the ceiling " + shown(last.ceiling) +
      ", and of two consecutive drifts one is at least " + shown(last.floor) + ". In the long run the drift tends to " +
      shown(driftLimit(state.alpha, state.energy, state.observability, state.overlap)) + "."
    );
  }

  function draw(rows) {
    const chart = document.getElementById("dial-chart");
    const width = 640, height = 300, left = 62, right = 12, upper = 12, lower = 40;
    const values = rows.flatMap((row) => [row.floor, row.orthogonal, row.drift, row.ceiling]).filter((value) => value > 0);
    const top = values.length ? Math.log10(Math.max(...values)) : 0;
    const low = values.length ? Math.max(Math.log10(Math.min(...values)), top - 6) : -1;
    const high = Math.ceil((top + 0.05) * 2) / 2, bottom = Math.min(Math.floor((low - 0.05) * 2) / 2, high - 1);
    const across = (n) => left + ((n - 1) / Math.max(rows.length - 1, 1)) * (width - left - right);
    const up = (value) => {
      const level = value > 0 ? Math.max(Math.log10(value), bottom) : bottom;
      return upper + ((high - level) / (high - bottom)) * (height - upper - lower);
    };
    const line = (name) => rows.map((row) => across(row.n).toFixed(1) + "," + up(row[name]).toFixed(1));
    for (const name of ["floor", "orthogonal", "drift", "ceiling"]) {
      document.getElementById("dial-line-" + name).setAttribute("points", line(name).join(" "));
    }
    const band = line("ceiling").concat(line("floor").reverse());
    document.getElementById("dial-band").setAttribute("points", band.join(" "));
    const axes = document.getElementById("dial-axes");
    axes.replaceChildren();
    const add = (name, attributes, text) => {
      const made = tags(name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      if (text !== undefined) made.textContent = text;
      axes.append(made);
    };
    for (let power = Math.ceil(bottom); power <= high; power += Math.max(1, Math.ceil((high - bottom) / 6))) {
      const y = up(Math.pow(10, power)).toFixed(1);
      add("line", { x1: left, x2: width - right, y1: y, y2: y, class: "grid" });
      add("text", { x: left - 6, y: y, "text-anchor": "end", "dominant-baseline": "middle" }, "1e" + String(power).replace("-", "−"));
    }
    const step = Math.max(1, Math.ceil(rows.length / 8));
    for (let n = 1; n <= rows.length; n += step) {
      add("text", { x: across(n).toFixed(1), y: height - lower + 18, "text-anchor": "middle" }, String(n));
    }
    add("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "generation N");
    chart.setAttribute("viewBox", "0 0 " + width + " " + height);
  }

  function table(rows) {
    const body = document.getElementById("dial-rows");
    const step = Math.max(1, Math.ceil(rows.length / 8));
    const picked = rows.filter((row) => row.n === 1 || row.n === rows.length || row.n % step === 0);
    body.replaceChildren(
      ...picked.map((row) => {
        const line = document.createElement("tr");
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = String(row.n);
        line.append(head);
        for (const name of ["floor", "orthogonal", "drift", "ceiling"]) {
          const cell = document.createElement("td");
          cell.textContent = shown(row[name]);
          line.append(cell);
        }
        return line;
      }),
    );
  }

  function show(now) {
    const rows = driftRows(state.alpha, state.energy, state.observability, state.overlap, state.rounds);
    for (const name of Object.keys(state)) {
      document.getElementById("dial-" + name + "-value").textContent = shown(state[name]);
      input(name).setAttribute("aria-valuetext", shown(state[name]));
    }
    draw(rows);
    table(rows);
    const link = Object.keys(state).map((name) => name + "=" + Number(state[name].toPrecision(6))).join("&");
    document.getElementById("dial-link").setAttribute("href", "#" + link);
    const say = () => { document.getElementById("dial-summary").textContent = summary(rows); };
    clearTimeout(waiting); // a reader's voice hears the last setting, not every one on the way
    if (now) say(); else waiting = setTimeout(say, 200);
  }

  function fromAddress() {
    const found = readFragment(window.location.hash);
    if (!Object.keys(found).length) return false;
    Object.assign(state, found);
    for (const name of Object.keys(state)) input(name).value = String(toSlider(name));
    show(true);
    return true;
  }

  for (const name of Object.keys(state)) {
    input(name).addEventListener("input", () => {
      state[name] = fromSlider(name);
      show(false);
    });
  }
  window.addEventListener("hashchange", fromAddress);
  place.hidden = false;
  for (const name of Object.keys(state)) input(name).value = String(toSlider(name));
  if (fromAddress()) place.closest("section").scrollIntoView(); else show(true);
}

if (typeof document !== "undefined") startDials();
