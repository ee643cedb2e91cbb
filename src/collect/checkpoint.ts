/**
 * Checkpoint: what a `collect` that collected all of a site with hashed names leaves in the state folder, so that the next
 * one need only look what has changed since. It is worth nothing once all was collected again, by whatever run.
 *
 * The marks of the sources are those of what stat said when they were listed, those of STATIC_ROOT are taken before it is
 * read, and what the run itself writes there is marked when it is written. So whatever changes meanwhile has another mark the next time.
 */
import { decodeSite, encodeProcessed, encodeSite, type StoredBeside } from '../core/manifest/site-codec.js';
import type { Marks } from '../core/marks-codec.js';
import type { RelPath } from '../core/relpath.js';
import type { Pacer } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';
import type { HashedAll } from './hash-all.js';
import { ChangingMarks, MarkTaker } from './marks.js';
import { additionsIn } from './memory.js';
import type { CollectProject } from './project.js';
import type { Put } from './static-root.js';
import { madeForOf, storeMarks } from './stored-marks.js';
import { namesBehind, StoredHashedSite, siteToStore } from './stored-site.js';
import { sweep } from './sweep.js';
import type { Winners } from './winners.js';

const SITE = 'site';

/** A checkpoint in the making. */
export class CheckpointDraft {
  readonly #project: CollectProject;
  /** Takes the marks of the sources when they are listed. */
  readonly marks = new MarkTaker();
  readonly #root: ChangingMarks;
  #processed: string | undefined;

  private constructor(project: CollectProject, root: Marks) {
    this.#project = project;
    this.#root = new ChangingMarks(root);
  }

  /** To be called before anything is listed. */
  static async begin(project: CollectProject, pacer: Pacer): Promise<CheckpointDraft> {
    const { marks } = await sweep([project.root], [], undefined, pacer, 'lasting');
    return new CheckpointDraft(project, marks);
  }

  /** This file of STATIC_ROOT has just been written. */
  wrote({ entry: { path }, mark }: Put): void {
    this.#root.note(`${this.#project.root}/${path}`, mark);
  }

  /** This folder of STATIC_ROOT, or this file that is gone, is not what it was. */
  changed(path: RelPath | string): void {
    this.#root.lookAt(`${this.#project.root}/${path}`);
  }

  /** Takes down what is known of the site once it is processed: the greater part. */
  describe(wanted: Winners, hashed: HashedAll): void {
    const rules = this.#project.manifest?.rules;
    const site = rules && siteToStore(wanted, hashed);
    this.#processed = site && rules && encodeProcessed(site, (name) => namesBehind(name, rules));
  }

  /** To be called when the memory is written. Rejects as StateFolder does. */
  async leave(state: StateFolder, beside: Omit<StoredBeside, 'madeFor'>): Promise<void> {
    if (this.#processed === undefined) return;
    const madeFor = await madeForOf(this.#project, state);
    await storeMarks(state, madeFor, { sources: this.marks.all(), root: this.#root.all() });
    await state.write(SITE, encodeSite(this.#processed, { ...beside, madeFor }));
  }
}

/** Undefined where there is none that holds. */
export async function recallSite(project: CollectProject, state: StateFolder): Promise<StoredHashedSite | undefined> {
  const { root, sources, manifest } = project;
  const bytes = await state.read(SITE);
  const stored = bytes && decodeSite(bytes, await madeForOf(project, state));
  if (stored === undefined || manifest === undefined) return undefined;
  return new StoredHashedSite(root, sources, manifest, stored, await additionsIn(state));
}
