/**
 * merge: what stands in the file comes first, then what the project said when it was asked, then Django's defaults; key by
 * key. Pure.
 */
import { type MissingRule, NEWEST_DJANGO } from '../core/manifest/rules.js';
import type { Asked, Config, ManifestConfig, RawConfig, SourceDir } from './schema.js';

const DEFAULT_IGNORE = ['CVS', '.*', '*~'];
const DEFAULT_FILE_MODE = 0o644;

/** Without the paths among them, which are for whoever knows where the file lies. */
export function mergeStatic(written: RawConfig['static'], asked: Asked | undefined): Omit<Config['static'], 'root'> {
  const { permissions, manifest } = written;
  const python = asked === undefined ? undefined : minorVersion(asked.python);
  return {
    url: written.url === undefined ? urlOf(asked) : absoluteUrl(written.url),
    storage: written.storage ?? asked?.storage ?? 'plain',
    django: written.django ?? asked?.rules ?? NEWEST_DJANGO,
    ...(python !== undefined && { python }),
    permissions: {
      file: firstOf(permissions?.file, asked?.permissions.file, DEFAULT_FILE_MODE),
      dir: firstOf(permissions?.dir, asked?.permissions.dir, null),
    },
    manifest: mergeManifest(manifest ?? { stale: 'remove' }, asked?.manifest),
  };
}

/** STATIC_URL where the file says nothing. */
export function urlOf(asked: Asked | undefined): string {
  return absoluteUrl(asked?.url ?? '/static/');
}

/** The list in the file stands for all sources of the project. */
export function mergeSources(
  written: RawConfig['source'],
  dirs: readonly SourceDir[] | undefined,
  asked: Asked | undefined,
): Pick<Config['source'], 'dirs' | 'ignore'> {
  return { dirs: dirs ?? asked?.dirs ?? [], ignore: written.ignore ?? ignoredBy(asked) };
}

/** What is ignored where the file says nothing. */
export function ignoredBy(asked: Asked | undefined): readonly string[] {
  return asked?.ignore ?? DEFAULT_IGNORE;
}

function mergeManifest(
  written: NonNullable<RawConfig['static']['manifest']>,
  asked: Asked['manifest'] | undefined,
): Omit<ManifestConfig, 'root'> {
  return {
    name: written.name ?? asked?.name ?? 'staticfiles.json',
    jsModules: written.jsModules ?? asked?.jsModules ?? false,
    keepIntermediateFiles: written.keepIntermediateFiles ?? asked?.keepIntermediateFiles ?? false,
    maxPasses: written.maxPasses ?? asked?.maxPasses ?? 5,
    missing: missingRules(written.missing ?? 'fail'),
    stale: written.stale,
  };
}

/** `fail` is what holds where no rule does, and needs none. */
function missingRules(written: MissingRule['then'] | Readonly<Record<string, MissingRule['then']>>): MissingRule[] {
  if (written === 'fail') return [];
  if (written === 'warn') return [{ pattern: '*', then: 'warn' }];
  return Object.entries(written).map(([pattern, then]) => ({ pattern, then }));
}

/** As Django's settings read it, where the site has no script prefix. */
function absoluteUrl(url: string): string {
  return /^(?:https?:\/\/|\/)/.test(url) ? url : `/${url}`;
}

function minorVersion(version: string): string {
  return version.split('.', 2).join('.');
}

/** null is a value like any other. */
function firstOf<T>(...values: readonly [...(T | undefined)[], T]): T {
  return values.find((value) => value !== undefined) as T;
}
