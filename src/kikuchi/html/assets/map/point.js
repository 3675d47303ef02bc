// The pinned point: its pattern, what each member said, and why the answer is what it is.

async function showPoint(map, state, index) {
  const box = byId("point");
  if (index < 0) return;
  const status = state.status[index];
  const solved = status === 0;
  const winner = map.winner[index];
  const swatch = swatchStyle(solved ? { colour: map.colours.classes[winner] } : map.colours.statuses[status]);
  const verdict = solved ? `Space group ${map.labels[winner]}` : `No solution: ${STATUSES[status]}`;
  const candidates = candidatesOf(map, state, index);
  const facts = [
    ["Candidates", candidates.length ? `{${candidates.join(", ")}}` : "none"],
    ...map.scores.map((score) => [score.title, score.text(score.at(index))]),
  ];
  const picture = element("div", { class: "picture-slot" });
  const bars = element("div", { class: "bars-slot" });
  const parts = [
    element("p", { class: "where" },
      `Point ${index} · row ${map.rowOf(index)}, column ${map.colOf(index)}`,
      element("br"),
      `x ${formatMicrometres(map.xOf(index))}, y ${formatMicrometres(map.yOf(index))}`),
    element("p", { class: "verdict" },
      element("span", { class: "swatch", style: swatch }), verdict),
    element("p", { class: "reason" }, reasonOf(map, state, index)),
    ...meaningOf(map, state, index).map((text) => element("p", { class: "meaning" }, text)),
    picture,
    bars,
    element("h3", {}, "Scores"),
    element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, term(name, map)), element("dd", {}, value)])),
  ];
  if (map.further.length) {
    const rows = map.further.flatMap((column) => [
      element("dt", {}, term(column.title, map)), element("dd", { "data-column": column.id }, column.textAt(index)),
    ]);
    parts.push(element("h3", {}, "Beside the decision"), element("dl", {}, ...rows));
  }
  const explanation = map.explanations[index];
  if (explanation) {
    parts.push(
      element("h3", {}, "Explanation"),
      element("div", { class: "explanation" },
        element("img", { src: explanation.source, alt: explanation.caption || "Explanation of this point" }),
        element("p", { class: "note" }, explanation.caption)),
    );
  }
  // The old picture stays until the new one is there, so that arrow keys do not make the panel jump.
  const [detail, pattern] = await Promise.allSettled([probabilitiesOf(map, index), patternOf(map, index)]);
  if (state.pinned !== index) return;
  if (pattern.status === "fulfilled" && pattern.value) {
    picture.append(drawPattern(pattern.value, pattern.value.of));
    if (pattern.value.of !== index) {
      picture.append(element("p", { class: "note" },
        `Pattern of the nearest point that the report keeps: ${pattern.value.of}, row ${map.rowOf(pattern.value.of)}, column ${map.colOf(pattern.value.of)} (ensemble map --report-patterns 1 keeps all).`));
    }
  }
  if (detail.status === "fulfilled") bars.append(...drawBars(map, index, detail.value));
  for (const part of [pattern, detail]) {
    if (part.status === "rejected") picture.append(element("p", { class: "notice failure" }, part.reason.message));
  }
  box.dataset.index = index;
  box.replaceChildren(...parts);
}

/** What a status means in plain words, and what can be done about it; and where the answer stands without a promise. */
function meaningOf(map, state, index) {
  const texts = [map.meanings[STATUSES[state.status[index]]]];
  if (state.status[index] === 0) {
    const decided = state.threshold === map.threshold.value;
    texts.push(decided ? map.threshold.withdrawn : "At a threshold that you chose no risk was tested: the answer carries no promise.");
  }
  return texts.filter(Boolean);
}

function drawPattern({ width, height, grey }, index) {
  const canvas = element("canvas", { class: "pattern", width, height, role: "img", "aria-label": `Pattern of point ${index}` });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < grey.length; i++) image.data.set([grey[i], grey[i], grey[i], 255], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}

function drawBars(map, index, { pooled, members }) {
  const order = pooled.map((_, k) => k).sort((a, b) => pooled[b] - pooled[a]);
  const listed = order.slice(0, 8);
  const rest = order.slice(8).reduce((sum, k) => sum + pooled[k], 0);
  if (!pooled.some((share) => share > 0)) return [element("p", { class: "note" }, "No member could read this pattern.")];
  const pool = element("ul", { class: "bars", id: "pooled-bars" });
  for (const k of listed) {
    pool.append(element("li", { "data-class": map.classes[k], "data-value": pooled[k] },
      element("span", { class: "name" }, map.labels[k]),
      element("span", { class: "track" },
        element("span", { class: "bar", style: { width: `${100 * pooled[k]}%`, background: map.colours.classes[k] } })),
      element("span", { class: "value" }, formatPercent(pooled[k]))));
  }
  const list = element("ul", { class: "bars", id: "member-bars" });
  members.forEach((shares, m) => {
    const vote = map.voteOf(m, index);
    const text = shares.map((share, k) => `${map.classes[k]}: ${formatPercent(share)}`).join(", ");
    const track = element("span", { class: "track stacked", title: text, role: "img", "aria-label": text });
    shares.forEach((share, k) => {
      if (share >= 0.005) {
        track.append(element("span", { class: "bar", style: { width: `${100 * share}%`, background: map.colours.classes[k] } }));
      }
    });
    list.append(element("li", { "data-member": m, "data-values": shares.join(" ") },
      element("span", { class: "name", title: map.members[m] }, map.members[m]),
      track,
      element("span", { class: "value" }, vote === NO_CLASS ? "–" : String(map.classes[vote]))));
  });
  const heads = [element("h3", {}, "Pooled and calibrated"), pool];
  if (order.length > 8) heads.push(element("p", { class: "note" }, `the other ${order.length - 8} together ${formatPercent(rest)}`));
  return [...heads, element("h3", {}, "Each member, and its vote"), list];
}
