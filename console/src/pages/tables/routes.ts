// The list of tables.

import type { Page } from "../../shell/pages.ts";

export const pages: Page[] = [
  {
    path: "/tables",
    title: () => "Tables",
    nav: { label: "Tables", icon: "table", order: 20 },
    load: () => import("./list.tsx"),
  },
];
