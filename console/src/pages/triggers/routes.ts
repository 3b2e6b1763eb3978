// Triggers: mappings from streams to functions. A tab of a table, a list of all, the page of one, and the page that makes one.

import type { Page, TableTab } from "../../shell/pages.ts";

export const pages: Page[] = [
  {
    path: "/triggers",
    title: () => "Triggers",
    nav: { label: "Triggers", icon: "trigger", order: 30 },
    load: () => import("./list.tsx"),
  },
  { path: "/triggers/:uuid", title: () => "Trigger", load: () => import("./trigger.tsx"), under: "/triggers" },
  { path: "/create-trigger", title: () => "Add a trigger", load: () => import("./create.tsx"), under: "/triggers" },
];

export const tabs: TableTab[] = [{ id: "triggers", label: "Triggers", order: 40, load: () => import("./tab.tsx") }];
