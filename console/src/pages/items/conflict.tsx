// Somebody else changed the item meanwhile: what they did, what one would do, and the choices.

import type { ApiError } from "../../api/error.ts";
import type { Item } from "../../model/value.ts";
import { Button } from "../../ui/button.tsx";
import { ItemDiff } from "../../ui/json.tsx";
import { ErrorState, Notice } from "../../ui/states.tsx";

export function Conflict(props: {
  /** What was read; missing for an item that was to be new. */
  read: Item | undefined;
  mine: Item;
  /** What is there now; missing if it was deleted. */
  theirs: Item | undefined;
  /** Both changes together, if they do not touch each other. */
  merged: Item | undefined;
  busy: boolean;
  error: ApiError | undefined;
  onBack: () => void;
  onTheirs: () => void;
  onSave: (version: Item) => void;
}) {
  const { read, mine, theirs, merged, busy } = props;
  return (
    <div class="stack">
      <Notice kind="warn" title={titleOf(read, theirs)}>
        <p>Nothing was saved. {advice(read, theirs, merged)}</p>
      </Notice>
      {props.error && <ErrorState what="It was not saved." error={props.error} />}
      {read && (
        <section class="stack-tight" aria-label="What they changed">
          <h3>What they changed</h3>
          <ItemDiff
            label="Their differences"
            before={read}
            after={theirs}
            beforeLabel="When you opened it"
            afterLabel="Now"
          />
        </section>
      )}
      <section class="stack-tight" aria-label="What yours would change">
        <h3>What yours would change of it</h3>
        <ItemDiff
          label="Your differences"
          before={theirs}
          after={merged ?? mine}
          beforeLabel="Now"
          afterLabel={merged ? "Both together" : "Yours"}
        />
      </section>
      <div class="row">
        {merged && (
          <Button kind="primary" busy={busy} onClick={() => props.onSave(merged)}>
            Save both together
          </Button>
        )}
        <Button kind={merged ? "default" : "danger"} busy={busy} onClick={() => props.onSave(mine)}>
          {theirs ? "Save mine over it" : "Create mine anew"}
        </Button>
        <Button disabled={busy} onClick={props.onTheirs}>
          {theirs ? "Take theirs" : "Leave it deleted"}
        </Button>
        <Button kind="quiet" disabled={busy} onClick={props.onBack}>
          Back to editing
        </Button>
      </div>
    </div>
  );
}

function titleOf(read: Item | undefined, theirs: Item | undefined): string {
  if (!read) return "There is an item with this key already";
  return theirs ? "Somebody changed this item meanwhile" : "Somebody deleted this item meanwhile";
}

function advice(read: Item | undefined, theirs: Item | undefined, merged: Item | undefined): string {
  if (!read) return "Choose another key, or decide which one is to stay.";
  if (!theirs) return "Decide whether it is to be there.";
  return merged
    ? "You changed different attributes, so that both can be kept."
    : "Both changed the same attributes: choose.";
}
