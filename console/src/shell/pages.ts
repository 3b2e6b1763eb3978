// What a folder of `src/pages` can add to the console. Each has a `routes.ts` that exports `pages`, `tabs` or both;
// nothing else has to be told of it.

import type { ComponentType } from "preact";
import type { Resource } from "../api/resource.ts";
import type { TableDescription } from "../api/wire.ts";
import type { IconName } from "../ui/icon.tsx";

/** What a page gets. */
export interface PageProps {
  /** The parts of the path that the pattern names. */
  params: Record<string, string>;
}

/** A page of its own. */
export interface Page {
  /** Such as `/functions/:name`; a part with a colon is a parameter. */
  path: string;
  /** For the window's title. */
  title: (params: Record<string, string>) => string;
  load: () => Promise<{ default: ComponentType<PageProps> }>;
  /** An entry in the navigation, with its place in it. */
  nav?: { label: string; icon: IconName; order: number };
  /** For pages below one of the navigation: the path of that one. */
  under?: string;
}

/** What a tab of a table's page gets. */
export interface TabProps {
  /** The table's description; `reload` it after a change. */
  table: TableDescription & { TableName: string };
  resource: Resource<TableDescription>;
  /** The part of the path behind the tab's own, if there is one. */
  rest: string | undefined;
}

/** A tab of a table's page, at `/tables/:table/ID`. */
export interface TableTab {
  id: string;
  label: string;
  order: number;
  /** It fills the window, and scrolls by itself. */
  full?: boolean;
  load: () => Promise<{ default: ComponentType<TabProps> }>;
}

interface Routes {
  pages?: Page[];
  tabs?: TableTab[];
}

const folders = Object.values(import.meta.glob<Routes>("../pages/*/routes.ts", { eager: true }));

/** Every page. */
export const pages: readonly Page[] = folders.flatMap((folder) => folder.pages ?? []);

/** Those of the navigation, in its order. */
export const navigation: readonly Page[] = pages
  .filter((page) => page.nav !== undefined)
  .sort((a, b) => (a.nav?.order ?? 0) - (b.nav?.order ?? 0));

/** The tabs of a table's page, in order. */
export const tableTabs: readonly TableTab[] = folders
  .flatMap((folder) => folder.tabs ?? [])
  .sort((a, b) => a.order - b.order);
