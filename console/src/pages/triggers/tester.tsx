// Filter patterns tried on records that are really there.

import { useEffect, useState } from "preact/hooks";
import { type ApiError, asApiError, isAbort } from "../../api/error.ts";
import { type Explanation, explainAll } from "../../api/filter.ts";
import { recentRecords } from "../../api/recent.ts";
import { useResource } from "../../api/resource.ts";
import { plural } from "../../model/format.ts";
import { changeText, keyText, type StreamRecord } from "../../model/record.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Explained } from "../../ui/explanation.tsx";
import { ErrorState, Loading } from "../../ui/states.tsx";
import { EventMark } from "../stream/record-list.tsx";
import "../stream/stream.css";

/** So many recent records are tried. */
const RECORDS = 50;
/** The server is asked when nothing was typed for so long. */
const TYPED_MS = 300;

export function FilterTester({ table, patterns }: { table: string; patterns: readonly string[] }) {
  const recent = useResource(`recent/${table}`, (signal) => recentRecords(table, RECORDS, signal));
  const records = recent.data.value;
  const { results, error } = useExplanations(patterns, records);
  const matching = results?.filter((one) => one.matches).length;
  return (
    <div class="stack-tight">
      <div class="row">
        <p class="muted">
          {records &&
            (records.length === 0
              ? "The stream has no records yet to try it on."
              : matching === undefined
                ? `${plural(records.length, "recent record")}.`
                : `${matching} of ${plural(records.length, "recent record")} would be delivered.`)}
        </p>
        <Button small kind="quiet" icon="refresh" onClick={() => void recent.reload()}>
          Get records again
        </Button>
      </div>
      {recent.error.value && <ErrorState what="The records could not be read." error={recent.error.value} />}
      {error && <ErrorState what="The patterns could not be tried." error={error} />}
      {!records && !recent.error.value && <Loading lines={2} />}
      {records && records.length > 0 && (
        <ul class="tester">
          {records.map((record, index) => (
            <Tried key={record.eventID} record={record} explanation={results?.[index]} />
          ))}
        </ul>
      )}
    </div>
  );
}

function useExplanations(patterns: readonly string[], records: readonly StreamRecord[] | undefined) {
  const used = patterns.filter((one) => one.trim() !== "");
  const key = JSON.stringify(used);
  const [known, setKnown] = useState<{ results?: Explanation[]; error?: ApiError }>({});
  useEffect(() => {
    if (!records || records.length === 0) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      explainAll(used, records, abort.signal).then(
        (results) => setKnown({ results }),
        (error: unknown) => {
          if (!isAbort(error)) setKnown({ error: asApiError(error) });
        },
      );
    }, TYPED_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, records]);
  return known;
}

function Tried({ record, explanation }: { record: StreamRecord; explanation: Explanation | undefined }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <button type="button" class="tester-row" aria-expanded={open} onClick={() => setOpen(!open)}>
        {explanation &&
          (explanation.matches ? <Badge tone="good">Delivered</Badge> : <Badge tone="off">Passed over</Badge>)}
        <EventMark record={record} />
        <span class="data ellipsis">{keyText(record.dynamodb.Keys)}</span>
        <span class="data ellipsis muted">{changeText(record)}</span>
      </button>
      {open && explanation && explanation.patterns.length > 0 && (
        <div class="tester-reasons">
          <Explained explanation={explanation} />
        </div>
      )}
    </li>
  );
}
