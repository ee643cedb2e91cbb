/**
 * Leaving: what a run over all of a project leaves in the state folder, so that the next one need only look what has changed: a
 * checkpoint of a site with hashed names, or a baseline.
 */
import type { Memory } from '../../core/collected-codec.js';
import type { StoredBeside } from '../../core/manifest/site-codec.js';
import type { Filled } from '../fill.js';
import type { CollectProject } from '../project.js';
import { type RunOptions, saveState } from '../run-options.js';
import { forgetBaseline, leaveBaseline } from './baseline.js';
import { CheckpointDraft } from './checkpoint.js';
import { Marking } from './marking.js';

/** What the run has come to. */
export interface Outcome {
  readonly filled: Filled;
  /** The memory before it. */
  readonly before: Memory;
  /** For the checkpoint; undefined where no hashed names are made. */
  readonly beside: Omit<StoredBeside, 'madeFor' | 'site'> | undefined;
  /** Whether a run that finds nothing changed has nothing to say either. */
  readonly isQuiet: boolean;
}

export class Leaving {
  readonly marking: Marking;
  /** Undefined where there is to be none. */
  readonly draft: CheckpointDraft | undefined;
  readonly #project: CollectProject;
  readonly #options: RunOptions;
  /** What a baseline is made for; undefined where there is to be none. */
  readonly #madeFor: string | undefined;

  private constructor(
    project: CollectProject,
    options: RunOptions,
    version: string | undefined,
    madeFor: string | undefined,
  ) {
    this.marking = new Marking(project);
    this.draft = version === undefined ? undefined : new CheckpointDraft(project, version, this.marking);
    this.#project = project;
    this.#options = options;
    this.#madeFor = madeFor;
  }

  /** Of a run that writes; undefined where it leaves nothing. */
  static by(project: CollectProject, options: RunOptions): Leaving | undefined {
    const version = project.manifest === undefined ? undefined : options.checkpoint;
    const madeFor = project.staged === undefined ? options.baseline : undefined;
    if (version === undefined && madeFor === undefined) return undefined;
    return new Leaving(project, options, version, madeFor);
  }

  /** To be called when the memory is written. Answers with the id of what was left; undefined where that is nothing. */
  async leave({ filled, before, beside, isQuiet }: Outcome): Promise<string | undefined> {
    const isSettled = filled.problems.length + filled.putOff.length === 0;
    if (!isSettled) return undefined;
    for (const path of filled.removed) this.marking.removed(path);
    for (const folder of [...filled.folders, ...before.folders]) this.marking.changed(folder);
    const checkpoint = beside && (await this.#leaveCheckpoint(beside, isQuiet ? filled.count : undefined));
    if (checkpoint !== undefined) return checkpoint;
    // What is made of plain files is known from what was written; of hashed names, from a run that had nothing to do.
    const isKnown = this.#project.manifest === undefined || (isQuiet && isNothingDone(filled));
    return isKnown ? this.#leaveBaseline(filled.count) : undefined;
  }

  async #leaveCheckpoint(
    beside: NonNullable<Outcome['beside']>,
    atRest: number | undefined,
  ): Promise<string | undefined> {
    const { draft } = this;
    if (draft === undefined) return undefined;
    const { state } = this.#options;
    let id: string | undefined;
    await saveState(this.#options, async () => {
      id = await draft.leave(state, beside, atRest);
      if (id !== undefined) await forgetBaseline(state); // it says less
    });
    return id;
  }

  async #leaveBaseline(files: number): Promise<string | undefined> {
    const { state } = this.#options;
    const madeFor = this.#madeFor;
    if (madeFor === undefined) return undefined;
    const { marking } = this;
    const trees = [
      { marks: marking.sources.all(), ignore: this.#project.ignore },
      { marks: marking.rootMarks(), ignore: [] },
    ];
    const found = { files, trees, roots: marking.roots(), seal: '' };
    let id: string | undefined;
    await saveState(this.#options, async () => void (id = await leaveBaseline(state, madeFor, found)));
    return id;
  }
}

function isNothingDone({ copied, hashed, removed }: Filled): boolean {
  return copied.length + hashed.length + removed.length === 0;
}
