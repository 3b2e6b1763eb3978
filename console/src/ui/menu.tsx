// A button with a list of actions, or of boxes to tick, below it.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Button, type ButtonKind } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** Opens below its button; closes with Escape, or when one goes elsewhere. */
export function Popover(props: {
  label: ComponentChildren;
  icon?: IconName;
  kind?: ButtonKind;
  disabled?: boolean;
  /** What is inside; `close` closes it. */
  children: (close: () => void) => ComponentChildren;
}) {
  const [open, setOpen] = useState(false);
  const host = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    const elsewhere = (event: Event) => {
      if (event.target instanceof Node && !host.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    host.current?.querySelector<HTMLElement>(".popover button, .popover input")?.focus();
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
    };
  }, [open]);
  const close = () => {
    setOpen(false);
    host.current?.querySelector("button")?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (!open) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      step(host.current, event.key === "ArrowDown" ? 1 : -1);
    }
  };
  return (
    <div class="popover-host" ref={host} onKeyDown={keys}>
      <Button
        {...(props.icon ? { icon: props.icon } : {})}
        kind={props.kind ?? "default"}
        disabled={props.disabled ?? false}
        expanded={open}
        controls={id}
        onClick={() => setOpen(!open)}
      >
        {props.label} <Icon name="down" size={12} />
      </Button>
      {open && (
        <div class="popover" id={id}>
          {props.children(close)}
        </div>
      )}
    </div>
  );
}

function step(host: HTMLElement | null, by: number): void {
  const all = [...(host?.querySelectorAll<HTMLElement>(".popover button, .popover input") ?? [])];
  const here = all.indexOf(document.activeElement as HTMLElement);
  all[(here + by + all.length) % all.length]?.focus();
}

export interface MenuEntry {
  label: string;
  hint?: string;
  icon?: IconName;
  run: () => void;
}

/** A list of actions. */
export function Menu(props: { label: string; icon?: IconName; disabled?: boolean; entries: readonly MenuEntry[] }) {
  return (
    <Popover label={props.label} {...(props.icon ? { icon: props.icon } : {})} disabled={props.disabled ?? false}>
      {(close) => (
        <ul class="menu">
          {props.entries.map((entry) => (
            <li key={entry.label}>
              <button
                type="button"
                onClick={() => {
                  close();
                  entry.run();
                }}
              >
                {entry.icon && <Icon name={entry.icon} />}
                <span>
                  {entry.label}
                  {entry.hint && <span class="menu-hint">{entry.hint}</span>}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </Popover>
  );
}
