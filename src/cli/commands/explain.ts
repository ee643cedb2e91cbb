/**
 * `pushstatic explain PATH`: where a published path comes from, what it shadows, and where it is published.
 */
import { parseRelPath, type RelPath } from '../../core/relpath.js';
import { cycleOptions, jobsOf } from '../../cycle/jobs.js';
import { errorOf } from '../../cycle/report.js';
import { ConfigError, EXIT, type ExitStatus } from '../../errors.js';
import { IndexStore } from '../../push/index-store.js';
import type { CycleOptions, TargetJob } from '../../sync.js';
import type { CommandInput } from '../command-input.js';
import { jobMeans, openSession, type Session } from '../session.js';
import { bytes } from '../units.js';

interface Publication {
  readonly name: string;
  readonly url: string;
  readonly state: 'published' | 'absent' | 'uncertain' | 'excluded' | 'unknown';
  readonly size?: number;
  readonly digest?: string;
  readonly mtime?: string;
  readonly reason?: string;
}

export async function explainCommand(input: CommandInput, written: string): Promise<ExitStatus> {
  const session = await openSession(input);
  const path = parseRelPath(withoutUrl(written, session.config.static.url));
  if (path === undefined)
    throw new ConfigError(`cannot explain "${written}": expected a path below STATIC_ROOT, like css/app.css`);
  const { source, winner, shadowed, ignoredBy } = await sourcesOf(session, path);
  const jobs = await jobsOf(session.config.targets, { deletion: 'keep', guards: 'heed' }, jobMeans(session, input));
  const options = { ...cycleOptions(session.config), signal: input.signal, act: 'only-plan' } as const;
  const published = await Promise.all(jobs.map((job) => publicationOf(job, path, options)));
  input.output.document({
    path,
    source,
    winner: winner ?? null,
    shadowed,
    ignoredBy: ignoredBy ?? null,
    hashedName: null,
    referrers: [],
    published,
  });
  input.output.print(
    path,
    source === 'none' ? '  comes from STATIC_ROOT as it is (storage: none)' : `  comes from ${winner ?? 'no source'}`,
    ...shadowed.map((file) => `  shadows ${file}`),
    ...(ignoredBy === undefined ? [] : [`  ignored because of source.ignore: ${ignoredBy}`]),
    ...published.map((each) => `  ${line(each)}`),
  );
  return winner === undefined && source !== 'none' && published.every((each) => each.state !== 'published')
    ? EXIT.failed
    : EXIT.done;
}

async function sourcesOf(
  session: Session,
  path: RelPath,
): Promise<{
  source: 'sources' | 'none';
  winner: string | undefined;
  shadowed: readonly string[];
  ignoredBy: string | undefined;
}> {
  const { static: statics, source } = session.config;
  if (statics.storage === 'none') return { source: 'none', winner: undefined, shadowed: [], ignoredBy: undefined };
  const { explainSources } = await import('../../collect/explain-sources.js');
  const project = { sources: source.dirs, ignore: source.ignore, root: statics.root, permissions: statics.permissions };
  const found = await explainSources(project, path);
  return {
    source: 'sources',
    winner: found.winner?.file,
    shadowed: found.shadowed.map((each) => each.file),
    ignoredBy: found.ignoredBy,
  };
}

async function publicationOf(job: TargetJob, path: RelPath, options: CycleOptions): Promise<Publication> {
  const base = { name: job.name, url: `${job.url}/${path}` };
  if (!job.accepts(path)) return { ...base, state: 'excluded' };
  try {
    const target = await job.open();
    try {
      const loaded = await new IndexStore(target, { ...options, cache: job.cache }).load();
      if (loaded.kind !== 'index') return { ...base, state: 'unknown', reason: 'the target has no index to ask' };
      if (loaded.index.pending.has(path)) return { ...base, state: 'uncertain' };
      const entry = loaded.index.entries.find((each) => each.path === path);
      if (entry === undefined) return { ...base, state: 'absent' };
      return {
        ...base,
        state: 'published',
        size: entry.size,
        digest: entry.digest,
        mtime: new Date(entry.mtime * 1000).toISOString(),
      };
    } finally {
      await target.close();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    return { ...base, state: 'unknown', reason: errorOf(error).message };
  }
}

function line({ name, url, state, size = 0, digest, mtime, reason }: Publication): string {
  switch (state) {
    case 'published':
      return `published on ${name}: ${url} (${bytes(size)}, written ${mtime}, sha256 ${digest})`;
    case 'absent':
      return `not published on ${name}`;
    case 'uncertain':
      return `uncertain on ${name}: a run was interrupted; the next sync settles it`;
    case 'excluded':
      return `not for ${name}: its include and exclude leave it out`;
    case 'unknown':
      return `unknown on ${name}: ${reason}`;
  }
}

/** A person may paste the URL path of the page. */
function withoutUrl(written: string, staticUrl: string): string {
  const path = written.startsWith(staticUrl) ? written.slice(staticUrl.length) : written;
  return path.replace(/^\.?\//, '');
}
