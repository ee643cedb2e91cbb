/**
 * Checkpoint: what a `collect` that collected all of a site with hashed names leaves in the state folder, so that the next
 * one need only look what has changed since. It is worth nothing once all was collected again, by whatever run.
 *
 * The marks of the sources are taken before they are listed, those of STATIC_ROOT before it is read, and what the run
 * itself writes there is marked when it is written. So whatever changes meanwhile has another mark the next time.
 */
import type { PostProcessed } from '../core/manifest/post-process.js';
import { decodeSite, encodeSite } from '../core/manifest/site-codec.js';
import type { Marks } from '../core/marks-codec.js';
import type { RelPath } from '../core/relpath.js';
import type { Pacer } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';
import { ChangingMarks } from './marks.js';
import { additionsIn } from './memory.js';
import type { CollectProject } from './project.js';
import type { Listing } from './sources.js';
import { madeForOf, storeMarks } from './stored-marks.js';
import { type Beside, namesBehind, StoredHashedSite, siteToStore } from './stored-site.js';
import { sweep } from './sweep.js';
import type { Winners } from './winners.js';

const SITE = 'site';

/** A checkpoint in the making. */
export class CheckpointDraft {
  readonly #project: CollectProject;
  readonly #sources: Marks;
  readonly #root: ChangingMarks;

  private constructor(project: CollectProject, sources: Marks, root: Marks) {
    this.#project = project;
    this.#sources = sources;
    this.#root = new ChangingMarks(root);
  }

  /** To be called before anything is listed. */
  static async begin(project: CollectProject, pacer: Pacer): Promise<CheckpointDraft> {
    const folders = project.sources.map(({ path }) => path);
    const sources = await sweep(folders, project.ignore, undefined, pacer, 'lasting');
    const root = await sweep([project.root], [], undefined, pacer, 'lasting');
    return new CheckpointDraft(project, sources.marks, root.marks);
  }

  /** This path of STATIC_ROOT, a file or a folder, has just been written, or removed. */
  wrote(path: RelPath | string): void {
    this.#root.note(`${this.#project.root}/${path}`);
  }

  /** To be called when the memory is written. Rejects as StateFolder does. */
  async leave(
    state: StateFolder,
    found: { readonly listings: readonly Listing[]; readonly wanted: Winners; readonly processed: PostProcessed },
    beside: Omit<Beside, 'madeFor'>,
  ): Promise<void> {
    const madeFor = await madeForOf(this.#project, state);
    const site = siteToStore(found.listings, found.wanted, found.processed, { ...beside, madeFor });
    const rules = this.#project.manifest?.rules;
    if (site === undefined || rules === undefined) return;
    await storeMarks(state, madeFor, { sources: this.#sources, root: this.#root.all() });
    await state.write(
      SITE,
      encodeSite(site, (name) => namesBehind(name, rules)),
    );
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
