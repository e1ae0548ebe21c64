/**
 * Why a job fails: a class a code.
 *
 * Made from the contract by scripts/client_contract.py; change comfy2runpod_contract.faults, not this file.
 */

import { JobFailed } from "./call_errors.js";

/** The input is not one that this endpoint takes. Correct the fields that the details name. */
export class InvalidInput extends JobFailed<"invalid_input"> {
  override readonly name = "InvalidInput";
}

/** ComfyUI refused the prompt, or a node failed. Try again; report it with the prompt_id. */
export class ComfyUIError extends JobFailed<"comfyui_error"> {
  override readonly name = "ComfyUIError";
  override readonly retryable = true;
}

/** The GPU's memory is too small for the job. Ask for a smaller size or less at once. */
export class OutOfMemory extends JobFailed<"out_of_memory"> {
  override readonly name = "OutOfMemory";
}

/** The job made no progress for too long and was stopped. Try again; report it with the prompt_id. */
export class JobStalled extends JobFailed<"stalled"> {
  override readonly name = "JobStalled";
  override readonly retryable = true;
}

/** A disk of the worker is full. Try again: another worker takes the job. */
export class DiskFull extends JobFailed<"disk_full"> {
  override readonly name = "DiskFull";
  override readonly retryable = true;
}

/** ComfyUI cannot be reached on the worker. Try again: another worker takes the job. */
export class ComfyUIUnavailable extends JobFailed<"comfyui_unavailable"> {
  override readonly name = "ComfyUIUnavailable";
  override readonly retryable = true;
}

/** The job ended without its file. Try again; report it with the prompt_id. */
export class OutputMissing extends JobFailed<"output_missing"> {
  override readonly name = "OutputMissing";
  override readonly retryable = true;
}

/** The file is not whole. Try again; report it with the prompt_id. */
export class OutputInvalid extends JobFailed<"output_invalid"> {
  override readonly name = "OutputInvalid";
  override readonly retryable = true;
}

/** The result is larger than an answer may be. Ask for less, for webp, or for delivery by url. */
export class OutputTooLarge extends JobFailed<"output_too_large"> {
  override readonly name = "OutputTooLarge";
}

/** The bucket did not take the result. Try again; check s3Config or tell the operator. */
export class DeliveryFailed extends JobFailed<"delivery_failed"> {
  override readonly name = "DeliveryFailed";
  override readonly retryable = true;
}

/** The job took longer than it may. Ask for less, or raise the endpoint's time limit. */
export class JobTimeout extends JobFailed<"timeout"> {
  override readonly name = "JobTimeout";
}

/** The job was stopped. Send it again if it is still wanted. */
export class JobCancelled extends JobFailed<"cancelled"> {
  override readonly name = "JobCancelled";
  override readonly retryable = true;
}

/** A model file cannot be had. Tell whoever runs the endpoint. */
export class ModelUnavailable extends JobFailed<"model_unavailable"> {
  override readonly name = "ModelUnavailable";
}

/** The worker failed for a reason of its own. Report it with the time and the job's id. */
export class InternalError extends JobFailed<"internal_error"> {
  override readonly name = "InternalError";
}

export const BY_CODE = {
  invalid_input: InvalidInput,
  comfyui_error: ComfyUIError,
  out_of_memory: OutOfMemory,
  stalled: JobStalled,
  disk_full: DiskFull,
  comfyui_unavailable: ComfyUIUnavailable,
  output_missing: OutputMissing,
  output_invalid: OutputInvalid,
  output_too_large: OutputTooLarge,
  delivery_failed: DeliveryFailed,
  timeout: JobTimeout,
  cancelled: JobCancelled,
  model_unavailable: ModelUnavailable,
  internal_error: InternalError,
} as const;

/** The codes that this client knows. */
export type ErrorCode =
  | "invalid_input"
  | "comfyui_error"
  | "out_of_memory"
  | "stalled"
  | "disk_full"
  | "comfyui_unavailable"
  | "output_missing"
  | "output_invalid"
  | "output_too_large"
  | "delivery_failed"
  | "timeout"
  | "cancelled"
  | "model_unavailable"
  | "internal_error";

/** Every class of a known code: a switch over `code` narrows it. */
export type KnownFailure = InstanceType<(typeof BY_CODE)[ErrorCode]>;
