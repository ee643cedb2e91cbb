/**
 * The shape of `pushstatic.yaml`: every key, what it may hold, its default, and the Config that comes of it.
 *
 * Pure: it sees values, not files. What needs the file's place, the home folder or a second key to be judged is
 * `assemble.ts`. valibot is imported here, so this file is only loaded when a configuration is read; its types are free.
 * `config/pushstatic.schema.json` is made from `FileShape`.
 */
import * as v from 'valibot';
import type { Limit } from '../core/guard.js';
import { DJANGO_RELEASES, type DjangoRelease, type MissingRule } from '../core/manifest/rules.js';
import { enumerate, type Fault, faultsOf } from './fault.js';
import { parseDuration, parseLimit, parseMode, parseSize } from './units.js';

/** A folder of sources. `path` is absolute; `prefix` is '' or a RelPath, and is put before every name found there. */
export interface SourceDir {
  readonly path: string;
  readonly prefix: string;
  /** One that is not there is no fault: it holds nothing yet. */
  readonly isOptional?: true;
}

/** How to ask the Django project itself. */
export interface DjangoSource {
  /** Absolute. */
  readonly manage: string;
  /** Absolute, or a command to look up; undefined: that of a virtual environment beside `manage`, else python3. */
  readonly python?: string;
  /** undefined: what `manage` sets. */
  readonly settings?: string;
}

/** Where a target lies. */
export type Address = SftpAddress | FileAddress;

export interface SftpAddress {
  readonly kind: 'sftp';
  /** A name, a Host of ssh_config, or an IP address without brackets. */
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  /** Absolute, or relative to the login folder. Without `.`, `..`, empty components and a slash at the end; never empty. */
  readonly path: string;
}

interface FileAddress {
  readonly kind: 'file';
  /** Absolute and normal; never the root. */
  readonly path: string;
}

export interface TargetConfig {
  readonly name: string;
  /** As written, for messages. Holds no password. */
  readonly url: string;
  readonly address: Address;
  readonly identityFile?: string;
  /** At most one of `passwordEnv` and `passwordFile` is there; so with the passphrase of the identity. */
  readonly passwordEnv?: string;
  readonly passwordFile?: string;
  readonly passphraseEnv?: string;
  readonly passphraseFile?: string;
  /** At most one of `knownHosts` and `hostKey` is there. */
  readonly knownHosts?: string;
  readonly hostKey?: string;
  /** false: read none; undefined: the user's own, if there is one. */
  readonly sshConfig: string | false | undefined;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** What is published although its name speaks against it. */
  readonly allow: readonly string[];
  /** Whether a file may be missing for a moment where the server cannot replace it in one step. */
  readonly allowNonAtomic: boolean;
  readonly delete: { readonly enabled: boolean; readonly max: Limit };
  /** Permission bits. */
  readonly mode: { readonly file: number; readonly dir: number };
  /** As written; `controlPath` says where it is. */
  readonly control: string;
  /** That of `push`: a connection is made with it. */
  readonly compress: Config['push']['compress'];
}

/** How hashed names are made: the attributes of Django's ManifestFilesMixin. */
export interface ManifestConfig {
  readonly name: string;
  /** The absolute folder that the manifest lies in, where that is not STATIC_ROOT. */
  readonly root?: string;
  readonly jsModules: boolean;
  readonly keepIntermediateFiles: boolean;
  readonly maxPasses: number;
  /** What becomes of a reference to a file that is not there: the first pattern that fits the referring file, else `fail`. */
  readonly missing: readonly MissingRule[];
  /** Hashed files that belong to nothing any more. */
  readonly stale: 'keep' | 'remove';
}

/** Permission bits; null leaves it to the umask. */
export interface Permissions {
  readonly file: number | null;
  readonly dir: number | null;
}

/** What the Django project says of itself, judged. All paths are absolute. What the file says by hand comes before it. */
export interface Asked {
  /** The whole versions: 5.2.12, 3.12.4. */
  readonly django: string;
  readonly python: string;
  /** The Python that was run: absolute, or a command to look up. */
  readonly interpreter: string;
  /** The settings module. */
  readonly settings: string;
  readonly dirs: readonly SourceDir[];
  /** Whether these are all that collectstatic collects from. */
  readonly knowsSources: boolean;
  /** Whether all that comes of a file that is saved is its copy, and what is made of the copies later. */
  readonly savesCopies: boolean;
  readonly ignore: readonly string[] | undefined;
  /** undefined: STATIC_ROOT is not set. */
  readonly root: string | undefined;
  readonly url: string;
  readonly storage: 'plain' | 'manifest' | 'django';
  /** Why it is that one, in a sentence. */
  readonly why: string;
  /** Whose rules hold. */
  readonly rules: DjangoRelease;
  readonly permissions: Permissions;
  readonly manifest: Pick<ManifestConfig, 'name' | 'root' | 'jsModules' | 'keepIntermediateFiles' | 'maxPasses'>;
  /** Sentences for a person, by what they forbid. */
  readonly faults: {
    /** The storage of the project, unless `static.storage` replaces it. */
    readonly storage: readonly string[];
    /** Its sources, unless `source.dirs` replaces them. */
    readonly sources: readonly string[];
    /** To collect here: only Django itself can read these sources. */
    readonly djangoOnly: readonly string[];
  };
  /** For a person. */
  readonly warnings: readonly string[];
  /** A change of one of these may change the answer; some are not there yet. */
  readonly files: readonly string[];
  /** So may whether one of these is there, and the names in one of those. */
  readonly looked: readonly string[];
  readonly listed: readonly string[];
}

export interface DaemonConfig {
  /** 'auto' or an absolute path. */
  readonly socket: string;
  /** host:port; an IPv6 address in brackets. */
  readonly http: string | false;
  readonly shutdownTimeoutMs: number;
  /** At most one of the two is there: where the token lies that opens the status page. */
  readonly tokenEnv?: string;
  readonly tokenFile?: string;
}

/** The whole configuration, checked. Local paths are absolute. */
export interface Config {
  readonly file: string;
  /** The folder of `file`. */
  readonly folder: string;
  /** Who this project is on its targets: another project's target is refused. */
  readonly site: string;
  readonly source: {
    /** In order of precedence. */
    readonly dirs: readonly SourceDir[];
    readonly ignore: readonly string[];
    readonly django?: DjangoSource;
  };
  readonly static: {
    readonly root: string;
    /** Begins with a slash or a scheme. */
    readonly url: string;
    readonly storage: 'plain' | 'manifest' | 'django' | 'none';
    /** Whose rules hold. */
    readonly django: DjangoRelease;
    /** The version of the project's Python, such as 3.12, where it was asked. */
    readonly python?: string;
    readonly permissions: Permissions;
    readonly manifest: ManifestConfig;
  };
  /** Where there is a `source.django`. */
  readonly asked?: Asked;
  readonly targets: readonly TargetConfig[];
  /** `bandwidth` in bytes per second; undefined for no limit. */
  readonly push: {
    readonly concurrency: number | 'auto';
    readonly bandwidth: number | undefined;
    readonly compress: 'auto' | 'on' | 'off';
  };
  readonly watch: {
    readonly settleMs: number;
    readonly maxWaitMs: number;
    readonly sweepMs: number;
    readonly backend: 'auto' | 'native' | 'chokidar' | 'poll';
  };
  readonly daemon: DaemonConfig;
  /** `after` is a command for /bin/sh, run when something was published. */
  readonly hooks: { readonly after?: string; readonly timeoutMs: number };
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
    readonly format: 'auto' | 'json' | 'pretty';
  };
}

const MOST_CONCURRENCY = 1000; // OpenSSH has about so many handles for one channel
const MAX_PORT = 65_535;
const OCTAL = /^[0-7]{3,4}$/;

const MOST_SITE = 200; // it stands in the head of each index
const Path = text('a path');
const Pattern = text('a pattern');
// What begins or ends with a slash would fit no path, and keep nothing from being published. And what stands for all but a few would,
// beside other patterns, take in nearly everything.
const Glob = v.pipe(
  Pattern,
  v.check(
    (pattern) => !/^!(?!\()/.test(pattern),
    'a pattern without ! in front: what is not meant stands under exclude',
  ),
  v.regex(
    /^(?!\.{0,2}\/)(?:.*[^/])?$/s,
    'a pattern like img/** or **/*.map, of paths below STATIC_ROOT, with no / in front or at the end',
  ),
);
const YesOrNo = v.boolean('true or false');

const SourceShape = section({
  django: v.exactOptional(
    v.nullable(
      section({
        manage: v.optional(Path, 'manage.py'),
        python: v.exactOptional(text('the path or name of a Python')),
        settings: v.exactOptional(matching('a Python module like mysite.settings', /^[^\W\d]\w*(?:\.[^\W\d]\w*)*$/)),
      }),
      {},
    ),
  ),
  dirs: blank(
    v.array(
      v.union(
        [
          Path,
          section({ path: Path, prefix: v.optional(v.string('a prefix'), ''), optional: v.optional(YesOrNo, false) }),
        ],
        'a path or a mapping with path',
      ),
      'a list of folders',
    ),
  ),
  ignore: blank(v.array(Pattern, 'a list of patterns')),
});

// What is left out here is asked of the project; without one there are defaults. `merge.ts` knows both.
const StaticKeys = {
  url: v.exactOptional(matching('a URL like /static/ or https://static.example.com/', /^\S+$/)),
  storage: v.exactOptional(choice('plain', 'manifest', 'django', 'none')),
  django: v.exactOptional(v.picklist(DJANGO_RELEASES, `a version of Django in quotes: ${versions()}`)),
  permissions: v.nullish(
    section({
      file: v.exactOptional(v.nullable(mode("'0644'"))),
      dir: v.exactOptional(v.nullable(mode("'0755'"))),
    }),
    {},
  ),
  manifest: v.nullish(
    section({
      name: v.exactOptional(matching('a file name', /^\w[\w .-]*$/)),
      root: v.exactOptional(Path),
      jsModules: v.exactOptional(YesOrNo),
      keepIntermediateFiles: v.exactOptional(YesOrNo),
      maxPasses: v.exactOptional(wholeNumber(1, 100)),
      missing: v.exactOptional(
        v.union(
          [choice('fail', 'warn'), notAList(v.record(Pattern, choice('fail', 'warn')), 'a mapping of patterns')],
          'fail, warn or a mapping of patterns to one of them',
        ),
      ),
      stale: v.optional(choice('keep', 'remove'), 'remove'),
    }),
    {},
  ),
};

const StaticShape = section({ root: Path, ...StaticKeys }, 'a mapping with root');
const StaticShapeOfAsked = v.nullish(section({ root: v.exactOptional(Path), ...StaticKeys }), {});

const TargetShape = section({
  url: text('a URL like sftp://user@host/path or file:///path'),
  identityFile: v.exactOptional(Path),
  passwordEnv: v.exactOptional(variable()),
  passwordFile: v.exactOptional(Path),
  passphraseEnv: v.exactOptional(variable()),
  passphraseFile: v.exactOptional(Path),
  knownHosts: v.exactOptional(Path),
  hostKey: v.exactOptional(
    matching("a fingerprint like 'SHA256:…', as ssh-keygen -l prints it", /^SHA256:[A-Za-z0-9+/]{43}=?$/),
  ),
  sshConfig: v.exactOptional(v.union([v.literal(false), Path], 'a path or false')),
  include: v.nullish(v.pipe(v.array(Glob, 'a list of patterns'), v.minLength(1, 'at least one pattern')), ['**']),
  exclude: list(Glob, 'a list of patterns', []),
  allow: list(Glob, 'a list of patterns', []),
  allowNonAtomic: v.optional(YesOrNo, false),
  delete: v.nullish(
    section({
      enabled: v.optional(YesOrNo, true),
      max: v.optional(limit(), '50%'),
    }),
    {},
  ),
  mode: v.nullish(
    section({
      file: v.optional(modeWith(0o400, "'0644'", 'that lets the owner read'), '0644'),
      dir: v.optional(modeWith(0o700, "'0755'", 'that lets the owner read, write and enter'), '0755'),
    }),
    {},
  ),
  control: v.optional(Path, '.pushstatic'),
});

const TargetName = matching('a name of letters, digits, dots, dashes and underscores', /^[A-Za-z0-9][\w.-]*$/);

const Keys = {
  targets: v.nullish(
    notAList(v.record(TargetName, TargetShape, 'a mapping of names to targets'), 'a mapping of names to targets'),
    {},
  ),
  push: v.nullish(
    section({
      concurrency: v.optional(
        v.union(
          [v.literal('auto'), wholeNumber(1, MOST_CONCURRENCY, 'auto or ')],
          `auto or a whole number from 1 to ${MOST_CONCURRENCY}`,
        ),
        'auto',
      ),
      bandwidth: v.optional(bandwidth(), 'unlimited'),
      compress: v.optional(choice('auto', 'on', 'off'), 'auto'),
    }),
    {},
  ),
  watch: v.nullish(
    section({
      settle: v.optional(duration(), '100ms'),
      maxWait: v.optional(duration(), '2s'),
      sweep: v.optional(duration(), '60s'),
      backend: v.optional(choice('auto', 'native', 'chokidar', 'poll'), 'auto'),
    }),
    {},
  ),
  daemon: v.nullish(
    section({
      socket: v.optional(text('auto or a path'), 'auto'),
      http: v.optional(
        v.union([v.literal(false), httpAddress()], 'an address like 127.0.0.1:8873 or false'),
        '127.0.0.1:8873',
      ),
      shutdownTimeout: v.optional(duration(), '10s'),
      tokenEnv: v.exactOptional(variable()),
      tokenFile: v.exactOptional(Path),
    }),
    {},
  ),
  hooks: v.nullish(
    section({
      after: v.exactOptional(text('a shell command')),
      timeout: v.optional(duration(), '60s'),
    }),
    {},
  ),
  log: v.nullish(
    section({
      level: v.optional(choice('trace', 'debug', 'info', 'warn', 'error', 'silent'), 'info'),
      format: v.optional(choice('auto', 'json', 'pretty'), 'auto'),
    }),
    {},
  ),
};

const Site = v.pipe(
  text('a name for this project'),
  v.maxLength(MOST_SITE, `a name of at most ${MOST_SITE} characters`),
);
const before = { site: v.exactOptional(Site), source: v.nullish(SourceShape, {}) };
const FullShape = section({ ...before, static: StaticShape, ...Keys });
const ShapeOfAsked = section({ ...before, static: StaticShapeOfAsked, ...Keys });

/** The file as a whole. A project that is asked knows its STATIC_ROOT itself. */
export const FileShape = v.lazy((input) => (input === undefined || asksProject(input) ? ShapeOfAsked : FullShape));

/** The file's values with defaults filled in and notations read; paths and URLs still as written. */
export type RawConfig = v.InferOutput<typeof ShapeOfAsked>;
export type RawTarget = RawConfig['targets'][string];

export type Shape =
  | { readonly kind: 'sound'; readonly raw: RawConfig }
  | { readonly kind: 'wrong'; readonly faults: readonly Fault[] };

/** Judges plain data, such as the file holds. */
export function checkShape(value: unknown): Shape {
  const result = v.safeParse(FileShape, value);
  return result.success ? { kind: 'sound', raw: result.output } : { kind: 'wrong', faults: faultsOf(result.issues) };
}

function asksProject(input: unknown): boolean {
  const source = isMapping(input) ? input['source'] : undefined;
  return isMapping(source) && 'django' in source;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function versions(): string {
  return enumerate(DJANGO_RELEASES.map((version) => `'${version}'`));
}

/** A mapping with these keys and no others. */
function section<const T extends v.ObjectEntries>(entries: T, noun = 'a mapping') {
  const nouns = new Map<string, string>();
  for (const [key, entry] of Object.entries(entries)) {
    if ('message' in entry && typeof entry.message === 'string') nouns.set(`"${key}"`, entry.message);
  }
  // The issue of a missing key is raised by the mapping, and should say what the key is for.
  const message = (issue: v.ObjectWithRestIssue): string => nouns.get(issue.expected) ?? noun;
  return notAList(v.objectWithRest(entries, v.never(Object.keys(entries).join(' ')), message), noun);
}

/** `schema` for anything but a list, which valibot takes for an object with the keys 0, 1, … */
function notAList<const T extends v.GenericSchema>(schema: T, noun: string) {
  const guarded = v.lazy((input) => (Array.isArray(input) ? v.custom<never>(() => false, noun) : schema));
  return Object.assign(guarded, { message: noun });
}

/** What may be left out; a key with nothing behind it is left out as well. */
function blank<const T extends v.GenericSchema>(schema: T) {
  return v.pipe(
    v.nullish(schema),
    v.transform((value) => value ?? undefined),
  );
}

/** A list that may be left out or empty. */
function list<const T extends v.GenericSchema>(item: T, noun: string, otherwise: v.InferInput<T>[]) {
  return v.nullish(v.array(item, noun), otherwise);
}

function text(noun: string) {
  return v.pipe(
    v.string(noun),
    v.nonEmpty(noun),
    v.check((value) => value.isWellFormed() && !value.includes('\0'), noun),
  );
}

function matching(noun: string, pattern: RegExp) {
  return v.pipe(v.string(noun), v.regex(pattern, noun));
}

function choice<const T extends readonly string[]>(...words: T) {
  return v.picklist(words, enumerate(words));
}

function wholeNumber(least: number, most: number, otherwise = '') {
  const noun = `${otherwise}a whole number from ${least} to ${most}`;
  return v.pipe(v.number(noun), v.integer(noun), v.minValue(least, noun), v.maxValue(most, noun));
}

function mode(example: string) {
  return written(`an octal string like ${example} (in quotes)`, OCTAL, parseMode);
}

/** Without those bits pushstatic itself could not go on. */
function modeWith(bits: number, example: string, what: string) {
  const parse = (digits: string): number | undefined => {
    const value = parseMode(digits);
    return value !== undefined && (value & bits) === bits ? value : undefined;
  };
  return written(`an octal string like ${example} (in quotes) ${what}`, OCTAL, parse);
}

function duration() {
  return written('a duration like 100ms, 2s or 1h30m', /^(?:\d+(?:d|h|m|s|ms))+$/, parseDuration);
}

function limit() {
  const noun = "a count like 100 or a share like '50%'";
  const count = v.pipe(
    v.number(noun),
    v.safeInteger(noun),
    v.minValue(0, noun),
    v.transform((value): Limit => ({ kind: 'count', count: value })),
  );
  return v.union([count, written(noun, /^\d+(?:\.\d+)?%?$/, parseLimit)], noun);
}

function bandwidth() {
  const noun = 'unlimited or bytes per second like 500K or 10M';
  const unlimited = v.pipe(
    v.literal('unlimited'),
    v.transform(() => undefined),
  );
  const size = written(noun, /^\d+[KMGTkmgt]?$/, (value) => parseSize(value) || undefined);
  const bytes = v.pipe(v.number(noun), v.safeInteger(noun), v.minValue(1, noun));
  return v.union([unlimited, size, bytes], noun);
}

function httpAddress() {
  return written('an address like 127.0.0.1:8873 or false', /^(?:[\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}$/, (value) =>
    Number(value.slice(value.lastIndexOf(':') + 1)) <= MAX_PORT ? value : undefined,
  );
}

function variable() {
  return matching('the name of an environment variable', /^[A-Za-z_]\w*$/);
}

/** Text in a notation: `pattern` is its form for the JSON Schema, `parse` has the last word. */
function written<T>(noun: string, pattern: RegExp, parse: (value: string) => T | undefined) {
  return v.pipe(
    v.string(noun),
    v.regex(pattern, noun),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: noun });
      return NEVER;
    }),
  );
}
