"use strict";
(() => {
  // docs_site/assets/reference.ts
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var tint = colour("tint");
  var ink = colour("ink");
  var edge = colour("edge");
  var accent = colour("accent");
  var text = "system-ui, sans-serif";
  var options = {
    theme: {
      colors: {
        primary: { main: accent },
        success: { main: colour("good") },
        error: { main: colour("bad") },
        text: { primary: ink, secondary: colour("soft") },
        border: { dark: edge, light: edge }
      },
      schema: { linesColor: edge, nestedBackground: tint },
      typography: {
        fontFamily: text,
        headings: { fontFamily: text },
        code: { fontFamily: "ui-monospace, monospace", color: ink, backgroundColor: tint },
        links: { color: accent }
      },
      sidebar: { backgroundColor: tint, textColor: ink },
      rightPanel: { servers: { overlay: { backgroundColor: tint, textColor: ink }, url: { backgroundColor: tint } } }
    },
    sanitize: true,
    nativeScrollbars: true,
    expandResponses: "200",
    jsonSampleExpandLevel: 3,
    // The colour of patterns cannot be set, and is too dark on a dark background.
    hideSchemaPattern: true
  };
  Redoc.init(JSON.parse(byId("document").textContent ?? ""), options, byId("redoc"));
  dark.addEventListener("change", () => location.reload());
  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }
  function byId(id) {
    const found = document.getElementById(id);
    if (found === null) throw new Error(`the page has no element #${id}`);
    return found;
  }
})();
