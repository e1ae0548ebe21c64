// Elements made of data. Whatever comes from a package, a person or an answer becomes text, never markup.

/** An element with attributes (true sets an empty one, false and null leave it out) and children (texts or elements). */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** A text of sentences as children: what stands between backticks is code. */
function prose(text) {
  return text.split(/`([^`]+)`/).map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

/** The element with an id of the page's own. */
function byId(id) {
  return document.getElementById(id);
}

/** Sets a text only where it changes: a live region that is set anew is read out anew. */
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Copies a text; where a browser has no clipboard for this page, by way of a selection. Whether it worked. */
async function copyText(text) {
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
    before?.focus();
    return copied;
  }
}

/** Makes a button copy what `text` gives, and say so. */
function wireCopy(button, text) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const done = await copyText(text());
    button.textContent = done ? "Copied" : "Not copied";
    setText(byId("copied"), done ? "Copied to the clipboard." : "This browser does not let the page copy.");
    setTimeout(() => {
      button.textContent = label;
      setText(byId("copied"), "");
    }, 2000);
  });
}

/** Offers a text as a file. */
function saveText(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
