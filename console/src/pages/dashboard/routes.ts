// The start page.

import type { Page } from "../../shell/pages.ts";

export const pages: Page[] = [
  {
    path: "/",
    title: () => "Dashboard",
    nav: { label: "Dashboard", icon: "dashboard", order: 10 },
    load: () => import("./dashboard.tsx"),
  },
];
