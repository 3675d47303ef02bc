// The histogram of one score, with a brush.

const BINS = 64;

function makeHistogram(map, state, onBrush) {
  const canvas = byId("histogram");
  const margin = { left: 8, right: 8, top: 16, bottom: 20 };
  let dragFrom = null;

  function counts(score) {
    const bins = { solved: new Uint32Array(BINS), other: new Uint32Array(BINS) };
    const width = score.levels;
    for (let i = 0; i < map.n; i++) {
      const code = score.codes[i];
      if (code === score.missing) continue;
      const bin = Math.min(BINS - 1, Math.floor((code / width) * BINS));
      (state.status[i] === 0 ? bins.solved : bins.other)[bin]++;
    }
    return bins;
  }

  function draw() {
    const { context, width, height } = sizedContext(canvas);
    const score = state.histogram;
    const bins = counts(score);
    const tallest = Math.max(1, ...bins.solved.map((count, b) => count + bins.other[b]));
    const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
    const barWidth = inner.width / BINS;
    const [accent, line, soft, ink] = ["--accent", "--line", "--soft", "--ink"].map(themeColour);
    for (let b = 0; b < BINS; b++) {
      const x = margin.left + b * barWidth;
      let y = margin.top + inner.height;
      for (const [count, colour] of [[bins.solved[b], accent], [bins.other[b], line]]) {
        const bar = (count / tallest) * inner.height;
        context.fillStyle = colour;
        context.fillRect(x, y - bar, Math.max(barWidth - 0.6, 0.6), bar);
        y -= bar;
      }
    }
    context.strokeStyle = soft;
    context.beginPath();
    context.moveTo(margin.left, margin.top + inner.height + 0.5);
    context.lineTo(width - margin.right, margin.top + inner.height + 0.5);
    context.stroke();
    context.fillStyle = soft;
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    for (const [align, share] of [["left", 0], ["center", 0.5], ["right", 1]]) {
      context.textAlign = align;
      context.fillText(score.text(score.valueAt(share * score.levels)), margin.left + share * inner.width, height - 5);
    }
    context.textAlign = "left";
    const axis = score.nines ? "; logarithmic in the error" : "";
    const words = [`${score.title} (${score.unit}${axis}); `, `${score.title}; `, ""];
    const bar = `highest bar: ${formatPoints(tallest)}`;
    const title = words.find((candidate) => context.measureText(candidate + bar).width <= inner.width) ?? "";
    context.fillText(title + bar, margin.left, 11);
    const at = (value) => margin.left + Math.min(1, Math.max(0, score.codeAt(value) / score.levels)) * inner.width;
    if (score.id === "confidence" && state.threshold >= score.low && state.threshold <= score.high) {
      context.setLineDash([4, 3]);
      context.strokeStyle = ink;
      context.beginPath();
      context.moveTo(at(state.threshold), margin.top - 4);
      context.lineTo(at(state.threshold), margin.top + inner.height);
      context.stroke();
      context.setLineDash([]);
    }
    if (state.brush) {
      const [x0, x1] = state.brush.map(at);
      context.globalAlpha = 0.16;
      context.fillStyle = ink;
      context.fillRect(x0, margin.top, Math.max(x1 - x0, 1), inner.height);
      context.globalAlpha = 1;
      context.strokeStyle = ink;
      context.strokeRect(x0, margin.top, Math.max(x1 - x0, 1), inner.height);
    }
  }

  function valueAt(event) {
    const box = canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - margin.left) / (box.width - margin.left - margin.right);
    return state.histogram.valueAt(Math.min(1, Math.max(0, share)) * state.histogram.levels);
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    dragFrom = valueAt(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (dragFrom === null) return;
    const value = valueAt(event);
    onBrush([Math.min(dragFrom, value), Math.max(dragFrom, value)]);
  });
  canvas.addEventListener("pointerup", () => (dragFrom = null));
  canvas.addEventListener("pointercancel", () => (dragFrom = null));
  return { draw };
}
