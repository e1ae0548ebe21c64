// Where jobs go: the endpoint of `comfy2runpod serve` that serves this page, or one at RunPod.

/** The controls of the target. `changed` is called when it changes. */
function makeTarget(changed) {
  // Written into the page by `comfy2runpod serve`, and by nobody else.
  const local = document.querySelector('meta[name="comfy2runpod-endpoint"]')?.content ?? null;
  const localUrl = local === null ? null : new URL(local, location.origin).href;
  const here = byId("target-here");
  const id = byId("endpoint-id");
  const key = byId("api-key");
  const localKey = byId("local-key");
  byId("target-choice").hidden = local === null;
  byId("from-disk").hidden = local !== null;
  here.checked = local !== null;
  byId("target-runpod").checked = local === null;
  const isHere = () => local !== null && here.checked;
  const show = () => {
    byId("runpod-fields").hidden = isHere();
    byId("local-fields").hidden = !isHere();
  };
  for (const input of [here, byId("target-runpod"), id, key, localKey]) {
    input.addEventListener("input", () => {
      tell(id, "");
      tell(key, "");
      tell(localKey, "");
      show();
      changed();
    });
  }
  show();

  function tell(input, text) {
    showFault(byId(`fault-${input.id}`), [input], text);
    if (text) input.focus();
  }

  return {
    /** What the calls show: {url, endpoint, key}; a key that is a secret is null. */
    shown() {
      if (isHere()) return { url: localUrl, endpoint: null, key: localKey.value === "local" ? "local" : null };
      const named = isEndpointId(id.value.trim()) ? id.value.trim() : "ENDPOINT_ID";
      return { url: `${RUNPOD}/${named}`, endpoint: named, key: null };
    },
    /** Where to send, {url, secret, pollMs}, or null after saying at its field what is missing. */
    chosen() {
      if (isHere()) return { url: localUrl, secret: localKey.value, pollMs: 500 };
      if (!isEndpointId(id.value.trim())) {
        tell(id, id.value.trim() ? "must be letters, digits, - and _" : "is required");
        return null;
      }
      if (!/^[!-~]+$/.test(key.value.trim())) {
        tell(key, key.value.trim() ? "must be a RunPod API key" : "is required");
        return null;
      }
      return { url: `${RUNPOD}/${id.value.trim()}`, secret: key.value.trim(), pollMs: 2000 };
    },
    /** The endpoint does not take the key. */
    refuseKey() {
      tell(isHere() ? localKey : key, "is not one that the endpoint takes");
    },
  };
}

function isEndpointId(text) {
  return /^[A-Za-z0-9_-]{1,100}$/.test(text);
}
