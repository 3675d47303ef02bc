// What is filled in below the thumbnails, saved as the list that `ensemble extend` reads.

const told = JSON.parse(document.getElementById("rows").textContent);
const fields = [...document.querySelectorAll("[data-row]")];

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** What a spreadsheet would take for a formula is written as text; the other columns are as the list has them. */
const safe = (text) => (/^[=+\-@\t\r]/.test(text.replace(/^'+/, "")) ? `'${text}` : text);

function filledList() {
  for (const { dataset, value } of fields) told.rows[Number(dataset.row)][dataset.column] = safe(value.trim());
  const lines = told.rows.map((row) => told.columns.map((name) => quoted(String(row[name]))).join(","));
  return `${[told.columns.join(","), ...lines].join("\r\n")}\r\n`;
}

function count() {
  const filled = fields.filter((field) => "label" in field.dataset && field.value && field.checkValidity());
  document.getElementById("filled").textContent = `${filled.length} of ${told.rows.length} labelled`;
}

document.addEventListener("input", count);
document.getElementById("save").addEventListener("click", () => {
  const wrong = fields.find((field) => !field.checkValidity());
  if (wrong) {
    wrong.reportValidity();
    return;
  }
  const address = URL.createObjectURL(new Blob([filledList()], { type: "text/csv" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: told.name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
});
count();
window.kikuchiLabels = { filledList };
document.documentElement.dataset.ready = "true";
