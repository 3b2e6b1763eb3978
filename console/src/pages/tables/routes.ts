// The list of tables, and the form that makes one.

import type { Page } from "../../shell/pages.ts";

export const pages: Page[] = [
  {
    path: "/tables",
    title: () => "Tables",
    nav: { label: "Tables", icon: "table", order: 20 },
    load: () => import("./list.tsx"),
  },
  { path: "/create-table", title: () => "Create table", under: "/tables", load: () => import("./create.tsx") },
];
