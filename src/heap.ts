/**
 * Heap: how long it may grow before it is looked through. Left alone, that is until it has doubled, or until 8 MB beside a small
 * one have come and gone; and three times 16 MB are kept for what is new.
 *
 * What is set here holds for all threads of the process.
 */
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';

const MOST_NEW_BYTES = 16 * 1024 * 1024;
const SMALL_BYTES = 32 * 1024 * 1024;
const BIG_TREE = 20_000; // files

/** For what is new in a thread that reads trees: a quarter of what it would take. */
export const NEW_IN_THREAD_MB = 12;

/** Whether this thread has to do with a big tree. */
let isSmall = false;

/** For that many files: of many, less memory is better than a tenth of the time. They leave garbage that lived a little too long. */
export function keepHeapSmall(files: number): void {
  if (files <= BIG_TREE) return;
  isSmall = true;
  setFlagsFromString('--heap-growing-percent=20');
}

/** The space for what is new stays as large as it is: for a thread that makes much which is thrown away at once. */
export function keepNewSpaceAsItIs(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Once the space for what is new has come to a size that is enough, it grows no more: to be asked for now and then. */
export function keepNewSpaceSmall(): void {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  if ((space?.space_size ?? 0) >= MOST_NEW_BYTES) keepNewSpaceAsItIs();
}

/** How many large contents are being sent, and whether there is room for them. */
let large = 0;
let isRoomy = false;

/**
 * For as long as a large content is sent: the packets that the SSH library makes of it count as memory, and beside a small heap
 * it would be looked through a hundred times a gigabyte, for a fourth of the time. Answers with what ends it.
 */
export function makeRoomForPackets(): () => void {
  if (large++ === 0 && !isSmall && getHeapStatistics().used_heap_size < SMALL_BYTES) {
    isRoomy = true;
    setFlagsFromString('--heap-growing-percent=400');
  }
  return () => {
    if (--large > 0 || !isRoomy) return;
    isRoomy = false;
    if (!isSmall) setFlagsFromString('--heap-growing-percent=0'); // as Node has it
  };
}
