// Small helpers that every other file of the map page uses.

const NO_CLASS = 255;
const STATUSES = ["solved", "ambiguous", "unfamiliar", "unreadable"];

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

const significant = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, useGrouping: false });
const grouped = new Intl.NumberFormat("en");
const formatNumber = (value) => (Number.isFinite(value) ? significant.format(value) : "–");
const formatCount = (value) => grouped.format(value);
const formatPoints = (count) => `${formatCount(count)} point${count === 1 ? "" : "s"}`;
const formatShare = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");
const formatMicrometres = (value) => (Number.isFinite(value) ? `${significant.format(value)}\u00a0µm` : "–");

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
