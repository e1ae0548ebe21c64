// The request in the words of those who send it: curl, Python, TypeScript, n8n.

const RUNPOD = "https://api.runpod.ai/v2";
const IMAGE_PLACE = "IMAGE_AS_BASE64_OR_HTTPS_URL";

/** Every call, by the name that its choice has. `target` is {url, endpoint, key}; key is null where it is a secret. */
const CALLS = { curl: curlCall, python: pythonCall, typescript: typescriptCall, n8n: n8nCall };

function curlCall(info, target, input) {
  const key = target.key ?? "$RUNPOD_API_KEY";
  const files = imagesIn(input);
  // A quoted here-document is left alone by the shell, and no line of JSON is the word that ends it.
  const data = files.length
    ? ["--data-binary @request.json"]
    : ["--data-binary @- <<'JSON'", writeJson({ input }), "JSON"];
  return [
    ...(files.length ? ["# Save the request as request.json first: the button above does."] : []),
    "# Queue the job; the answer has its id.",
    `curl -sS ${target.url}/run \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    "  -H 'Content-Type: application/json' \\",
    `  ${data.join("\n")}`,
    "",
    "# Ask until its status is COMPLETED, FAILED, CANCELLED or TIMED_OUT.",
    `curl -sS "${target.url}/status/$JOB_ID" \\`,
    `  -H "Authorization: Bearer ${key}"`,
    "",
  ].join("\n");
}

function pythonCall(info, target, input) {
  const files = imagesIn(input);
  const request = writeJson(input, {
    words: ["None", "True", "False"],
    image: ({ name }) => `Path(${JSON.stringify(name)})`,
  });
  const key = target.key === null ? 'os.environ["RUNPOD_API_KEY"]' : JSON.stringify(target.key);
  return [
    "# pip install clients/python",
    ...(target.key === null ? ["import os"] : []),
    ...(files.length ? ["from pathlib import Path"] : []),
    ...(target.key === null || files.length ? [""] : []),
    `from ${info.name}_client import Client`,
    "",
    `with Client(${JSON.stringify(target.endpoint ?? target.url)}, api_key=${key}) as client:`,
    `    output = client.run(${request.replaceAll("\n", "\n    ")}, on_progress=print)`,
    '    print(client.save(output, "results"))',
    "",
  ].join("\n");
}

function typescriptCall(info, target, input) {
  const files = imagesIn(input);
  const request = writeJson(input, {
    image: ({ name }) => `await image(${JSON.stringify(name)})`,
    // What a JavaScript number cannot hold.
    long: (value) => (BigInt.asIntN(54, value) === value ? String(value) : `${value}n`),
  });
  const key = target.key === null ? "process.env.RUNPOD_API_KEY!" : JSON.stringify(target.key);
  const saves = info.outputs.some((output) => output.kind !== "text");
  const needed = [...(files.length ? ["image"] : []), ...(saves ? ["save"] : [])];
  const client = `${info.name.replaceAll("_", "-")}-client`;
  return [
    "// (cd clients/typescript && npm install && npm pack)",
    `// npm install clients/typescript/${client}-0.1.0.tgz`,
    `import { Client } from "${client}";`,
    ...(needed.length ? [`import { ${needed.join(", ")} } from "${client}/node";`] : []),
    "",
    `const client = new Client(${JSON.stringify(target.endpoint ?? target.url)}, ${key});`,
    `const output = await client.run(${request});`,
    saves ? 'console.log(await save(client, output, "results"));' : "console.log(output);",
    "",
  ].join("\n");
}

/** Nodes for the n8n canvas: send the job, wait and ask until it has ended, go on with its answer or stop. */
function n8nCall(info, target, input) {
  const body = writeJson({ input }, { image: () => JSON.stringify(IMAGE_PLACE) });
  const bearer = { authentication: "genericCredentialType", genericAuthType: "httpBearerAuth" };
  const node = (name, type, typeVersion, at, parameters) => ({
    id: `00000000-0000-4000-8000-00000000000${at}`,
    name,
    type: `n8n-nodes-base.${type}`,
    typeVersion,
    position: [at * 220, name === "Failed" ? 160 : 0],
    parameters,
  });
  const isTrue = (expression) => ({
    conditions: {
      options: { caseSensitive: true, leftValue: "", typeValidation: "strict", version: 2 },
      conditions: [
        {
          id: "00000000-0000-4000-8000-0000000000c0",
          leftValue: `={{ ${expression} }}`,
          rightValue: "",
          operator: { type: "boolean", operation: "true", singleValue: true },
        },
      ],
      combinator: "and",
    },
    options: {},
  });
  const to = (...names) => ({ main: names.map((name) => [{ node: name, type: "main", index: 0 }]) });
  const workflow = {
    nodes: [
      node("Send job", "httpRequest", 4.2, 0, {
        method: "POST",
        url: `${target.url}/run`,
        ...bearer,
        sendBody: true,
        // Sent as it stands: n8n's own JSON would round seeds above 2^53.
        contentType: "raw",
        rawContentType: "application/json",
        body,
        options: {},
      }),
      node("Wait", "wait", 1.1, 1, { amount: 2, unit: "seconds" }),
      node("Ask for it", "httpRequest", 4.2, 2, {
        url: `=${target.url}/status/{{ $('Send job').first().json.id }}`,
        ...bearer,
        options: {},
      }),
      node("Ended?", "if", 2.2, 3, isTrue("!['IN_QUEUE', 'IN_PROGRESS', 'RUNNING'].includes($json.status)")),
      node("Completed?", "if", 2.2, 4, isTrue("$json.status === 'COMPLETED'")),
      node("Result", "set", 3.4, 5, { mode: "raw", jsonOutput: "={{ $json.output }}", options: {} }),
      node("Failed", "stopAndError", 1, 6, { errorMessage: "={{ $json.error ?? $json.status }}" }),
    ],
    connections: {
      "Send job": to("Wait"),
      Wait: to("Ask for it"),
      "Ask for it": to("Ended?"),
      "Ended?": to("Completed?", "Wait"),
      "Completed?": to("Result", "Failed"),
    },
  };
  return `${JSON.stringify(workflow, null, 2)}\n`;
}

function imagesIn(input) {
  return Object.values(input).filter((value) => value instanceof Image);
}
