// Pages by the address's hash: `#/tables/orders/items?index=by-date`.

import { computed, signal } from "@preact/signals";

/** Where one is: the path's parts, decoded, and the parameters behind the question mark. */
export interface Place {
  path: string;
  query: URLSearchParams;
}

const hash = signal(globalThis.location?.hash ?? "");

globalThis.addEventListener?.("hashchange", () => {
  hash.value = location.hash;
});

/** The place that the address names; changes with it. */
export const place = computed<Place>(() => parsePlace(hash.value));

/** Reads a hash. Anything that is no path is the start page. */
export function parsePlace(text: string): Place {
  const bare = text.startsWith("#") ? text.slice(1) : text;
  const at = bare.indexOf("?");
  const path = at < 0 ? bare : bare.slice(0, at);
  const query = new URLSearchParams(at < 0 ? "" : bare.slice(at + 1));
  return { path: path.startsWith("/") ? path : "/", query };
}

/** The address of a place, for links: `href("/tables/:table/items", { table })`. */
export function href(pattern: string, params: Record<string, string> = {}, query: Record<string, string> = {}): string {
  const path = pattern
    .split("/")
    .map((part) => (part.startsWith(":") ? encodeURIComponent(params[part.slice(1)] ?? "") : part))
    .join("/");
  const rest = new URLSearchParams(query).toString();
  return rest === "" ? `#${path}` : `#${path}?${rest}`;
}

/** Goes to an address from `href`; with `replace`, the back button passes over the present one. */
export function go(address: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  hash.value = location.hash;
}

/** The parameters of a path that fits the pattern; `undefined` if it does not. */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    if (!part.startsWith(":")) {
      if (part !== value) return undefined;
      continue;
    }
    if (value === "") return undefined;
    try {
      params[part.slice(1)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return params;
}
