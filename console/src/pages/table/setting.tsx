// One setting: what it is, how it stands, and what changes it.

import type { ComponentChildren } from "preact";
import type { Resource } from "../../api/resource.ts";
import type { Action } from "../../ui/action.ts";
import { ErrorState } from "../../ui/states.tsx";

export function Setting(props: {
  title: string;
  text: ComponentChildren;
  state?: ComponentChildren;
  /** Shows how the last change failed. */
  action?: Action;
  /** Shows why it is not known how it stands. */
  known?: Resource<unknown>;
  /** The controls. */
  children?: ComponentChildren;
}) {
  const error = props.known?.error.value;
  return (
    <section class="setting">
      <div class="setting-text">
        <div class="row">
          <h3>{props.title}</h3>
          {props.state}
        </div>
        <p class="muted small">{props.text}</p>
      </div>
      <div class="setting-controls">{props.children}</div>
      {props.action?.error && <ErrorState what="It was not changed." error={props.action.error} />}
      {error && <ErrorState what="It is not known how this stands." error={error} retry={props.known?.reload} />}
    </section>
  );
}
