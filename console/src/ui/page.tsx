// The parts that pages are laid out with.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";

export interface Crumb {
  label: string;
  href: string;
}

/** The head of a page: where it is, what it is, what one can do with it. */
export function PageHead(props: {
  title: ComponentChildren;
  crumbs?: readonly Crumb[];
  actions?: ComponentChildren;
  /** Beside the title, such as a state. */
  beside?: ComponentChildren;
}) {
  return (
    <header class="page-head">
      {props.crumbs && props.crumbs.length > 0 && (
        <nav class="crumbs" aria-label="Breadcrumb">
          <ol>
            {props.crumbs.map((crumb) => (
              <li key={crumb.href}>
                <a href={crumb.href}>{crumb.label}</a>
                <Icon name="right" size={12} />
              </li>
            ))}
          </ol>
        </nav>
      )}
      <div class="page-title">
        <h1>{props.title}</h1>
        {props.beside}
        {props.actions && <div class="actions">{props.actions}</div>}
      </div>
    </header>
  );
}

/** A framed part of a page. */
export function Card(props: {
  title?: ComponentChildren;
  actions?: ComponentChildren;
  /** Without padding, for tables that go to the edge. */
  flush?: boolean;
  children: ComponentChildren;
}) {
  return (
    <section class={props.flush ? "card card-flush" : "card"}>
      {props.title !== undefined && (
        <header class="card-head">
          <h2>{props.title}</h2>
          {props.actions && <div class="actions">{props.actions}</div>}
        </header>
      )}
      <div class="card-body">{props.children}</div>
    </section>
  );
}

/** Names and values below each other. */
export function Facts(props: {
  facts: readonly (readonly [label: string, value: ComponentChildren])[];
  /** One in a row, for long values. */
  wide?: boolean;
}) {
  return (
    <dl class={props.wide ? "facts facts-wide" : "facts"}>
      {props.facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** One number with its name. */
export function Figure(props: { label: string; value: ComponentChildren; note?: ComponentChildren }) {
  return (
    <div class="figure">
      <div class="figure-label">{props.label}</div>
      <div class="figure-value">{props.value}</div>
      {props.note !== undefined && <div class="figure-note">{props.note}</div>}
    </div>
  );
}

export interface Tab {
  id: string;
  label: string;
  href: string;
  icon?: IconName;
  /** Beside the label, such as a count. */
  note?: ComponentChildren;
}

/** Tabs that are places of their own: links. */
export function Tabs({ label, tabs, current }: { label: string; tabs: readonly Tab[]; current: string }) {
  const host = useRef<HTMLElement>(null);
  // Where there is little room for tabs, the current one is brought into view.
  useEffect(() => {
    host.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [current]);
  return (
    <nav class="tabs" aria-label={label} ref={host}>
      {tabs.map((tab) => (
        <a key={tab.id} class="tab" href={tab.href} aria-current={tab.id === current ? "page" : undefined}>
          {tab.icon && <Icon name={tab.icon} />}
          {tab.label}
          {tab.note !== undefined && <span class="tab-note">{tab.note}</span>}
        </a>
      ))}
    </nav>
  );
}
