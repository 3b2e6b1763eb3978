// A state in one or two words; a picture says the same as the colour.

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

export type Tone = "good" | "warn" | "bad" | "busy" | "off" | "plain";

const ICONS: Record<Tone, IconName | undefined> = {
  good: "check",
  warn: "alert",
  bad: "stop",
  busy: "clock",
  off: "minus",
  plain: undefined,
};

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }) {
  const icon = ICONS[tone];
  return (
    <span class={`badge badge-${tone}`}>
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  );
}

/** The tone of a status that the API names, such as `ACTIVE` or `Enabling`. */
export function toneOf(status: string): Tone {
  switch (status.toUpperCase()) {
    case "ACTIVE":
    case "ENABLED":
    case "OK":
      return "good";
    case "CREATING":
    case "UPDATING":
    case "DELETING":
    case "ENABLING":
    case "DISABLING":
    case "PENDING":
      return "busy";
    case "DISABLED":
      return "off";
    case "FAILED":
      return "bad";
    default:
      return "plain";
  }
}

/** A status of the API, in words: `UPDATING` is shown as "Updating". */
export function Status({ status }: { status: string }) {
  const text = status.charAt(0).toUpperCase() + status.slice(1).toLowerCase().replaceAll("_", " ");
  return <Badge tone={toneOf(status)}>{text}</Badge>;
}
