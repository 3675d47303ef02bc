// The layers that show what the ensemble says: the class put first, the answers, and the sets that compete.

/** Steps of confidence by which a first choice is faded; the last one is an answer, in full colour. */
const FADES = 16;
const MOST_SETS = 9;

/**
 * The space groups. With `state.answered` on, only answers have a colour and the other points the tone of their
 * reason; off, a point that is ambiguous shows its first choice, the paler the less sure it is.
 */
function phaseLayer(map, state) {
  const k = map.classes.length;
  const guess = 1 / k;
  const codes = new Uint16Array(map.n);
  const layer = {
    id: "phase", title: "Space group", group: "Decision", lut: new Uint32Array(65536), codes: () => codes, made: null,
    get note() {
      return state.answered ? "where the threshold lets the ensemble answer" : "full colour: answered; faded: first choice only, the more faded the less sure";
    },
    get entries() {
      const classes = map.classes.map((number, c) => ({
        label: map.labels[c], colour: map.colours.classes[c], codes: Array.from({ length: FADES }, (_, f) => c * FADES + f),
      }));
      return [...classes, ...reasonEntries(map, k * FADES).filter((_, r) => state.answered || r > 0)];
    },
    refresh() {
      const made = `${state.answered} ${themeColour("--map")}`;
      if (layer.made === made && layer.of === state.status) return;
      Object.assign(layer, { made, of: state.status });
      const { codes: sure, missing } = map.score.confidence;
      for (let i = 0; i < map.n; i++) {
        const status = state.status[i];
        if (status === 0) codes[i] = map.winner[i] * FADES + FADES - 1;
        else if (status > 1 || state.answered || sure[i] === missing) codes[i] = k * FADES + status - 1;
        else {
          const above = Math.min(1, Math.max(0, (map.score.confidence.at(i) - guess) / (1 - guess)));
          codes[i] = map.winner[i] * FADES + Math.round(above * (FADES - 2));
        }
      }
      const paper = themeColour("--map").match(/[\d.]+/g).map(Number);
      for (let c = 0; c < k; c++) {
        for (let f = 0; f < FADES; f++) {
          const share = f === FADES - 1 ? 1 : 0.18 + (0.57 * f) / (FADES - 2);
          layer.lut[c * FADES + f] = mixedWord(map.colours.classes[c], paper, share);
        }
      }
      reasonEntries(map, k * FADES).forEach((entry) => (layer.lut[entry.codes[0]] = pixelWord(entry.colour)));
    },
    textAt(index) {
      const status = state.status[index];
      if (status > 1 || (status && state.answered)) return `no solution: ${STATUSES[status]}`;
      const sure = formatPercent(map.score.confidence.at(index));
      return `${map.labels[map.winner[index]]}${status ? `, first choice only (${sure})` : ""}`;
    },
  };
  return layer;
}

const reasonEntries = (map, from) => STATUSES.slice(1).map((name, r) => ({
  ...map.colours.statuses[r + 1], label: `no solution: ${name}`, codes: [from + r],
}));

/** A class colour (#rrggbb) laid over the paper (r, g, b) with a share, as ImageData has it. */
function mixedWord(hex, paper, share) {
  const value = parseInt(hex.slice(1), 16);
  const [red, green, blue] = [value >> 16, (value >> 8) & 255, value & 255].map((part, i) =>
    Math.round(share * part + (1 - share) * paper[i]));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** The sets of classes that could be right, the commonest ones each in a paint of its own. */
function candidateLayer(map, state) {
  const codes = new Uint16Array(map.n);
  const layer = {
    id: "candidates", title: "Candidate sets", group: "Decision", note: "the groups of which one should be right",
    lut: new Uint32Array(65536), entries: [], codes: () => codes, of: null,
    refresh() {
      if (layer.of === state.status) return;
      layer.of = state.status;
      const { sets, numberOf } = numberedSets(map, state);
      const order = sets.map((_, s) => s).filter((s) => sets[s].key > "\x01").sort((a, b) => sets[b].count - sets[a].count);
      const shown = order.slice(0, MOST_SETS);
      const entries = shown.map((s, code) => ({ ...setPaint(map, sets[s].classes), codes: [code] }));
      if (order.length > MOST_SETS) {
        entries.push({ label: `${order.length - MOST_SETS} other sets`, colour: map.colours.missing, codes: [MOST_SETS] });
      }
      for (const [status, name] of [[2, "unfamiliar"], [3, "unreadable"]]) {
        entries.push({ ...map.colours.statuses[status], label: `none: ${name}`, codes: [MOST_SETS + status] });
      }
      layer.entries = entries;
      for (const entry of entries) layer.lut[entry.codes[0]] = pixelWord(entry.colour);
      const codeOf = sets.map((set, s) => {
        if (set.key <= "\x01") return MOST_SETS + 2 + set.key.charCodeAt(0);
        const place = shown.indexOf(s);
        return place < 0 ? MOST_SETS : place;
      });
      for (let i = 0; i < map.n; i++) codes[i] = codeOf[numberOf[i]];
    },
    textAt(index) {
      const found = candidatesOf(map, state, index);
      return found.length ? `{${found.join(", ")}}` : `none: ${STATUSES[state.status[index]]}`;
    },
  };
  return layer;
}

/** Every point's set as a number, and the sets. A key of one character below 2 is a reason, else the classes. */
function numberedSets(map, state) {
  const numbers = new Map();
  const sets = [];
  const numberOf = new Uint32Array(map.n);
  const letter = (k) => String.fromCharCode(k + 2);
  for (let i = 0; i < map.n; i++) {
    const status = state.status[i];
    let key;
    if (status > 1 && status !== MIXED) key = String.fromCharCode(status - 2);
    else if (status === 0) key = letter(map.winner[i]);
    else if (map.status[i] === 1 || status === MIXED) key = map.storedSetOf(i).map(letter).join("");
    else key = [map.winner[i], map.runnerUp[i]].filter((k) => k !== NO_CLASS).sort((a, b) => a - b).map(letter).join("");
    let number = numbers.get(key);
    if (number === undefined) {
      number = sets.length;
      numbers.set(key, number);
      sets.push({ key, count: 0, classes: key > "\x01" ? [...key].map((one) => one.charCodeAt(0) - 2) : [] });
    }
    sets[number].count++;
    numberOf[i] = number;
  }
  return { sets, numberOf };
}

/** One group in its colour, two as stripes of both, more as their mean. */
function setPaint(map, classes) {
  const colours = classes.map((k) => map.colours.classes[k]);
  const label = classes.length === 1 ? map.labels[classes[0]] : `{${classes.map((k) => map.classes[k]).join(", ")}}`;
  if (classes.length === 1) return { label, colour: colours[0] };
  if (classes.length === 2) return { label, colour: colours[0], stripes: colours[1], slope: "/" };
  const mean = [16, 8, 0].map((shift) =>
    Math.round(colours.reduce((sum, hex) => sum + ((parseInt(hex.slice(1), 16) >> shift) & 255), 0) / colours.length));
  const pale = mean.map((part) => Math.round(0.6 * part + 0.4 * 225).toString(16).padStart(2, "0"));
  return { label, colour: `#${pale.join("")}` };
}
