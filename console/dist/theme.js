// Runs before the first paint, so that a theme that was chosen shows from the start.
(() => {
  try {
    const theme = localStorage.getItem("headwater.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is switched off: the system's theme it is.
  }
})();
