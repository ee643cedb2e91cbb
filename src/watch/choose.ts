/**
 * choose: which engine watches which folder, and why.
 */
import type { Engine } from './backend.js';

export type WantedBackend = 'auto' | 'native' | 'chokidar' | 'poll';

export interface Choice {
  readonly engine: Engine;
  readonly folders: readonly string[];
  /** A sentence without its end. */
  readonly reason: string;
}

/** What to go over to where an engine cannot do it. */
export const NEXT: Readonly<Record<Engine, Engine | undefined>> = {
  inotify: 'poll',
  parcel: 'chokidar',
  chokidar: 'poll',
  poll: undefined,
};

/**
 * Shares `folders` out, the engine with most to do first. `silentOn` tells the file system of a folder that tells of no
 * changes made elsewhere.
 */
export function chooseEngines(
  folders: readonly string[],
  wanted: WantedBackend,
  platform: NodeJS.Platform,
  silentOn: (folder: string) => string | undefined,
): Choice[] {
  const outermost = withoutNested(folders);
  const native = platform === 'linux' ? 'inotify' : 'parcel';
  if (wanted !== 'auto') {
    return [
      { engine: wanted === 'native' ? native : wanted, folders: outermost, reason: `watch.backend is ${wanted}` },
    ];
  }
  const silent = outermost.filter((folder) => silentOn(folder) !== undefined);
  const told = outermost.filter((folder) => silentOn(folder) === undefined);
  const choices: Choice[] = [];
  if (told.length > 0 || silent.length === 0) {
    const reason = native === 'inotify' ? 'inotify tells of every folder' : 'the system tells of whole trees';
    choices.push({ engine: native, folders: told, reason });
  }
  const [first] = silent;
  if (first !== undefined) {
    const reason = `${first} lies on ${silentOn(first)}, where changes made elsewhere are not told of`;
    choices.push({ engine: 'poll', folders: silent, reason });
  }
  return choices.toSorted((a, b) => b.folders.length - a.folders.length);
}

function withoutNested(folders: readonly string[]): string[] {
  const unique = [...new Set(folders)];
  return unique.filter((folder) => !unique.some((other) => other !== folder && folder.startsWith(`${other}/`)));
}
