/**
 * Files that an SFTP server makes of what it has: a second name for one, or a new one of pieces of another.
 *
 * Neither is believed before the server has said what it took it from. What cannot be done that way leaves nothing behind and
 * is no failure: the content can still be sent.
 */
import { allOf } from '../../core/all-of.js';
import type { ByteBudget } from '../../core/byte-budget.js';
import { TargetError } from '../../errors.js';
import type { FileMeta, Piece, Recipe } from '../target.js';
import type { Pair, SftpChannel } from './channel.js';
import { type Flow, inWindow, writesTold } from './pour.js';
import { ignoreMissing } from './trouble.js';
import { type Attributes, kindOf, OPEN } from './wire.js';

/** See `Target.link`. One round trip. `held` is undefined for a file that nobody can have changed. */
export async function linkFile(
  channel: SftpChannel,
  from: string,
  held: FileMeta | undefined,
  to: string,
): Promise<boolean> {
  const [linked, made] = await Promise.allSettled([
    channel.hardlink(from, to),
    held === undefined ? undefined : channel.lstat(to),
  ]);
  heed(linked, made);
  // Its own facts: whatever lies at `from` by now, this is the file that has two names.
  const isIt = held === undefined || (made.status === 'fulfilled' && isLinkTo(made.value, held));
  if (linked.status === 'fulfilled' && isIt) return true;
  await channel.remove(to).catch(ignoreMissing);
  return false;
}

function isLinkTo(made: Attributes | undefined, held: FileMeta): boolean {
  return made !== undefined && isStill(made, held) && (made.mode & 0o7777) === held.mode;
}

/** A file that is known on the server. */
interface Known {
  readonly path: string;
  readonly meta: FileMeta;
}

/** What is to be made. */
interface Patch {
  readonly basis: Known;
  readonly to: string;
  readonly recipe: Recipe;
  readonly meta: FileMeta;
}

/** How new content travels. */
interface Sending extends Pick<Flow, 'arrived'> {
  /** For what is on its way. */
  readonly room: ByteBudget;
}

/** See `Target.patch`. Three round trips, if few requests do. */
export async function patchFile(channel: SftpChannel, made: Patch, sending: Sending): Promise<boolean> {
  if (!channel.copiesData) return false;
  const { to } = made;
  let isThere = false;
  try {
    isThere = await patch(channel, made, sending);
  } catch (error) {
    if (isUnreachable(error)) throw error;
    if (!(error instanceof TargetError)) {
      await channel.remove(to).catch(ignoreMissing);
      throw error;
    }
  }
  if (!isThere) await channel.remove(to).catch(ignoreMissing);
  return isThere;
}

async function patch(
  channel: SftpChannel,
  { basis: { path, meta: held }, to, recipe, meta }: Patch,
  sending: Sending,
): Promise<boolean> {
  // A link in the place of the basis would lead to what is behind it.
  const files = [
    { path, flags: OPEN.read },
    { path: to, flags: OPEN.write | OPEN.create | OPEN.exclusive, mode: meta.mode },
  ];
  const [there, opened] = await Promise.allSettled([channel.lstat(path), channel.openTogether(files)]);
  if (opened.status === 'rejected') throw opened.reason;
  const [read, written] = opened.value as [Buffer, Buffer];
  const pair: Pair = { source: read, made: written };
  const ending: Promise<void>[] = [];
  try {
    if (there.status === 'rejected') throw there.reason;
    if (!isStill(there.value, held)) return false;
    let isGood = false;
    const judge = (source: Attributes, made: Attributes): void => {
      isGood = isStill(source, held) && made.size === meta.size;
    };
    await inWindow(requestsFor(channel, pair, recipe(), { judge, sending }));
    // Not before: size and time are what tells that it is complete.
    if (isGood) ending.push(channel.setStat(pair.made, to, meta));
    return isGood;
  } finally {
    await allOf([...ending, channel.close(pair.source), channel.close(pair.made)]);
  }
}

/** What was copied is looked at before anything is put behind it, and at the end both files are, of which `judge` hears. */
async function* requestsFor(
  channel: SftpChannel,
  pair: Pair,
  pieces: Iterable<Piece> | AsyncIterable<Piece>,
  { judge, sending }: { readonly judge: (source: Attributes, made: Attributes) => void; readonly sending: Sending },
): AsyncIterable<Promise<void>[]> {
  let position = 0;
  let isCopied = false;
  for await (const piece of pieces) {
    if (isCopied) yield [channel.requireBytes(pair.made, position)];
    isCopied = !(piece instanceof Uint8Array);
    if (piece instanceof Uint8Array) yield await writesIn(sending, channel, pair.made, { piece, position });
    else yield [channel.copyData(pair, piece, position)];
    position += piece.length;
  }
  const looks = Promise.all([channel.handleStat(pair.source), channel.handleStat(pair.made)]);
  yield [looks.then((both) => judge(...both))];
}

async function writesIn(
  { room, arrived }: Sending,
  channel: SftpChannel,
  made: Buffer,
  { piece, position }: { readonly piece: Uint8Array; readonly position: number },
): Promise<Promise<void>[]> {
  const { length } = piece; // it is good until the next one
  await room.take(length);
  const writes = writesTold(channel, made, piece, { position, flow: { arrived } });
  void Promise.allSettled(writes).then(() => room.give(length));
  return writes;
}

/** Whether a file is what it is known to be. */
function isStill(there: Attributes | undefined, held: FileMeta): boolean {
  return there !== undefined && kindOf(there.mode) === 'file' && there.size === held.size && there.mtime === held.mtime;
}

/** Throws if one of them was not answered at all. */
function heed(...results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results) if (result.status === 'rejected' && isUnreachable(result.reason)) throw result.reason;
}

function isUnreachable(trouble: unknown): boolean {
  return trouble instanceof TargetError && trouble.kind === 'unreachable';
}
