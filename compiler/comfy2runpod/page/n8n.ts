/** Nodes for the n8n canvas: send the job, wait and ask until it has ended, go on with its answer or stop. */

import { LIVE_STATUSES } from "../client_ts/contract.js";
import { type Input, written } from "./literals.js";

/** What stands in a call for a file that the form does not hold; `media` is the word that a schema has for its kind. */
export function placeOf(media: string): string {
  return `${media.toUpperCase()}_AS_BASE64_OR_HTTPS_URL`;
}

const BEARER = { authentication: "genericCredentialType", genericAuthType: "httpBearerAuth" };

/** The workflow that sends a request to the endpoint at an address, as JSON. */
export function workflow(url: string, input: Input): string {
  const body = written({ input }, { file: ({ media }) => JSON.stringify(placeOf(media)) });
  const live = LIVE_STATUSES.map((status) => `'${status}'`).join(", ");
  const nodes = [
    node("Send job", "httpRequest", 4.2, 0, {
      method: "POST",
      url: `${url}/run`,
      ...BEARER,
      sendBody: true,
      // Sent as it stands: n8n's own JSON would round seeds above 2^53.
      contentType: "raw",
      rawContentType: "application/json",
      body,
      options: {},
    }),
    node("Wait", "wait", 1.1, 1, { amount: 2, unit: "seconds" }),
    node("Ask for it", "httpRequest", 4.2, 2, {
      url: `=${url}/status/{{ $('Send job').first().json.id }}`,
      ...BEARER,
      options: {},
    }),
    node("Ended?", "if", 2.2, 3, isTrue(`![${live}].includes($json.status)`)),
    node("Completed?", "if", 2.2, 4, isTrue("$json.status === 'COMPLETED'")),
    node("Result", "set", 3.4, 5, { mode: "raw", jsonOutput: "={{ $json.output }}", options: {} }),
    node("Failed", "stopAndError", 1, 6, { errorMessage: "={{ $json.error ?? $json.status }}" }),
  ];
  const connections = {
    "Send job": to("Wait"),
    Wait: to("Ask for it"),
    "Ask for it": to("Ended?"),
    "Ended?": to("Completed?", "Wait"),
    "Completed?": to("Result", "Failed"),
  };
  return `${JSON.stringify({ nodes, connections }, null, 2)}\n`;
}

function node(name: string, type: string, typeVersion: number, at: number, parameters: object): object {
  return {
    id: `00000000-0000-4000-8000-00000000000${at}`,
    name,
    type: `n8n-nodes-base.${type}`,
    typeVersion,
    position: [at * 220, name === "Failed" ? 160 : 0],
    parameters,
  };
}

function isTrue(expression: string): object {
  const condition = {
    id: "00000000-0000-4000-8000-0000000000c0",
    leftValue: `={{ ${expression} }}`,
    rightValue: "",
    operator: { type: "boolean", operation: "true", singleValue: true },
  };
  return {
    conditions: {
      options: { caseSensitive: true, leftValue: "", typeValidation: "strict", version: 2 },
      conditions: [condition],
      combinator: "and",
    },
    options: {},
  };
}

function to(...names: readonly string[]): object {
  return { main: names.map((name) => [{ node: name, type: "main", index: 0 }]) };
}
