// The selected points as a CSV file, in the columns of map.csv.

const csvCell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
const csvNumber = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(7))) : "");

async function selectionCsv(map, state) {
  const inline = map.detail.inline;
  const head = [
    "index", "row", "col", "x", "y", "space_group", "status", "candidates", ...map.scores.map((score) => score.id),
    ...(inline ? map.classes.map((number) => `p_${number}`) : []), ...map.members.map((name) => `vote_${name}`),
  ];
  const lines = [head.map(csvCell).join(",")];
  for (let i = 0; i < map.n; i++) {
    if (!state.selected[i]) continue;
    const status = state.status[i];
    const pooled = inline ? (await probabilitiesOf(map, i)).pooled : [];
    const votes = map.members.map((_, m) => map.voteOf(m, i));
    lines.push([
      i, map.rowOf(i), map.colOf(i), csvNumber(map.xOf(i)), csvNumber(map.yOf(i)),
      status === 0 ? map.classes[map.winner[i]] : "", STATUSES[status], candidatesOf(map, state, i).join("|"),
      ...map.scores.map((score) => csvNumber(score.at(i))), ...pooled.map(csvNumber),
      ...votes.map((vote) => (vote === NO_CLASS ? "" : map.classes[vote])),
    ].join(","));
  }
  return lines.join("\n") + "\n";
}

async function downloadSelection(map, state) {
  const address = URL.createObjectURL(new Blob([await selectionCsv(map, state)], { type: "text/csv" }));
  const name = map.name.replace(/[^\w.-]+/g, "_") || "map";
  const link = element("a", { href: address, download: `${name}_selection.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
