// Zip files made here: texts of code, stored as they are. A runtime unpacks them once; there is nothing to gain by packing tighter.

const encoder = new TextEncoder();

/** Signatures, and the oldest version that unpacks this. */
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
/** Names are UTF-8. */
const UTF8 = 0x0800;
/** Made on a system with modes, so that files can be read by their owner and others. */
const MADE_BY_UNIX = 3 << 8;
const MODE = 0o100644;
/** 1980-01-01: the same files make the same zip. */
const DATE = 0x21;

export interface ZipEntry {
  name: string;
  text: string;
}

/** A zip file of these files. */
export function zip(entries: readonly ZipEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = encoder.encode(entry.name);
    const data = encoder.encode(entry.text);
    const common = [
      [VERSION, 2],
      [UTF8, 2],
      [0, 2],
      [0, 2],
      [DATE, 2],
      [crc32(data), 4],
      [data.length, 4],
      [data.length, 4],
      [name.length, 2],
      [0, 2],
    ] as const;
    const local = fields([[LOCAL, 4], ...common]);
    parts.push(local, name, data);
    central.push(
      fields([
        [CENTRAL, 4],
        [MADE_BY_UNIX | VERSION, 2],
        ...common,
        [0, 2],
        [0, 2],
        [0, 2],
        [MODE * 0x10000, 4],
        [offset, 4],
      ]),
      name,
    );
    offset += local.length + name.length + data.length;
  }
  const size = central.reduce((sum, part) => sum + part.length, 0);
  const count = entries.length;
  const end = fields([
    [END, 4],
    [0, 2],
    [0, 2],
    [count, 2],
    [count, 2],
    [size, 4],
    [offset, 4],
    [0, 2],
  ]);
  return joined([...parts, ...central, end]);
}

/** Numbers of so many bytes each, the lowest byte first. */
function fields(values: readonly (readonly [value: number, bytes: number])[]): Uint8Array {
  const bytes: number[] = [];
  for (const [value, count] of values) {
    for (let index = 0; index < count; index += 1) bytes.push(Math.floor(value / 2 ** (8 * index)) % 256);
  }
  return Uint8Array.from(bytes);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** So many bytes are turned into text at once; a call takes a bounded number of arguments. */
const CHUNK = 0x8000;

/** Bytes as the API takes them. */
export function base64(data: Uint8Array): string {
  let text = "";
  for (let at = 0; at < data.length; at += CHUNK) text += String.fromCharCode(...data.subarray(at, at + CHUNK));
  return btoa(text);
}
