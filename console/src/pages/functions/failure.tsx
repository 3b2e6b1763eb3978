// What a function failed with.

import { parseFailure } from "../../model/failure.ts";
import { Icon } from "../../ui/icon.tsx";
import { Fold } from "../../ui/json.tsx";

/** The error with its stack, folded; with `line`, in one line. */
export function FailureBlock({ text, line = false }: { text: string; line?: boolean }) {
  // A redrive tells what it was with words in front of the error itself.
  const at = text.indexOf("{");
  const inner = parseFailure(at < 0 ? text : text.slice(at));
  const failure = inner.trace.length > 0 || inner.type !== "" ? inner : parseFailure(text);
  const title = failure.type === "" ? failure.message : `${failure.type}: ${failure.message}`;
  if (line) return <span class="data ellipsis">{title}</span>;
  return (
    <div class="notice notice-bad">
      <Icon name="stop" />
      <div class="notice-body">
        <p class="data break">{title}</p>
        {failure.trace.length > 0 && (
          <Fold label="Where">{() => <pre class="failure-trace break">{failure.trace.join("\n")}</pre>}</Fold>
        )}
      </div>
    </div>
  );
}
