/**
 * PathMarks: where a search among sorted records can begin. A path can only be told from the ones before it, so the first of every few
 * is kept: a search looks among those, and then goes over a few records.
 */
import { firstNotBefore } from './halving.js';

/** Records: to go over them takes about as long as the search for them. */
export const BETWEEN_MARKS = 16;

interface Mark {
  readonly path: string;
  readonly offset: number;
}

const START: Mark = { path: '', offset: 0 };

export class PathMarks {
  readonly #marks: Mark[] = [];

  /** Whether the record at this position is to be noted. */
  static isDue(position: number): boolean {
    return position % BETWEEN_MARKS === 0;
  }

  /** The path of the next record that is due, and where it lies. */
  note(path: string, offset: number): void {
    this.#marks.push({ path, offset });
  }

  /** The last mark whose path is not behind `path`; -1 if there is none. */
  before(path: string): number {
    return firstNotBefore(this.#marks.length, (at) => (this.#marks[at] as Mark).path <= path) - 1;
  }

  at(mark: number): Mark {
    return this.#marks[mark] ?? START;
  }
}
