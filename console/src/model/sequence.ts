// Sequence numbers: 25 digits that hold the millisecond of the change, in the order of the log over the whole server.

/** Where the digits of the milliseconds stand. */
const MS_FROM = 1;
const MS_TO = 16;
const DIGITS = 25;

/** Whether a text can be a sequence number. */
export function isSequence(text: string): boolean {
  return /^\d{21,40}$/.test(text);
}

/** When the change was made; `undefined` for a number that is not of this server. */
export function sequenceMs(sequence: string): number | undefined {
  if (sequence.length !== DIGITS || !/^1\d+$/.test(sequence)) return undefined;
  return Number(sequence.slice(MS_FROM, MS_TO));
}

/** The place right before a record, so that reading on from there gives the record itself. */
export function justBefore(sequence: string): string {
  return (BigInt(sequence) - 1n).toString();
}

/** Less than 0 if `a` is older than `b`. */
export function compareSequences(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
