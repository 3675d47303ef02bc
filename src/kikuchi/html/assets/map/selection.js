// Which points are selected, and how an outline on the map selects them.

/** One byte per point: 1 where the test holds. */
function maskOf(n, test) {
  const mask = new Uint8Array(n);
  for (let i = 0; i < n; i++) if (test(i)) mask[i] = 1;
  return mask;
}

const rectangleOutline = ([c0, r0], [c1, r1]) => [[c0, r0], [c1, r0], [c1, r1], [c0, r1]];

/** A test for points whose centre lies inside an outline of (column, row) corners: even-odd rule. */
function insideOutline(map, outline) {
  const columns = outline.map(([col]) => col);
  const rows = outline.map(([, row]) => row);
  const box = [Math.min(...columns), Math.max(...columns), Math.min(...rows), Math.max(...rows)];
  return (index) => {
    const row = map.rowOf(index);
    const [x, y] = [map.colOf(index) + map.shiftOf(row) + 0.5, row + 0.5];
    if (x < box[0] || x > box[1] || y < box[2] || y > box[3]) return false;
    let inside = false;
    for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
      const [[xi, yi], [xj, yj]] = [outline[i], outline[j]];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
  };
}

function describeSelection(map, state) {
  const count = state.selected ? countOf(state.selected, 1) : 0;
  byId("selection-count").textContent = state.selected
    ? `${formatPoints(count)} selected`
    : "No points selected";
  byId("selection-note").textContent = state.selected
    ? `(${formatShare(count, map.n)}; ${state.selectedBy})`
    : "(brush the histogram, draw on the map or click the legend)";
  byId("export").disabled = !count;
  byId("clear").disabled = !state.selected;
}
