// Draws the document that stands in the page. Colours follow the system's, in the site's own palette.
"use strict";

(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const palette = dark.matches
    ? { ink: "#e8ebf2", soft: "#a4adbf", paper: "#12161f", edge: "#2f3747", tint: "#1a202c", accent: "#8fb0ff" }
    : { ink: "#1c2330", soft: "#566074", paper: "#ffffff", edge: "#d9dee8", tint: "#f3f5f9", accent: "#2453c9" };
  const text = "system-ui, sans-serif";
  const code = "ui-monospace, monospace";
  const theme = {
    colors: {
      primary: { main: palette.accent },
      text: { primary: palette.ink, secondary: palette.soft },
      border: { dark: palette.edge, light: palette.edge },
    },
    typography: {
      fontFamily: text,
      headings: { fontFamily: text },
      code: { fontFamily: code, color: palette.ink, backgroundColor: palette.tint },
      links: { color: palette.accent },
    },
    sidebar: { backgroundColor: palette.tint, textColor: palette.ink },
  };
  const options = { theme, sanitize: true, nativeScrollbars: true, expandResponses: "200", jsonSampleExpandLevel: 3 };
  Redoc.init(JSON.parse(document.getElementById("document").textContent), options, document.getElementById("redoc"));
  dark.addEventListener("change", () => location.reload());
})();
