/**
 * What the two ends of the thread of the local half tell each other: plain data.
 */
import type { MessagePort } from 'node:worker_threads';
import type { ToSign } from '../../core/delta/signature.js';
import type { Entry } from '../../core/entry.js';
import type { Places } from '../../core/places.js';
import type { RelPath } from '../../core/relpath.js';
import type { FollowedLink } from '../../core/touched.js';
import type { DjangoProject } from '../../django/run-collectstatic.js';
import type { Problem } from '../../errors.js';
import type { Ownership } from '../collect.js';
import type { KnownPlaces, Moved } from '../collect-places.js';
import type { StagedProject } from '../collect-staged.js';
import type { Progress } from '../identify.js';
import type { CollectProject } from '../project.js';
import type { RunOptions } from '../run-options.js';
import type { Tree, Went } from '../since/gone.js';
import type { LookSince } from '../since/look-since.js';
import type { Changes, Gone, Marks, Swept } from '../sweep.js';
import type { Slab } from './contents.js';
import type { Use } from './entry-sender.js';
import type { SharedList } from './helper.js';

/** What to do: fill STATIC_ROOT from the sources, or take it as it is; all of it, or some places. Or look what changed. */
export type LocalWork = { readonly mode: 'write' | 'dry-run' } & (
  | { readonly kind: 'collect'; readonly project: CollectProject; readonly part?: Part | PartSince }
  | { readonly kind: 'scan'; readonly root: string; readonly part?: PartToScan; readonly filledBy?: 'us' | undefined }
  /** Fill it from what the project's own collectstatic makes: always all of it. */
  | { readonly kind: 'collectstatic'; readonly project: StagedProject; readonly django: DjangoProject }
);

/** The absolute places that have changed since a run before left a checkpoint, or a baseline. */
export interface PartSince {
  readonly touched: readonly string[];
  /** Those of them that came and went since the last run, where that is known. */
  readonly moved?: Moved | undefined;
}

/** What has changed since a run before took marks? */
export interface LookWork extends LookSince {
  readonly kind: 'look';
  /** Whose checkpoint will be wanted. */
  readonly recall?: CollectProject;
}

/** What is it that is gone? */
export interface NameWork {
  readonly kind: 'name';
  readonly gone: readonly Gone[];
  readonly trees: readonly Tree[];
  /** What a run before knows them by: what it collected, or STATIC_ROOT as it was at a baseline. */
  readonly by: { readonly kind: 'memory' } | { readonly kind: 'root'; readonly seal: string };
  /** Absolute places that are known beside that. */
  readonly noted: readonly string[];
}

/** Places, and what is known of them. */
export interface Part {
  readonly places: Places;
  readonly known: KnownPlaces;
  /** Another one each time that all was collected elsewhere: what is kept in mind here does not hold any more. */
  readonly epoch: number;
}

/** It need not be known what lay there. */
export interface PartToScan extends Omit<Part, 'known'> {
  readonly known: KnownPlaces | undefined;
}

/** Signatures to be made in `folder`. */
export interface SignWork {
  readonly kind: 'sign';
  readonly files: readonly ToSign[];
  readonly folder: string;
}

export interface SweepWork {
  readonly kind: 'sweep';
  readonly folders: readonly string[];
  readonly ignore: readonly string[];
  readonly before: Marks | undefined;
}

export interface LocalSettings extends Pick<RunOptions, 'force' | 'reread' | 'checkpoint' | 'baseline'> {
  readonly statePath: string;
  /** Whether what was read is sent along, for those who will send it on. */
  readonly contents: 'keep' | 'drop';
  /** Whether anybody wants to know what is in STATIC_ROOT. Default: keep. */
  readonly snapshot?: 'keep' | 'drop';
  /** For a run after which the process ends: a big tree is to take less memory rather than less time. */
  readonly heap?: 'small' | undefined;
  /** Whether the thread that asks takes part where there is much to do. */
  readonly helper?: 'asker' | undefined;
}

/** A message to the thread: what to do, and where to tell of it. */
export interface LocalTask {
  readonly work: LocalWork | SweepWork | LookWork | NameWork | SignWork;
  readonly settings: LocalSettings;
  readonly port: MessagePort;
}

/** What it may be told at that port while it works. */
export type ThreadRequest =
  | { readonly kind: 'abort' }
  /** The list that it was asked to help with first is all taken. */
  | { readonly kind: 'helped' }
  /** What was in this slab is of no more use. */
  | { readonly kind: 'freed'; readonly bytes: ArrayBuffer };

/** What is done, but for the entries, which went ahead. */
export interface LocalSummary {
  readonly files: number;
  /** Plain copies, and hashed ones. */
  readonly copied: number;
  readonly hashed: number;
  readonly removed: number;
  /** What is to be removed, and was left for now. */
  readonly putOff: number;
  /** Of a part: the places that it is about, if they are more than was asked for. */
  readonly places: Places | undefined;
  /** The paths that a dry run would copy or remove. */
  readonly due: readonly RelPath[];
  /** Of the snapshot: the paths whose state is unknown. */
  readonly unknown: readonly Problem[];
  /** All that were met. */
  readonly problems: readonly Problem[];
  readonly ownership: Ownership;
  /** The id of the one that was left. */
  readonly baseline: string | undefined;
  readonly links: readonly FollowedLink[];
}

export type ThreadMessage =
  /** It may take part in this list. */
  | { readonly kind: 'help'; readonly list: SharedList }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'entries'; readonly entries: readonly Entry[]; readonly use: Use }
  | { readonly kind: 'contents'; readonly slab: Slab }
  | { readonly kind: 'done'; readonly summary: LocalSummary }
  /** The part cannot be worked on by itself. */
  | { readonly kind: 'declined' }
  | { readonly kind: 'swept'; readonly swept: Swept }
  | { readonly kind: 'looked'; readonly changes: Changes }
  | { readonly kind: 'named'; readonly went: Went | undefined }
  | { readonly kind: 'signed' }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string; readonly stack: string };
