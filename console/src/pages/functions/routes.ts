// Functions: a list, the page of one, and the page that makes one.

import type { Page } from "../../shell/pages.ts";

export const pages: Page[] = [
  {
    path: "/functions",
    title: () => "Functions",
    nav: { label: "Functions", icon: "function", order: 40 },
    load: () => import("./list.tsx"),
  },
  {
    path: "/functions/:name",
    title: (params) => params.name ?? "Function",
    load: () => import("./function.tsx"),
    under: "/functions",
  },
  {
    path: "/create-function",
    title: () => "Create a function",
    load: () => import("./create.tsx"),
    under: "/functions",
  },
];
