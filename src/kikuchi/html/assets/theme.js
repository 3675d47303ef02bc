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
  // Paper is white: canvases are drawn again in the light theme before the page is printed.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    document.dispatchEvent(new Event("themechange"));
  });
  addEventListener("afterprint", show);
})();
