// The newest of many: as many as fit into a number and into a weight, and a count of those that were let go.

/** Holds the newest entries; the oldest make room. Entries are numbered from 0 by the order in which they came. */
export class Ring<T> {
  /** How many were let go to make room. */
  dropped = 0;
  readonly #countMax: number;
  readonly #weightMax: number;
  // Slots are used around and around: nothing is moved when the oldest goes.
  #slots: ({ entry: T; weight: number } | undefined)[] = [];
  #weight = 0;
  #begin = 0;
  #end = 0;

  constructor(countMax: number, weightMax: number) {
    this.#countMax = countMax;
    this.#weightMax = weightMax;
  }

  /** How many are held. */
  get length(): number {
    return this.#end - this.#begin;
  }

  /** The number of the oldest that is held. */
  get begin(): number {
    return this.#begin;
  }

  /** The number behind the newest. */
  get end(): number {
    return this.#end;
  }

  get weight(): number {
    return this.#weight;
  }

  /** Whether one of that weight would be added without letting another go. */
  fits(weight: number): boolean {
    return this.length === 0 || (this.length < this.#countMax && this.#weight + weight <= this.#weightMax);
  }

  /** Adds the newest one. One that is heavier than all may be together stays alone. */
  push(entry: T, weight: number): void {
    if (this.length === this.#countMax) this.#drop();
    while (this.length > 0 && this.#weight + weight > this.#weightMax) this.#drop();
    this.#slots[this.#end % this.#countMax] = { entry, weight };
    this.#end += 1;
    this.#weight += weight;
  }

  /** The entry of that number, if it is held. */
  get(number: number): T | undefined {
    if (number < this.#begin || number >= this.#end) return undefined;
    return this.#slots[number % this.#countMax]?.entry;
  }

  /** Lets all go; the count of dropped ones begins anew, the numbers go on. */
  clear(): void {
    this.#slots = [];
    this.#weight = 0;
    this.#begin = this.#end;
    this.dropped = 0;
  }

  #drop(): void {
    const slot = this.#begin % this.#countMax;
    this.#weight -= this.#slots[slot]?.weight ?? 0;
    this.#slots[slot] = undefined;
    this.#begin += 1;
    this.dropped += 1;
  }
}
