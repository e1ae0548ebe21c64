"""Draws docs/page.svg: the top of a package's page in the browser's layout, as rectangles and lines of text.

    python scripts/page_image.py [PACKAGE]

A screenshot would be a binary without a readable diff. This reads the layout from the browser, and draws it.
"""

from __future__ import annotations

import json
import shutil
import sys
from html import escape
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
IMAGE = ROOT / "docs" / "page.svg"
WIDTH, HEIGHT = 900, 1020
FONTS = {
    "mono": "ui-monospace, Menlo, Consolas, monospace",
    "sans": "system-ui, Segoe UI, Helvetica, Arial, sans-serif",
}

# Every visible box with a background or a border, and every line of text, in the order of painting.
LOOK = """
() => {
  const found = [];
  const seen = (box) => box.width > 0 && box.height > 0 && box.top < innerHeight && box.bottom > 0;
  const round = (n) => Math.round(n * 10) / 10;
  const place = (box) => [box.left, box.top, box.width, box.height].map(round);
  const font = (style) => ({
    size: round(parseFloat(style.fontSize)), weight: style.fontWeight, colour: style.color,
    line: style.textDecorationLine.includes("underline"), mono: /mono/i.test(style.fontFamily), italic: style.fontStyle === "italic",
  });
  const walk = (element) => {
    const style = getComputedStyle(element);
    if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0") return;
    const box = element.getBoundingClientRect();
    if (seen(box)) {
      const side = (name) => parseFloat(style[`border${name}Width`]) && style[`border${name}Style`] !== "none";
      const border = side("Top") && side("Left") ? style.borderTopColor : null;
      if (side("Top") && !side("Left")) {
        found.push({ box: [box.left, box.top, box.width, 1].map(round), fill: style.borderTopColor, border: null, radius: 0 });
      }
      const fill = style.backgroundColor === "rgba(0, 0, 0, 0)" ? null : style.backgroundColor;
      if (fill || border) found.push({ box: place(box), fill, border, radius: round(parseFloat(style.borderTopLeftRadius) || 0) });
      const shown = element.tagName === "SELECT" ? element.selectedOptions[0]?.text
        : element.type === "checkbox" || element.type === "file" ? null
        : element.tagName === "TEXTAREA" || element.value === undefined || element.tagName === "BUTTON" || element.tagName === "LI" ? null
        : element.value || element.placeholder;
      if (typeof shown === "string" && shown) {
        const left = box.left + parseFloat(style.paddingLeft) + 1, size = parseFloat(style.fontSize);
        const wide = Math.floor((box.width - 20) / (size * 0.5));
        const base = box.top + box.height / 2 + size * 0.35;
        found.push({ text: shown.slice(0, wide), x: round(left), y: round(base), length: null, ...font(style) });
      }
    }
    if (element.tagName === "TEXTAREA" && seen(box)) {
      // Only what stands in the page itself can be asked where it is.
      const copy = document.createElement("div");
      copy.textContent = element.value || element.placeholder;
      for (const name of ["font", "lineHeight", "padding", "boxSizing"]) copy.style[name] = style[name];
      Object.assign(copy.style, {
        position: "absolute", left: `${box.left + scrollX + 1}px`, top: `${box.top + scrollY + 1}px`,
        width: `${box.width}px`, whiteSpace: "pre-wrap", color: style.color,
      });
      document.body.append(copy);
      walk(copy);
      copy.remove();
    }
    if (["SELECT", "TEXTAREA", "SCRIPT", "STYLE"].includes(element.tagName)) return;
    for (const node of element.childNodes) {
      if (node.nodeType === Node.ELEMENT_NODE) walk(node);
      if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
      // A line ends where the next letter stands lower.
      const range = document.createRange();
      let line = null;
      const done = () => {
        if (line && line.text.trim() && line.top < innerHeight) {
          found.push({ text: line.text.trimEnd(), x: round(line.left), y: round(line.bottom - line.height * 0.22), length: round(line.right - line.left), ...font(style) });
        }
        line = null;
      };
      for (let at = 0; at < node.data.length; at += 1) {
        range.setStart(node, at); range.setEnd(node, at + 1);
        const letter = range.getClientRects()[0];
        if (!letter || !letter.width || (!line && !node.data[at].trim())) continue;
        if (line && Math.abs(letter.top - line.top) > 3) done();
        line ??= { text: "", left: letter.left, top: letter.top, bottom: letter.bottom, height: letter.height, right: letter.right };
        line.text += node.data[at] === "\\n" ? " " : node.data[at];
        if (node.data[at].trim()) line.right = letter.right;
      }
      done();
    }
  };
  walk(document.body);
  return { found, background: getComputedStyle(document.documentElement).backgroundColor };
}
"""  # noqa: E501 - JavaScript


def drawn(item: dict[str, Any]) -> str:
    """A box or a line of text as SVG."""
    if "box" in item:
        left, top, width, height = item["box"]
        stroke = f' stroke="{item["border"]}"' if item["border"] else ""
        shape = f'x="{left}" y="{top}" width="{width}" height="{height}" rx="{item["radius"]}"'
        return f'<rect {shape} fill="{item["fill"] or "none"}"{stroke}/>'
    facts = f'x="{item["x"]}" y="{item["y"]}" font-size="{item["size"]}" fill="{item["colour"]}"'
    facts += f' font-weight="{item["weight"]}"' if item["weight"] != "400" else ""
    facts += ' font-style="italic"' if item["italic"] else ""
    facts += ' text-decoration="underline"' if item["line"] else ""
    facts += f' font-family="{FONTS["mono"]}"' if item["mono"] else ""
    # The reader's fonts differ, so the width is fixed.
    facts += f' textLength="{item["length"]}" lengthAdjust="spacingAndGlyphs"' if item["length"] else ""
    return f"<text {facts}>{escape(item['text'], quote=False)}</text>"


def main() -> None:
    package = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "generated" / "t2i_klein_4b")
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto((package / "docs" / "index.html").resolve().as_uri())
        page.wait_for_load_state()
        looked = page.evaluate(LOOK)
        browser.close()
    background = looked["background"] if looked["background"] != "rgba(0, 0, 0, 0)" else "white"
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONTS["sans"]}">',
        f"<title>{escape(json.loads((package / 'docs' / 'openapi.json').read_text('utf-8'))['info']['title'])}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{background}"/>',
        *map(drawn, looked["found"]),
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" fill="none" stroke="#bbb"/>',
        "</svg>",
    ]
    IMAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{IMAGE.relative_to(ROOT)}: {IMAGE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
