/**
 * Marking: the marks of a project while all of it is collected, for the next run.
 *
 * The marks are those of what stat said when the sources and STATIC_ROOT were listed, before any of it was read, and what the
 * run itself writes there is marked when it is written. So whatever changes meanwhile has another mark the next time.
 */
import type { Marks } from '../../core/marks-codec.js';
import type { RelPath } from '../../core/relpath.js';
import { ChangingMarks, MarkTaker } from '../marks.js';
import type { CollectProject } from '../project.js';
import type { Put } from '../static-root.js';
import { markRoots, onceMade, type RootMarks } from './root-marks.js';

export class Marking {
  /** Take the marks of the sources, and of STATIC_ROOT, when they are listed. */
  readonly sources = new MarkTaker();
  readonly root = new MarkTaker();
  readonly #place: string;
  readonly #roots: RootMarks;
  #written: ChangingMarks | undefined;

  constructor({ sources, root }: CollectProject) {
    this.#place = root;
    this.#roots = markRoots([...sources.map(({ path }) => path), root]);
  }

  /** This file of STATIC_ROOT has just been written. */
  wrote({ entry: { path }, mark }: Put): void {
    this.#writing().note(`${this.#place}/${path}`, mark);
  }

  /** This folder of STATIC_ROOT may be there, or not any more. */
  changed(folder: string): void {
    this.#writing().lookAt(`${this.#place}/${folder}`);
  }

  /** This file of STATIC_ROOT was removed. What lies there by now was not read. */
  removed(path: RelPath): void {
    this.#writing().note(`${this.#place}/${path}`, undefined);
  }

  /** Of STATIC_ROOT, with what was written since. */
  rootMarks(): Marks {
    return this.#writing().all();
  }

  /** Of the folders that the sources and STATIC_ROOT begin with. */
  roots(): RootMarks {
    return onceMade(this.#roots, this.#place);
  }

  /** STATIC_ROOT is listed as a whole before anything is written there. */
  #writing(): ChangingMarks {
    return (this.#written ??= new ChangingMarks(this.root.all()));
  }
}
