// Wires the page together: one state, one function per thing a reader does.

async function start() {
  const block = byId("map-data");
  const map = await unpackMap(JSON.parse(block.textContent));
  STATUSES = map.statuses;
  block.remove();
  const state = {
    status: map.status, threshold: map.threshold.value, pinned: -1, hover: -1, tool: "pan",
    layer: null, answered: map.open_answered, histogram: map.score.confidence, brush: null, outline: null, selected: null, selectedBy: "",
    printing: false,
  };
  const layers = buildLayers(map, state);
  state.layer = layers[0];
  const view = makeView(map, state);
  const histogram = makeHistogram(map, state, brush);

  function redraw() {
    view.paintPoints();
    view.paintVeil();
    view.drawBase();
    view.drawOverlay();
    histogram.draw();
    drawLegend(map, state, select);
    describeSelection(map, state);
  }

  function select(test, by) {
    state.selected = maskOf(map.n, test);
    state.selectedBy = by;
    if (!by.startsWith("drawn")) state.outline = null;
    if (!by.startsWith("brushed")) state.brush = null;
    view.paintVeil();
    view.drawBase();
    view.drawOverlay();
    histogram.draw();
    describeSelection(map, state);
  }

  function brush([low, high]) {
    const score = state.histogram;
    state.brush = [low, high];
    byId("brush-low").value = typed(low);
    byId("brush-high").value = typed(high);
    // Half a step of tolerance: a value typed as it is displayed must find the points that show it.
    const [first, last] = [low, high].map(score.codeAt);
    select((i) => score.codes[i] !== score.missing && score.codes[i] >= first - 0.5 && score.codes[i] <= last + 0.5,
      `brushed: ${score.title} ${score.text(low)} to ${score.text(high)}`);
  }

  function clear() {
    Object.assign(state, { selected: null, selectedBy: "", brush: null, outline: null });
    byId("brush-low").value = byId("brush-high").value = "";
    view.drawBase();
    view.drawOverlay();
    histogram.draw();
    describeSelection(map, state);
  }

  function setLayer(layer) {
    state.layer = layer;
    byId("layer").value = layer.id;
    if (layer.score && layer.score !== state.histogram) setHistogram(layer.score);
    view.paintPoints();
    view.drawBase();
    drawLegend(map, state, select);
  }

  function setHistogram(score) {
    state.histogram = score;
    byId("histogram-layer").value = score.id;
    if (state.brush) clear();
    histogram.draw();
  }

  function setAnswered(answered) {
    state.answered = answered;
    byId("answered").checked = answered;
    redraw();
  }

  function setThreshold(value) {
    const decided = map.threshold.value;
    // The slider has steps; the decided threshold lies between two of them and must still be reachable.
    const near = Math.abs(sliderPlace(value) - sliderPlace(decided)) <= 0.5;
    state.threshold = near ? decided : Math.min(1, Math.max(0, value));
    state.status = decideAt(map, state.threshold);
    byId("threshold").value = Math.round(sliderPlace(state.threshold));
    byId("threshold").setAttribute("aria-valuetext", `confidence ${formatPercent(state.threshold)}`);
    const digits = Math.max(1, Math.ceil(-Math.log10(Math.max(1 - state.threshold, 1e-6))));
    byId("threshold-number").value = Number((100 * state.threshold).toFixed(digits));
    const solved = countOf(state.status, 0);
    byId("coverage").textContent = `Coverage ${formatShare(solved, map.n)}`;
    byId("coverage-note").textContent = `(${formatCount(solved)} of ${formatPoints(map.n)} answered)`;
    const asDecided = state.threshold === decided;
    const certified = asDecided && map.threshold.certified;
    byId("promise").dataset.certified = certified;
    byId("promise").textContent = asDecided
      ? map.threshold.message + (certified ? " A guarantee never survives a change of sample, voltage or detector." : "")
      : "Not certified: no risk was tested at this threshold. Go back to the map's own to see what is promised.";
    byId("threshold-reset").disabled = asDecided;
    redraw();
    showPoint(map, state, state.pinned);
  }

  /** The answer opens where the eye is: beside the map, or on a small screen as a sheet at its bottom. */
  function pin(index) {
    if (index < 0) return;
    state.pinned = index;
    view.drawOverlay();
    showPoint(map, state, index);
    byId("side").dataset.open = "true";
    if (!matchMedia("(max-width: 60rem)").matches) return;
    const [top, height] = [view.overlay.getBoundingClientRect().top, innerHeight];
    const place = top + view.centreOf(index)[1];
    if (place > 0.4 * height || place < 0) scrollBy({ top: place - 0.25 * height, behavior: "auto" });
  }

  function close() {
    delete byId("side").dataset.open;
    view.overlay.focus({ preventScroll: true });
  }

  const act = {
    pin, select, clear, close,
    zoom(factor, ...at) {
      view.zoom(factor, ...at);
      view.drawBase();
      view.drawOverlay();
    },
    fit() {
      view.fit();
      view.drawBase();
      view.drawOverlay();
    },
    nextLayer: (by) => setLayer(layers[(layers.indexOf(state.layer) + by + layers.length) % layers.length]),
  };
  listenToMap(map, state, view, act);
  listenToControls(map, state, layers, view, { ...act, brush, setLayer, setHistogram, setThreshold, setAnswered });

  byId("loading").remove();
  act.fit();
  byId("answered").checked = state.answered;
  setThreshold(map.threshold.value);
  const redrawAll = () => {
    redraw();
    showPoint(map, state, state.pinned);
  };
  document.addEventListener("themechange", redrawAll);
  for (const event of ["beforeprint", "afterprint"]) {
    addEventListener(event, () => {
      state.printing = event === "beforeprint";
      redraw();
    });
  }
  new ResizeObserver(() => {
    act.fit();
    histogram.draw();
  }).observe(byId("map"));
  // For those who script the page: where a point is on the screen, and what is shown.
  window.kikuchiReport = {
    clientPosition(index) {
      const box = view.overlay.getBoundingClientRect();
      const [x, y] = view.centreOf(index);
      return [box.left + x, box.top + y];
    },
    state,
    score: (id) => map.score[id],
    selectionCsv: () => selectionCsv(map, state),
  };
  document.documentElement.dataset.ready = "true";
}

/** What stands in a field that can be typed in: more digits than elsewhere, since it is read back. */
const typed = (value) => Number(value.toPrecision(6));

/** The slider is logarithmic in the error: equal steps divide what may be wrong by the same factor. */
const SLIDER = { steps: 1000, nines: 5 };
const sliderValue = (place) => (place >= SLIDER.steps ? 1 : 1 - 10 ** (-SLIDER.nines * place / SLIDER.steps));
const sliderPlace = (value) =>
  value >= 1 ? SLIDER.steps : Math.min(SLIDER.steps - 1, (-Math.log10(1 - Math.max(0, value)) * SLIDER.steps) / SLIDER.nines);

function listenToControls(map, state, layers, view, act) {
  const groups = new Map();
  for (const layer of layers) {
    if (!groups.has(layer.group)) groups.set(layer.group, element("optgroup", { label: layer.group }));
    groups.get(layer.group).append(element("option", { value: layer.id }, layer.title));
  }
  byId("layer").append(...groups.values());
  byId("layer").addEventListener("change", (event) => act.setLayer(layers.find((layer) => layer.id === event.target.value)));
  byId("histogram-layer").append(...map.scores.map((score) => element("option", { value: score.id }, score.title)));
  byId("histogram-layer").addEventListener("change", (event) => act.setHistogram(map.score[event.target.value]));

  byId("threshold").addEventListener("input", (event) => act.setThreshold(sliderValue(Number(event.target.value))));
  byId("threshold-number").addEventListener("change", (event) => {
    if (event.target.value !== "") act.setThreshold(Number(event.target.value) / 100);
  });
  byId("answered").addEventListener("change", (event) => act.setAnswered(event.target.checked));
  byId("threshold-reset").textContent = map.threshold.certified ? "Back to the certified threshold" : "Back to the map's own";
  byId("threshold-reset").addEventListener("click", () => act.setThreshold(map.threshold.value));
  for (const id of ["brush-low", "brush-high"]) {
    byId(id).addEventListener("change", () => {
      const ends = ["brush-low", "brush-high"].map((end) => byId(end).value);
      const [low, high] = [ends[0] === "" ? state.histogram.low : Number(ends[0]), ends[1] === "" ? state.histogram.high : Number(ends[1])];
      act.brush([Math.min(low, high), Math.max(low, high)]);
    });
  }

  const tools = document.querySelectorAll("[data-tool]:not(canvas)");
  for (const tool of tools) {
    tool.addEventListener("click", () => {
      state.tool = view.overlay.dataset.tool = tool.dataset.tool;
      for (const other of tools) other.setAttribute("aria-pressed", String(other === tool));
    });
  }
  byId("zoom-in").addEventListener("click", () => act.zoom(1.4));
  byId("zoom-out").addEventListener("click", () => act.zoom(1 / 1.4));
  byId("fit").addEventListener("click", act.fit);
  byId("clear").addEventListener("click", act.clear);
  byId("point-close").addEventListener("click", act.close);
  byId("export").addEventListener("click", () => downloadSelection(map, state));
  for (const chip of document.querySelectorAll("[data-pin]")) {
    chip.addEventListener("click", () => act.pin(Number(chip.dataset.pin)));
  }
}

start().catch((error) => {
  byId("loading")?.remove();
  byId("failure").hidden = false;
  byId("failure").textContent = `The map could not be shown: ${error.message}`;
  throw error;
});
