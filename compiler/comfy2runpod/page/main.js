// The page: what it knows of its package, and who hears of what.

const info = readJson(byId("package").textContent);
let current = { input: {}, faults: [] };
let running = null;
// The outputs whose files have come before the job's end.
let early = "";

const target = makeTarget(showRequest);
const form = makeForm(info, (state) => {
  current = state;
  showRequest();
});

/** The whole request, as it is sent. */
function requestText() {
  return `${writeJson({ input: current.input })}\n`;
}

/** The whole request's bytes, without writing out its images: it is asked for at every key that is pressed. */
function requestBytes() {
  const rest = writeJson({ input: current.input }, { image: () => '""' });
  const images = imagesIn(current.input).reduce((sum, image) => sum + image.base64.length, 0);
  return byteLength(rest) + images + 1;
}

/** What the calls are made of: images that are still missing have their place shown. */
function shownInput() {
  const input = {};
  for (const [name, property] of Object.entries(info.schema.properties)) {
    const missing = property["x-media"] === "image" && info.schema.required.includes(name) && !(name in current.input);
    if (missing) input[name] = IMAGE_PLACE;
    else if (name in current.input) input[name] = current.input[name];
  }
  return input;
}

function showRequest() {
  setText(byId("request-text"), writeJson({ input: current.input }, { image: shortImage }));
  const size = requestBytes();
  const tooLarge = size > info.limits.runsync;
  const way = tooLarge
    ? "more than RunPod takes: give images as https URLs"
    : size > info.limits.run
      ? `too large for /run, goes by /runsync (${bytesText(info.limits.runsync)})`
      : `of ${bytesText(info.limits.run)} that /run takes, ${bytesText(info.limits.runsync)} for /runsync`;
  setText(byId("request-size"), `${bytesText(size)} ${way}.`);
  byId("request-size").classList.toggle("over", tooLarge);
  const names = current.faults.map(({ control }) => control.field.name);
  setText(byId("request-state"), names.length ? `Not complete: ${names.join(", ")}.` : "");
  byId("request-state").hidden = names.length === 0;
  showCall();
}

function callText() {
  const chosen = document.querySelector('input[name="call"]:checked').value;
  return CALLS[chosen](info, target.shown(), shownInput());
}

function showCall() {
  setText(byId("call-text"), callText());
  byId("call-n8n").hidden = !document.querySelector('input[name="call"][value="n8n"]').checked;
}

async function send() {
  if (running) return;
  const faults = await form.check();
  if (faults) {
    say(faults > 1 ? `Not sent: ${faults} fields need to be corrected.` : "Not sent: one field needs to be corrected.");
    return;
  }
  const bytes = requestBytes();
  if (bytes > info.limits.runsync) {
    say(`Not sent: the request is larger than ${bytesText(info.limits.runsync)}. Give images as https URLs.`);
    return;
  }
  const chosen = target.chosen();
  if (!chosen) {
    say("Not sent: the page does not know yet where to.");
    return;
  }
  running = new AbortController();
  showRunning(true);
  byId("run").hidden = false;
  byId("run").scrollIntoView({ block: "nearest" });
  clearOutput(byId("result"));
  say("Sent.");
  try {
    ended(await followJob(chosen, { body: requestText(), bytes }, progressed, running.signal));
  } catch (error) {
    refused(error);
  } finally {
    running = null;
    showRunning(false);
  }
}

/** What has just happened, for everybody: shown, and read out. */
function say(text) {
  byId("run").hidden = false;
  setText(byId("status"), text);
}

function showRunning(on) {
  byId("run").setAttribute("aria-busy", String(on));
  byId("bar").hidden = byId("cancel").hidden = !on;
  byId("bar").removeAttribute("value");
  byId("send").setAttribute("aria-disabled", String(on));
  byId("step").textContent = "";
  byId("states").replaceChildren();
  early = "";
}

function progressed(job) {
  if (ENDED.includes(job.status)) return;
  const told = job.status === "IN_QUEUE" ? {} : objectOf(job.output);
  const node = said(told.node, 200);
  say(job.status === "IN_QUEUE" ? "Waiting for a worker." : node ? `Running: ${node}` : "Running.");
  // Not in what is read out: it changes twice a second.
  const parts = [];
  const percent = numberOf(told.percent);
  if (percent !== null) {
    byId("bar").value = Math.min(Math.max(percent, 0), 100);
    parts.push(`${Math.round(percent)} %`);
  }
  const [step, of] = [numberOf(told.step), numberOf(told.of)];
  if (step !== null && of !== null) parts.push(`step ${step} of ${of}`);
  setText(byId("step"), parts.join(", "));
  const come = info.flat ? {} : objectOf(told.files);
  const names = info.outputs.filter(({ name }) => Object.hasOwn(come, name)).map(({ name }) => name);
  if (names.join() !== early) {
    early = names.join();
    clearOutput(byId("result"));
    showFiles(byId("result"), come);
  }
  const states = Object.entries(objectOf(told.outputs)).slice(0, 200).map(([name, state]) => [said(name, 100), said(state, 40)]);
  byId("states").replaceChildren(
    ...states.map(([name, state]) => element("li", { "data-state": state }, element("code", {}, name), ` ${state}`)),
  );
}

function ended(job) {
  const time = numberOf(job.executionTime);
  const took = time === null ? "" : ` in ${(time / 1000).toFixed(1)} s`;
  if (job.status === "COMPLETED") {
    showOutput(byId("result"), job.output, (name, seed) => form.set(name, seed));
    say(`Done${took}.`);
    return;
  }
  if (job.status === "CANCELLED") {
    say("Cancelled.");
    return;
  }
  const error = errorOf(job);
  if (job.status === "TIMED_OUT" && !error.code) error.code = "timeout";
  // First, because it moves the focus to the field.
  const details = form.tell(error.details);
  byId("result").append(errorView({ ...error, details }));
  say(`Failed${took}${error.code ? `: ${error.code}` : ""}.`);
}

function refused(error) {
  const known = error instanceof Refused;
  if (error.status === 401 || error.status === 403) target.refuseKey();
  const remedies = {
    0: "Is it running? RunPod may also refuse calls from a web page; then take one of the calls shown here, or comfy2runpod serve.",
    404: "Is the endpoint's id right? A result is kept for 30 minutes, and for one where the request went by /runsync.",
    413: "Give images as https URLs.",
    429: "Too many requests or jobs wait: send it again later.",
  };
  const remedy = known ? remedies[error.status] : null;
  // Whatever an answer holds, somebody waits for what came of it.
  const why = known ? error.message : "The endpoint's answer cannot be shown on this page.";
  byId("result").append(
    element("div", { class: "error" }, element("p", { dir: "auto" }, why), remedy ? element("p", {}, remedy) : null),
  );
  say("Not done.");
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
byId("form").addEventListener("reset", (event) => {
  event.preventDefault();
  form.reset();
});
byId("cancel").addEventListener("click", () => {
  running?.abort();
  say("Cancelling.");
});
for (const choice of document.querySelectorAll('input[name="call"]')) choice.addEventListener("change", showCall);
wireCopy(byId("copy-request"), requestText);
wireCopy(byId("copy-call"), callText);
byId("save-request").addEventListener("click", () => saveText(requestText(), "request.json"));
form.update();
