// Versions below each other, the newest first.

import type { Version } from "../../api/history.ts";
import { moment } from "../../model/format.ts";
import { changeText } from "../../model/record.ts";
import { VirtualList } from "../../ui/virtual.tsx";

const ROW_PX = 46;
/** The list is as high as its rows, up to so many. */
const ROWS_MAX = 12;

export function VersionList(props: {
  versions: readonly Version[];
  current: number;
  onChoose: (sequence: string) => void;
}) {
  const { versions, current, onChoose } = props;
  const count = versions.length;
  const at = (row: number) => count - 1 - row;
  const step = (by: number) => {
    const next = versions[Math.min(Math.max(current - by, 0), count - 1)];
    if (next) onChoose(next.SequenceNumber);
  };
  const keys = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  };
  return (
    <div class="history-list" style={{ height: `${Math.min(count, ROWS_MAX) * ROW_PX}px` }} onKeyDown={keys}>
      <VirtualList
        label="Versions, the newest first. Up and down go through them."
        count={count}
        rowHeight={ROW_PX}
        rowKey={(row) => versions[at(row)]?.SequenceNumber ?? row}
        row={(row) => {
          const version = versions[at(row)];
          return version && <Row version={version} current={at(row) === current} onChoose={onChoose} />;
        }}
      />
    </div>
  );
}

function Row(props: { version: Version; current: boolean; onChoose: (sequence: string) => void }) {
  const { version } = props;
  return (
    <button
      type="button"
      class="history-row"
      aria-current={props.current ? "true" : undefined}
      onClick={() => props.onChoose(version.SequenceNumber)}
    >
      <span class="stream-time">{timeText(version.Ms)}</span>
      <VersionMark version={version} />
      <span class="history-change data ellipsis">{changeOf(version)}</span>
    </button>
  );
}

/** The kind of a change, and TTL where that made it. */
export function VersionMark({ version }: { version: Version }) {
  return (
    <span class={`stream-event stream-event-${version.EventName.toLowerCase()}`}>
      {version.EventName}
      {version.Service !== undefined && <span class="stream-ttl"> {version.Service}</span>}
    </span>
  );
}

/** A moment to the millisecond. */
export function timeText(ms: number): string {
  return `${moment(ms)}.${String(ms % 1000).padStart(3, "0")}`;
}

function changeOf({ Item, Before }: Version): string {
  return changeText({ dynamodb: { Keys: {}, ...(Item && { NewImage: Item }), ...(Before && { OldImage: Before }) } });
}
