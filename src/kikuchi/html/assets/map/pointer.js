// Pointer and keyboard on the map.

function listenToMap(map, state, view, act) {
  const { overlay } = view;
  const tooltip = byId("tooltip");
  let drag = null;
  /** Fingers on the map, by their id: two of them zoom. */
  const fingers = new Map();

  const positionOf = (event) => {
    const box = overlay.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const indexUnder = ([x, y]) => {
    if (y > overlay.clientHeight - view.strip) return -1;
    const [col, row] = view.gridAt(x, y);
    return map.indexAt(Math.floor(row), Math.floor(col - map.shiftOf(Math.floor(row))));
  };

  function hover(position) {
    const index = indexUnder(position);
    state.hover = index;
    overlay.dataset.hover = index;
    tooltip.hidden = index < 0;
    if (index >= 0) {
      tooltip.textContent = [
        `Point ${index} · row ${map.rowOf(index)}, column ${map.colOf(index)}`,
        `x ${formatMicrometres(map.xOf(index))}, y ${formatMicrometres(map.yOf(index))}`,
        layerText(state.layer, index),
        ...(state.layer.id === "status" || state.layer.id === "phase"
          ? [`Confidence: ${formatPercent(map.score.confidence.at(index))}`]
          : [`Status: ${STATUSES[state.status[index]]}`]),
      ].join("\n");
      const right = position[0] > overlay.clientWidth / 2;
      const below = position[1] > overlay.clientHeight / 2;
      tooltip.style.left = right ? "" : `${position[0] + 14}px`;
      tooltip.style.right = right ? `${overlay.clientWidth - position[0] + 14}px` : "";
      tooltip.style.top = below ? "" : `${position[1] + 14}px`;
      tooltip.style.bottom = below ? `${overlay.clientHeight - position[1] + 14}px` : "";
    }
    view.drawOverlay();
  }

  overlay.addEventListener("pointerdown", (event) => {
    overlay.setPointerCapture(event.pointerId);
    const position = positionOf(event);
    fingers.set(event.pointerId, position);
    if (fingers.size > 1) {
      drag = null;
      return;
    }
    drag = { from: position, last: position, moved: false };
    state.outline = null;
  });
  overlay.addEventListener("pointermove", (event) => {
    const position = positionOf(event);
    if (fingers.size > 1) return pinch(event.pointerId, position);
    if (!drag) return hover(position);
    drag.moved ||= Math.hypot(position[0] - drag.from[0], position[1] - drag.from[1]) > 4;
    if (!drag.moved) return undefined;
    tooltip.hidden = true;
    if (state.tool === "pan") {
      view.move(position[0] - drag.last[0], position[1] - drag.last[1]);
      view.drawBase();
    } else if (state.tool === "rectangle") {
      state.outline = rectangleOutline(view.gridAt(...drag.from), view.gridAt(...position));
    } else {
      state.outline = [...(state.outline ?? [view.gridAt(...drag.from)]), view.gridAt(...position)];
    }
    drag.last = position;
    return view.drawOverlay();
  });
  const apart = () => {
    const [[x0, y0], [x1, y1]] = fingers.values();
    return Math.hypot(x1 - x0, y1 - y0) || 1;
  };
  function pinch(id, position) {
    if (!fingers.has(id)) return;
    const before = apart();
    fingers.set(id, position);
    const [[x0, y0], [x1, y1]] = fingers.values();
    act.zoom(apart() / before, (x0 + x1) / 2, (y0 + y1) / 2);
  }
  overlay.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    if (!drag) return;
    if (!drag.moved) act.pin(indexUnder(positionOf(event)));
    else if (state.outline) act.select(insideOutline(map, state.outline), `drawn on the map (${state.tool})`);
    drag = null;
  });
  overlay.addEventListener("pointercancel", (event) => {
    fingers.delete(event.pointerId);
    drag = null;
  });
  overlay.addEventListener("pointerleave", () => {
    state.hover = -1;
    tooltip.hidden = true;
    view.drawOverlay();
  });
  overlay.addEventListener("wheel", (event) => {
    event.preventDefault();
    act.zoom(Math.exp(-event.deltaY * 0.0015), ...positionOf(event));
  }, { passive: false });

  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  overlay.addEventListener("keydown", (event) => {
    const keys = {
      "+": () => act.zoom(1.4), "=": () => act.zoom(1.4), "-": () => act.zoom(1 / 1.4), 0: act.fit,
      "[": () => act.nextLayer(-1), "]": () => act.nextLayer(1), Escape: act.clear,
      Enter: () => act.pin(state.pinned < 0 ? middlePoint(map) : state.pinned),
    };
    if (moves[event.key]) act.pin(neighbour(map, state.pinned, moves[event.key]));
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
}

const middlePoint = (map) => {
  const middle = map.indexAt(map.rows >> 1, map.columns >> 1);
  return middle >= 0 ? middle : 0;
};

/** The next point of the map in a direction; points that were not scanned are stepped over. */
function neighbour(map, index, [down, right]) {
  if (index < 0) return middlePoint(map);
  let [row, col] = [map.rowOf(index) + down, map.colOf(index) + right];
  while (row >= 0 && col >= 0 && row < map.rows && col < map.columns) {
    const found = map.indexAt(row, col);
    if (found >= 0) return found;
    row += down;
    col += right;
  }
  return index;
}
