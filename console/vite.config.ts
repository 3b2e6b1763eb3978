// How the console is built: into `dist`, under fixed names, so that what is committed can be compared with a new build.

import { defineConfig } from "vite";

/** The server that `npm run dev` and `npm run preview` pass requests on to. */
const server = process.env.HEADWATER_ENDPOINT ?? "http://127.0.0.1:8000";

/** Everything but the console itself and Vite's own modules belongs to the server. */
const proxy = {
  "^/(?!console/|@|node_modules/|src/)": { target: server, changeOrigin: true },
};

/** `tables-list` for `src/pages/tables/list.tsx`: files of several folders may have one name. */
function pageName(module: string | null): string | undefined {
  const found = module?.match(/\/src\/pages\/([^/]+)\/([^/]+)\.tsx$/);
  return found ? `${found[1]}-${found[2]}` : undefined;
}

export default defineConfig({
  base: "/console/",
  clearScreen: false,
  build: {
    // The first versions with `light-dark()`.
    target: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: ({ facadeModuleId, name }) => `assets/${pageName(facadeModuleId) ?? name}.js`,
        assetFileNames: ({ names }) => (names[0] === "index.css" ? "assets/app.css" : "assets/[name][extname]"),
      },
    },
  },
  server: { proxy },
  preview: { proxy },
});
