// Lines of a function's log: those of one call, or all as they come.

import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError, isAbort } from "../../api/error.ts";
import { useResource } from "../../api/resource.ts";
import { functionLog, functionLogAfter, type LogLine } from "../../api/triggers.ts";
import { ErrorState, Loading } from "../../ui/states.tsx";
import "./functions.css";

/** So many lines are held of a log that is followed. */
const HELD_MAX = 2000;

/** After a failure the log is asked for again. */
const RETRY_MS = 2000;

/** Some of the newest lines, such as those of one call. */
export function LogLines(props: {
  name: string;
  limit: number;
  select: (lines: readonly LogLine[]) => readonly LogLine[];
}) {
  const known = useResource(`log/${props.name}/${props.limit}`, (signal) =>
    functionLog(props.name, props.limit, signal),
  );
  if (known.error.value) return <ErrorState what="The log could not be read." error={known.error.value} />;
  if (!known.data.value) return <Loading lines={2} />;
  const lines = props.select(known.data.value.lines);
  if (lines.length === 0) return <p class="muted">The log does not have its lines any more.</p>;
  return <Lines lines={lines} />;
}

/** The whole log, followed while it is shown. */
export function FollowedLog({ name }: { name: string }) {
  const [lines, setLines] = useState<readonly LogLine[]>();
  const [error, setError] = useState<ApiError>();
  useEffect(() => {
    const abort = new AbortController();
    void follow(
      name,
      abort.signal,
      (some, first) => {
        setError(undefined);
        setLines((old) => (first ? some : [...(old ?? []), ...some]).slice(-HELD_MAX));
      },
      setError,
    );
    return () => abort.abort();
  }, [name]);
  return (
    <div class="stack-tight">
      {error && <ErrorState what="The log could not be read." error={error} />}
      {!lines && !error && <Loading />}
      {lines?.length === 0 && (
        <p class="muted">The function has printed nothing yet. Its lines appear here as it prints them.</p>
      )}
      {lines && lines.length > 0 && <Lines lines={lines} follows />}
    </div>
  );
}

async function follow(
  name: string,
  signal: AbortSignal,
  onLines: (lines: readonly LogLine[], first: boolean) => void,
  onError: (error: ApiError) => void,
): Promise<void> {
  let next: number | undefined;
  while (!signal.aborted) {
    await visible(signal);
    try {
      const page =
        next === undefined ? await functionLog(name, 1000, signal) : await functionLogAfter(name, next, signal);
      if (next === undefined || page.lines.length > 0) onLines(page.lines, next === undefined);
      next = page.next;
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      onError(asApiError(error));
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Waits while nobody looks: a browser has few connections for each server. */
function visible(signal: AbortSignal): Promise<void> {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** Lines below each other; a list that follows stays at its end until one scrolls up. */
function Lines({ lines, follows = false }: { lines: readonly LogLine[]; follows?: boolean }) {
  const list = useRef<HTMLElement>(null);
  const atEnd = useRef(true);
  const last = lines.at(-1)?.number;
  useEffect(() => {
    if (follows && atEnd.current) list.current?.scrollTo(0, list.current.scrollHeight);
  }, [last, follows]);
  return (
    <section
      class="log"
      ref={list}
      // What scrolls has to be reachable by the keyboard.
      tabIndex={0}
      aria-label="Log"
      onScroll={(event) => {
        const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
        atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
      }}
    >
      {lines.map((line) => (
        <div key={line.number} class={`log-line log-${kindOf(line.text)}`}>
          {line.text}
        </div>
      ))}
    </section>
  );
}

function kindOf(text: string): "frame" | "error" | "text" {
  if (/^(START|END|REPORT) RequestId: /.test(text)) return "frame";
  return /\tERROR\t|\[ERROR\]|^Traceback|Task timed out/.test(text) ? "error" : "text";
}
