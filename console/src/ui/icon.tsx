// The icons: 16 by 16, drawn with lines in the colour of the text.

const PATHS = {
  logo: "M2 5.5q3-2.5 6 0t6 0M2 9q3-2.5 6 0t6 0M2 12.5q3-2.5 6 0t6 0",
  dashboard: "M2.5 2.5h4.5v5h-4.5zM9 2.5h4.5v3h-4.5zM9 7.5h4.5v6h-4.5zM2.5 9.5h4.5v4h-4.5z",
  table: "M2.5 3h11v10h-11zM2.5 6.5h11M2.5 9.75h11M6.5 6.5v6.5",
  trigger: "M9 1.5 3.5 9h4l-.5 5.5L12.5 7h-4z",
  function: "M3 13.5 7.5 5.5M4.5 2.5h1.25q1 0 1.5 1l4 9q.5 1 1.5 1h.75",
  letter: "M2 3.5h12v9h-12zM2 4.5l6 4.5 6-4.5",
  stream: "M2 4q2-1.5 4 0t4 0 4 0M2 8q2-1.5 4 0t4 0 4 0M2 12q2-1.5 4 0t4 0 4 0",
  history: "M2.5 8a5.5 5.5 0 1 0 1.7-4M2.5 2.5v2.75h2.75M8 5v3.25l2 1.25",
  settings:
    "M2 4.5h7M12.5 4.5h1.5M2 11.5h1.5M7 11.5h7M9 4.5a1.75 1.75 0 1 0 3.5 0a1.75 1.75 0 1 0-3.5 0M3.5 11.5a1.75 1.75 0 1 0 3.5 0a1.75 1.75 0 1 0-3.5 0",
  search: "M2.5 7a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0M10.25 10.25 14 14",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5l3.5 3.5L13 4.5",
  alert: "M8 2 14.5 13.5h-13zM8 6.5v3.5M8 11.75v.01",
  info: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M8 7.25v4M8 4.9v.01",
  stop: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M5.5 5.5l5 5M10.5 5.5l-5 5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  trash: "M2.5 4h11M6 4v-1.5h4v1.5M4 4l.6 9.5h6.8L12 4M6.75 6.75v4M9.25 6.75v4",
  edit: "M3 13l.6-3L10.5 3.1l2.4 2.4L6 12.4z",
  refresh: "M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 2.5v2.75h-2.75",
  play: "M4.5 3v10l8-5z",
  pause: "M5 3v10M11 3v10",
  down: "M4 6l4 4 4-4",
  up: "M4 10l4-4 4 4",
  right: "M6 4l4 4-4 4",
  left: "M10 4l-4 4 4 4",
  download: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M2.5 13.5h11",
  upload: "M8 11V3M4.5 6.5 8 3l3.5 3.5M2.5 13.5h11",
  filter: "M2 3h12L9.5 8.5v4l-3 1.5v-5.5z",
  more: "M3.5 8v.01M8 8v.01M12.5 8v.01",
  link: "M6.5 9.5l3-3M7 4.5l1.5-1.5a2.8 2.8 0 0 1 4 4L11 8.5M9 11.5 7.5 13a2.8 2.8 0 0 1-4-4L5 7.5",
  menu: "M2 4h12M2 8h12M2 12h12",
  sun: "M5 8a3 3 0 1 0 6 0a3 3 0 1 0-6 0M8 1.5v1.25M8 13.25v1.25M1.5 8h1.25M13.25 8h1.25M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9",
  moon: "M13.5 9.5A5.75 5.75 0 0 1 6.5 2.5a5.75 5.75 0 1 0 7 7z",
  monitor: "M2 3h12v8h-12zM5.5 13.5h5M8 11v2.5",
  keyboard: "M1.5 4h13v8h-13zM4 6.75v.01M6.7 6.75v.01M9.3 6.75v.01M12 6.75v.01M5 9.5h6",
  key: "M2.5 10.5a2.75 2.75 0 1 0 5.5 0a2.75 2.75 0 1 0-5.5 0M7.25 8.5 13.5 2.5M10.5 5.5l2 2",
  lock: "M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  clock: "M2 8a6 6 0 1 0 12 0a6 6 0 1 0-12 0M8 4.5V8l2.5 1.5",
  external: "M9.5 2.5h4v4M13.5 2.5 7.5 8.5M11.5 9.5v4h-9v-9h4",
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside a text; where it stands alone, its button has the label. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
