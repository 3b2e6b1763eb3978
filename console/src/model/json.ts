// JSON that loses nothing: numbers stay text, members keep their order, every value knows where it stood.

/** A value with its place in the text that it was read from. */
export type Json = { at: number; end: number } & (
  | { kind: "null" }
  | { kind: "bool"; value: boolean }
  | { kind: "number"; text: string }
  | { kind: "string"; value: string }
  | { kind: "array"; items: Json[] }
  | { kind: "object"; members: Member[] }
);

/** A member of an object, and where its name stands. */
export interface Member {
  name: string;
  at: number;
  end: number;
  value: Json;
}

/** Something that is wrong with a text, and where. */
export class Problem extends Error {
  readonly at: number;
  readonly end: number;

  constructor(message: string, at: number, end: number) {
    super(message);
    this.at = at;
    this.end = end;
  }
}

/** Deeper values are refused: nothing that DynamoDB takes is that deep. */
const DEPTH_MAX = 200;

/** Reads one JSON value. Throws a `Problem` at what is wrong, members that are named twice included. */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.space();
  if (reader.at < text.length) throw reader.problem("There is something behind the end of the value.");
  return value;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\r\n]*/y;
const WORD = /[A-Za-z_][A-Za-z_0-9]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them within a text.
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HEX = /^[0-9a-fA-F]{4}$/;

const ESCAPES: { [mark: string]: string } = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Reader {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  problem(message: string, at = this.at, end = Math.min(at + 1, this.#text.length)): Problem {
    return new Problem(message, at, Math.max(end, at));
  }

  space(): void {
    this.#match(SPACE);
  }

  value(depth: number): Json {
    this.space();
    if (depth > DEPTH_MAX) throw this.problem("This is nested too deeply.");
    const at = this.at;
    const mark = this.#text[at];
    if (mark === undefined) throw this.problem("A value is missing here.");
    if (mark === "{") return this.#object(depth);
    if (mark === "[") return this.#array(depth);
    if (mark === '"') return { kind: "string", value: this.#string(), at, end: this.at };
    const number = this.#match(NUMBER);
    if (number !== "") return this.#number(number, at);
    return this.#word(at);
  }

  #number(text: string, at: number): Json {
    const next = this.#text[this.at] ?? "";
    if (/[0-9.eE+\-A-Za-z]/.test(next)) throw this.problem("This is no number.", at, this.at + 1);
    return { kind: "number", text, at, end: this.at };
  }

  #word(at: number): Json {
    const word = this.#match(WORD);
    const end = this.at;
    if (word === "true" || word === "false") return { kind: "bool", value: word === "true", at, end };
    if (word === "null") return { kind: "null", at, end };
    if (word !== "") throw this.problem("A text needs double quotes around it.", at, end);
    throw this.problem("A value is expected here.", at);
  }

  #object(depth: number): Json {
    const at = this.at;
    const members: Member[] = [];
    const names = new Set<string>();
    this.at += 1;
    this.space();
    while (!this.#take("}")) {
      if (members.length > 0) this.#comma("}");
      const member = this.#member(depth);
      if (names.has(member.name)) {
        throw this.problem(`${JSON.stringify(member.name)} is here twice.`, member.at, member.end);
      }
      names.add(member.name);
      members.push(member);
      this.space();
    }
    return { kind: "object", members, at, end: this.at };
  }

  #member(depth: number): Member {
    this.space();
    const at = this.at;
    if (this.#text[at] !== '"') throw this.problem("A name in double quotes is expected here.");
    const name = this.#string();
    const end = this.at;
    this.space();
    if (!this.#take(":")) throw this.problem("A colon is missing here.");
    return { name, at, end, value: this.value(depth + 1) };
  }

  #array(depth: number): Json {
    const at = this.at;
    const items: Json[] = [];
    this.at += 1;
    this.space();
    while (!this.#take("]")) {
      if (items.length > 0) this.#comma("]");
      items.push(this.value(depth + 1));
      this.space();
    }
    return { kind: "array", items, at, end: this.at };
  }

  #comma(close: string): void {
    if (!this.#take(",")) {
      const what = this.at >= this.#text.length ? `"${close}" is missing here.` : "A comma is missing here.";
      throw this.problem(what);
    }
    this.space();
    if (this.#text[this.at] === close) throw this.problem("The last comma is one too many.", this.at - 1);
  }

  #string(): string {
    const start = this.at;
    let value = "";
    this.at += 1;
    for (;;) {
      value += this.#match(PLAIN);
      const mark = this.#text[this.at];
      if (mark === '"') {
        this.at += 1;
        return value;
      }
      if (mark === undefined) throw this.problem("The closing quote is missing.", start, this.at);
      if (mark !== "\\") throw this.problem("Line breaks and the like are written as \\n, \\t, \\u0000.");
      value += this.#escape();
    }
  }

  #escape(): string {
    const mark = this.#text[this.at + 1] ?? "";
    if (mark === "u") {
      const digits = this.#text.slice(this.at + 2, this.at + 6);
      if (!HEX.test(digits)) throw this.problem("\\u needs four hexadecimal digits.", this.at, this.at + 2);
      this.at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meant = Object.hasOwn(ESCAPES, mark) ? ESCAPES[mark] : undefined;
    if (meant === undefined) throw this.problem("There is no such escape.", this.at, this.at + 2);
    this.at += 2;
    return meant;
  }

  #take(mark: string): boolean {
    if (this.#text[this.at] !== mark) return false;
    this.at += 1;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }
}
