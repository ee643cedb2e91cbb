/**
 * CollectProject: all that collecting needs to know of a project. Plain data, which goes to threads as it is.
 */
import type { ManifestProject } from './post-process.js';
import type { SourceProject } from './sources.js';
import type { Permissions } from './static-root.js';

export interface CollectProject extends SourceProject {
  readonly permissions: Permissions;
  /** Undefined: no hashed names are made. */
  readonly manifest?: ManifestProject | undefined;
}
