// Numbers, sizes and times in words. All in English, with a point, so that what is copied can be pasted anywhere.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 1234567 as "1,234,567". */
export function count(value: number): string {
  return whole.format(value);
}

/** A rate per second: "0", "0.4", "12", "3,400". */
export function rate(value: number): string {
  if (value === 0) return "0";
  if (value < 0.05) return "<0.1";
  return value < 10 ? value.toFixed(1).replace(/\.0$/, "") : count(value);
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** 1536 as "1.5 KB". */
export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || rest >= 99.95 ? 0 : 1;
  return `${rest.toFixed(digits).replace(/\.0$/, "")} ${UNITS[unit]}`;
}

/** A length of time: "340 ms", "4.2 s", "3 min", "2 h 5 min", "4 d". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0).replace(/\.0$/, "")} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 || hours >= 10 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** A moment in local time: "2026-03-01 14:05:09". */
export function moment(ms: number): string {
  const date = new Date(ms);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** How long ago, seen from `now`: "just now", "5 min ago". */
export function ago(ms: number, now: number): string {
  const passed = now - ms;
  if (passed < 0) return `in ${duration(-passed)}`;
  return passed < 2000 ? "just now" : `${duration(passed)} ago`;
}

/** "1 item", "2 items". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
