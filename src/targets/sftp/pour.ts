/**
 * Long content into a file that is open on an SFTP server: requests as the window allows, and no end before all are answered.
 */
import { allOf } from '../../core/all-of.js';
import { TargetError } from '../../errors.js';
import type { FileMeta } from '../target.js';
import type { SftpChannel } from './channel.js';

export const CHUNK_BYTES = 64 * 1024;
/** Chunks of one file in flight: 4 MiB, twice what a channel's window holds. */
export const FILE_WINDOW = 64;

/** What bounds the chunks on their way, and is told of those that are there. */
export interface Flow {
  /** Bytes. */
  readonly window: number;
  arrived(bytes: number): void;
}

/** A long file. Its times are set only when all of it is known to be there. */
export async function pour(
  channel: SftpChannel,
  handle: Buffer,
  content: AsyncIterable<Uint8Array>,
  { meta, path, flow }: { readonly meta: FileMeta; readonly path: string; readonly flow: Flow },
): Promise<void> {
  try {
    await inWindow(writesOfAll(channel, handle, content, { meta, path, flow }), () => chunksIn(flow));
  } catch (error) {
    await channel.close(handle).catch(() => undefined); // the first failure is the reason
    throw error;
  }
  await allOf([channel.setStat(handle, path, meta), channel.close(handle)]);
}

/** Lets requests leave as they come, a window of them at once. Throws the first failure, when nothing is under way any more. */
export async function inWindow(
  batches: AsyncIterable<readonly Promise<void>[]>,
  most: () => number = () => FILE_WINDOW,
): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const batch of batches) {
      for (const request of batch) {
        const settled = request
          .catch((error: unknown) => void (failure ??= { error }))
          .finally(() => inFlight.delete(settled));
        inFlight.add(settled);
      }
      while (inFlight.size >= most()) await Promise.race(inFlight);
      if (failure !== undefined) break;
    }
  } finally {
    await Promise.all(inFlight);
  }
  if (failure !== undefined) throw failure.error;
}

async function* writesOfAll(
  channel: SftpChannel,
  handle: Buffer,
  content: AsyncIterable<Uint8Array>,
  { meta, path, flow }: { readonly meta: FileMeta; readonly path: string; readonly flow: Flow },
): AsyncIterable<Promise<void>[]> {
  let position = 0;
  for await (const piece of content) {
    const { length } = piece; // it is good until the next one
    const at = position;
    yield await channel.inTurn(() => writesTold(channel, handle, piece, { position: at, flow }));
    position += length;
  }
  requireSize(position, meta, path);
}

/** What is added to an open file, which it closes. What fits into the window goes in one round trip, its end included. */
export async function pourBehind(
  channel: SftpChannel,
  handle: Buffer,
  bytes: Uint8Array,
  { offset, path, how, flow }: Behind,
): Promise<void> {
  const isLong = bytes.length > flow.window;
  const flushing = (): Promise<void>[] => (how === 'durable' ? [channel.flush(handle, path)] : []);
  if (!isLong) {
    await allOf([...writesOf(channel, handle, bytes, offset), ...flushing(), channel.close(handle)]);
    return;
  }
  try {
    await inWindow(writesInTurn(channel, handle, bytes, { offset, flow }), () => chunksIn(flow));
  } catch (error) {
    await channel.close(handle).catch(() => undefined); // the first failure is the reason
    throw error;
  }
  await allOf([...flushing(), channel.close(handle)]);
}

interface Behind {
  readonly offset: number;
  readonly path: string;
  readonly how: 'durable' | undefined;
  readonly flow: Flow;
}

async function* writesInTurn(
  channel: SftpChannel,
  handle: Buffer,
  bytes: Uint8Array,
  { offset, flow }: Pick<Behind, 'offset' | 'flow'>,
): AsyncIterable<Promise<void>[]> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    yield await channel.inTurn(() =>
      writesTold(channel, handle, bytes.subarray(at, at + CHUNK_BYTES), { position: offset + at, flow }),
    );
}

/** The flow is told of what arrives. */
export function writesTold(
  channel: SftpChannel,
  handle: Buffer,
  piece: Uint8Array,
  { position, flow }: { readonly position: number; readonly flow: Pick<Flow, 'arrived'> },
): Promise<void>[] {
  const { length } = piece; // it may be another one by then
  const writes = writesOf(channel, handle, piece, position);
  for (const write of writes) write.then(() => flow.arrived(length / writes.length)).catch(() => undefined);
  return writes;
}

function chunksIn({ window }: Flow): number {
  return Math.max(1, Math.min(FILE_WINDOW, Math.floor(window / CHUNK_BYTES)));
}

export function writesOf(channel: SftpChannel, handle: Buffer, bytes: Uint8Array, position: number): Promise<void>[] {
  const size = Math.min(channel.maxWrite, CHUNK_BYTES);
  const requests: Promise<void>[] = [];
  for (let done = 0; done < bytes.length; done += size) {
    requests.push(channel.write(handle, bytes.subarray(done, done + size), position + done));
  }
  return requests;
}

export function requireSize(size: number, meta: FileMeta, path: string): void {
  if (size !== meta.size)
    throw new TargetError('failed', `cannot write ${path}: ${size} bytes instead of ${meta.size}`);
}
