/** Draws the document that stands in the page, in the site's own colours. site.css mends what Redoc's theme cannot. */

/** The part of Redoc's options that the site sets. */
interface Theme {
  readonly colors: {
    readonly primary: { readonly main: string };
    readonly success: { readonly main: string };
    readonly error: { readonly main: string };
    readonly text: { readonly primary: string; readonly secondary: string };
    readonly border: { readonly dark: string; readonly light: string };
  };
  readonly schema: { readonly linesColor: string; readonly nestedBackground: string };
  readonly typography: {
    readonly fontFamily: string;
    readonly headings: { readonly fontFamily: string };
    readonly code: { readonly fontFamily: string; readonly color: string; readonly backgroundColor: string };
    readonly links: { readonly color: string };
  };
  readonly sidebar: { readonly backgroundColor: string; readonly textColor: string };
  readonly rightPanel: {
    readonly servers: {
      readonly overlay: { readonly backgroundColor: string; readonly textColor: string };
      readonly url: { readonly backgroundColor: string };
    };
  };
}

interface RedocOptions {
  readonly theme: Theme;
  readonly sanitize: boolean;
  readonly nativeScrollbars: boolean;
  readonly expandResponses: string;
  readonly jsonSampleExpandLevel: number;
  readonly hideSchemaPattern: boolean;
}

/** What redoc.standalone.js, which the page loads before this script, defines. */
declare const Redoc: { init(document: unknown, options: RedocOptions, container: Element): void };

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const tint = colour("tint");
const ink = colour("ink");
const edge = colour("edge");
const accent = colour("accent");
const text = "system-ui, sans-serif";
const options: RedocOptions = {
  theme: {
    colors: {
      primary: { main: accent },
      success: { main: colour("good") },
      error: { main: colour("bad") },
      text: { primary: ink, secondary: colour("soft") },
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
  },
  sanitize: true,
  nativeScrollbars: true,
  expandResponses: "200",
  jsonSampleExpandLevel: 3,
  // The colour of patterns cannot be set, and is too dark on a dark background.
  hideSchemaPattern: true,
};

Redoc.init(JSON.parse(byId("document").textContent ?? ""), options, byId("redoc"));
dark.addEventListener("change", () => location.reload());

/** A colour of the site's style sheet. */
function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element #${id}`);
  return found;
}
