// The map on its two canvases: points below, and above them what follows the pointer.

/** Height below the points that the scale bar has for itself, CSS pixels. */
const STRIP = 38;

function makeView(map, state) {
  const base = byId("map-base");
  const overlay = byId("map-overlay");
  // Rows of a hexagonal grid are shifted by half a point: there, a point is two pixels wide.
  const hexagonal = map.shifted !== null;
  const across = hexagonal ? 2 * map.columns + 1 : map.columns;
  const columns = hexagonal ? map.columns + 0.5 : map.columns;
  const points = element("canvas", { width: across, height: map.rows });
  const veil = element("canvas", { width: across, height: map.rows });
  let stripeMasks = [];
  const [stepY, stepX] = map.step ?? [1, 1];
  const aspect = stepY / stepX;
  const strip = map.step ? STRIP : 0;
  byId("map").style.aspectRatio = `${columns} / ${map.rows * aspect}`;
  const view = { scale: 1, left: 0, top: 0 };

  function paintPoints() {
    state.layer.refresh?.();
    const codes = state.layer.codes();
    const { lut } = state.layer;
    fillPoints(points, (i) => lut[codes[i]]);
    stripeMasks = (state.layer.entries ?? []).filter((entry) => entry.slope).map((entry) => {
      const mask = element("canvas", { width: across, height: map.rows });
      fillPoints(mask, (i) => (codes[i] === entry.codes[0] ? 0xff000000 : 0));
      return { entry, mask };
    });
  }

  /** One colour word per point, zero for nothing. */
  function fillPoints(canvas, wordOf) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(across, map.rows);
    const words = new Uint32Array(image.data.buffer);
    if (hexagonal) {
      for (let i = 0; i < map.n; i++) {
        const row = map.rowOf(i);
        const at = row * across + 2 * (map.colOf(i) + map.shiftOf(row));
        words[at] = words[at + 1] = wordOf(i);
      }
    } else if (map.cells) for (let i = 0; i < map.n; i++) words[map.cells[i]] = wordOf(i);
    else for (let i = 0; i < map.n; i++) words[i] = wordOf(i);
    context.putImageData(image, 0, 0);
  }

  /** Stripes over the points of an entry, as wide on the screen at every zoom. */
  function drawStripes(context, { entry, mask }, box, width, height) {
    const layer = element("canvas", { width, height });
    const stripes = layer.getContext("2d");
    stripes.imageSmoothingEnabled = false;
    stripes.drawImage(mask, ...box);
    stripes.globalCompositeOperation = "source-in";
    const tile = element("canvas", { width: 8, height: 8 });
    const pen = tile.getContext("2d");
    pen.strokeStyle = entry.stripes;
    pen.lineWidth = 1.6;
    for (const shift of [-8, 0, 8]) {
      pen.moveTo(shift, entry.slope === "/" ? 8 : 0);
      pen.lineTo(shift + 8, entry.slope === "/" ? 0 : 8);
    }
    pen.stroke();
    stripes.fillStyle = stripes.createPattern(tile, "repeat");
    stripes.fillRect(0, 0, width, height);
    context.drawImage(layer, 0, 0, width, height);
  }

  /** A veil over what is not selected. */
  function paintVeil() {
    if (!state.selected) return;
    const [red, green, blue] = themeColour("--paper").match(/[\d.]+/g).map(Number);
    const word = ((212 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    fillPoints(veil, (i) => (state.selected[i] ? 0 : word));
  }

  function drawBase() {
    const { context, width, height } = sizedContext(base);
    context.imageSmoothingEnabled = false;
    const box = [view.left, view.top, columns * view.scale, map.rows * view.scale * aspect];
    aboveStrip(context, width, height, () => {
      context.drawImage(points, ...box);
      for (const stripe of stripeMasks) drawStripes(context, stripe, box, width, height);
      if (state.selected) context.drawImage(veil, ...box);
      // On paper the upper canvas would hide the lower one: Chromium prints what was cleared as white.
      if (state.printing) drawMarks(context);
    });
    if (strip) drawScaleBar(context, view.scale / stepX, width, height);
  }

  /** Draw with the strip of the scale bar kept free, at every zoom: the bar covers no point. */
  function aboveStrip(context, width, height, draw) {
    context.save();
    context.beginPath();
    context.rect(0, 0, width, height - strip);
    context.clip();
    draw();
    context.restore();
  }

  /** Centre of a point in canvas pixels. */
  function centreOf(index) {
    const row = map.rowOf(index);
    return [
      view.left + (map.colOf(index) + map.shiftOf(row) + 0.5) * view.scale,
      view.top + (row + 0.5) * view.scale * aspect,
    ];
  }

  function outlinePoint(context, index, colour, thickness) {
    if (index < 0) return;
    const size = [Math.max(view.scale, 7), Math.max(view.scale * aspect, 7)];
    const centre = centreOf(index);
    const [x, y] = [centre[0] - size[0] / 2, centre[1] - size[1] / 2];
    context.lineWidth = thickness + 2;
    context.strokeStyle = themeColour("--paper");
    context.strokeRect(x, y, ...size);
    context.lineWidth = thickness;
    context.strokeStyle = colour;
    context.strokeRect(x, y, ...size);
  }

  function drawOverlay() {
    const { context, width, height } = sizedContext(overlay);
    aboveStrip(context, width, height, () => drawMarks(context));
  }

  function drawMarks(context) {
    for (const index of Object.keys(map.explanations)) outlinePoint(context, Number(index), themeColour("--warn"), 1.5);
    outlinePoint(context, state.hover, themeColour("--soft"), 1);
    outlinePoint(context, state.pinned, themeColour("--ink"), 2);
    if (state.outline?.length > 1) {
      context.beginPath();
      state.outline.forEach(([col, row], k) => {
        const at = [view.left + col * view.scale, view.top + row * view.scale * aspect];
        if (k) context.lineTo(...at);
        else context.moveTo(...at);
      });
      context.closePath();
      context.strokeStyle = themeColour("--ink");
      context.setLineDash([5, 3]);
      context.lineWidth = 1.5;
      context.stroke();
      context.setLineDash([]);
    }
  }

  function fit() {
    const [width, height] = [base.clientWidth, base.clientHeight - strip];
    const largest = Math.min((width - 16) / columns, (height - 16) / (map.rows * aspect));
    view.scale = Math.max(Math.min(largest, 160), 1e-3);
    view.left = (width - columns * view.scale) / 2;
    view.top = (height - map.rows * view.scale * aspect) / 2;
  }

  function zoom(factor, x = base.clientWidth / 2, y = (base.clientHeight - strip) / 2) {
    const scale = Math.min(Math.max(view.scale * factor, 0.02), 400);
    view.left = x - ((x - view.left) * scale) / view.scale;
    view.top = y - ((y - view.top) * scale) / view.scale;
    view.scale = scale;
  }

  return {
    base, overlay, strip, centreOf, fit, zoom, drawBase, drawOverlay, paintPoints, paintVeil,
    move(dx, dy) {
      view.left += dx;
      view.top += dy;
    },
    /** Canvas pixels to fractional (column, row). */
    gridAt: (x, y) => [(x - view.left) / view.scale, (y - view.top) / (view.scale * aspect)],
  };
}

/** A bar of a round length in micrometres, between a tenth and a quarter of the map's width, in its strip. */
function drawScaleBar(context, pixelsPerMicrometre, width, height) {
  const longest = Math.min(width * 0.28, 190) / pixelsPerMicrometre;
  const power = 10 ** Math.floor(Math.log10(longest));
  const length = [5, 2, 1].map((digit) => digit * power).find((candidate) => candidate <= longest);
  const label = length < 1 ? `${formatNumber(length * 1000)} nm` : `${formatNumber(length)} µm`;
  const pixels = length * pixelsPerMicrometre;
  const [left, bottom] = [14, height - 10];
  context.fillStyle = themeColour("--ink");
  context.fillRect(left, bottom - 4, pixels, 4);
  context.font = `600 13px ${getComputedStyle(document.body).fontFamily}`;
  context.textAlign = "left";
  context.fillText(label, left, bottom - 9);
}
