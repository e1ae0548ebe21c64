// A field -> its native control. Each gives `node`, `read()` ({value}, {fault} or {} for omitted), `show(fault)`,
// `focus()` and `reset()`; `ready` is a promise where reading a file takes a moment.

/** The control of a field. `changed` is called whenever what it holds may have changed. */
function controlOf(field, changed) {
  if (field.kind === "image") return imageControl(field, changed);
  if (field.kind === "boolean") return checkControl(field, changed);
  return valueControl(field, changed);
}

function idOf(part, field) {
  return `${part}-${field.name.replaceAll(".", "-")}`;
}

/** Label, hint and fault around an input; the hint and the fault describe it. */
function framed(field, input, { extra = null, group = false } = {}) {
  const allowed = allowedText(field);
  const hint = [field.description, allowed && `${allowed[0].toUpperCase()}${allowed.slice(1)}.`].filter(Boolean).join(" ");
  const fault = element("p", { class: "fault", id: idOf("fault", field), hidden: true });
  const name = [
    element("span", { dir: "auto" }, field.title),
    " ",
    element("code", {}, field.name),
    field.required ? element("span", { class: "needed" }, " required") : null,
  ];
  const head = group
    ? element("legend", {}, ...name)
    : element("label", { for: idOf("input", field) }, ...name);
  const hints = element("p", { class: "hint", id: idOf("hint", field), dir: "auto" }, ...prose(hint));
  const node = element(group ? "fieldset" : "div", { class: "field" }, head, hints, input, extra, fault);
  node.dataset.field = field.name;
  const described = `${idOf("hint", field)} ${idOf("fault", field)}`;
  return { node, fault, described };
}

/** Shows a fault, or none, at the elements that it is about. */
function showFault(fault, inputs, text) {
  fault.hidden = !text;
  setText(fault, text ? `This ${text}.` : "");
  for (const input of inputs) {
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

function valueControl(field, changed) {
  const input = inputFor(field);
  const count = field.kind === "text" ? element("p", { class: "count" }) : null;
  const { node, fault, described } = framed(field, input, { extra: count });
  input.id = idOf("input", field);
  input.setAttribute("aria-describedby", described);
  if (field.required) input.setAttribute("aria-required", "true");
  const counted = () => {
    if (count === null) return;
    const length = [...input.value].length;
    count.textContent = `${grouped(length)} of ${grouped(field.longest)} characters`;
    count.classList.toggle("over", length > field.longest);
  };
  const reset = () => {
    input.value = field.initial === null ? "" : String(field.initial);
    counted();
  };
  reset();
  input.addEventListener("input", () => {
    counted();
    changed();
  });
  return {
    field,
    node,
    read: () => readControl(field, input.value, input.validity.badInput),
    show: (text) => showFault(fault, [input], text),
    focus: () => input.focus(),
    set: (text) => {
      input.value = text;
      counted();
      changed();
    },
    reset,
  };
}

function inputFor(field) {
  const placeholder = field.kind === "seed" ? "random" : field.fallback != null ? String(field.fallback) : null;
  switch (field.kind) {
    case "text": {
      const rows = Math.min(8, Math.max(field.longest > 200 ? 3 : 1, Math.ceil(String(field.initial ?? "").length / 50)));
      return element("textarea", { rows, dir: "auto" });
    }
    case "choice": {
      const none = field.optional || field.required ? [element("option", { value: "" }, field.none ?? "")] : [];
      return element("select", {}, ...none, ...field.choices.map((choice) => element("option", { value: choice }, choice)));
    }
    case "number":
      return element("input", { type: "number", step: "any", min: field.low, max: field.high, placeholder });
    default: {
      // A number control steps and bounds with numbers that are exact up to 2^53 only.
      const exact = field.kind === "integer" && field.high <= Number.MAX_SAFE_INTEGER && field.low >= -Number.MAX_SAFE_INTEGER;
      if (!exact) return element("input", { type: "text", inputmode: "numeric", autocomplete: "off", placeholder });
      const first = field.low + modulo(field.offset - field.low, field.step);
      return element("input", { type: "number", step: field.step, min: first, max: field.high, placeholder });
    }
  }
}

function checkControl(field, changed) {
  const input = element("input", { type: "checkbox", id: idOf("input", field) });
  const box = element("label", { class: "check" }, input, " ", field.saying ?? "yes");
  const { node, fault, described } = framed(field, box, { group: true });
  input.setAttribute("aria-describedby", described);
  const reset = () => {
    input.checked = field.initial === true;
  };
  reset();
  input.addEventListener("change", changed);
  return {
    field,
    node,
    read: () => ({ value: input.checked }),
    show: (text) => showFault(fault, [input], text),
    focus: () => input.focus(),
    reset,
  };
}

/** Which of several outputs: all boxes checked leaves it out. */
function outputsControl(field, outputs, changed) {
  const boxes = outputs.map((output) => element("input", { type: "checkbox", value: output.name, checked: true }));
  const list = element(
    "div",
    { class: "boxes" },
    ...outputs.map((output, at) =>
      element("label", { class: "check", title: output.description }, boxes[at], " ", element("span", { dir: "auto" }, output.title)),
    ),
  );
  const { node, fault, described } = framed(field, list, { group: true });
  boxes.forEach((box) => {
    box.setAttribute("aria-describedby", described);
    box.addEventListener("change", changed);
  });
  return {
    field,
    node,
    read: () => {
      const wanted = boxes.filter((box) => box.checked).map((box) => box.value);
      if (wanted.length === boxes.length) return {};
      return wanted.length ? { value: wanted } : { fault: "must not be empty" };
    },
    show: (text) => showFault(fault, boxes, text),
    focus: () => boxes[0].focus(),
    reset: () => boxes.forEach((box) => (box.checked = true)),
  };
}

/** An image: a file, looked at and turned into base64, or the address of one. */
function imageControl(field, changed) {
  const file = element("input", {
    type: "file",
    id: idOf("input", field),
    accept: field.formats.map((format) => `image/${format}`).join(),
    "aria-label": `${field.title}: file`,
  });
  const url = element("input", {
    type: "url",
    id: idOf("url", field),
    placeholder: "https://…",
    autocomplete: "off",
    "aria-label": `${field.title}: https URL`,
  });
  const preview = element("div", { class: "preview", hidden: true });
  const clear = element("button", { type: "button", class: "quiet" }, "Remove the file");
  const inputs = element("div", { class: "image" }, file, element("span", {}, "or"), url);
  const { node, fault, described } = framed(field, inputs, { extra: preview, group: true });
  for (const input of [file, url]) {
    input.setAttribute("aria-describedby", described);
    if (field.required) input.setAttribute("aria-required", "true");
  }
  let held = {};
  let shown = null;
  const control = { field, node, ready: Promise.resolve() };

  const drop = () => {
    held = {};
    if (shown) URL.revokeObjectURL(shown);
    shown = null;
    preview.replaceChildren();
    preview.hidden = true;
  };
  const take = async (chosen) => {
    const found = readImage(new Uint8Array(await chosen.arrayBuffer()), field);
    const base64 = found.fault ? "" : await base64Of(chosen);
    if (file.files[0] !== chosen) return;
    if (found.fault) {
      held = { fault: found.fault };
      return;
    }
    held = { value: new Image(base64, chosen.name, chosen.size) };
    shown = URL.createObjectURL(chosen);
    const facts = `${FORMAT_NAMES[found.format]}, ${found.width} x ${found.height}, ${bytesText(chosen.size)}`;
    preview.append(
      element("img", { src: shown, alt: `Preview of ${chosen.name}` }),
      element("p", {}, element("span", { dir: "auto" }, chosen.name), element("br"), facts),
      clear,
    );
    preview.hidden = false;
  };
  file.addEventListener("change", () => {
    drop();
    if (file.files[0]) url.value = "";
    const chosen = file.files[0];
    const unread = () => {
      held = { fault: "cannot be read: choose the file again" };
    };
    control.ready = chosen ? take(chosen).catch(unread) : Promise.resolve();
    control.ready.then(changed);
  });
  url.addEventListener("input", () => {
    if (url.value !== "") {
      file.value = "";
      drop();
    }
    changed();
  });
  const reset = () => {
    file.value = url.value = "";
    drop();
  };
  clear.addEventListener("click", () => {
    reset();
    file.focus();
    changed();
  });
  return Object.assign(control, {
    read: () => (url.value.trim() ? readAddress(url.value.trim()) : held.value || held.fault ? held : readControl(field, "")),
    show: (text) => showFault(fault, [file, url], text),
    focus: () => (url.value ? url : file).focus(),
    reset,
  });
}

function readAddress(text) {
  try {
    if (new URL(text).protocol === "https:" && /^https:\/\//i.test(text)) return { value: text };
  } catch {
    // No URL at all.
  }
  return { fault: "must be an https URL at a public address" };
}
