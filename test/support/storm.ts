/**
 * A storm: machines that push to one target, each in its own way, at random: requests that take their time, runs that die at some
 * request, are interrupted, or are refused by a guard; connections that are kept and such that are not; and, among hasty ones,
 * runs that are taken for dead while they are alive.
 */
import { setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import { Arrivals } from '../../src/collect/thread/arrivals.js';
import { isMark } from '../../src/core/lease.js';
import { nameOf, type RelPath } from '../../src/core/relpath.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import { LockedError, SafetyError } from '../../src/errors.js';
import { IndexStore } from '../../src/push/index/store.js';
import { verify } from '../../src/push/verify.js';
import { Connection } from '../../src/sync.js';
import { MemoryTarget } from '../../src/targets/memory.js';
import type { Target } from '../../src/targets/target.js';
import { type Chance, chanceOf } from './chance.js';
import { Crash, crashAt } from './crashing-target.js';
import { type Bench, makeBench, OUT_AT_ONCE, publicTree, type Site } from './cycle.js';
import { path } from './entries.js';
import { hooked } from './hooked-target.js';

const STORMS = 2;
const PATIENT = { ttl: 60_000, patience: 20_000 };
/** What keeps its order on a connection, as one channel of SFTP does. */
const ORDERED = new Set('stat append moveFolder makeFolder makeFolderAmong removeFolder chmod list read'.split(' '));

export interface Weather {
  readonly leastJournalBytes?: number;
  /** How many machines there are at least; there may be one more. */
  readonly machines: number;
  /** How many cycles each of them has in a storm. */
  readonly cycles: number;
  /** How likely a request stands still, and for how many turns of the event loop at most. */
  readonly stills: { readonly chance: number; readonly turns: number };
}

/** Whatever comes of it, the index claims nothing that is not so, and one more run makes the target what it wants, and leaves nothing else. */
export async function expectOneVersion(seed: number, weather: Weather): Promise<void> {
  const chance = chanceOf(seed);
  const kind = seed % 2 === 0 ? 'patient' : 'hasty';
  const target = new MemoryTarget();
  const benches = await Promise.all(Array.from({ length: weather.machines + chance.below(2) }, makeBench));
  const machines = benches.map((bench, who) => new Machine(bench, who, { target, kind, chance, weather }));
  for (let storm = 0; storm < STORMS; storm++) {
    await Promise.all(machines.map((machine) => machine.storm()));
    // Those that were taken for dead may still have something on its way.
    for (const machine of machines) await machine.quiet();
    await expectTrueIndex(target, chance.pick(machines));
    const last = chance.pick(machines);
    const site = await last.calm();
    expect(await publicTree(target)).toEqual(site);
    await expectTrueIndex(target, last);
    await expectTidy(target);
  }
}

interface Place {
  readonly target: MemoryTarget;
  readonly kind: 'patient' | 'hasty';
  readonly chance: Chance;
  readonly weather: Weather;
}

class Machine {
  readonly bench: Bench;
  readonly #who: number;
  readonly #target: MemoryTarget;
  readonly #kind: 'patient' | 'hasty';
  readonly #chance: Chance;
  readonly #weather: Weather;
  #connection: Connection | undefined;
  #cycles = 0;
  #underWay = new Set<Promise<unknown>>();

  constructor(bench: Bench, who: number, { target, kind, chance, weather }: Place) {
    this.bench = bench;
    this.#who = who;
    this.#weather = weather;
    this.#target = target;
    this.#kind = kind;
    this.#chance = chance;
  }

  async storm(): Promise<void> {
    for (let i = 0; i < this.#weather.cycles; i++) {
      await turns(this.#chance.below(60));
      await this.#tryCycle();
    }
  }

  async quiet(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** A cycle in which nothing happens. Answers with what it published. */
  async calm(): Promise<Site> {
    const site = this.#site();
    const { outcomes } = await this.bench.publish(this.#slowed(2), site, { lease: { ttl: 60_000, patience: 60_000 } });
    expect(outcomes.filter(({ kind }) => kind !== 'done')).toEqual([]);
    return site;
  }

  async #tryCycle(): Promise<void> {
    try {
      await this.#cycle();
      if (this.#chance.happens(0.3)) this.#connection = undefined;
    } catch (error) {
      const isMeant =
        error instanceof Crash || error instanceof LockedError || error instanceof SafetyError || isAbort(error);
      if (!isMeant) throw error;
      if (!(error instanceof SafetyError)) this.#connection = undefined;
    }
  }

  async #cycle(): Promise<void> {
    const chance = this.#chance;
    const snapshot = await this.bench.plant(this.#site());
    const root = this.bench.root();
    const interrupt = new AbortController();
    const options = {
      ...this.bench.options(),
      fileOf: (at: string) => `${root}/${at}`,
      lease: this.#kind === 'hasty' ? OUT_AT_ONCE : PATIENT,
      signal: interrupt.signal,
      filesInShare: chance.happens(0.15) ? 3 : undefined,
      leastJournalBytes: this.#weather.leastJournalBytes,
      arrivals: chance.happens(0.3) ? arrivalsOf(snapshot) : undefined,
    };
    const slow = this.#slowed(chance.pick([2, 8, 30]));
    const moment = chance.pick(['before', 'after'] as const);
    const crashing = chance.happens(0.4) ? crashAt(slow, 1 + chance.below(50), moment) : slow;
    const limit = chance.happens(0.15) ? ({ kind: 'count', count: 0 } as const) : undefined;
    // What one that is alive after all removes too late is known to be gone.
    const deletion = this.#kind === 'hasty' ? 'keep' : 'delete';
    if (crashing !== slow || limit !== undefined) this.#connection = undefined;
    this.#connection ??= await Connection.open(this.bench.job(crashing, { deletion, limit }), options);
    const cycle = this.#connection.cycle(Promise.resolve({ snapshot }), options);
    if (chance.happens(0.3)) void turns(chance.below(500)).then(() => interrupt.abort());
    await cycle;
  }

  /** Names of its own, names that all use for content of their own, and content that all have. */
  #site(): Site {
    const chance = this.#chance;
    const me = `${this.#who}-${this.#cycles++}`;
    const styles = Array.from({ length: 4 }, (_, i) => [`css/${i}.css`, chance.pick(['v1', 'v2', me])]);
    const images = Array.from({ length: 5 }, (_, i) => [`img-${chance.below(3)}/${i}.png`, `${chance.below(3)}`]);
    const own = Array.from({ length: 5 }, (_, i) => [`new-${me}/${i}.png`, `own ${i}`]);
    const some = [styles, images, own].filter(() => chance.happens(0.6)).flat();
    return Object.fromEntries([...some, ['index.html', me]]) as Site;
  }

  /** Each request takes up to so many turns; now and then the line stands still. */
  #slowed(most: number): Target {
    const chance = this.#chance;
    const { stills } = this.#weather;
    let before: Promise<unknown> = Promise.resolve();
    const takeTime = async (kind: string): Promise<void> => {
      const count = chance.below(most) + (chance.happens(stills.chance) ? chance.below(stills.turns) : 0);
      const mine = ORDERED.has(kind) ? (before = before.then(() => turns(count))) : turns(count);
      this.#underWay.add(mine);
      await mine;
      this.#underWay.delete(mine);
    };
    return hooked(this.#target, takeTime, () => turns(chance.below(most)));
  }
}

/** They come before the snapshot is whole. */
function arrivalsOf({ entries }: Snapshot): Arrivals {
  const arrivals = new Arrivals();
  arrivals.add([...entries]);
  arrivals.end();
  return arrivals;
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

async function expectTrueIndex(target: Target, { bench }: Machine): Promise<void> {
  const cache = (await makeBench()).state;
  const loaded = await new IndexStore(target, { ...bench.options(), cache }).load();
  if (loaded.kind === 'missing') return;
  if (loaded.kind === 'damaged') throw new Error(`the index is damaged: ${loaded.reason}`);
  const findings = await verify(target, loaded.index, { depth: 'content', folderMode: 0o755 });
  expect(findings.filter((each) => !loaded.index.pending.has(each.path))).toEqual([]);
}

/** The head, what it names, and an empty stage. */
async function expectTidy(target: Target): Promise<void> {
  const found: RelPath[] = [];
  for await (const each of target.list(path('.pushstatic'))) if (!isMark(nameOf(each.path))) found.push(each.path);
  const names = found.map((each) => nameOf(each).replace(/-.*/, '')).sort();
  const maybe = ['journal', 'stage'].filter((name) => names.includes(name));
  expect(names).toEqual(['head', 'snapshot', ...maybe].sort());
}
