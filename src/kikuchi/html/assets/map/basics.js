// Small helpers that every other file of the map page uses.

const NO_CLASS = 255;
/** Names of the statuses, in the order of their codes; the page's data say them. */
let STATUSES = [];
/** The code of a point in which two known phases overlap: like an ambiguous one it has candidates. */
const MIXED = 4;

const byId = (id) => document.getElementById(id);

/** Build an element; text always becomes text nodes, never markup. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const significant = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, useGrouping: false });
const grouped = new Intl.NumberFormat("en");
/** Three digits, and no more than a thousandth of anything small. */
function formatNumber(value) {
  if (!Number.isFinite(value)) return "–";
  if (value !== 0 && Math.abs(value) < 1e-3) return value > 0 ? "< 0.001" : "> −0.001";
  return significant.format(value);
}
/** A share or a probability in per cent: two digits of it or, near 1, of what is missing (99.934 %). */
function formatPercent(share) {
  if (!Number.isFinite(share)) return "–";
  if (share <= 0) return "0 %";
  if (share >= 1) return "100 %";
  const rest = Math.min(share, 1 - share);
  if (rest < 1e-6) return share < 0.5 ? "< 0.0001 %" : "> 99.9999 %";
  return `${(100 * share).toFixed(rest >= 0.1 ? 0 : Math.min(4, Math.ceil(-Math.log10(rest) - 1e-9) - 1))} %`;
}
const formatCount = (value) => grouped.format(value);
const formatPoints = (count) => `${formatCount(count)} point${count === 1 ? "" : "s"}`;
const formatShare = (part, whole) => formatPercent(whole ? part / whole : NaN);
/** Places on the sample keep the digits that tell neighbours apart. */
const placed = new Intl.NumberFormat("en", { maximumFractionDigits: 3, useGrouping: false });
const formatMicrometres = (value) => (Number.isFinite(value) ? `${placed.format(value)}\u00a0µm` : "–");

/** A word with its explanation: shown under the pointer and with the keyboard's focus (assets/theme.js). */
function term(word, map, key = word) {
  const help = map.glossary[key.toLowerCase()];
  return help ? element("span", { class: "term", tabindex: "0", "data-help": help }, word) : word;
}

/** The colour a CSS variable has in the theme that is shown. */
function themeColour(name) {
  const probe = byId("layer-title");
  probe.style.color = `var(${name})`;
  const colour = getComputedStyle(probe).color;
  probe.style.color = "";
  return colour;
}

/** "#rrggbb" as the 32-bit word that ImageData holds on a little-endian machine. */
function pixelWord(hex) {
  const value = parseInt(hex.slice(1), 16);
  return ((255 << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

/** The paint of a legend's entry: a colour, striped where colour alone is not enough. */
function swatchStyle({ colour, stripes, slope }) {
  if (!slope) return { background: colour };
  const angle = slope === "/" ? "135deg" : "45deg";
  return { background: `repeating-linear-gradient(${angle}, ${colour} 0 3px, ${stripes} 3px 4.5px)` };
}

/** Fit a canvas to its box at the screen's resolution and return a context in CSS pixels. */
function sizedContext(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [deviceWidth, deviceHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== deviceWidth || canvas.height !== deviceHeight) {
    canvas.width = deviceWidth;
    canvas.height = deviceHeight;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}
