// Batches that triggers gave up.

import type { Page } from "../../shell/pages.ts";

export const pages: Page[] = [
  {
    path: "/dead-letters",
    title: () => "Dead letters",
    nav: { label: "Dead letters", icon: "letter", order: 50 },
    load: () => import("./list.tsx"),
  },
];
