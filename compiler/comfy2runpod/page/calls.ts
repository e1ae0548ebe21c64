/** The request in the words of those who send it: curl, Python, TypeScript, n8n. */

import { FAILED_STATUSES } from "../client_ts/contract.js";
import { workflow } from "./n8n.js";
import { type Input, filesIn, written } from "./literals.js";
import type { PackageFacts } from "./package_facts.js";

/** Where calls go; what is null is not known here: an id elsewhere than at RunPod, a key that is a secret. */
export interface Shown {
  readonly url: string;
  readonly endpoint: string | null;
  readonly key: string | null;
}

type Call = (facts: PackageFacts, target: Shown, input: Input) => string;

/** Every call, by the name that its choice has. */
export const CALLS: ReadonlyMap<string, Call> = new Map([
  ["curl", curl],
  ["python", python],
  ["typescript", typescript],
  ["n8n", (_facts: PackageFacts, target: Shown, input: Input) => workflow(target.url, input)],
]);

function curl(_facts: PackageFacts, target: Shown, input: Input): string {
  const key = target.key ?? "$RUNPOD_API_KEY";
  const hasFiles = filesIn(input).length > 0;
  // A quoted here-document is left alone by the shell, and no line of JSON is the word that ends it.
  const data = hasFiles ? ["--data-binary @request.json"] : ["--data-binary @- <<'JSON'", written({ input }), "JSON"];
  return [
    ...(hasFiles ? ["# Save the request as request.json first: the button above does."] : []),
    "# Queue the job; the answer has its id.",
    `curl -sS ${target.url}/run \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    "  -H 'Content-Type: application/json' \\",
    `  ${data.join("\n")}`,
    "",
    `# Ask until its status is COMPLETED, ${FAILED_STATUSES.slice(0, -1).join(", ")} or ${FAILED_STATUSES.at(-1)}.`,
    `curl -sS "${target.url}/status/$JOB_ID" \\`,
    `  -H "Authorization: Bearer ${key}"`,
    "",
  ].join("\n");
}

function python(facts: PackageFacts, target: Shown, input: Input): string {
  const hasFiles = filesIn(input).length > 0;
  const file = ({ name }: { readonly name: string }): string => `Path(${JSON.stringify(name)})`;
  const request = written(input, { nothing: "None", yes: "True", no: "False", file });
  const key = target.key === null ? 'os.environ["RUNPOD_API_KEY"]' : JSON.stringify(target.key);
  return [
    "# pip install clients/python",
    ...(target.key === null ? ["import os"] : []),
    ...(hasFiles ? ["from pathlib import Path"] : []),
    ...(target.key === null || hasFiles ? [""] : []),
    `from ${facts.name}_client import Client`,
    "",
    `with Client(${JSON.stringify(target.endpoint ?? target.url)}, api_key=${key}) as client:`,
    `    output = client.run(${request.replaceAll("\n", "\n    ")}, on_progress=print)`,
    '    print(client.save(output, "results"))',
    "",
  ].join("\n");
}

function typescript(facts: PackageFacts, target: Shown, input: Input): string {
  const hasFiles = filesIn(input).length > 0;
  const request = written(input, {
    file: ({ name }) => `await file(${JSON.stringify(name)})`,
    // What a JavaScript number cannot hold.
    integer: (value) => (BigInt.asIntN(54, value) === value ? String(value) : `${value}n`),
  });
  const key = target.key === null ? "process.env.RUNPOD_API_KEY!" : JSON.stringify(target.key);
  const saves = facts.outputs.some((output) => output.kind !== "text");
  const needed = [...(hasFiles ? ["file"] : []), ...(saves ? ["save"] : [])];
  const client = `${facts.name.replaceAll("_", "-")}-client`;
  return [
    "// (cd clients/typescript && npm install && npm pack)",
    `// npm install clients/typescript/${client}-0.1.0.tgz`,
    `import { Client } from "${client}";`,
    ...(needed.length > 0 ? [`import { ${needed.join(", ")} } from "${client}/node";`] : []),
    "",
    `const client = new Client(${JSON.stringify(target.endpoint ?? target.url)}, ${key});`,
    `const output = await client.run(${request});`,
    saves ? 'console.log(await save(client, output, "results"));' : "console.log(output);",
    "",
  ].join("\n");
}
