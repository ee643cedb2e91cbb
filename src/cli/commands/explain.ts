/**
 * `pushstatic explain PATH`: where a published path comes from, what it shadows, its hashed name and who refers to it, and
 * where it is published.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { ExplainedSite } from '../../collect/hashed/explain-site.js';
import { pathOf } from '../../core/pasted-path.js';
import type { RelPath } from '../../core/relpath.js';
import { cycleOptions, jobsOf } from '../../cycle/jobs.js';
import { workOf } from '../../cycle/local-work.js';
import { ConfigError, EXIT, type ExitStatus } from '../../errors.js';
import { orUndefined } from '../../system-error.js';
import type { CommandInput } from '../command-input.js';
import { type Explanation, explanationLines } from '../explanation.js';
import { type Publication, publicationsOf } from '../publications.js';
import { jobMeans, openSession, type Session } from '../session.js';

export async function explainCommand(input: CommandInput, written: string): Promise<ExitStatus> {
  const session = await openSession(input);
  const asked = pathOf(written, session.config.static.url);
  if (asked === undefined)
    throw new ConfigError(`cannot explain "${written}": expected a path below STATIC_ROOT, like css/app.css`);
  const names = await namesOf(session, asked, input.signal);
  const path = names?.path ?? asked;
  const paths = new Set([path, ...(names?.hashedName === undefined ? [] : [names.hashedName]), asked]);
  const explanation: Explanation = {
    asked,
    path,
    ...(await sourcesOf(session, path)),
    names: names && (await searched(session, names)),
    published: await publications(session, [...paths], input),
  };
  input.output.document(documentOf(explanation));
  input.output.print(...explanationLines(explanation));
  const { winner, published } = explanation;
  return winner === undefined && published.every((each) => each.state !== 'published') ? EXIT.failed : EXIT.done;
}

function documentOf({
  asked,
  path,
  source,
  winner,
  problem,
  shadowed,
  ignoredBy,
  names,
  published,
}: Explanation): object {
  const { askedBy = 'path', hashedName, trouble, referrers = [], references = [] } = names ?? {};
  return {
    path: asked,
    source,
    winner: winner ?? null,
    problem: problem ?? null,
    shadowed,
    ignoredBy: ignoredBy ?? null,
    hashedName: hashedName ?? null,
    hashedNameOf: askedBy === 'path' ? null : { path, state: askedBy === 'hashed-name' ? 'current' : 'stale' },
    hashedNameProblem: trouble ?? null,
    referrers,
    references: references.map(({ text, target, hashedName: name, line, lookedIn }) => ({
      reference: text,
      target,
      hashedName: name ?? null,
      line,
      ...(lookedIn.length > 0 && { lookedIn }),
    })),
    published,
  };
}

async function sourcesOf(
  session: Session,
  path: RelPath,
): Promise<Omit<Explanation, 'asked' | 'path' | 'names' | 'published'>> {
  const { static: statics, source } = session.config;
  if (statics.storage === 'none') {
    const file = join(statics.root, path);
    const winner = orUndefined(() => statSync(file))?.isFile() === true ? file : undefined;
    return {
      source: 'none',
      winner,
      problem: undefined,
      shadowed: [],
      ignoredBy: undefined,
      lookedIn: [],
      searched: [],
    };
  }
  const { explainSources, foldersThere, placesFor } = await import('../../collect/explain-sources.js');
  const project = { sources: source.dirs, ignore: source.ignore, root: statics.root };
  const found = await explainSources(project, path, statics.storage === 'django' ? 'Django' : 'pushstatic');
  return {
    source: 'sources',
    winner: found.winner?.file,
    problem: found.problem,
    shadowed: found.shadowed.map((each) => each.file),
    ignoredBy: found.ignoredBy,
    lookedIn: found.winner === undefined && found.problem === undefined ? placesFor(source.dirs, path) : [],
    searched: foldersThere(source.dirs).map((each) => each.path),
  };
}

/** Undefined where no hashed names are made. */
async function namesOf(
  { config, state }: Session,
  path: RelPath,
  signal: AbortSignal,
): Promise<ExplainedSite | undefined> {
  const work = workOf(config, { collect: 'collect', mode: 'dry-run', env: {} });
  const manifest = work.kind === 'collect' ? work.project.manifest : undefined;
  if (work.kind !== 'collect' || manifest === undefined) return undefined;
  const { explainSite } = await import('../../collect/hashed/explain-site.js');
  return explainSite({ ...work.project, manifest }, path, { state, signal });
}

/** Of a reference that leads nowhere, where was looked for it. */
async function searched({ config }: Session, names: ExplainedSite): Promise<Explanation['names']> {
  const { placesFor } = await import('../../collect/explain-sources.js');
  return {
    ...names,
    references: names.references.map((each) => ({
      ...each,
      lookedIn: each.isDead ? placesFor(config.source.dirs, each.target) : [],
    })),
  };
}

async function publications(
  session: Session,
  paths: readonly RelPath[],
  input: CommandInput,
): Promise<readonly Publication[]> {
  const { config } = session;
  const means = { ...jobMeans(session, input), secrets: 'when connecting' } as const;
  const jobs = await jobsOf(config.targets, { deletion: 'keep', guards: 'heed' }, means);
  const options = { ...cycleOptions(config), signal: input.signal, act: 'only-plan' } as const;
  return (await Promise.all(jobs.map((job) => publicationsOf(job, paths, options)))).flat();
}
