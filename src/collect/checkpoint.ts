/**
 * Checkpoint: what a `collect` that collected all of a site with hashed names leaves in the state folder, so that the next
 * one need only look what has changed since. It is worth nothing once all was collected again, by whatever run.
 *
 * The marks of the sources are taken before they are listed, those of STATIC_ROOT before it is read, and what the run
 * itself writes there is marked when it is written. So whatever changes meanwhile has another mark the next time.
 */
import { hash } from 'node:crypto';
import { ByteReader, ByteWriter, unseal } from '../core/bytes.js';
import type { PostProcessed } from '../core/manifest/post-process.js';
import { decodeSite, encodeSite } from '../core/manifest/site-codec.js';
import { type Marks, readMarks, writeMarks } from '../core/marks-codec.js';
import type { RelPath } from '../core/relpath.js';
import { IndexError } from '../errors.js';
import type { Pacer } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';
import { ChangingMarks, withoutMarks } from './marks.js';
import { additionsIn, memorySeal } from './memory.js';
import type { CollectProject } from './project.js';
import type { Listing } from './sources.js';
import { type Beside, namesBehind, StoredHashedSite, siteToStore } from './stored-site.js';
import { sweep } from './sweep.js';
import type { Winners } from './winners.js';

const SITE = 'site';
const MARKS = 'marks';

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
    const writer = new ByteWriter().text(madeFor);
    writeMarks(writer, this.#sources);
    writeMarks(writer, this.#root.all());
    await state.write(MARKS, writer.finishSealed());
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

/** Undefined where there are none that hold. */
export async function recallMarks(
  project: CollectProject,
  state: StateFolder,
): Promise<{ readonly sources: Marks; readonly root: Marks } | undefined> {
  const bytes = await state.read(MARKS);
  if (bytes === undefined) return undefined;
  try {
    const reader = new ByteReader(unseal(bytes));
    if (reader.text() !== (await madeForOf(project, state))) return undefined;
    const [sources, marked] = [readMarks(reader), readMarks(reader)];
    const gone = (await additionsIn(state)).flatMap(({ removed }) => removed);
    return {
      sources,
      root: withoutMarks(
        marked,
        gone.map((path) => `${project.root}/${path}`),
      ),
    };
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}

/** The project, and the memory without what was added to it since. */
async function madeForOf(project: CollectProject, state: StateFolder): Promise<string> {
  const [seal] = (await memorySeal(state)).split('+');
  return `${hash('sha256', JSON.stringify(project), 'hex')} ${seal}`;
}
