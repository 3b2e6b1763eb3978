// Errors of functions, as runtimes report them.

export interface Failure {
  /** The error's type, such as `TypeError`; empty if the runtime gave none. */
  type: string;
  message: string;
  trace: string[];
}

/** Reads `{"errorType", "errorMessage", "trace" or "stackTrace"}`; any other text is the message. */
export function parseFailure(text: string): Failure {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) {
      const { errorType, errorMessage, trace, stackTrace } = parsed as Record<string, unknown>;
      if (typeof errorMessage === "string") {
        return {
          type: typeof errorType === "string" ? errorType : "",
          message: errorMessage,
          trace: lines(trace ?? stackTrace),
        };
      }
    }
  } catch {
    // No JSON: a reason in words.
  }
  return { type: "", message: text, trace: [] };
}

/** Node gives lines, Python gives texts that may hold several. */
function lines(trace: unknown): string[] {
  if (!Array.isArray(trace)) return [];
  return trace
    .filter((one): one is string => typeof one === "string")
    .flatMap((one) => one.replace(/\n$/, "").split("\n"));
}
