// What a page shows when it has nothing, waits, or failed; and notices within a page.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ApiError } from "../api/error.ts";
import { Button } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** Waiting that is shorter than this shows nothing: a flicker would only make it look slower. */
const LOADING_AFTER_MS = 150;

/** Grey lines in the place of what comes. */
export function Loading({ lines = 4, label = "Loading" }: { lines?: number; label?: string }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), LOADING_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">{label}</span>
      {shown && Array.from({ length: lines }, (_, index) => <div key={index} class="skeleton" aria-hidden="true" />)}
    </div>
  );
}

/** Nothing is here yet: says so, and what one can do next. */
export function EmptyState(props: { icon?: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      {props.icon && <Icon name={props.icon} size={28} />}
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

/** What failed, why, and what one can do. */
export function ErrorState(props: { what: string; error: ApiError; retry?: () => void; children?: ComponentChildren }) {
  const { what, error, retry } = props;
  return (
    <div class="notice notice-bad" role="alert">
      <Icon name="stop" />
      <div class="notice-body">
        <p class="notice-title">{what}</p>
        <p class="break">{error.message}</p>
        <p class="notice-detail">
          {error.type}
          {error.status > 0 && `, status ${error.status}`}. {advice(error)}
        </p>
        {props.children}
        {retry && (
          <Button small icon="refresh" onClick={retry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

/** One line on what helps, for the errors that have such a line. */
function advice(error: ApiError): string {
  switch (error.type) {
    case "Unreachable":
      return "Start it with `headwater serve`, or look at its log.";
    case "ThrottlingException":
    case "TooManyRequestsException":
      return "The server has too much to do; nothing was changed. Try again in a moment.";
    case "ResourceNotFoundException":
      return "It may have been deleted meanwhile.";
    case "ResourceInUseException":
      return "It is being changed, or the name is taken.";
    case "InternalServerError":
      return "The server's log says more.";
    default:
      return error.status >= 500 ? "The server's log says more." : "";
  }
}

export type NoticeKind = "info" | "good" | "warn" | "bad";

const NOTICE_ICONS: Record<NoticeKind, IconName> = { info: "info", good: "check", warn: "alert", bad: "stop" };

/** A message within a page. */
export function Notice(props: { kind?: NoticeKind; title?: string; children?: ComponentChildren }) {
  const kind = props.kind ?? "info";
  return (
    <div class={`notice notice-${kind}`} role={kind === "bad" ? "alert" : "note"}>
      <Icon name={NOTICE_ICONS[kind]} />
      <div class="notice-body">
        {props.title && <p class="notice-title">{props.title}</p>}
        {props.children}
      </div>
    </div>
  );
}
