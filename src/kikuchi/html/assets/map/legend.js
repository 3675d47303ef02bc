// The legend: what a colour means, and how many points have it.

function drawLegend(map, state, select) {
  const { layer } = state;
  layer.refresh?.();
  byId("answered-switch").hidden = layer.id !== "phase";
  byId("layer-title").replaceChildren(term(layer.title, map));
  byId("layer-note").textContent = layer.note ? `(${layer.note})` : "";
  const legend = byId("legend");
  legend.replaceChildren();
  if (layer.score) {
    const ramp = element("span", { class: "ramp", role: "img", "aria-label": "colour scale" });
    ramp.style.background = `linear-gradient(to right, ${layer.ramp.join(",")})`;
    legend.append(
      element("span", { class: "scale" },
        element("span", {}, (layer.clippedLow ? "≤ " : "") + layer.score.text(layer.low)),
        ramp,
        element("span", {}, (layer.clippedHigh ? "≥ " : "") + layer.score.text(layer.high))),
    );
    if (layer.missing) legend.append(element("span", { class: "share" }, `${formatCount(layer.missing)} without a value`));
    return;
  }
  const codes = layer.codes();
  const counts = new Uint32Array(65536);
  for (let i = 0; i < codes.length; i++) counts[codes[i]]++;
  for (const entry of layer.entries) {
    const count = entry.codes.reduce((sum, code) => sum + counts[code], 0);
    if (!count) continue;
    const button = element("button", { type: "button", title: "Select these points", "data-count": count },
      element("span", { class: "swatch", style: swatchStyle(entry) }),
      element("span", {}, entry.label),
      element("span", { class: "share" }, `${formatCount(count)} · ${formatShare(count, map.n)}`));
    button.addEventListener("click", () => select((i) => entry.codes.includes(codes[i]), entry.label));
    legend.append(button);
  }
}
