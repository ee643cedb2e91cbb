/**
 * Rules: whose post-processing is followed, and the attributes of the storage that change its result. Plain data.
 */
import type { PythonMinor } from './python-url.js';

/** The releases of Django whose rules are known, oldest first. Patch releases do not differ in what they write. */
export const DJANGO_RELEASES = ['4.2', '5.0', '5.1', '5.2', '6.0', '6.1'] as const;

export type DjangoRelease = (typeof DJANGO_RELEASES)[number];

export const NEWEST_DJANGO: DjangoRelease = '6.1';

/** Defaults are Django's own: see `ManifestFilesMixin` and `HashedFilesMixin`. */
export interface Rules {
  readonly django: DjangoRelease;
  readonly python: PythonMinor;
  /** STATIC_URL, as Django's settings give it: beginning with a slash or a scheme. */
  readonly staticUrl: string;
  /** `support_js_module_import_aggregation`. */
  readonly jsModules: boolean;
  /** `keep_intermediate_files`. */
  readonly keepIntermediateFiles: boolean;
  /** `max_post_process_passes`. */
  readonly maxPasses: number;
  /** What a reference to something that is not there does, by the file that holds it. The first that matches counts. */
  readonly missing: readonly MissingRule[];
}

/** Django always fails. `warn`: the reference stays as it is written. `pattern` is one of `fnmatch`. */
export interface MissingRule {
  readonly pattern: string;
  readonly then: 'fail' | 'warn';
}

/** Whether `django` is `release` or a later one. */
export function isFrom(django: DjangoRelease, release: DjangoRelease): boolean {
  return DJANGO_RELEASES.indexOf(django) >= DJANGO_RELEASES.indexOf(release);
}
