// What the map can show. Every layer is an array of codes and a table from code to colour.

function categoryLayer(id, title, group, note, entries, codes) {
  const lut = new Uint32Array(65536);
  for (const entry of entries) for (const code of entry.codes) lut[code] = pixelWord(entry.colour);
  return { id, title, group, note, entries, codes, lut };
}

/** Values on a colour ramp between the 0.5th and the 99.5th percentile, so that one outlier does not flatten the rest. */
function scoreLayer(map, score) {
  const counts = new Uint32Array(score.missing + 1);
  for (const code of score.codes) counts[code]++;
  const known = map.n - counts[score.missing];
  const percentile = (share) => {
    let seen = 0;
    for (let code = 0; code < score.missing; code++) {
      seen += counts[code];
      if (seen >= share * known && seen > 0) return code;
    }
    return 0;
  };
  const [first, last] = [percentile(0.005), percentile(0.995)];
  const ramp = map.colours.ramps[score.id] ?? map.colours.ramps.other;
  const rampWords = ramp.map(pixelWord);
  const lut = new Uint32Array(65536);
  for (let code = 0; code < score.missing; code++) {
    const share = last > first ? Math.min(1, Math.max(0, (code - first) / (last - first))) : 0;
    lut[code] = rampWords[Math.round(share * (ramp.length - 1))];
  }
  lut[score.missing] = pixelWord(map.colours.missing);
  const value = score.valueAt;
  return {
    id: score.id, title: score.title, group: "Scores", note: score.unit, codes: () => score.codes, lut, score, ramp,
    low: value(first), high: value(last), missing: counts[score.missing],
    clippedLow: counts.subarray(0, first).some((count) => count > 0),
    clippedHigh: counts.subarray(last + 1, score.missing).some((count) => count > 0),
  };
}

/** A further column whose words are space groups, as a map of its own; empty words are points without an answer. */
function groupLayers(map) {
  const numbers = new Map(map.classes.map((number, k) => [String(number), k]));
  const drawn = map.further.filter(({ words }) => words && words.every((word) => word === "" || numbers.has(word)));
  return drawn.filter(({ words }) => words.some((word) => word !== "")).map(({ id, title, words, codes }) => {
    const entries = words.map((word, code) => word === ""
      ? { label: "no answer", colour: map.colours.missing, codes: [code] }
      : { label: map.labels[numbers.get(word)], colour: map.colours.classes[numbers.get(word)], codes: [code] });
    return categoryLayer(id, title, "Decision", "beside the decision, which it does not change", entries, () => codes);
  });
}

function buildLayers(map, state) {
  const classes = map.classes.map((number, k) => ({
    label: map.labels[k], colour: map.colours.classes[k], codes: [k],
  }));
  const statuses = STATUSES.map((name, code) => ({
    ...map.colours.statuses[code], label: name, codes: [code],
  }));
  const none = { label: "no vote", colour: map.colours.missing, codes: [NO_CLASS] };
  return [
    phaseLayer(map, state),
    candidateLayer(map, state),
    categoryLayer("status", "Status", "Decision", "solved, or why not", statuses, () => state.status),
    ...groupLayers(map),
    ...map.scores.map((score) => scoreLayer(map, score)),
    ...map.members.map((name, m) =>
      categoryLayer(`member-${m}`, name, "Members", "what this member alone would say, never abstaining", [...classes, none],
        () => map.votes.subarray(m * map.n, (m + 1) * map.n))),
  ];
}

/** The layer's value at a point, as people read it. */
function layerText(layer, index) {
  if (layer.score) return `${layer.title}: ${layer.score.text(layer.score.at(index))}`;
  if (layer.textAt) return `${layer.title}: ${layer.textAt(index)}`;
  const code = layer.codes()[index];
  const entry = layer.entries.find((candidate) => candidate.codes.includes(code));
  return `${layer.title}: ${entry ? entry.label : "–"}`;
}
