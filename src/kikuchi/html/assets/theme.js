// Runs in the head, before anything is painted, so that no page flashes in the wrong theme.
(() => {
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try {
    theme = localStorage.getItem("kikuchi-theme") || theme;
  } catch {
    // A page opened from a disk may have no storage: the choice then lasts as long as the page.
  }
  const show = () => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${theme}`;
    document.dispatchEvent(new Event("themechange"));
  };
  show();
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      try {
        localStorage.setItem("kikuchi-theme", theme);
      } catch {
        // As above.
      }
      show();
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  // A term's explanation stands in one box of the page, so that no scrolling table cuts it off.
  document.addEventListener("DOMContentLoaded", () => {
    const box = document.getElementById("term-help");
    const show = (event) => {
      const word = event.target.closest?.(".term");
      if (!word) return;
      box.textContent = word.dataset.help;
      box.hidden = false;
      word.setAttribute("aria-describedby", "term-help");
      const at = word.getBoundingClientRect();
      const left = Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8));
      const below = at.bottom + 6 + box.offsetHeight < innerHeight;
      box.style.left = `${left}px`;
      box.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - 6 - box.offsetHeight)}px`;
    };
    const hide = (event) => {
      if (event.type === "keydown" && event.key !== "Escape") return;
      box.hidden = true;
    };
    for (const type of ["mouseover", "focusin"]) document.addEventListener(type, show);
    for (const type of ["mouseout", "focusout", "keydown"]) document.addEventListener(type, hide);
    document.addEventListener("scroll", hide, { passive: true, capture: true });
  });
  // Paper is white: canvases are drawn again in the light theme before the page is printed.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    document.dispatchEvent(new Event("themechange"));
  });
  addEventListener("afterprint", show);
})();
