// What belongs to one point: inside the page for small maps, in the side folder for large ones.

const loadedPieces = new Map();
const expectedPieces = new Map();

// A page opened from a disk may not fetch, but it may add a script; each piece calls this with its text.
window.kikuchiChunk = (reportId, kind, number, text) => {
  const expected = expectedPieces.get(`${kind}_${number}`);
  if (!expected) return;
  if (reportId === expected.reportId) expected.resolve(inflate(text));
  else expected.reject(new Error("the side folder belongs to another map; write the report again"));
};

function loadPiece(map, kind, number) {
  const key = `${kind}_${number}`;
  if (loadedPieces.has(key)) return loadedPieces.get(key);
  const piece = new Promise((resolve, reject) => {
    expectedPieces.set(key, { reportId: map.id, resolve, reject });
    const name = `${map.folder}/${kind}_${String(number).padStart(5, "0")}.js`;
    const script = element("script", { src: name.split("/").map(encodeURIComponent).join("/") });
    script.onload = () => script.remove();
    script.onerror = () => {
      script.remove();
      reject(new Error(`${name} is missing; keep the folder ${map.folder} beside this page`));
    };
    document.head.append(script);
  });
  piece.catch(() => loadedPieces.delete(key));
  loadedPieces.set(key, piece);
  if (loadedPieces.size > 24) loadedPieces.delete(loadedPieces.keys().next().value);
  return piece;
}

/** One point's bytes from a column of equal records. */
async function recordOf(map, kind, source, length, index) {
  if (source.inline) {
    source.whole ??= unpack(source.inline);
    return (await source.whole).subarray(index * length, (index + 1) * length);
  }
  const bytes = new Uint8Array(await loadPiece(map, kind, Math.floor(index / source.points)));
  const start = (index % source.points) * length;
  return bytes.subarray(start, start + length);
}

/** Pooled probabilities and those of each member, 0..1. */
async function probabilitiesOf(map, index) {
  const classes = map.classes.length;
  const record = await recordOf(map, "detail", map.detail, classes * (1 + map.members.length), index);
  const shares = Array.from(record, (code) => code / map.detail.levels);
  return {
    pooled: shares.slice(0, classes),
    members: map.members.map((_, m) => shares.slice((m + 1) * classes, (m + 2) * classes)),
  };
}

/**
 * One point's pattern as grey levels, or null where the report has none. A report of a large map keeps those of every
 * so many rows and columns: then it is that of the nearest kept point, whose index comes along.
 */
async function patternOf(map, index) {
  if (!map.patterns) return null;
  const { width, height, stride } = map.patterns;
  const at = stride > 1 ? nearestKept(map, index, stride) : index;
  if (at < 0) return null;
  const place = stride > 1 ? rankOfKept(map, at, stride) : at;
  const grey = await recordOf(map, "patterns", map.patterns, width * height, place);
  return { width, height, grey, of: at };
}

function nearestKept(map, index, stride) {
  const [row, col] = [map.rowOf(index), map.colOf(index)];
  let [best, least] = [-1, Infinity];
  for (const r of [Math.floor(row / stride) * stride, Math.ceil(row / stride) * stride]) {
    for (const c of [Math.floor(col / stride) * stride, Math.ceil(col / stride) * stride]) {
      const found = map.indexAt(r, c);
      const far = (r - row) ** 2 + (c - col) ** 2;
      if (found >= 0 && far < least) [best, least] = [found, far];
    }
  }
  return best;
}

/** Place of a kept point among the kept ones. */
function rankOfKept(map, index, stride) {
  if (!map.keptPoints) {
    const kept = [];
    for (let i = 0; i < map.n; i++) if (map.rowOf(i) % stride === 0 && map.colOf(i) % stride === 0) kept.push(i);
    map.keptPoints = new Map(kept.map((point, place) => [point, place]));
  }
  return map.keptPoints.get(index);
}
