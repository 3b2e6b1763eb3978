// The page of one table. Its tabs come from all folders.

import type { Page, TableTab } from "../../shell/pages.ts";

const load = () => import("./table.tsx");
const title = (params: Record<string, string>) => params.table ?? "Table";

export const pages: Page[] = [
  { path: "/tables/:table", title, load, under: "/tables" },
  {
    path: "/tables/:table/:tab",
    title: (params) => `${params.tab?.charAt(0).toUpperCase()}${params.tab?.slice(1)} of ${params.table}`,
    load,
    under: "/tables",
  },
  { path: "/tables/:table/:tab/:rest", title, load, under: "/tables" },
];

export const tabs: TableTab[] = [
  { id: "overview", label: "Overview", order: 10, load: () => import("./overview.tsx") },
  { id: "settings", label: "Settings", order: 90, load: () => import("./settings.tsx") },
];
