// Buttons, and links that look like them.

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

/** `primary` once per page or dialog; `danger` for what can't be taken back; `quiet` within rows and bars. */
export type ButtonKind = "default" | "primary" | "danger" | "quiet";

interface Common {
  kind?: ButtonKind;
  icon?: IconName;
  small?: boolean;
  children: ComponentChildren;
}

export interface ButtonProps extends Common {
  onClick?: (event: MouseEvent) => void;
  /** Sends the form that it is in. */
  submit?: boolean;
  /** Its work is under way; it can't be pressed again. */
  busy?: boolean;
  disabled?: boolean;
  /** Why it is disabled, or what it does. */
  title?: string;
  pressed?: boolean;
  /** Of a button that opens something: whether it is open, and the id of that. */
  expanded?: boolean;
  controls?: string;
  autoFocus?: boolean;
}

function className({ kind = "default", small }: { kind?: ButtonKind; small?: boolean }): string {
  return `button button-${kind}${small ? " button-small" : ""}`;
}

export function Button(props: ButtonProps) {
  const { icon, children, onClick, submit, busy, disabled, title, pressed, autoFocus } = props;
  return (
    <button
      type={submit ? "submit" : "button"}
      class={className(props)}
      disabled={disabled || busy}
      aria-busy={busy ? "true" : undefined}
      aria-pressed={pressed}
      aria-expanded={props.expanded}
      aria-controls={props.expanded ? props.controls : undefined}
      title={title}
      data-autofocus={autoFocus ? "" : undefined}
      onClick={onClick}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

/** A link to a place in the console (or a download) that looks like a button. */
export function LinkButton(props: Common & { href: string; download?: string }) {
  return (
    <a class={className(props)} href={props.href} download={props.download}>
      {props.icon && <Icon name={props.icon} />}
      <span>{props.children}</span>
    </a>
  );
}

/** A button with a picture alone; the label is read aloud and shown as its hint. */
export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: (event: MouseEvent) => void;
  disabled?: boolean;
  pressed?: boolean;
  expanded?: boolean;
}) {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={props.label}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
      title={props.label}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}
