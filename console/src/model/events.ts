// Server-sent events out of the pieces in which a response arrives.

export interface ServerEvent {
  /** `message` if it is not named. */
  event: string;
  data: string;
  /** The id that was told last: with this event or before it. */
  id: string;
}

/** Reads events out of text that comes in pieces; a piece may end anywhere. */
export class EventReader {
  /** The last id, also of an id that came without data. */
  lastId: string;
  #rest = "";
  /** How far the rest was looked through for a line's end, so that a long line is not looked through for each piece. */
  #looked = 0;
  #event = "";
  #data: string[] = [];
  #id: string;

  constructor(lastId = "") {
    this.lastId = lastId;
    this.#id = lastId;
  }

  /** The events that are complete with this piece. */
  *read(piece: string): Generator<ServerEvent> {
    this.#rest += piece;
    let from = 0;
    for (;;) {
      const end = this.#rest.indexOf("\n", Math.max(from, this.#looked));
      if (end < 0) break;
      const back = this.#rest[end - 1] === "\r" && end > from ? 1 : 0;
      const line = this.#rest.slice(from, end - back);
      from = end + 1;
      if (line !== "") {
        this.#field(line);
        continue;
      }
      const event = this.#finish();
      if (event) yield event;
    }
    this.#rest = this.#rest.slice(from);
    this.#looked = this.#rest.length;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const begin = line[colon + 1] === " " ? colon + 2 : colon + 1;
    const value = colon < 0 ? "" : line.slice(begin);
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id") this.#id = value;
  }

  /** An empty line ends an event; without data it only moves the id on. */
  #finish(): ServerEvent | undefined {
    this.lastId = this.#id;
    const [event, data] = [this.#event || "message", this.#data];
    this.#event = "";
    this.#data = [];
    return data.length === 0 ? undefined : { event, data: data.join("\n"), id: this.lastId };
  }
}
