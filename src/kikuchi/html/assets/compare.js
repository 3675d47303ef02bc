// Two maps of one scan on two canvases: one view and one cursor for both.

async function begin() {
  const block = byId("map-data");
  const data = JSON.parse(block.textContent);
  block.remove();
  STATUSES = data.statuses;
  const [cells, index, difference] = await Promise.all([data.cells && unpack(data.cells), unpack(data.index), unpack(data.difference)]);
  const sides = await Promise.all(data.sides.map(async (side) => {
    const confidence = makeScore({ id: "confidence", scale: "nines", column: side.confidence }, await unpack(side.confidence));
    return {
      ...side, sure: confidence.at, kind: side.kind && (await unpack(side.kind)),
      codes: { answer: await unpack(side.answer), first: await unpack(side.first), difference },
    };
  }));
  const cellOf = cells ? (i) => cells[i] : (i) => i;
  const pointOf = new Int32Array(data.rows * data.columns).fill(-1);
  for (let i = 0; i < data.n; i++) pointOf[cellOf(i)] = i;
  const canvases = [...document.querySelectorAll(".half canvas")];
  const said = [...document.querySelectorAll(".said")];
  const view = { scale: 1, left: 0, top: 0 };
  const state = { layer: "answer", cursor: -1, moved: false };

  const entriesOf = () => (state.layer === "difference" ? data.differences : [
    ...data.groups, ...STATUSES.slice(1).map((name, r) => ({ ...data.tones[r + 1], label: `no solution: ${name}` })),
  ]);

  /** The points of one side as a picture of one pixel each. */
  function picture(side) {
    const canvas = element("canvas", { width: data.columns, height: data.rows });
    const context = canvas.getContext("2d");
    const image = context.createImageData(data.columns, data.rows);
    const words = new Uint32Array(image.data.buffer);
    const lut = entriesOf().map((entry) => pixelWord(entry.colour));
    const codes = side.codes[state.layer];
    for (let i = 0; i < data.n; i++) words[cellOf(i)] = lut[codes[i]];
    context.putImageData(image, 0, 0);
    return canvas;
  }
  let pictures = [];

  function fit() {
    const { clientWidth: width, clientHeight: height } = canvases[0];
    view.scale = Math.min((width - 8) / data.columns, (height - 8) / data.rows);
    view.left = (width - data.columns * view.scale) / 2;
    view.top = (height - data.rows * view.scale) / 2;
    draw();
  }

  function zoom(factor, x = canvases[0].clientWidth / 2, y = canvases[0].clientHeight / 2) {
    const scale = Math.min(400, Math.max(0.02, view.scale * factor));
    view.left = x - ((x - view.left) * scale) / view.scale;
    view.top = y - ((y - view.top) * scale) / view.scale;
    view.scale = scale;
    draw();
  }

  function draw() {
    canvases.forEach((canvas, s) => {
      const { context } = sizedContext(canvas);
      context.imageSmoothingEnabled = false;
      context.drawImage(pictures[s], view.left, view.top, data.columns * view.scale, data.rows * view.scale);
      if (state.cursor < 0) return;
      const size = Math.max(view.scale, 8);
      const [x, y] = centreOf(state.cursor);
      for (const [colour, thickness] of [[themeColour("--paper"), 4], [themeColour("--ink"), 2]]) {
        context.strokeStyle = colour;
        context.lineWidth = thickness;
        context.strokeRect(x - size / 2, y - size / 2, size, size);
      }
    });
  }

  const centreOf = (i) => [
    view.left + ((cellOf(i) % data.columns) + 0.5) * view.scale,
    view.top + (Math.floor(cellOf(i) / data.columns) + 0.5) * view.scale,
  ];

  function tell() {
    sides.forEach((side, s) => {
      const i = state.cursor;
      if (i < 0) return;
      const code = side.codes.answer[i];
      const groups = data.groups;
      const parts = [`Point ${index[i]}, row ${Math.floor(cellOf(i) / data.columns)}, column ${cellOf(i) % data.columns}: `];
      if (code < groups.length) parts.push(groups[code].label);
      else if (side.truth) parts.push("no crystal");
      else {
        parts.push(STATUSES[code - groups.length + 1]);
        if (side.codes.first[i] < groups.length) parts.push(`, first choice ${groups[side.codes.first[i]].label}`);
      }
      if (side.kind && side.kinds[side.kind[i]]) parts.push(` (${side.kinds[side.kind[i]]})`);
      if (Number.isFinite(side.sure(i))) parts.push(`, confidence ${formatPercent(side.sure(i))}`);
      said[s].textContent = parts.join("");
    });
  }

  function show(point) {
    if (point < 0) return;
    state.cursor = point;
    draw();
    tell();
  }

  function legend() {
    const entries = entriesOf();
    byId("layer-title").textContent = byId("layer").selectedOptions[0].textContent;
    byId("layer-note").textContent = state.layer === "difference" ? "(points)" : "(points in the first and in the second)";
    const counts = sides.map((side) => {
      const found = new Uint32Array(256);
      for (const code of side.codes[state.layer]) found[code]++;
      return found;
    });
    byId("legend").replaceChildren(...entries.flatMap((entry, code) => {
      const own = state.layer === "difference" ? [counts[0][code]] : counts.map((found) => found[code]);
      if (!own.some(Boolean)) return [];
      return [element("span", { class: "chip", "data-counts": own.join(" ") },
        element("span", { class: "swatch", style: swatchStyle(entry) }), ` ${entry.label} `,
        element("span", { class: "share" }, own.map(formatCount).join(" · ")))];
    }));
  }

  function redraw() {
    pictures = sides.map(picture);
    legend();
    draw();
  }

  canvases.forEach((canvas) => {
    let drag = null;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const under = ([x, y]) => {
      const [col, row] = [Math.floor((x - view.left) / view.scale), Math.floor((y - view.top) / view.scale)];
      return row < 0 || col < 0 || row >= data.rows || col >= data.columns ? -1 : pointOf[row * data.columns + col];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      drag = at(event);
      show(under(drag));
    });
    canvas.addEventListener("pointermove", (event) => {
      const place = at(event);
      if (!drag) return show(under(place));
      view.left += place[0] - drag[0];
      view.top += place[1] - drag[1];
      drag = place;
      return draw();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (drag = null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.0015), ...at(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -data.columns, ArrowDown: data.columns }[event.key];
      if (!step) return;
      event.preventDefault();
      const cell = (state.cursor < 0 ? cellOf(0) : cellOf(state.cursor)) + step;
      show(pointOf[cell] ?? -1);
    });
  });
  byId("layer").addEventListener("change", (event) => {
    state.layer = event.target.value;
    redraw();
  });
  byId("zoom-in").addEventListener("click", () => zoom(1.4));
  byId("zoom-out").addEventListener("click", () => zoom(1 / 1.4));
  byId("fit").addEventListener("click", fit);
  document.addEventListener("themechange", redraw);
  pictures = sides.map(picture);
  new ResizeObserver(fit).observe(canvases[0]);
  redraw();
  fit();
  window.kikuchiComparison = {
    clientPosition(point, side) {
      const box = canvases[side].getBoundingClientRect();
      const [x, y] = centreOf(point);
      return [box.left + x, box.top + y];
    },
  };
  document.documentElement.dataset.ready = "true";
}

begin().catch((error) => {
  byId("failure").hidden = false;
  byId("failure").textContent = `The maps could not be shown: ${error.message}`;
  throw error;
});
