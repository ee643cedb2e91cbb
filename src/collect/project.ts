/**
 * CollectProject: all that collecting needs to know of a project. Plain data, which goes to threads as it is.
 */
import type { Counted } from '../core/shrink.js';
import type { Root } from '../core/touched.js';
import type { MadeFile } from './carry-out.js';
import type { Seal } from './fill.js';
import type { ManifestProject } from './hashed/post-process.js';
import type { Source, SourceProject } from './sources.js';
import type { Permissions } from './static-root.js';

export interface CollectProject extends SourceProject {
  readonly permissions: Permissions;
  /** Undefined: no hashed names are made. */
  readonly manifest?: ManifestProject | undefined;
  /** Where the only source is what somebody else made for STATIC_ROOT. */
  readonly staged?: Staged | undefined;
}

/** The trees that decide what lies in STATIC_ROOT: the sources, and itself. */
export function rootsOf({ sources, root }: CollectProject): Root[] {
  return [...sources, { path: root, prefix: '' }];
}

export interface Staged {
  /** What it was made from, as far as that is known. */
  readonly sources: readonly Source[];
  readonly counts: readonly Counted[];
  readonly manifest: Seal | undefined;
  /** The manifest, if it does not lie in STATIC_ROOT. */
  readonly elsewhere: MadeFile | undefined;
}
