/** Elements made of data. Whatever comes from a package, a person or an answer becomes text, never markup. */

type Attribute = string | number | bigint | boolean | null | undefined;
export type Child = Node | string | null;

/** An element with attributes (true sets an empty one; false, null and undefined set none) and children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A text of sentences as children: what stands between backticks is code. */
export function prose(text: string): Child[] {
  return text.split(/`([^`]+)`/).map((part, at) => (at % 2 === 1 ? element("code", {}, part) : part));
}

/** The element with an id of the page's own. */
export function byId(id: string): HTMLElement {
  return typed(document.getElementById(id), HTMLElement, id);
}

/** The input with an id of the page's own. */
export function inputById(id: string): HTMLInputElement {
  return typed(document.getElementById(id), HTMLInputElement, id);
}

/** The progress bar with an id of the page's own. */
export function progressById(id: string): HTMLProgressElement {
  return typed(document.getElementById(id), HTMLProgressElement, id);
}

function typed<Kind extends Element>(found: Element | null, kind: new () => Kind, id: string): Kind {
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} with the id ${id}`);
}

/** Sets a text only where it changes: a live region that is set anew is read out anew. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Makes a button copy what `text` gives, and say so. */
export function wireCopy(button: HTMLElement, text: () => string): void {
  const label = button.textContent;
  const said = byId("copied");
  button.addEventListener("click", async () => {
    const done = await copyText(text());
    button.textContent = done ? "Copied" : "Not copied";
    setText(said, done ? "Copied to the clipboard." : "This browser does not let the page copy.");
    setTimeout(() => {
      button.textContent = label;
      setText(said, "");
    }, 2000);
  });
}

/** Copies a text; where a browser has no clipboard for this page, by way of a selection. Whether it worked. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { class: "away", "aria-hidden": "true", tabindex: "-1" });
    area.value = text;
    const before = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (before instanceof HTMLElement) before.focus();
    return copied;
  }
}

/** Offers a text as a JSON file. */
export function saveText(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
