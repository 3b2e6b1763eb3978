// The one error that a call can end with.

/** What went wrong with a call: the server's own type and message, or why the server was not reached. */
export class ApiError extends Error {
  /** The error's type as the API names it, such as `ValidationException`; `Unreachable` when no answer came. */
  readonly type: string;
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The rest of the answer's members, such as `CancellationReasons` or `Item`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(type: string, message: string, status: number, details: Record<string, unknown> = {}) {
    super(message);
    this.name = "ApiError";
    this.type = type;
    this.status = status;
    this.details = details;
  }
}

/** Whether this is the error of that type, from any call. */
export function isError(error: unknown, type: string): error is ApiError {
  return error instanceof ApiError && error.type === type;
}

/** Any thrown value as an `ApiError`, so that pages show all of them alike. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError("ConsoleError", message, 0);
}

/** Whether a call was given up by its page; nobody has to hear of it. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
