// All versions of one item, as far as the log reaches: what it was at each time, what changed, and the way back.

import { useEffect, useMemo, useState } from "preact/hooks";
import { type ApiError, asApiError, isAbort } from "../../api/error.ts";
import { readHistory, type Version } from "../../api/history.ts";
import { moment, plural } from "../../model/format.ts";
import { keyText } from "../../model/record.ts";
import type { Item } from "../../model/value.ts";
import type { TabProps } from "../../shell/pages.ts";
import { go, place } from "../../shell/router.ts";
import { Button } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { EmptyState, ErrorState, Loading } from "../../ui/states.tsx";
import { historyHref, keyOfAddress } from "./address.ts";
import { KeyForm } from "./key-form.tsx";
import { VersionDetail } from "./version.tsx";
import { VersionList } from "./versions.tsx";
import "../stream/stream.css";
import "./history.css";

/** The newest versions are shown, so many of them. */
const VERSIONS_MAX = 5000;

export default function History({ table }: TabProps) {
  const names = (table.KeySchema ?? []).map((one) => one.AttributeName);
  const { query } = place.value;
  const key = keyOfAddress(query, names);
  if (!key) return <KeyForm table={table} />;
  // Another item is another history: nothing of the first may stay.
  return (
    <ItemHistory
      key={JSON.stringify(key)}
      table={table.TableName}
      keyNames={names}
      itemKey={key}
      at={query.get("at") ?? undefined}
    />
  );
}

interface Known {
  /** The oldest first. */
  versions: readonly Version[];
  /** How many older ones were let go. */
  dropped: number;
  sinceMs: number;
  reading: boolean;
}

function useHistory(table: string, key: Item) {
  const [known, setKnown] = useState<Known>();
  const [error, setError] = useState<ApiError>();
  const [turn, setTurn] = useState(0);
  const text = JSON.stringify(key);
  useEffect(() => {
    const abort = new AbortController();
    let all: Version[] = [];
    let dropped = 0;
    setError(undefined);
    readHistory(
      table,
      key,
      (versions, sinceMs, more) => {
        all.push(...versions);
        dropped += Math.max(0, all.length - VERSIONS_MAX);
        all = all.slice(-VERSIONS_MAX);
        setKnown({ versions: [...all], dropped, sinceMs, reading: more });
      },
      abort.signal,
    ).catch((reason: unknown) => {
      if (!isAbort(reason)) setError(asApiError(reason));
    });
    return () => abort.abort();
  }, [table, text, turn]);
  return { known, error, reload: () => setTurn((old) => old + 1) };
}

function ItemHistory(props: {
  table: string;
  keyNames: readonly string[];
  itemKey: Item;
  /** The sequence number of the version that is shown; the newest without one. */
  at: string | undefined;
}) {
  const { table, itemKey, at } = props;
  const { known, error, reload } = useHistory(table, itemKey);
  const versions = known?.versions ?? [];
  const index = useMemo(() => indexOf(versions, at), [versions, at]);
  const shown = versions[index];
  const choose = (sequence: string) => go(historyHref(table, itemKey, sequence), { replace: true });
  return (
    <div class="stack">
      <div class="row">
        <h2 class="data break">{keyText(itemKey)}</h2>
        <div class="actions">
          <Button small icon="refresh" onClick={reload}>
            Read again
          </Button>
          <Button small icon="search" onClick={() => go(location.hash.replace(/\?.*$/, ""))}>
            Another item
          </Button>
        </div>
      </div>
      {error && <ErrorState what="The history could not be read." error={error} retry={reload} />}
      {!known && !error && <Loading />}
      {known && versions.length === 0 && !known.reading && (
        <EmptyState icon="history" title="No change of this item is in the log">
          <p>{reachText(known)} It may never have been there, or it was not changed in that time.</p>
        </EmptyState>
      )}
      {known && shown && (
        <div class="history">
          <Card
            title={plural(versions.length, "version")}
            flush
            actions={<AsOf versions={versions} onChoose={choose} />}
          >
            <VersionList versions={versions} current={index} onChoose={choose} />
            <p class="table-foot">
              {known.reading ? "Reading the log\u2026 " : ""}
              {reachText(known)}
            </p>
          </Card>
          <VersionDetail
            key={shown.SequenceNumber}
            table={table}
            keyNames={props.keyNames}
            version={shown}
            newest={versions.at(-1) ?? shown}
            onRestored={reload}
          />
        </div>
      )}
    </div>
  );
}

/** The place of a sequence number, or of the last version before it; the newest one without. */
function indexOf(versions: readonly Version[], at: string | undefined): number {
  if (at === undefined) return versions.length - 1;
  const index = versions.findLastIndex((one) => one.SequenceNumber <= at);
  return Math.max(index, 0);
}

function reachText({ sinceMs, dropped }: Known): string {
  const more = dropped > 0 ? `${plural(dropped, "older version")} not shown. ` : "";
  if (sinceMs === 0) return `${more}The log reaches back to the table's beginning.`;
  return `${more}The log reaches back to ${moment(sinceMs)}.`;
}

/** Goes to what the item was at a time. */
function AsOf({ versions, onChoose }: { versions: readonly Version[]; onChoose: (sequence: string) => void }) {
  const [time, setTime] = useState("");
  const choose = (text: string) => {
    setTime(text);
    const ms = new Date(text).getTime();
    if (Number.isNaN(ms)) return;
    // To the end of the second that was typed.
    const found = versions.findLast((one) => one.Ms < ms + 1000) ?? versions[0];
    if (found) onChoose(found.SequenceNumber);
  };
  return <TextField label="As it was at" hideLabel type="datetime-local" step={1} value={time} onInput={choose} />;
}
