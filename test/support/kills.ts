/**
 * Kills the program, or the server's side of it, at random moments of its pushes to a real OpenSSH server, while a reader hashes
 * what is served all the time.
 */
import { createHash } from 'node:crypto';
import { type Dirent, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { codeOf } from '../../src/system-error.js';
import type { Chance } from './chance.js';
import { noise } from './noise.js';
import type { OpenSshServer } from './openssh-server.js';
import { differences, makeProjectIn, on, type Project } from './project.js';

const FILES = 120;
const KB = 1024;
const LARGE_BYTES = 3 * 1024 * KB;
const VICTIMS = ['program', 'server', 'both'] as const;
const IN_PEACE = 3; // so often a run comes to its end between two kills, on the average

export interface Killed {
  readonly kills: number;
  /** How many files the reader hashed, and how often a page. */
  readonly looks: number;
  /** Whatever was wrong, in words. */
  readonly faults: readonly string[];
}

export async function killAtRandom(
  folder: string,
  server: OpenSshServer,
  kills: number,
  chance: Chance,
  onKill: (number: number) => void = () => undefined,
): Promise<Killed> {
  const target = join(folder, 'served');
  const project = await makeProjectIn(join(folder, 'project'), {
    targets: { web: on(server, target) },
    static: { root: 'var/static', storage: 'none' },
    source: { dirs: [] },
  });
  const site = new Site(project, chance);
  const reader = new Reader(target, site);
  const faults: string[] = [];
  site.edit();
  const longestMs = await timeOf(() => endInPeace(project, faults));
  const reading = reader.readOn();
  for (let number = 1; number <= kills; number++) {
    site.edit();
    await killOnce(project, server, chance.pick(VICTIMS), chance.below(Math.ceil(longestMs)));
    if (chance.happens(0.3)) await project.forgetState().catch(() => undefined);
    if (chance.below(IN_PEACE) === 0) await endInPeace(project, faults);
    onKill(number);
  }
  await endInPeace(project, faults);
  await reader.end(reading);
  const drift = differences(project.root, target);
  if (drift !== '') faults.push(`it drifted: ${drift}`);
  const { status, stdout } = await project.program.run('verify', '--content');
  if (status !== 0) faults.push(`verify ended with ${status}: ${stdout}`);
  return { kills, looks: reader.looks, faults: [...faults, ...reader.faults] };
}

/** One run, broken off after so many milliseconds. */
async function killOnce(
  { program }: Project,
  server: OpenSshServer,
  victim: (typeof VICTIMS)[number],
  afterMs: number,
): Promise<void> {
  const run = program.start('sync');
  await Promise.race([pause(afterMs), run.ended]);
  if (victim !== 'program') server.dropSessions();
  if (victim !== 'server') run.kill('SIGKILL');
  await run.ended;
}

/** A run that nobody breaks off has to finish, at once, and to leave nothing. */
async function endInPeace(project: Project, faults: string[]): Promise<void> {
  const { status, stderr } = await project.program.run('sync');
  if (status !== 0) faults.push(`a run ended with ${status}: ${stderr}`);
  if (stderr.includes('is writing to it')) faults.push(`a lease was stuck: ${stderr}`);
  // The session of a run that was killed may do its last bit after the next one has looked: the one after that clears it away.
  const again = await project.program.run('sync');
  if (again.status !== 0) faults.push(`a run with nothing to do ended with ${again.status}: ${again.stderr}`);
}

async function timeOf(act: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

/** A site with pictures, a large file, and a page that names a style sheet of its version, which names a picture. */
class Site {
  readonly #root: string;
  readonly #chance: Chance;
  readonly #digests = new Map<string, Set<string>>();
  #version = 0;

  constructor({ root }: Project, chance: Chance) {
    this.#root = root;
    this.#chance = chance;
  }

  /** The next version of it. */
  edit(): void {
    const version = ++this.#version;
    for (let i = 0; i < FILES; i++) {
      if (version === 1 || this.#chance.happens(0.2))
        this.#put(`img/${i % 7}/${i}.png`, noise(KB * (1 + (i % 40)), version * 1000 + i));
    }
    if (version % 3 === 1) this.#put('video.bin', noise(LARGE_BYTES, version));
    rmSync(join(this.#root, `app.${version - 1}.css`), { force: true });
    this.#put(`app.${version}.css`, Buffer.from(`/* ${version} */ url(img/1/1.png)`));
    this.#put('index.html', Buffer.from(`<link href="app.${version}.css">`));
  }

  /** Whether some version of this file has that content. */
  has(path: string, content: Buffer): boolean {
    return this.#digests.get(path)?.has(digestOf(content)) === true;
  }

  #put(path: string, content: Buffer): void {
    const file = join(this.#root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    const digests = this.#digests.get(path) ?? new Set();
    this.#digests.set(path, digests.add(digestOf(content)));
  }
}

class Reader {
  looks = 0;
  readonly faults: string[] = [];
  readonly #target: string;
  readonly #site: Site;
  #isOver = false;

  constructor(target: string, site: Site) {
    this.#target = target;
    this.#site = site;
  }

  async readOn(): Promise<void> {
    while (!this.#isOver) {
      this.#readPage();
      for (const path of this.#served()) {
        if (this.#isOver) return;
        this.#readFile(path);
        await setImmediate();
      }
    }
  }

  async end(reading: Promise<void>): Promise<void> {
    this.#isOver = true;
    await reading;
    this.#lookForLeftovers();
  }

  #served(folder = ''): string[] {
    const found: string[] = [];
    for (const entry of this.#listed(folder)) {
      const path = join(folder, entry.name);
      if (entry.isFile()) found.push(path);
      else if (path !== '.pushstatic') found.push(...this.#served(path));
    }
    return found;
  }

  /** Nothing of a folder that is gone by now. */
  #listed(folder: string): Dirent[] {
    try {
      return readdirSync(join(this.#target, folder), { withFileTypes: true });
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  #readFile(path: string): void {
    const content = this.#contentOf(path);
    if (content === undefined) return;
    this.looks++;
    if (!this.#site.has(path, content)) this.faults.push(`${path} is torn: ${content.length} bytes of no version`);
  }

  /** What a page names is there as long as the page is. */
  #readPage(): void {
    const page = this.#contentOf('index.html')?.toString();
    const style = /href="(.*)"/.exec(page ?? '')?.[1];
    if (style === undefined) return;
    this.looks++;
    if (this.#contentOf(style) === undefined && this.#contentOf('index.html')?.toString() === page)
      this.faults.push(`index.html names ${style}, which is not there`);
  }

  #contentOf(path: string): Buffer | undefined {
    try {
      return readFileSync(join(this.#target, path));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  #lookForLeftovers(): void {
    const control = readdirSync(join(this.#target, '.pushstatic'), { recursive: true, encoding: 'utf8' });
    const usual = /^(?:head|stage|stage\/at-[0-9a-f]+|snapshot-[^/]+|journal-[^/]+)$/;
    for (const name of control) if (!usual.test(name)) this.faults.push(`${name} is left in the control area`);
  }
}

function digestOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
