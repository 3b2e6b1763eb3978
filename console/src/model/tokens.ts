// A line of JSON in pieces to colour. Strings of JSON do not go over lines, so that each line stands for itself.

export type TokenKind = "key" | "string" | "number" | "word" | "plain";

export interface Token {
  kind: TokenKind;
  /** Places in the line. */
  from: number;
  to: number;
}

/** A string with a colon behind it is a key; an unfinished string goes to the end of the line. */
const TOKEN = /("(?:[^"\\]|\\.)*(?:"|$))(\s*:)?|(-?\d[\w.+-]*)|\b(true|false|null)\b/g;

/** Longer lines are left plain: colours for a megabyte of base64 help nobody. */
const COLOURED_MAX = 20_000;

/** All of the line, in order. */
export function tokensOf(line: string): Token[] {
  if (line.length > COLOURED_MAX) return [{ kind: "plain", from: 0, to: line.length }];
  const tokens: Token[] = [];
  let end = 0;
  for (const found of line.matchAll(TOKEN)) {
    const [whole, string, colon, number] = found;
    const from = found.index;
    if (from > end) tokens.push({ kind: "plain", from: end, to: from });
    const to = from + (string?.length ?? whole.length);
    const kind = string === undefined ? (number === undefined ? "word" : "number") : colon ? "key" : "string";
    tokens.push({ kind, from, to });
    end = to;
  }
  if (end < line.length) tokens.push({ kind: "plain", from: end, to: line.length });
  return tokens;
}
