// The decision at the threshold that the page shows.

/**
 * Status of every point at a threshold. Only the threshold's own doing is redone: a point that was held back for
 * another reason (unfamiliar, unreadable, mixed, several classes in its set) stays held back. At the threshold the map was
 * decided with, the stored decision is shown as it is.
 */
function decideAt(map, threshold) {
  if (threshold === map.threshold.value) return map.status;
  const { codes, missing } = map.score.confidence;
  const lowest = map.score.confidence.codeAt(threshold);
  const status = new Uint8Array(map.n);
  for (let i = 0; i < map.n; i++) {
    if (map.held[i]) status[i] = map.status[i];
    else status[i] = codes[i] !== missing && codes[i] >= lowest ? 0 : 1;
  }
  return status;
}

function countOf(codes, value) {
  let count = 0;
  for (let i = 0; i < codes.length; i++) if (codes[i] === value) count++;
  return count;
}

/**
 * Classes that could be right under the status that is shown: the winner alone where solved; where the slider has
 * taken an answer back, the winner and the runner-up, as the decision itself completes a set.
 */
function candidatesOf(map, state, index) {
  const status = state.status[index];
  if (status > 1 && status !== MIXED) return [];
  if (status === 0) return [map.classes[map.winner[index]]];
  if (map.status[index] === 1 || status === MIXED) return map.storedCandidatesOf(index);
  const pair = [map.winner[index], map.runnerUp[index]].filter((k) => k !== NO_CLASS);
  return pair.sort((a, b) => a - b).map((k) => map.classes[k]);
}

/** Why the point has the status that is shown, in one sentence. */
function reasonOf(map, state, index) {
  const confidence = map.score.confidence.at(index);
  const [sure, needed] = [formatPercent(confidence), formatPercent(state.threshold)];
  const status = state.status[index];
  if (status === 0) return `Confidence ${sure} reaches the threshold ${needed}.`;
  if (status === 2) return `Unlike anything seen in training (unfamiliarity ${formatNumber(map.score.unfamiliarity.at(index))}).`;
  if (status === 3) {
    return map.problems[index] || `No usable pattern (quality ${formatNumber(map.score.quality.at(index))}).`;
  }
  const candidates = candidatesOf(map, state, index);
  if (status === MIXED) return `Two known phases overlap in this pattern: {${candidates.join(", ")}}.`;
  const below = confidence < state.threshold ? ` Confidence ${sure} is below the threshold ${needed}.` : "";
  if (candidates.length > 1) return `Known classes compete: the right one may be any of {${candidates.join(", ")}}.${below}`;
  return below.trim() || "No single class stands out.";
}
