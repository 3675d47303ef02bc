// Typed arrays from the packed columns of the page and of its side folder.

const ARRAYS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };

function bytesOfBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(text) {
  const stream = new Blob([bytesOfBase64(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function unpack(column) {
  return new ARRAYS[column.type](await inflate(column.data));
}

/** Coordinates along one axis: a step, or the positions themselves. */
async function unpackAxis(axis) {
  if (!axis.values) return (count) => axis.origin + count * axis.step;
  const values = await unpack(axis.values);
  return (count, index) => values[index];
}

/**
 * A score and what its codes mean. On the scale "nines" codes count -log10(1 - value): of a confidence the error
 * matters, and nearly all of them lie above 0.99.
 */
function makeScore({ id, title, unit, scale, column }, codes) {
  const { low, high, step, missing } = column;
  const nines = scale === "nines";
  const valueOf = (axis) => (nines ? 1 - 10 ** -axis : axis);
  const axisOf = (value) => (nines ? -Math.log10(Math.max(1 - value, 1e-12)) : value);
  const valueAt = (code) => valueOf(low + code * step);
  return {
    id, title, unit, codes, step, missing, nines, low: valueOf(low), high: valueOf(high), valueAt,
    codeAt: (value) => (axisOf(value) - low) / step,
    at: (index) => (codes[index] === missing ? NaN : valueAt(codes[index])),
    text: (value) => (nines ? formatPercent(value) : formatNumber(value)),
    levels: (high - low) / step || 1,
  };
}

/** Turn the page's data block into a map with typed arrays; frees the base64 text as it goes. */
async function unpackMap(data) {
  const [cells, status, winner, runnerUp, candidates, votes, held, x, y] = await Promise.all([
    data.cells && unpack(data.cells),
    unpack(data.status),
    unpack(data.winner),
    unpack(data.runner_up),
    unpack(data.candidates),
    unpack(data.votes),
    unpack(data.held),
    unpackAxis(data.x),
    unpackAxis(data.y),
  ]);
  const scores = await Promise.all(data.scores.map(async (score) => makeScore(score, await unpack(score.column))));
  const further = await Promise.all(
    data.further.map(async ({ id, title, words, column }) => {
      const codes = await unpack(column);
      const number = (code) => (code === column.missing ? NaN : column.low + code * column.step);
      const text = (code) => (words ? words[code] || "–" : column.step ? formatNumber(number(code)) : formatCount(code));
      return { id, title, words, codes, textAt: (index) => text(codes[index]) };
    }),
  );
  const map = { ...data, cells, status, winner, runnerUp, votes, held, scores, further };
  map.score = Object.fromEntries(scores.map((score) => [score.id, score]));
  map.cellOf = cells ? (index) => cells[index] : (index) => index;
  map.rowOf = (index) => Math.floor(map.cellOf(index) / map.columns);
  map.colOf = (index) => map.cellOf(index) % map.columns;
  /** How far a row of a hexagonal grid lies to the right, in columns. */
  map.shiftOf = (row) => (map.shifted !== null && (row & 1) === map.shifted ? 0.5 : 0);
  map.xOf = (index) => x(map.colOf(index), index);
  map.yOf = (index) => y(map.rowOf(index), index);
  map.voteOf = (member, index) => votes[member * map.n + index];
  const setBytes = Math.ceil(map.classes.length / 8);
  const every = map.classes.map((_, k) => k);
  /** Places of the classes in a stored set. */
  map.storedSetOf = (index) => every.filter((k) => (candidates[index * setBytes + (k >> 3)] >> (k & 7)) & 1);
  map.storedCandidatesOf = (index) => map.storedSetOf(index).map((k) => map.classes[k]);

  const indexOfCell = cells ? new Int32Array(map.rows * map.columns).fill(-1) : null;
  if (cells) cells.forEach((cell, index) => (indexOfCell[cell] = index));
  map.indexAt = (row, col) => {
    if (row < 0 || col < 0 || row >= map.rows || col >= map.columns) return -1;
    const cell = row * map.columns + col;
    return cells ? indexOfCell[cell] : cell;
  };
  return map;
}
