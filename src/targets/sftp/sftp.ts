/**
 * A target reached by plain SFTP: no shell, nothing installed on the server.
 *
 * A file costs two round trips: open, then its writes, its times and its close sent back to back. Files go over
 * several channels of one connection, since a channel carries at most its window in one round trip.
 */
import { posix } from 'node:path';
import { ByteBudget } from '../../core/byte-budget.js';
import { folderMode } from '../../core/folder-mode.js';
import { CONTROL, isWithin, parentOf, parseRelPath, type RelPath } from '../../core/relpath.js';
import { SafetyError, TargetError } from '../../errors.js';
import { reasonOf } from '../../system-error.js';
import { closedTo } from '../closed-folder.js';
import type { Basis, Body, Capabilities, FileMeta, OnClosed, Recipe, RemoteFile, Target } from '../target.js';
import type { SftpChannel } from './channel.js';
import type { SftpConnection } from './connection.js';
import { isRefused } from './dating.js';
import { type Attempt, explain } from './explain.js';
import { type Lane, type Line, SftpLanes } from './lanes.js';
import { linkFile, patchFile } from './patch.js';
import { CHUNK_BYTES, FILE_WINDOW, type Flow, pour, pourBehind, requireSize } from './pour.js';
import { MOST_REPEATING_BYTES } from './repeats.js';
import { FAR_MS } from './round-trip.js';
import { SecondLine } from './second-line.js';
import { ignoreMissing } from './trouble.js';
import { Window } from './window.js';
import { type Attributes, kindOf, type Named, OPEN, POSIX_RENAME } from './wire.js';

const NEAR_CHANNELS = 2; // measured on loopback: two keep both sides busy, four are no faster
const FAR_CHANNELS = 8; // of the 10 that OpenSSH allows on a connection (MaxSessions); each has about 1,000 handles
const PATH_BYTES = 256; // what a file costs beside its content, about
const PATCH_BYTES = 512; // a file that is made of another one, likewise
const LISTINGS_IN_FLIGHT = 32;
const ROOT_MODE = 0o755; // a web server is to read it
const OWN_MODES =
  'the server refuses to set modes or times: what is published has those that it gives it, and "verify" may find other times';
const UNFLUSHED =
  'the server offers no fsync: after a power failure there, the next run may have to look at all files to know what is there';
const SENT_AGAIN =
  'the server copies nothing (it offers neither hardlink nor copy-data): content that it has under another name is sent again, ' +
  'and a changed file whole';
const MOMENT =
  'readers would find the file missing for a moment; to accept that, set allowNonAtomic: true for this target';

export interface SftpSettings {
  /** For messages. */
  readonly url: string;
  /** The published tree on the server: absolute, or relative to the login folder. */
  readonly root: string;
  /** The control area on the server, likewise. */
  readonly control: string;
  /** Whether content is compressed on its way; `auto` where that is quicker. Default: off. */
  readonly compress?: 'auto' | 'on' | 'off' | undefined;
  /** Whether a published file may be missing for a moment where the server cannot replace it in one step. Default: no. */
  readonly allowNonAtomic?: boolean | undefined;
  /** Is told once of each thing that the server refuses and that makes the outcome weaker. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/**
 * A target over `connection`, which it closes with itself. Nothing is asked of the server yet: a run that has nothing to
 * do asks for the head of its index and no more. The root is looked at beside that, and made before the first folder.
 */
export function openSftp(connection: SftpConnection, settings: SftpSettings): Target {
  return new SftpTarget(connection, settings);
}

class SftpTarget implements Target {
  readonly url: string;
  readonly #connection: SftpConnection;
  readonly #settings: SftpSettings;
  readonly #first: SftpChannel;
  readonly #line: Line;
  readonly #windows: Readonly<Record<Line, Window>>;
  readonly #lanes: SftpLanes;
  readonly #second: SecondLine | undefined;
  /** What lies at the root, looked at beside the first request. */
  #found: Promise<Attributes | undefined>;
  /** The first look at the root; undefined once it is out of date. */
  #firstLook: Promise<Attributes | undefined> | undefined;
  readonly #ownPlace: Promise<void>;
  #root: Promise<void> | undefined;
  #hasAskedForMore = false;
  /** What all patches of a line together may have on its way of new content. */
  readonly #literals: Readonly<Record<Line, ByteBudget>> = {
    plain: new ByteBudget(() => this.#windows.plain.bytes),
    compressed: new ByteBudget(() => this.#windows.compressed.bytes),
  };
  readonly #warned = new Set<string>();

  constructor(connection: SftpConnection, settings: SftpSettings) {
    this.url = settings.url;
    this.#connection = connection;
    this.#settings = settings;
    this.#first = connection.channel;
    this.#line = connection.isCompressed ? 'compressed' : 'plain';
    const window = (line: Line): Window => new Window(line, () => this.#first.roundTripMs);
    this.#windows = { plain: window('plain'), compressed: window('compressed') };
    this.#lanes = new SftpLanes(this.#first, this.#line, this.#windows);
    const { compress = 'off' } = settings;
    this.#second =
      compress === 'off' ? undefined : new SecondLine(connection, this.#lanes, compress, () => this.#channels());
    this.#first.dating.onNone = () => this.#warn(OWN_MODES);
    const found = (this.#firstLook = this.#lookAtRoot());
    this.#ownPlace = this.#requireOwnPlace();
    this.#found = this.#ownPlace.then(() => found);
    // Whoever is first to change something hears of it.
    for (const each of [found, this.#ownPlace, this.#found]) each.catch(() => undefined);
  }

  get capabilities(): Capabilities {
    return {
      atomicReplace: this.#first.replacesFiles,
      storesMtime: this.#first.dating.way !== 'none',
      hardlink: this.#first.linksFiles,
      serverCopy: this.#first.copiesData,
      roundTripMs: this.#first.roundTripMs,
    };
  }

  async *list(folder: RelPath | undefined, onClosed?: OnClosed): AsyncIterable<RemoteFile> {
    let level = [folder];
    while (level.length > 0) {
      const batch = level.splice(0, LISTINGS_IN_FLIGHT);
      const listing = batch.map((each) => this.#listOne(each).catch(closedTo(each, folder, onClosed)));
      const found = (await Promise.all(listing)).flat();
      yield* found;
      level = level.concat(found.filter((file) => file.kind === 'folder').map((file) => file.path));
    }
  }

  async stat(path: RelPath): Promise<RemoteFile | undefined> {
    const at = this.#at(path);
    const stats = await this.#first.lstat(at).catch(this.#explained({ verb: 'look at', at }));
    return stats === undefined ? undefined : remoteFile(path, stats);
  }

  async rootMode(): Promise<number | undefined> {
    const looking = this.#firstLook ?? this.#lookAtRoot();
    this.#firstLook = undefined;
    const found = await looking;
    if (found === undefined) {
      this.#found = this.#ownPlace.then(() => undefined);
      this.#found.catch(() => undefined);
      this.#root = undefined;
    }
    return found && found.mode & 0o7777;
  }

  async *read(path: RelPath): AsyncIterable<Uint8Array> {
    const channel = this.#first;
    const at = this.#at(path);
    // Every run begins with a read, of the index: in a place that is not its own it comes no further, also if it only looks.
    const [, opened] = await Promise.allSettled([this.#ownPlace, channel.open(at, OPEN.read)]);
    await this.#ownPlace;
    if (opened.status === 'rejected') throw await this.#explain(opened.reason, { verb: 'read', at });
    const handle = opened.value;
    try {
      yield* readAhead(channel, handle);
    } catch (error) {
      throw await this.#explain(error, { verb: 'read', at });
    } finally {
      // What was read is good whatever becomes of the handle.
      channel.close(handle).catch(() => undefined);
    }
  }

  async write(path: RelPath, body: Body, meta: FileMeta, how?: 'packed' | 'durable'): Promise<number> {
    this.#openMore();
    const at = this.#at(path);
    const content = how === 'packed' ? 'packed' : 'text';
    const bytes = Math.min(meta.size + PATH_BYTES, FILE_WINDOW * CHUNK_BYTES, this.#lanes.windowFor(content));
    this.#second?.begin(meta.size, content);
    this.#lanes.repeats?.replace(at);
    const lane = await this.#lanes.take(bytes, content);
    let inUse = bytes;
    const give = (some: number): void => {
      inUse -= some;
      this.#lanes.give(lane, some);
    };
    try {
      const whole = (): ReturnType<Body> => checked(body(), meta, path);
      return await this.#put(lane, at, whole, meta, how, (copied) => give(Math.min(copied, inUse)));
    } catch (error) {
      if (this.#lanes.isLost(lane)) throw lineLost(error);
      const explained = await this.#explain(error, { verb: 'write', at, bytes: meta.size });
      // Best effort: what stays in the control area is found and removed by the next run.
      await lane.channel.remove(at).catch(() => undefined);
      throw explained;
    } finally {
      this.#second?.end();
      give(inUse);
    }
  }

  async link({ path, meta }: Basis, to: RelPath, own?: 'own'): Promise<boolean> {
    this.#openMore();
    return linkFile(this.#lanes.idlest(), this.#at(path), own === undefined ? meta : undefined, this.#at(to));
  }

  async patch(basis: Basis, to: RelPath, recipe: Recipe, meta: FileMeta, how?: 'packed'): Promise<boolean> {
    this.#openMore();
    const lane = await this.#lanes.take(PATCH_BYTES, how ?? 'text');
    try {
      const known = { ...basis, path: this.#at(basis.path) };
      // Only the window is told. Compression is judged by throughput, and while the server copies that says nothing about the line.
      const arrived = (bytes: number): void => this.#windows[lane.line].arrived(bytes, performance.now());
      const sending = { room: this.#literals[lane.line], arrived };
      return await patchFile(lane.channel, { basis: known, to: this.#at(to), recipe, meta }, sending);
    } catch (error) {
      throw this.#lanes.isLost(lane) ? lineLost(error) : error;
    } finally {
      this.#lanes.give(lane, PATCH_BYTES);
    }
  }

  async append(path: RelPath, offset: number, bytes: Uint8Array, how?: 'durable'): Promise<void> {
    const at = this.#at(path);
    this.#lanes.repeats?.replace(at);
    try {
      const handle = await this.#first.open(at, OPEN.write | OPEN.create);
      await pourBehind(this.#first, handle, bytes, { offset, path: at, how, flow: this.#flow(this.#line) });
    } catch (error) {
      throw await this.#explain(error, { verb: 'write', at, bytes: bytes.length });
    }
  }

  async rename(from: RelPath, to: RelPath): Promise<void> {
    // In the order in which it was asked for, among other changes of the control area.
    const channel = isWithin(to, CONTROL) ? this.#first : this.#lanes.idlest();
    const [source, destination] = [this.#at(from), this.#at(to)];
    for (const at of [source, destination]) this.#lanes.repeats?.replace(at);
    try {
      await channel.posixRename(source, destination);
    } catch (error) {
      const explained = this.#explained({ verb: 'publish', at: destination, from: source });
      if (!(error instanceof TargetError) || error.kind !== 'unsupported') return explained(error);
      const name = isWithin(to, CONTROL) ? 'ours' : 'public';
      const stepping = this.#renameInSteps(channel, source, destination, name);
      await stepping.catch((cause: unknown) => (cause instanceof Displaced ? Promise.reject(cause) : explained(cause)));
    }
  }

  async moveFolder(from: RelPath, to: RelPath): Promise<void> {
    this.#lanes.repeats?.forget();
    await this.#first.plainRename(this.#at(from), this.#at(to));
  }

  async chmod(path: RelPath, mode: number): Promise<void> {
    const at = this.#at(path);
    await this.#first.chmod(at, mode).catch(this.#explained({ verb: 'change the mode of', at }));
  }

  async makeFolder(path: RelPath, mode: number): Promise<void> {
    const found = await this.#found;
    this.#openMore();
    this.#firstLook = undefined;
    this.#root ??= this.#requireRoot(found);
    const at = this.#at(path);
    // One round trip for all: the server answers in order, and the look tells a folder from what may stand there.
    const [root, made, there] = await Promise.allSettled([
      this.#root,
      this.#first.makeFolder(at, mode),
      this.#first.lstat(at),
    ]);
    if (root.status === 'rejected') throw root.reason;
    const attempt = { verb: 'make the folder', at } as const;
    if (there.status === 'rejected') throw await this.#explain(there.reason, attempt);
    if (made.status === 'rejected') throw made.reason;
    const refusal = made.value;
    if (there.value === undefined)
      throw refusal === undefined ? vanished(path) : await this.#explain(refusal(), attempt);
    if (kindOf(there.value.mode) !== 'folder') throw obstructed(path, there.value);
    const isNew = refusal === undefined;
    const meant = folderMode(mode, there.value.mode);
    if (isNew && (there.value.mode & 0o7777) !== meant) await this.#first.chmod(at, meant).catch(this.#onModeRefused);
  }

  async makeFolderAmong(path: RelPath, mode: number): Promise<RemoteFile[]> {
    const made = this.makeFolder(path, mode);
    // Asked for behind it: the server answers in order.
    const beside = this.#found.then(() => this.#listOne(parentOf(path)));
    const [, found] = await Promise.all([made, beside]);
    return found;
  }

  async remove(path: RelPath): Promise<void> {
    const at = this.#at(path);
    this.#lanes.repeats?.replace(at);
    try {
      await this.#lanes.idlest().remove(at);
    } catch (error) {
      if (error instanceof TargetError && error.kind === 'not-found') return;
      throw await this.#explain(error, { verb: 'remove', at });
    }
  }

  async removeFolder(path: RelPath): Promise<boolean> {
    await this.#found; // as those that are made do
    const at = this.#at(path);
    try {
      await this.#first.removeFolder(at);
      return true;
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      if (error.kind === 'not-found') return true;
      // SFTP version 3 has no status for a folder that is not empty.
      if (error.kind === 'failed') return false;
      throw await this.#explain(error, { verb: 'remove the folder', at });
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#second?.close(), this.#connection.close()]);
  }

  /**
   * A server without posix-rename: new names are fine, but no file can be replaced without a moment of its absence. For
   * what is ours that does no harm: an index whose head is missing is made anew from what lies there.
   */
  async #renameInSteps(channel: SftpChannel, from: string, to: string, name: 'ours' | 'public'): Promise<void> {
    const there = await channel.lstat(to);
    if (there === undefined) return channel.plainRename(from, to);
    if (kindOf(there.mode) === 'folder') throw new TargetError('not-a-file', `cannot replace ${to}: a folder is there`);
    if (name === 'public') {
      if (this.#settings.allowNonAtomic !== true)
        throw new TargetError('unsupported', `cannot replace ${to}: the server offers no ${POSIX_RENAME}; ${MOMENT}`);
      this.#warn(`the server offers no ${POSIX_RENAME}: each file that is replaced is missing for a moment`);
    }
    // The old file is moved aside before the new one is moved in: whatever breaks off, one of them is left. Aside is a name that nobody
    // takes for the new file, in this run's own folder: a fenced run has lost that, so its first rename fails and the live file stays.
    const aside = `${posix.dirname(from)}/replaced.${posix.basename(from)}`;
    await channel.plainRename(to, aside);
    try {
      await channel.plainRename(from, to);
    } catch (error) {
      await channel.plainRename(aside, to).catch((cause: unknown) => {
        if (cause instanceof TargetError && cause.kind === 'unreachable') throw cause;
        const reason = `cannot put the new ${to} in its place, nor the old one back: it is missing until the next run`;
        throw new Displaced('failed', `${reason} (${reasonOf(error)})`, { cause: error });
      });
      throw error;
    }
    await channel.remove(aside).catch(() => undefined); // the new one is published: what stays on the stage, a later run removes
  }

  readonly #onModeRefused = (error: unknown): void => {
    if (!isRefused(error)) throw error;
    this.#warn(OWN_MODES);
  };

  #warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#settings.onWarning?.(text);
  }

  #lookAtRoot(): Promise<Attributes | undefined> {
    const at = this.#settings.root;
    return this.#first
      .stat(at)
      .catch(ignoreMissing)
      .catch(this.#explained({ verb: 'look at', at }));
  }

  /** What a path leads to, and where a login begins, only the server knows. One that does not say is believed. */
  async #requireOwnPlace(): Promise<void> {
    const { root, control } = this.#settings;
    if (!root.startsWith('/')) return; // it lies in the login folder
    const ask = (path: string): Promise<string | undefined> => this.#first.realPath(path).catch(ignoreRefusal);
    const [login, place = root] = await Promise.all([ask('.'), ask(root)]);
    if (place === login || control === login) throw inLogin(place === login ? root : control);
  }

  /** Makes the root if it is missing. A run that only looks never comes here. */
  async #requireRoot(found: Attributes | undefined): Promise<void> {
    const { root, url } = this.#settings;
    if (found === undefined) await makeRoot(this.#first, root, this.#onModeRefused);
    else if (kindOf(found.mode) !== 'folder')
      throw new TargetError('not-a-directory', `cannot use ${url}: it is not a folder`);
  }

  /** `onCopied` is told how many bytes need not travel. Answers with how many did. */
  async #put(
    { channel, line, repeats }: Lane,
    at: string,
    body: Body,
    meta: FileMeta,
    how: 'packed' | 'durable' | undefined,
    onCopied: (bytes: number) => void,
  ): Promise<number> {
    const mayRepeat = repeats?.areFound === true && how === undefined && meta.size <= MOST_REPEATING_BYTES;
    const sent = mayRepeat ? await repeats.write(at, body, meta, onCopied) : undefined;
    let flow: Flow | undefined;
    if (sent === undefined)
      await channel.put(
        at,
        body,
        meta,
        (...opened) => pour(...opened, { meta, path: at, flow: (flow = this.#flow(line)) }),
        how === 'durable' ? how : undefined,
      );
    if (flow === undefined) this.#arrived(meta.size + PATH_BYTES, line);
    return sent ?? meta.size;
  }

  #flow(line: Line): Flow {
    const window = this.#windows[line];
    return {
      get window() {
        return window.bytes;
      },
      arrived: (bytes) => this.#arrived(bytes, line),
    };
  }

  #arrived(bytes: number, line: Line): void {
    this.#windows[line].arrived(bytes, performance.now());
    this.#second?.arrived(bytes);
  }

  #channels(): number {
    return this.#first.roundTripMs < FAR_MS ? NEAR_CHANNELS : FAR_CHANNELS;
  }

  /** Once, and nobody waits for it: until they come, and should they never, those that are there do the work. */
  #openMore(): void {
    if (this.#hasAskedForMore) return;
    this.#hasAskedForMore = true;
    if (!this.#first.flushes) this.#warn(UNFLUSHED);
    if (!this.#first.linksFiles && !this.#first.copiesData) this.#warn(SENT_AGAIN);
    for (let more = this.#channels() - 1; more > 0; more--) {
      this.#connection.openChannel().then(
        (channel) => this.#lanes.add(channel, this.#line),
        () => undefined, // a server with a small MaxSessions refuses
      );
    }
  }

  async #listOne(folder: RelPath | undefined): Promise<RemoteFile[]> {
    const at = this.#at(folder);
    const entries = await this.#first.list(at).catch(async (error: unknown) => {
      if (error instanceof TargetError && error.kind === 'not-found') return [];
      throw await this.#explain(error, { verb: 'list', at });
    });
    const named = entries.every(saysKind) ? entries : await Promise.all(entries.map((entry) => this.#seen(at, entry)));
    return named.flatMap((entry) => (entry === undefined ? [] : remoteEntry(folder, entry)));
  }

  /** What a list leaves out a look may tell. Undefined for what is gone meanwhile. */
  async #seen(folder: string, entry: Named): Promise<Named | undefined> {
    if (saysKind(entry) || entry.name.includes('/')) return entry;
    const at = `${folder}/${entry.name}`;
    const attributes = await this.#first.lstat(at).catch(this.#explained({ verb: 'look at', at }));
    if (attributes === undefined) return undefined;
    const seen = { name: entry.name, attributes };
    if (saysKind(seen)) return seen;
    throw new TargetError(
      'unsupported',
      `cannot list ${folder}: the server does not say what is a file and what a folder`,
    );
  }

  #explained(attempt: Attempt): (error: unknown) => Promise<never> {
    return async (error) => {
      throw await this.#explain(error, attempt);
    };
  }

  #explain(error: unknown, attempt: Attempt): Promise<unknown> {
    return explain(error, attempt, this.#first);
  }

  #at(path: RelPath | undefined): string {
    if (path === undefined) return this.#settings.root;
    if (!isWithin(path, CONTROL)) return `${this.#settings.root}/${path}`;
    return this.#settings.control + path.slice(CONTROL.length);
  }
}

async function makeRoot(channel: SftpChannel, root: string, onModeRefused: (error: unknown) => void): Promise<void> {
  const making = channel.makeFolder(root, ROOT_MODE);
  // Asked for behind it: the server answers in order.
  const [made, found] = await Promise.allSettled([making, channel.stat(root)]);
  const there = found.status === 'fulfilled' ? found.value : undefined;
  if (made.status === 'rejected') throw made.reason;
  if (made.value !== undefined) {
    const isThere = there !== undefined && kindOf(there.mode) === 'folder'; // another run was quicker
    if (!isThere) throw await whyNoRoot(made.value(), channel, root);
    return;
  }
  const meant = folderMode(ROOT_MODE, there?.mode ?? ROOT_MODE);
  // The server's umask may have taken bits away.
  if (there === undefined || (there.mode & 0o7777) !== meant) await channel.chmod(root, meant).catch(onModeRefused);
}

function inLogin(path: string): SafetyError {
  return new SafetyError(
    `cannot use ${path} on the server: it is the login folder, where other things lie; name a folder of its own in it, ` +
      'as in sftp://host/~/static',
  );
}

/** For a question that a server may not answer. */
function ignoreRefusal(error: unknown): undefined {
  if (error instanceof TargetError && error.kind !== 'unreachable') return undefined;
  throw error;
}

async function whyNoRoot(cause: unknown, channel: SftpChannel, root: string): Promise<unknown> {
  if (!(cause instanceof TargetError) || cause.kind === 'unreachable') return cause;
  const said = (reason: string): TargetError =>
    new TargetError(cause.kind, `cannot make ${root} on the server: ${reason}`, { cause });
  if (cause.kind === 'not-found')
    return said('the folder above it is missing; make it there, or correct the path in the URL');
  const there = await channel.lstat(root).catch(() => undefined);
  if (there === undefined) return explain(cause, { verb: 'make the folder', at: root }, channel);
  if (kindOf(there.mode) === 'link')
    return said('a symbolic link is there that leads nowhere; make the folder that it names, or remove the link');
  return said('the account may not; make it there, or correct the path in the URL');
}

/** Neither the new file nor the old one is in its place: whatever the reason, that is not as it was before. */
class Displaced extends TargetError {}

function lineLost(cause: unknown): TargetError {
  return new TargetError('line-lost', 'one of the connections was lost', { cause });
}

/** Content of one piece must have the promised size. */
function checked<T>(content: T, meta: FileMeta, path: RelPath): T {
  if (content instanceof Uint8Array) requireSize(content.length, meta, path);
  return content;
}

/** The content in order, with reads on their way ahead of it: one at first, then twice as many each time. */
async function* readAhead(channel: SftpChannel, handle: Buffer): AsyncIterable<Uint8Array> {
  let position = 0;
  // Asked for beside the first read, it saves a small file the round trip that finds its end.
  const size = channel.handleStat(handle).then(
    (there) => there.size || Number.POSITIVE_INFINITY, // a server need not say it
    () => Number.POSITIVE_INFINITY,
  );
  for (let window = 1; ; window = Math.min(window * 2, FILE_WINDOW)) {
    const reads = Array.from({ length: window }, async (_, i) => {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      return buffer.subarray(0, await channel.read(handle, buffer, position + i * CHUNK_BYTES, size));
    });
    for (const piece of await Promise.all(reads)) {
      if (piece.length > 0) yield piece;
      if (piece.length < CHUNK_BYTES) return;
    }
    position += window * CHUNK_BYTES;
  }
}

/** The protocol lets a server leave it out. */
function saysKind({ attributes }: Named): boolean {
  return attributes.mode > 0o7777;
}

function remoteEntry(folder: RelPath | undefined, { name, attributes }: Named): RemoteFile[] {
  const path = parseRelPath(folder === undefined ? name : `${folder}/${name}`);
  const isOneName = !name.includes('/');
  if (path === undefined || !isOneName || path === CONTROL) return [];
  return [remoteFile(path, attributes)];
}

function remoteFile(path: RelPath, { mode, size, mtime }: Attributes): RemoteFile {
  return { path, kind: kindOf(mode), size, mtime, mode: mode & 0o7777 };
}

function obstructed(path: RelPath, { mode }: Attributes): TargetError {
  const what = kindOf(mode) === 'link' ? 'a symbolic link' : 'a file';
  return new TargetError('not-a-directory', `cannot make the folder ${path}: ${what} is there`);
}

function vanished(path: RelPath): TargetError {
  return new TargetError('failed', `cannot make the folder ${path}: it was removed at once`);
}
