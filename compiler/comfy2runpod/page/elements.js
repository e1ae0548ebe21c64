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

/** A value of an answer as text: no more than so much, and nothing of objects, which may say anything of themselves. */
function said(value, most = 2000) {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return "";
  const text = value.length > most ? `${value.slice(0, most)}… (${grouped(value.length)} characters)` : value;
  // What is no character to be seen, or turns a line around.
  return text.replace(/[^\P{Cc}\n\r\t]|[\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\uFFFD");
}

/** The object that a part of an answer is; none of its own if it is another thing. */
function objectOf(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** The objects of a list in an answer, as many as anybody looks at. */
function objectsOf(value, most = 200) {
  const list = Array.isArray(value) ? value : [];
  return list.slice(0, most).filter((one) => one !== null && typeof one === "object" && !Array.isArray(one));
}

/** The number that a part of an answer is, or null. */
function numberOf(value) {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
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
