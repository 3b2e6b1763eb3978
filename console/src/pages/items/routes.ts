// The items of a table.

import type { TableTab } from "../../shell/pages.ts";

export const tabs: TableTab[] = [
  { id: "items", label: "Items", order: 20, full: true, load: () => import("./items.tsx") },
];
