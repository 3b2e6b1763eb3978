// The time machine: all versions of one item.

import type { TableTab } from "../../shell/pages.ts";

export const tabs: TableTab[] = [{ id: "history", label: "History", order: 50, load: () => import("./history.tsx") }];
