// The tab of a table's stream: live records, shards, settings; or what enables it.

import { useRef } from "preact/hooks";
import type { TabProps } from "../../shell/pages.ts";
import { go, href, place } from "../../shell/router.ts";
import { Segments } from "../../ui/field.tsx";
import { isOtherAddress, LiveRecords } from "./live.tsx";
import { EnableStream, StreamSettings } from "./settings.tsx";
import { ShardsView } from "./shards.tsx";
import "./stream.css";

const PARTS = [
  { value: "live", label: "Records" },
  { value: "shards", label: "Shards" },
  { value: "settings", label: "Settings" },
] as const;

type Part = (typeof PARTS)[number]["value"];

export default function Stream({ table, resource, rest }: TabProps) {
  const stream = table.LatestStreamArn;
  const begun = useRef(0);
  void place.value;
  if (isOtherAddress()) begun.current += 1;
  if (stream === undefined) return <EnableStream table={table.TableName} onChange={resource.reload} />;
  const part = PARTS.find((one) => one.value === rest)?.value ?? "live";
  const show = (next: Part) => {
    const params = { table: table.TableName, rest: next };
    go(href(next === "live" ? "/tables/:table/stream" : "/tables/:table/stream/:rest", params));
  };
  const parts = <Segments label="Parts of the stream" value={part} options={PARTS} onChange={show} />;
  return (
    <div class={part === "live" ? "stream stream-live" : "stream stream-flow"}>
      {part === "live" && (
        <LiveRecords key={`${begun.current} ${stream}`} table={table} stream={stream} parts={parts} />
      )}
      {part === "shards" && <ShardsView key={stream} table={table.TableName} stream={stream} parts={parts} />}
      {part === "settings" && <StreamSettings table={table} stream={stream} parts={parts} onChange={resource.reload} />}
    </div>
  );
}
