// Dialogs: the browser's own, so that focus stays inside and Escape closes.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button, IconButton } from "./button.tsx";
import { TextField } from "./field.tsx";

interface DialogProps {
  open: boolean;
  /** Escape, the cross, or a press beside it. */
  onClose: () => void;
  title: string;
  /** `side` slides in from the right, over the whole height; for details and editors. */
  size?: "small" | "medium" | "large" | "side";
  /** The buttons at the bottom. */
  actions?: ComponentChildren;
  children: ComponentChildren;
}

/** What is inside exists only while it is open. */
export function Dialog(props: DialogProps) {
  return props.open ? <Opened {...props} /> : null;
}

function Opened({ onClose, title, size = "medium", actions, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // Before it is painted: whoever sees it can close it.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (!element) return;
    const opener = document.activeElement;
    element.showModal();
    element.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      element.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog dialog-${size}`}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="dialog-inner">
        <header class="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        <div class="dialog-body">{children}</div>
        {actions && <footer class="dialog-foot">{actions}</footer>}
      </div>
    </dialog>
  );
}

/** Asks before something that can't be taken back; with `typed`, that word has to be typed first. */
export function Confirm(props: {
  open: boolean;
  onClose: () => void;
  title: string;
  /** What the button says, such as "Delete the table". */
  action: string;
  /** Does it; its error is shown by the caller. The dialog stays until the caller closes it. */
  onConfirm: () => Promise<void> | void;
  typed?: string;
  kind?: "danger" | "primary";
  children: ComponentChildren;
}) {
  return props.open ? <OpenedConfirm {...props} /> : null;
}

function OpenedConfirm(props: Parameters<typeof Confirm>[0]) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const alive = useRef(true);
  useEffect(
    () => () => {
      alive.current = false;
    },
    [],
  );
  const ready = props.typed === undefined || text === props.typed;
  const confirm = async (event: Event) => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    try {
      await props.onConfirm();
    } finally {
      if (alive.current) setBusy(false);
    }
  };
  const form = "confirm-form";
  return (
    <Dialog open title={props.title} onClose={props.onClose} size="small">
      <form id={form} class="stack" onSubmit={confirm}>
        {props.children}
        {props.typed !== undefined && (
          <TextField label={`Type ${props.typed} to confirm`} value={text} onInput={setText} mono autoFocus />
        )}
        <div class="dialog-foot dialog-foot-inline">
          <Button onClick={props.onClose}>Cancel</Button>
          <Button submit kind={props.kind ?? "danger"} busy={busy} disabled={!ready}>
            {props.action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
