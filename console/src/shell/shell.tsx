// The frame around every page: navigation, theme, shortcuts, messages.

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { IconButton, LinkButton } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Toasts } from "../ui/toast.tsx";
import { Lazy } from "./lazy.tsx";
import { navigation, type Page, pages } from "./pages.ts";
import { go, href, match, place } from "./router.ts";
import { shortcuts, useShortcuts } from "./shortcuts.ts";
import { type Theme, theme } from "./theme.ts";

interface Found {
  page: Page;
  params: Record<string, string>;
}

function find(path: string): Found | undefined {
  for (const page of pages) {
    const params = match(page.path, path);
    if (params) return { page, params };
  }
  return undefined;
}

/** The whole console. */
export function Shell() {
  const found = useComputed(() => find(place.value.path));
  const menuOpen = useSignal(false);
  const helpOpen = useSignal(false);
  const main = useRef<HTMLElement>(null);

  const title = found.value ? found.value.page.title(found.value.params) : "Not found";
  const before = useRef(title);
  useEffect(() => {
    document.title = `${title} - Headwater`;
    menuOpen.value = false;
    if (before.current === title) return;
    // A new page begins at its top, for the eye and for the keyboard.
    before.current = title;
    main.current?.focus({ preventScroll: true });
    main.current?.scrollTo(0, 0);
  }, [title, menuOpen]);

  useShortcuts([
    { keys: "?", label: "Show the shortcuts", run: () => (helpOpen.value = true) },
    ...navigation.map((page) => ({
      keys: `g ${shortcutKey(page)}`,
      label: `Go to ${page.nav?.label}`,
      run: () => go(href(page.path)),
    })),
    { keys: "/", label: "Go to the filter", run: focusFilter },
  ]);

  return (
    <div class="shell">
      <button type="button" class="skip-link" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="topbar">
        <IconButton icon="menu" label="Menu" onClick={() => (menuOpen.value = !menuOpen.value)} />
        <Brand />
      </header>
      {menuOpen.value && <div class="nav-shade" onClick={() => (menuOpen.value = false)} aria-hidden="true" />}
      <aside class={menuOpen.value ? "nav nav-open" : "nav"} aria-label="Console">
        <Brand />
        <nav aria-label="Pages">
          <ul>
            {navigation.map((page) => (
              <NavEntry key={page.path} page={page} current={found.value?.page} />
            ))}
          </ul>
        </nav>
        <div class="nav-foot">
          <ThemeSwitch />
          <IconButton icon="keyboard" label="Shortcuts" onClick={() => (helpOpen.value = true)} />
        </div>
      </aside>
      <main class="main" ref={main} tabIndex={-1}>
        {found.value ? (
          <Lazy key={found.value.page.path} load={found.value.page.load} props={{ params: found.value.params }} />
        ) : (
          <EmptyState icon="search" title="There is no such page">
            <p>The address may have a slip in it.</p>
            <LinkButton href="#/">Go to the start</LinkButton>
          </EmptyState>
        )}
      </main>
      <Help open={helpOpen.value} onClose={() => (helpOpen.value = false)} />
      <Toasts />
    </div>
  );
}

/** The first letter of its label, or another one where that is taken. */
function shortcutKey(page: Page): string {
  if (page.path === "/dead-letters") return "x";
  if (page.path === "/triggers") return "r";
  return page.nav?.label.charAt(0).toLowerCase() ?? "";
}

function focusFilter() {
  const field = document.querySelector<HTMLElement>("[data-filter]");
  field?.focus();
  if (field instanceof HTMLInputElement) field.select();
}

function Brand() {
  return (
    <a class="brand" href="#/">
      <Icon name="logo" size={22} />
      <span>Headwater</span>
    </a>
  );
}

function NavEntry({ page, current }: { page: Page; current: Page | undefined }) {
  if (!page.nav) return null;
  const here = current === page || current?.under === page.path;
  return (
    <li>
      <a class="nav-link" href={href(page.path)} aria-current={here ? "page" : undefined}>
        <Icon name={page.nav.icon} />
        <span>{page.nav.label}</span>
      </a>
    </li>
  );
}

const THEMES: { value: Theme; label: string; icon: "monitor" | "sun" | "moon" }[] = [
  { value: "system", label: "As the system", icon: "monitor" },
  { value: "light", label: "Light", icon: "sun" },
  { value: "dark", label: "Dark", icon: "moon" },
];

function ThemeSwitch() {
  return (
    <fieldset class="theme-switch">
      <legend class="visually-hidden">Theme</legend>
      {THEMES.map(({ value, label, icon }) => (
        <label key={value} title={label}>
          <input
            type="radio"
            name="theme"
            class="visually-hidden"
            checked={theme.value === value}
            onChange={() => (theme.value = value)}
          />
          <Icon name={icon} />
          <span class="visually-hidden">{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Shortcuts" size="small">
      <table class="shortcut-list">
        <tbody>
          {shortcuts.value.map((one) => (
            <tr key={one.keys + one.label}>
              <td>
                {one.keys.split(" ").map((key, index) => (
                  <span key={key}>
                    {index > 0 && " then "}
                    <kbd>{key}</kbd>
                  </span>
                ))}
              </td>
              <td>{one.label}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}
