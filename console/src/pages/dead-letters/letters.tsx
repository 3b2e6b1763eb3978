// Batches that were given up: what they were, why, and what to do with them.

import { useState } from "preact/hooks";
import { asApiError } from "../../api/error.ts";
import { forget, useResource } from "../../api/resource.ts";
import { type DeadLetter, getDeadLetter, redriveDeadLetter, removeDeadLetter } from "../../api/triggers.ts";
import { functionOfArn, tableOfArn } from "../../model/arn.ts";
import { bytes, count, plural } from "../../model/format.ts";
import { href } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button, LinkButton } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { Card, Facts } from "../../ui/page.tsx";
import { ErrorState, Loading } from "../../ui/states.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Ago } from "../../ui/time.tsx";
import { complain, say } from "../../ui/toast.tsx";
import { FailureBlock } from "../functions/failure.tsx";
import { LogLines } from "../functions/log.tsx";
import { RecordsList } from "./records.tsx";
import "./dead-letters.css";

/** Lines of the log that are looked through for those of the call. */
const LOG_LINES = 1000;

const CONDITIONS = {
  RetryAttemptsExhausted: "All tries failed",
  RecordAgeExceeded: "Its records got too old",
} as const;

/** Letters in rows, with what can be done to one and to all of them. */
export function Letters(props: {
  letters: readonly DeadLetter[];
  /** Whether the function is told in each row. */
  functions: boolean;
  /** There are more than these; what is done to all is done to these. */
  more: boolean;
  reload: () => Promise<void>;
}) {
  const { letters, reload } = props;
  const [open, setOpen] = useState<string>();
  const [removing, setRemoving] = useState(false);
  const shown = letters.find((one) => one.id === open);
  const redriving = useRedrive(reload);
  const columns = COLUMNS(setOpen).filter((column) => props.functions || column.id !== "function");
  return (
    <Card
      title={`${plural(letters.length, "batch", "batches")} ${props.more ? "on this page" : "given up"}`}
      flush
      actions={
        <>
          <Button
            small
            icon="refresh"
            busy={redriving.busy}
            onClick={() => void redriving.run(letters.map((one) => one.id))}
          >
            {redriving.busy ? `Redriving ${redriving.done + 1} of ${redriving.all}` : "Redrive all"}
          </Button>
          <Button small icon="trash" kind="danger" onClick={() => setRemoving(true)}>
            Remove all
          </Button>
        </>
      }
    >
      <Table label="Dead letters" columns={columns} rows={letters} rowKey={(one) => one.id} />
      {shown && <LetterDialog key={shown.id} letter={shown} onClose={() => setOpen(undefined)} reload={reload} />}
      <RemoveDialog
        open={removing}
        ids={letters.map((one) => one.id)}
        onClose={() => setRemoving(false)}
        reload={reload}
      />
    </Card>
  );
}

const COLUMNS = (open: (id: string) => void): Column<DeadLetter>[] => [
  {
    id: "when",
    label: "Given up",
    sort: (one) => one.droppedAt,
    cell: (one) => (
      <button type="button" class="link" onClick={() => open(one.id)}>
        <Ago ms={Date.parse(one.droppedAt)} />
      </button>
    ),
  },
  {
    id: "function",
    label: "Function",
    sort: (one) => functionOfArn(one.functionArn),
    cell: (one) => <span class="break">{functionOfArn(one.functionArn)}</span>,
  },
  { id: "table", label: "Table", wide: true, cell: (one) => <span class="break">{tableOfArn(one.streamArn)}</span> },
  { id: "records", label: "Records", right: true, sort: (one) => one.records, cell: (one) => count(one.records) },
  { id: "calls", label: "Calls", right: true, wide: true, cell: (one) => count(one.approximateInvokeCount) },
  {
    id: "error",
    label: "Error",
    cell: (one) => (
      <span class="letter-error">
        {one.redriveError !== null && <Badge tone="bad">Redrive failed</Badge>}
        <FailureBlock text={one.redriveError ?? one.error ?? CONDITIONS[one.condition]} line />
      </span>
    ),
  },
];

interface Redriving {
  busy: boolean;
  done: number;
  all: number;
  run: (ids: readonly string[]) => Promise<void>;
}

/** Redrives one after the other, the oldest first, until one fails again. */
function useRedrive(reload: () => Promise<void>): Redriving {
  const [state, setState] = useState({ busy: false, done: 0, all: 0 });
  const run = async (ids: readonly string[]) => {
    let done = 0;
    try {
      for (const id of ids) {
        setState({ busy: true, done, all: ids.length });
        await redriveDeadLetter(id);
        done += 1;
      }
      say(`${plural(done, "batch", "batches")} redriven.`);
    } catch (error) {
      complain(`Stopped after ${plural(done, "batch", "batches")}:`, asApiError(error));
    } finally {
      setState({ busy: false, done: 0, all: 0 });
      await reload();
    }
  };
  return { ...state, run };
}

function RemoveDialog(props: {
  open: boolean;
  ids: readonly string[];
  onClose: () => void;
  reload: () => Promise<void>;
}) {
  const { ids, onClose, reload } = props;
  const action = useAction();
  const remove = async () => {
    const done = await action.run(async () => {
      for (const id of ids) await removeDeadLetter(id);
      say(`${plural(ids.length, "batch", "batches")} removed.`);
    });
    await reload();
    if (done) onClose();
  };
  const many = plural(ids.length, "batch", "batches");
  return (
    <Confirm open={props.open} onClose={onClose} title={`Remove ${many}?`} action={`Remove ${many}`} onConfirm={remove}>
      <p>The records stay in the stream until they expire there, but the function is not called with them any more.</p>
      {action.error && <ErrorState what="Not all of them were removed." error={action.error} />}
    </Confirm>
  );
}

/** One batch with its records, and the log of the last call. */
function LetterDialog(props: { letter: DeadLetter; onClose: () => void; reload: () => Promise<void> }) {
  const { letter, onClose, reload } = props;
  const name = functionOfArn(letter.functionArn);
  const known = useResource(`dead-letter/${letter.id}`, (signal) => getDeadLetter(letter.id, signal));
  const action = useAction();
  const [removing, setRemoving] = useState(false);
  const redrive = async () => {
    const done = await action.run(async () => {
      await redriveDeadLetter(letter.id);
      say("The function took the batch.");
    });
    forget("dead-letter");
    await reload();
    if (done) onClose();
  };
  const records = known.data.value?.payload?.Records;
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Given up by ${name}`}
      size="side"
      actions={
        <>
          <LinkButton href={href("/functions/:name", { name })}>Go to the function</LinkButton>
          <Button kind="danger" icon="trash" onClick={() => setRemoving(true)}>
            Remove
          </Button>
          <Button kind="primary" icon="refresh" busy={action.busy} onClick={redrive}>
            Redrive
          </Button>
        </>
      }
    >
      <div class="stack">
        {action.error && <ErrorState what="It failed again." error={action.error} />}
        <FailureBlock text={letter.redriveError ?? letter.error ?? CONDITIONS[letter.condition]} />
        <Facts
          facts={[
            ["Why", CONDITIONS[letter.condition]],
            ["Given up", <Ago key="ago" ms={Date.parse(letter.droppedAt)} />],
            ["Calls", count(letter.approximateInvokeCount)],
            ["Redriven", plural(letter.redrives, "time")],
            ["Records", `${count(letter.records)}, ${bytes(letter.bytes)}`],
            ["Table", tableOfArn(letter.streamArn)],
            ["Shard", <span class="data">{letter.shardId}</span>],
            [
              "Sequence numbers",
              <span key="sequence" class="row">
                <span class="data">{letter.startSequenceNumber}</span>
                <CopyButton text={letter.startSequenceNumber} label="Copy the first sequence number" />
              </span>,
            ],
            ...(letter.destinationError === null ? [] : [["Destination", letter.destinationError] as const]),
          ]}
        />
        <h3>Records</h3>
        {known.error.value && <ErrorState what="The records could not be read." error={known.error.value} />}
        {!known.data.value && !known.error.value && <Loading />}
        {records && <RecordsList records={records} />}
        {letter.requestId !== null && <CallLog name={name} requestId={letter.requestId} />}
      </div>
      <RemoveDialog
        open={removing}
        ids={[letter.id]}
        onClose={() => setRemoving(false)}
        reload={async () => {
          await reload();
        }}
      />
    </Dialog>
  );
}

function CallLog({ name, requestId }: { name: string; requestId: string }) {
  return (
    <>
      <h3>Log of the last call</h3>
      <LogLines
        name={name}
        limit={LOG_LINES}
        select={(lines) => lines.filter((line) => line.requestId === requestId)}
      />
    </>
  );
}
