/**
 * Checkpoint: what a `collect` that collected all of a site with hashed names leaves in the state folder, so that the next
 * one need only look what has changed since. It is worth nothing once all was collected again, by whatever run.
 */
import { hash } from 'node:crypto';
import {
  decodeBeside,
  decodeSite,
  encodeBeside,
  encodeSite,
  type StoredBeside,
} from '../../core/manifest/site-codec.js';
import type { StateFolder } from '../../fs/state.js';
import type { HashedAll } from '../hashed/hash-all.js';
import type { WholeSite } from '../hashed/post-process.js';
import { namesBehind, StoredHashedSite, siteToStore } from '../hashed/stored-site.js';
import type { CollectProject } from '../project.js';
import type { Winners } from '../winners.js';
import type { Marking } from './marking.js';
import { foundationOf, type ProjectMarks, storeMarks } from './stored-marks.js';
import { forgetTouched, newId } from './touched-since.js';

const SITE = 'site';
const BESIDE = 'checkpoint';

/** A checkpoint in the making. */
export class CheckpointDraft {
  readonly #project: CollectProject;
  readonly #version: string;
  readonly #marking: Marking;
  /** The id of what was left of the site. */
  #site: string | undefined;

  constructor(project: CollectProject, version: string, marking: Marking) {
    this.#project = project;
    this.#version = version;
    this.#marking = marking;
  }

  /** Leaves what became of the files: the greater part, and worth nothing before `leave`. Rejects as StateFolder does. */
  async describe(state: StateFolder, wanted: Winners, hashed: HashedAll): Promise<void> {
    const isKnown = wanted.problems.length + wanted.conflicts.length === 0;
    if (isKnown) this.#site = await storeSite(this.#project, state, hashed);
  }

  /** To be called when the memory is written. Answers with its id; undefined where there is none. Rejects as StateFolder does. */
  async leave(
    state: StateFolder,
    beside: Omit<StoredBeside, 'madeFor' | 'site'>,
    atRest: ProjectMarks['atRest'],
  ): Promise<string | undefined> {
    if (this.#site === undefined) return undefined;
    const { madeFor } = await foundationOf(this.#project, this.#version, state);
    const id = newId();
    const marking = this.#marking;
    const marks = { roots: marking.roots(), sources: marking.sources.all(), root: marking.rootMarks() };
    await storeMarks(state, madeFor, { ...marks, id, atRest });
    await forgetTouched(state, BESIDE);
    await state.write(BESIDE, encodeBeside({ ...beside, madeFor, site: this.#site }));
    return id;
  }
}

/** What a site has become that has other files now than in the checkpoint. */
export interface Grown {
  /** As it was. */
  readonly site: StoredHashedSite;
  readonly whole: WholeSite;
  readonly beside: Omit<StoredBeside, 'madeFor' | 'site' | 'manifest'>;
}

/**
 * Leaves it in place of what it was, beside the marks, which still hold. To be called when the memory has it; where somebody else has
 * written there, it leaves nothing. Rejects as StateFolder does.
 */
export async function leaveGrown(
  project: CollectProject,
  version: string,
  state: StateFolder,
  { site, whole, beside }: Grown,
): Promise<void> {
  if (!(await isStillLeft(project, version, state, site, 1))) return state.remove(BESIDE);
  const id = await storeSite(project, state, whole);
  if (id === undefined) return; // the one that is there has not those files, and holds no more
  const { madeFor } = site.stored;
  const manifest = hash('sha256', whole.processed.manifest.text, 'hex');
  await state.write(BESIDE, encodeBeside({ ...beside, manifest, madeFor, site: id }));
}

/** Whether the site is the one that is left, and no more than so many runs have added to the memory since. Rejects as StateFolder does. */
export async function isStillLeft(
  project: CollectProject,
  version: string,
  state: StateFolder,
  { stored, additions }: StoredHashedSite,
  most: number,
): Promise<boolean> {
  const [bytes, now] = await Promise.all([state.read(BESIDE), foundationOf(project, version, state)]);
  const isSame = now.madeFor === stored.madeFor && (bytes && decodeBeside(bytes))?.site === stored.site;
  return isSame && now.additions.length <= additions + most;
}

/** Answers with its id; undefined where only going over all of it tells what becomes of it. Rejects as StateFolder does. */
async function storeSite(project: CollectProject, state: StateFolder, whole: WholeSite): Promise<string | undefined> {
  const rules = project.manifest?.rules;
  const id = newId();
  const site = rules && siteToStore(whole, rules, id);
  if (site === undefined || rules === undefined) return undefined;
  await state.write(
    SITE,
    encodeSite(site, (name) => namesBehind(name, rules)),
  );
  return id;
}

/** Undefined where there is none that holds. */
export async function recallSite(
  project: CollectProject,
  version: string,
  state: StateFolder,
): Promise<StoredHashedSite | undefined> {
  const { root, sources, manifest } = project;
  const [besideBytes, bytes, { madeFor, additions }] = await Promise.all([
    state.read(BESIDE),
    state.read(SITE),
    foundationOf(project, version, state),
  ]);
  const beside = besideBytes && decodeBeside(besideBytes);
  if (beside?.madeFor !== madeFor) return undefined;
  const stored = bytes && decodeSite(bytes, beside);
  if (stored === undefined || manifest === undefined) return undefined;
  const site = new StoredHashedSite(root, sources, manifest, stored, additions);
  // A daemon that loaded the site after a file had come does not know that it made it anew.
  return site.hasSameFiles ? site : undefined;
}
