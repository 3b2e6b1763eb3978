// Where the list begins: now, at the oldest record, at a time, behind a sequence number.

import { useState } from "preact/hooks";
import { isSequence } from "../../model/sequence.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Choices, TextField } from "../../ui/field.tsx";

type Kind = "latest" | "horizon" | "time" | "sequence";

const KINDS: { value: Kind; label: string; hint: string }[] = [
  { value: "latest", label: "Now", hint: "Changes from this moment on." },
  { value: "horizon", label: "The oldest record", hint: "Everything that the stream still keeps." },
  { value: "time", label: "A time", hint: "The first record of that time or later." },
  { value: "sequence", label: "A sequence number", hint: "The record of that number, and what follows." },
];

const MINUTES = [1, 10, 60, 360];

export function JumpDialog(props: { open: boolean; onClose: () => void; onJump: (from: Jump) => void }) {
  return (
    <Dialog open={props.open} onClose={props.onClose} title="Begin at" size="small">
      <JumpForm onClose={props.onClose} onJump={props.onJump} />
    </Dialog>
  );
}

/** A place that one can jump to; `at` is a sequence number whose record is shown too. */
export type Jump = { from: "latest" | "horizon" } | { ms: number } | { at: string };

function JumpForm({ onClose, onJump }: { onClose: () => void; onJump: (jump: Jump) => void }) {
  const [kind, setKind] = useState<Kind>("time");
  const [time, setTime] = useState(() => localText(Date.now() - 10 * 60_000));
  const [sequence, setSequence] = useState("");
  const ms = new Date(time).getTime();
  const problem = problemOf(kind, ms, sequence.trim());
  const jump = (event: Event) => {
    event.preventDefault();
    if (problem !== undefined) return;
    if (kind === "time") onJump({ ms });
    else if (kind === "sequence") onJump({ at: sequence.trim() });
    else onJump({ from: kind });
    onClose();
  };
  return (
    <form class="stack" onSubmit={jump}>
      <Choices label="Begin at" hideLabel value={kind} options={KINDS} onChange={setKind} />
      {kind === "time" && (
        <div class="stack-tight">
          <TextField label="Time" type="datetime-local" step={1} value={time} onInput={setTime} error={problem} />
          <div class="row">
            {MINUTES.map((minutes) => (
              <Button key={minutes} small onClick={() => setTime(localText(Date.now() - minutes * 60_000))}>
                {minutes < 60 ? `${minutes} min ago` : `${minutes / 60} h ago`}
              </Button>
            ))}
          </div>
        </div>
      )}
      {kind === "sequence" && (
        <TextField label="Sequence number" mono value={sequence} onInput={setSequence} error={problem} autoFocus />
      )}
      <div class="dialog-foot dialog-foot-inline">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" submit disabled={problem !== undefined}>
          Go there
        </Button>
      </div>
    </form>
  );
}

function problemOf(kind: Kind, ms: number, sequence: string): string | undefined {
  if (kind === "time" && Number.isNaN(ms)) return "This is no time.";
  if (kind === "time" && ms > Date.now()) return "That time has not come yet.";
  if (kind === "sequence" && !isSequence(sequence)) return "A sequence number has 25 digits.";
  return undefined;
}

/** A moment as the browser's field for times takes it: local, to the second. */
function localText(ms: number): string {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
