// Draws the document that stands in the page, in the site's own colours. site.css mends what Redoc's theme cannot.
"use strict";

(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const [ink, soft, tint, edge, accent] = ["ink", "soft", "tint", "edge", "accent"].map(colour);
  const text = "system-ui, sans-serif";
  const theme = {
    colors: {
      primary: { main: accent },
      success: { main: colour("good") },
      error: { main: colour("bad") },
      text: { primary: ink, secondary: soft },
      border: { dark: edge, light: edge },
    },
    schema: { linesColor: edge, nestedBackground: tint },
    typography: {
      fontFamily: text,
      headings: { fontFamily: text },
      code: { fontFamily: "ui-monospace, monospace", color: ink, backgroundColor: tint },
      links: { color: accent },
    },
    sidebar: { backgroundColor: tint, textColor: ink },
    rightPanel: { servers: { overlay: { backgroundColor: tint, textColor: ink }, url: { backgroundColor: tint } } },
  };
  const options = {
    theme,
    sanitize: true,
    nativeScrollbars: true,
    expandResponses: "200",
    jsonSampleExpandLevel: 3,
    hideSchemaPattern: true, // their colour cannot be set, and is too dark for dark paper
  };
  Redoc.init(JSON.parse(document.getElementById("document").textContent), options, document.getElementById("redoc"));
  dark.addEventListener("change", () => location.reload());
})();
