/**
 * A project with hashed names as collecting takes it, with Django's defaults, what a fresh collect makes of it, and
 * style sheets to put into one.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { collect } from '../../src/collect/collect.js';
import type { ManifestProject } from '../../src/collect/hashed/post-process.js';
import type { CollectProject } from '../../src/collect/project.js';
import { NEWEST_DJANGO, type Rules } from '../../src/core/manifest/rules.js';
import type { RelPath } from '../../src/core/relpath.js';
import { ManifestError } from '../../src/errors.js';
import { StateFolder } from '../../src/fs/state.js';
import { type Listing, listFolder } from './listing.js';
import { memoryFolder } from './tree.js';

export interface HashedSettings extends Partial<Rules> {
  readonly stale?: ManifestProject['stale'];
}

export function hashedProject(
  sources: CollectProject['sources'],
  root: string,
  { stale = 'remove', ...rules }: HashedSettings = {},
): CollectProject {
  return {
    sources,
    ignore: ['CVS', '.*', '*~'],
    root,
    permissions: { file: 0o644, dir: null },
    manifest: {
      rules: {
        django: NEWEST_DJANGO,
        python: 11, // what runs the installed versions of Django
        staticUrl: '/static/',
        jsModules: false,
        keepIntermediateFiles: false,
        maxPasses: 5,
        missing: [],
        ...rules,
      },
      name: 'staticfiles.json' as RelPath,
      stale,
    },
  };
}

/** Undefined where it fails as Django does. */
export async function collectFreshly(project: CollectProject): Promise<Listing | undefined> {
  const folder = await memoryFolder();
  const root = join(folder, 'root');
  try {
    const state = new StateFolder(join(folder, 'state'));
    await collect({ ...project, root }, { state, mode: 'write', force: 'past-guards' });
    return listFolder(root);
  } catch (error) {
    if (error instanceof ManifestError) return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true }); // a property makes thousands, which would all be removed when its test is over
  }
}

/** Style sheets in one folder, each of which imports the one after it. */
export function chainOf(length: number): Record<string, string> {
  const names = Array.from({ length }, (_, at) => `c${at}.css`);
  return Object.fromEntries(
    names.map((name, at) => [`assets/${name}`, at + 1 < length ? `@import "${names[at + 1]}";` : 'a{}']),
  );
}
