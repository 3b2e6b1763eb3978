// The start: theme, shortcuts, and the shell in its place.

import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/controls.css";
import "./styles/data.css";
import "./styles/overlays.css";
import { Shell } from "./shell/shell.tsx";
import { listenForShortcuts } from "./shell/shortcuts.ts";
import { followTheme } from "./shell/theme.ts";

followTheme();
listenForShortcuts();
const root = document.getElementById("app");
root?.replaceChildren();
if (root) render(<Shell />, root);
