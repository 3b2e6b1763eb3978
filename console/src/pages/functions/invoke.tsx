// A call by hand: with a sample, a recent record, or whatever was typed.

import { useMemo, useState } from "preact/hooks";
import { ApiError } from "../../api/error.ts";
import { type Invoked, invoke, listMappings } from "../../api/lambda.ts";
import { recentRecords } from "../../api/recent.ts";
import { useResource } from "../../api/resource.ts";
import { tableOfArn } from "../../model/arn.ts";
import { duration } from "../../model/format.ts";
import { Problem, parseJson } from "../../model/json.ts";
import { testEvent } from "../../model/record.ts";
import { useAction } from "../../ui/action.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Editor, type Mark } from "../../ui/editor.tsx";
import { Select } from "../../ui/field.tsx";
import { JsonBlock } from "../../ui/json.tsx";
import { Card } from "../../ui/page.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { FailureBlock } from "./failure.tsx";
import { SAMPLES } from "./samples.ts";

export function InvokeCard({ name }: { name: string }) {
  const [text, setText] = useState(SAMPLES.INSERT);
  const [result, setResult] = useState<Invoked & { ms: number }>();
  const action = useAction();
  const marks = useMemo(() => problemsOf(text), [text]);
  const call = () =>
    action.run(async () => {
      setResult(undefined);
      const begun = performance.now();
      const answer = await invoke(name, text);
      setResult({ ...answer, ms: performance.now() - begun });
    });
  return (
    <Card
      title="Call it"
      actions={
        <Button small kind="primary" icon="play" busy={action.busy} disabled={marks.length > 0} onClick={call}>
          Call
        </Button>
      }
    >
      <div class="stack">
        <Events name={name} onPick={setText} onError={(error) => void action.run(() => Promise.reject(error))} />
        <div class="code-editor">
          <Editor label="Event" json value={text} onChange={setText} marks={marks} />
        </div>
        {action.error && <ErrorState what="The call was not made." error={action.error} />}
        {result && <Result result={result} />}
      </div>
    </Card>
  );
}

function problemsOf(text: string): Mark[] {
  try {
    parseJson(text);
    return [];
  } catch (error) {
    if (error instanceof Problem) return [{ from: error.at, to: error.end, message: error.message }];
    throw error;
  }
}

/** What an event can begin from: samples, and the newest records of tables whose changes call the function. */
function Events(props: { name: string; onPick: (text: string) => void; onError: (error: unknown) => void }) {
  const mappings = useResource(`mappings-of/${props.name}`, (signal) =>
    listMappings({ FunctionName: props.name }, signal),
  );
  const tables = [...new Set((mappings.data.value ?? []).map((one) => tableOfArn(one.EventSourceArn ?? "")))];
  const pick = async (choice: string) => {
    if (Object.hasOwn(SAMPLES, choice)) return props.onPick(SAMPLES[choice as keyof typeof SAMPLES]);
    const table = choice.slice("table:".length);
    try {
      const [record] = await recentRecords(table, 1, new AbortController().signal);
      if (record) props.onPick(testEvent(record));
      else props.onError(new ApiError("NoRecord", `The stream of ${table} has no record yet.`, 0));
    } catch (error) {
      props.onError(error);
    }
  };
  return (
    <Select
      label="Event"
      hideLabel
      value=""
      options={[
        { value: "", label: "Take an event\u2026" },
        { value: "INSERT", label: "Sample: a new item" },
        { value: "MODIFY", label: "Sample: a changed item" },
        { value: "REMOVE", label: "Sample: a removed item" },
        ...tables.map((table) => ({ value: `table:${table}`, label: `The newest record of ${table}` })),
      ]}
      onChange={(choice) => void pick(choice)}
    />
  );
}

function Result({ result }: { result: Invoked & { ms: number } }) {
  return (
    <div class="stack-tight" aria-live="polite">
      <div class="row">
        {result.error === undefined ? <Badge tone="good">Answered</Badge> : <Badge tone="bad">Failed</Badge>}
        <span class="muted small">{duration(result.ms)}</span>
      </div>
      {result.error === undefined ? (
        <JsonBlock label="Answer" text={result.payload === "" ? "null" : result.payload} />
      ) : (
        <FailureBlock text={result.payload} />
      )}
      {result.log !== "" && (
        <div class="code">
          {/* What scrolls has to be reachable by the keyboard. */}
          <pre tabIndex={0} role="group" aria-label="Log of the call">
            {result.log}
          </pre>
          <CopyButton text={result.log} />
        </div>
      )}
    </div>
  );
}
