/** The page: what it knows of its package, and who hears of what. */

import { RUNSYNC_BYTES, RUN_BYTES } from "../client_ts/contract.js";
import { CALLS } from "./calls.js";
import { byId, saveText, setText, wireCopy } from "./elements.js";
import { Form, type State, isRequired } from "./form.js";
import { type Input, type Value, filesIn, written } from "./literals.js";
import { placeOf } from "./n8n.js";
import { packageFacts, propertiesOf, textIn } from "./package_facts.js";
import { Run } from "./run.js";
import { Target } from "./target.js";
import { bytesText } from "./texts.js";

const facts = packageFacts(byId("package").textContent ?? "");
let current: State = { input: {}, faults: [] };

const target = new Target(showRequest);
const form = new Form(facts, (state) => {
  current = state;
  showRequest();
});
const run = new Run(facts, form, target);
const choices = [...document.querySelectorAll<HTMLInputElement>('input[name="call"]')];

/** The whole request, as it is sent. */
function requestText(): string {
  return `${written({ input: current.input })}\n`;
}

/** The whole request's bytes, without writing out its files: it is asked for at every key that is pressed. */
function requestBytes(): number {
  const rest = written({ input: current.input }, { file: () => '""' });
  const files = filesIn(current.input).reduce((sum, file) => sum + file.base64Length, 0);
  return new TextEncoder().encode(rest).length + files + 1;
}

/** What the calls are made of: files that are still missing have their place shown. */
function shownInput(): Input {
  const input: Record<string, Value> = {};
  for (const [name, property] of Object.entries(propertiesOf(facts.schema))) {
    const value = current.input[name];
    if (value !== undefined) input[name] = value;
    else if (isRequired(facts.schema, name) && textIn(property, "x-media") !== "") {
      input[name] = placeOf(textIn(property, "x-media"));
    }
  }
  return input;
}

function showRequest(): void {
  const text = written({ input: current.input }, { file: (file) => JSON.stringify(file.shortBase64) });
  setText(byId("request-text"), text);
  const size = requestBytes();
  const isTooLarge = size > RUNSYNC_BYTES;
  setText(byId("request-size"), `${bytesText(size)} ${way(size)}.`);
  byId("request-size").classList.toggle("over", isTooLarge);
  const names = current.faults.map(({ control }) => control.field.name);
  setText(byId("request-state"), names.length > 0 ? `Not complete: ${names.join(", ")}.` : "");
  byId("request-state").hidden = names.length === 0;
  showCall();
}

/** By which operation a request of some bytes goes. */
function way(size: number): string {
  if (size > RUNSYNC_BYTES) return "more than RunPod takes: give files as https URLs";
  if (size > RUN_BYTES) return `too large for /run, goes by /runsync (${bytesText(RUNSYNC_BYTES)})`;
  return `of ${bytesText(RUN_BYTES)} that /run takes, ${bytesText(RUNSYNC_BYTES)} for /runsync`;
}

function callText(): string {
  const chosen = choices.find((choice) => choice.checked)?.value ?? "";
  return CALLS.get(chosen)?.(facts, target.shown(), shownInput()) ?? "";
}

function showCall(): void {
  setText(byId("call-text"), callText());
  byId("call-n8n").hidden = !choices.some((choice) => choice.checked && choice.value === "n8n");
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  void run.start(() => ({ bytes: requestBytes(), text: requestText }));
});
byId("form").addEventListener("reset", (event) => {
  event.preventDefault();
  form.reset();
});
byId("cancel").addEventListener("click", () => run.cancel());
for (const choice of choices) choice.addEventListener("change", showCall);
wireCopy(byId("copy-request"), requestText);
wireCopy(byId("copy-call"), callText);
byId("save-request").addEventListener("click", () => saveText(requestText(), "request.json"));
form.update();
