/**
 * explainSite: what `explainNames` of the core says of a path, asked of the files as they lie on the disk now. Writes
 * nothing.
 */
import { explainNames, type NamesOf } from '../../core/manifest/explain-names.js';
import type { PostProcessed } from '../../core/manifest/post-process.js';
import type { Traces } from '../../core/manifest/trace.js';
import type { RelPath } from '../../core/relpath.js';
import { ConfigError, ManifestError, SourceError } from '../../errors.js';
import { Pacer } from '../../fs/pace.js';
import { DigestCache } from '../digest-cache.js';
import { recall } from '../memory.js';
import type { CollectProject } from '../project.js';
import type { RunOptions } from '../run-options.js';
import { readRoot } from '../scan.js';
import { listSources } from '../sources.js';
import { readWinners } from '../winners.js';
import { sourceOrder } from './found-order.js';
import { siteIn } from './hash-all.js';
import { hashSite, type ManifestProject, type SiteInput, siteOf } from './post-process.js';
import { recallTraces } from './traces.js';

export interface ExplainedSite extends NamesOf {
  /** Why the hashed name cannot be told. */
  readonly trouble: string | undefined;
}

/** Rejects only with what is nobody's fault: what stands against collecting is the `trouble`. */
export async function explainSite(
  project: CollectProject & { readonly manifest: ManifestProject },
  path: RelPath,
  options: Pick<RunOptions, 'state' | 'signal'>,
): Promise<ExplainedSite> {
  const { manifest } = project;
  try {
    const input = await findSite(project, options);
    const traces = await recallTraces(options.state, manifest.rules);
    const { processed, trouble } = attempt(input, traces, manifest);
    const explained = { processed, traces: processed?.traces ?? traces, rules: manifest.rules };
    return { ...explainNames(path, siteOf(input), explained), trouble };
  } catch (error) {
    if (!(error instanceof SourceError || error instanceof ConfigError)) throw error;
    return { path, askedBy: 'path', hashedName: undefined, references: [], referrers: [], trouble: error.message };
  }
}

async function findSite(project: CollectProject, options: Pick<RunOptions, 'state' | 'signal'>): Promise<SiteInput> {
  const { state } = options;
  const { root } = project;
  const pacer = new Pacer(options);
  const memory = await recall(state);
  const listings = await listSources(project, pacer);
  const sources = await DigestCache.load(state, 'sources', pacer);
  const wanted = await readWinners(listings, { step: 'collect', also: 'content-hash', cache: sources, pacer });
  const copies = await DigestCache.load(state, 'root', pacer);
  const present = await readRoot(project, { step: 'scan', cache: copies, pacer });
  return siteIn({ root, orders: listings.map(sourceOrder), wanted, present, memory }, pacer);
}

interface Processed {
  readonly processed: PostProcessed | undefined;
  readonly trouble: string | undefined;
}

function attempt(input: SiteInput, traces: Traces, manifest: ManifestProject): Processed {
  try {
    return { processed: hashSite({ ...input, traces }, manifest).processed, trouble: undefined };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return { processed: undefined, trouble: error.message };
  }
}
