/**
 * Changes of files as plain data: what one step of a story does to a folder. Paths are POSIX and relative; bytes that are
 * no UTF-8 are written as in escaped-bytes.ts.
 */
import {
  chmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { bytesOf } from './escaped-bytes.js';

const FIRST_DATE_S = 1e6;
const SLASH = Buffer.from('/');

export type Content = string | { readonly base64: string };

/**
 * Carried out in the order in which it stands here. What a file or link is put on goes, but for a folder with more than
 * folders in it; folders it needs are made.
 */
export interface Edit {
  /** From where to where. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Files, links, and folders with all that is in them. */
  readonly delete?: readonly string[];
  readonly mkdir?: readonly string[];
  readonly write?: Readonly<Record<string, Content>>;
  readonly symlink?: Readonly<Record<string, string>>;
  /** In octal digits. */
  readonly chmod?: Readonly<Record<string, string>>;
  /** In seconds: a date, or when less than a million before or after now. */
  readonly mtime?: Readonly<Record<string, number>>;
}

/** `place` gives the absolute place of a path. */
export function applyEdit(edit: Edit, place: (path: string) => string): void {
  for (const [from, to] of Object.entries(edit.rename ?? {})) {
    const [old, fresh] = [bytesOf(place(from)), roomFor(place(to))];
    renameSync(old, fresh);
  }
  for (const path of edit.delete ?? []) rmSync(bytesOf(place(path)), { recursive: true });
  for (const path of edit.mkdir ?? []) mkdirSync(bytesOf(place(path)), { recursive: true });
  for (const [path, content] of Object.entries(edit.write ?? {})) {
    writeFileSync(roomFor(place(path)), contentOf(content));
  }
  for (const [path, target] of Object.entries(edit.symlink ?? {})) {
    const link = roomFor(place(path));
    rmSync(link, { force: true });
    symlinkSync(bytesOf(target), link);
  }
  for (const [path, mode] of Object.entries(edit.chmod ?? {})) {
    chmodSync(bytesOf(place(path)), Number.parseInt(mode, 8));
  }
  const now = Date.now() / 1000;
  for (const [path, time] of Object.entries(edit.mtime ?? {})) {
    const date = Math.abs(time) < FIRST_DATE_S ? now + time : time;
    lutimesSync(bytesOf(place(path)), date, date);
  }
}

export function contentOf(content: Content): Buffer {
  return typeof content === 'string' ? bytesOf(content) : Buffer.from(content.base64, 'base64');
}

function roomFor(path: string): Buffer {
  mkdirSync(bytesOf(dirname(path)), { recursive: true });
  const place = bytesOf(path);
  if (lstatSync(place, { throwIfNoEntry: false })?.isDirectory()) removeEmptied(place);
  return place;
}

/** Throws (ENOTDIR, with the path) if anything but folders is in it. */
function removeEmptied(folder: Buffer): void {
  for (const name of readdirSync(folder, { encoding: 'buffer' })) {
    removeEmptied(Buffer.concat([folder, SLASH, name]));
  }
  rmdirSync(folder);
}
