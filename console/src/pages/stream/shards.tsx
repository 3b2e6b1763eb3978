// The shards of a stream as a picture, and what one can know of each.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useResource } from "../../api/resource.ts";
import { type Shard, type Shards, shardsOf, splitShard } from "../../api/shards.ts";
import { duration, moment, plural } from "../../model/format.ts";
import { type Block, lineage, shortShard } from "../../model/lineage.ts";
import { justBefore } from "../../model/sequence.ts";
import { href } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button, LinkButton } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Card, Facts } from "../../ui/page.tsx";
import { ErrorState, Loading } from "../../ui/states.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Ago } from "../../ui/time.tsx";
import { say } from "../../ui/toast.tsx";

const EVERY_MS = 3000;

export function ShardsView({ table, stream, parts }: { table: string; stream: string; parts: ComponentChildren }) {
  const known = useResource(`shards/${stream}`, (signal) => shardsOf(stream, signal), { every: EVERY_MS });
  const [chosen, setChosen] = useState<string>();
  const shards = known.data.value;
  const shard = shards?.shards.find((one) => one.id === chosen);
  return (
    <div class="stack">
      <div class="row">
        {parts}
        {shards && (
          <span class="muted small">
            {plural(shards.shards.filter((one) => one.closed_ms === null).length, "open shard")},{" "}
            {plural(shards.shards.filter((one) => one.closed_ms !== null).length, "closed one")}, records are kept for{" "}
            {duration(shards.now_ms - shards.trim_horizon_ms)}
          </span>
        )}
      </div>
      {known.error.value && (
        <ErrorState what="The shards could not be listed." error={known.error.value} retry={known.reload} />
      )}
      {!shards && !known.error.value && <Loading />}
      {shards && (
        <>
          <Card title="Lineage" flush>
            <Picture shards={shards} chosen={chosen} onChoose={setChosen} />
          </Card>
          {shard && <ShardCard table={table} stream={stream} shard={shard} onChange={known.reload} />}
          <Card title="Shards" flush>
            <Table label="Shards" columns={columns(setChosen)} rows={shards.shards} rowKey={(one) => one.id} />
          </Card>
        </>
      )}
    </div>
  );
}

function columns(choose: (id: string) => void): Column<Shard>[] {
  return [
    {
      id: "id",
      label: "Shard",
      sort: (shard) => shard.id,
      cell: (shard) => (
        <button type="button" class="link data" onClick={() => choose(shard.id)}>
          {shard.id}
        </button>
      ),
    },
    { id: "state", label: "State", cell: (shard) => <StateOf shard={shard} /> },
    { id: "opened", label: "Opened", sort: (shard) => shard.opened_ms, cell: (shard) => <Ago ms={shard.opened_ms} /> },
    {
      id: "closed",
      label: "Closed",
      sort: (shard) => shard.closed_ms ?? 0,
      cell: (shard) => (shard.closed_ms === null ? "-" : <Ago ms={shard.closed_ms} />),
    },
    { id: "range", label: "Hashes", wide: true, cell: (shard) => <span class="data">{rangeOf(shard)}</span> },
    { id: "parent", label: "Parent", wide: true, cell: (shard) => <span class="data">{shard.parent ?? "-"}</span> },
  ];
}

function StateOf({ shard }: { shard: Shard }) {
  return shard.closed_ms === null ? <Badge tone="good">Open</Badge> : <Badge tone="off">Closed</Badge>;
}

function rangeOf(shard: Shard): string {
  return `${shard.hash_from}\u2013${shard.hash_to}`;
}

const HEIGHT_PX = 260;
const AXIS_PX = 24;
/** Blocks have a name if it fits. */
const NAME_PX = 44;

function Picture(props: { shards: Shards; chosen: string | undefined; onChoose: (id: string) => void }) {
  const { shards, chosen, onChoose } = props;
  const host = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = host.current;
    if (!element) return;
    const look = () => setWidth(element.clientWidth);
    look();
    const resized = new ResizeObserver(look);
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  const picture = lineage(shards.shards, shards.trim_horizon_ms, shards.now_ms, Math.max(2, Math.floor(width / 130)));
  const inner = Math.max(0, width - 1);
  return (
    <div class="lineage" ref={host}>
      {width > 0 && (
        <svg width={width} height={HEIGHT_PX + AXIS_PX} role="group" aria-label="Shards over time, by hashes of keys">
          {picture.ticks.map((tick) => (
            <g key={tick.ms} class="lineage-tick">
              <line x1={tick.at * inner} x2={tick.at * inner} y1={0} y2={HEIGHT_PX} />
              <text x={Math.min(Math.max(tick.at * inner, 26), inner - 26)} y={HEIGHT_PX + 16} text-anchor="middle">
                {timeOfDay(tick.ms)}
              </text>
            </g>
          ))}
          {picture.blocks.map((block) => (
            <ShardBlock
              key={block.shard.id}
              block={block}
              width={inner}
              chosen={chosen === block.shard.id}
              onChoose={onChoose}
            />
          ))}
          {picture.edge !== undefined && (
            <g class="lineage-edge">
              <rect x={0} y={0} width={picture.edge * inner} height={HEIGHT_PX} />
              <line x1={picture.edge * inner} x2={picture.edge * inner} y1={0} y2={HEIGHT_PX} />
              <text x={picture.edge * inner + 4} y={HEIGHT_PX - 6}>
                kept from here
              </text>
            </g>
          )}
        </svg>
      )}
    </div>
  );
}

function ShardBlock(props: { block: Block<Shard>; width: number; chosen: boolean; onChoose: (id: string) => void }) {
  const { block, width, chosen, onChoose } = props;
  const { shard } = block;
  const open = shard.closed_ms === null;
  // A shard that was just opened is seen and can be pressed all the same.
  const wide = Math.max((block.right - block.left) * width, 6);
  const x = Math.min(block.left * width, width - wide);
  const [y, high] = [block.top * HEIGHT_PX, Math.max((block.bottom - block.top) * HEIGHT_PX, 2)];
  const state = open ? "open" : block.expired ? "expired" : "closed";
  const choose = () => onChoose(shard.id);
  return (
    <g
      class={`lineage-shard lineage-${state}${chosen ? " lineage-chosen" : ""}`}
      role="button"
      tabIndex={0}
      aria-label={`${shard.id}, ${state}`}
      aria-pressed={chosen}
      onClick={choose}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose();
      }}
    >
      <title>{`${shard.id}, ${state}`}</title>
      <rect x={x + 1} y={y + 1} width={Math.max(wide - 2, 4)} height={Math.max(high - 2, 1)} rx={3} />
      {wide > NAME_PX && high > 16 && (
        <text x={x + 8} y={y + Math.min(high / 2 + 4, 20)}>
          {shortShard(shard.id)} {wide > 2 * NAME_PX && state}
        </text>
      )}
    </g>
  );
}

function timeOfDay(ms: number): string {
  return moment(ms).slice(11);
}

/** What is known of the chosen shard, and what one can do with it. */
function ShardCard(props: { table: string; stream: string; shard: Shard; onChange: () => Promise<void> }) {
  const { table, stream, shard, onChange } = props;
  const [asked, setAsked] = useState(false);
  const action = useAction();
  const split = async () => {
    const done = await action.run(async () => {
      await splitShard(stream, shard.id);
      await onChange();
      say(`${shard.id} is split.`);
    });
    if (done) setAsked(false);
  };
  return (
    <Card
      title={<span class="data break">{shard.id}</span>}
      actions={
        <>
          <LinkButton
            small
            icon="stream"
            href={href("/tables/:table/stream", { table }, { from: justBefore(shard.first) })}
          >
            Records from its beginning
          </LinkButton>
          {shard.closed_ms === null && (
            <Button small onClick={() => setAsked(true)}>
              Split
            </Button>
          )}
        </>
      }
    >
      <Facts
        facts={[
          ["State", <StateOf key="state" shard={shard} />],
          ["Opened", moment(shard.opened_ms)],
          ["Closed", shard.closed_ms === null ? "-" : moment(shard.closed_ms)],
          ["Hashes of keys", <span class="data">{rangeOf(shard)}</span>],
          ["First sequence number", <Copied key="first" text={shard.first} />],
          ["Last sequence number", shard.last === null ? "-" : <Copied key="last" text={shard.last} />],
          ["Parent", shard.parent === null ? "-" : <Copied key="parent" text={shard.parent} />],
        ]}
      />
      <Confirm
        open={asked}
        onClose={() => setAsked(false)}
        title="Split the shard?"
        action="Split"
        kind="primary"
        onConfirm={split}
      >
        <p>
          It is closed, and two children share its keys from now on. Readers finish it before they read its children, as
          they do on AWS.
        </p>
        {action.error && <ErrorState what="The shard could not be split." error={action.error} />}
      </Confirm>
    </Card>
  );
}

function Copied({ text }: { text: string }) {
  return (
    <span class="row">
      <span class="data">{text}</span>
      <CopyButton text={text} />
    </span>
  );
}
