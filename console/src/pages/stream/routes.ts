// The stream of a table: its records as they come, its shards, its settings.

import type { TableTab } from "../../shell/pages.ts";

export const tabs: TableTab[] = [
  { id: "stream", label: "Stream", order: 30, full: true, load: () => import("./stream.tsx") },
];
