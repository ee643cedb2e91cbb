/**
 * Target: the one interface behind which every destination lies, and the contract each of them keeps.
 * `test/targets.contract.ts` tests every sentence here for every target.
 *
 * Paths are relative to the published tree. `CONTROL` (`.pushstatic`) and what lies below it is the control area;
 * a target may keep it elsewhere on the same file system. Every other path is public: a reader may open it at any
 * moment. `write` and `append` are only ever called for paths in the control area; a public path changes by `rename`,
 * `moveFolder` and `remove` alone.
 *
 * Requests may be issued without waiting for one another; a target decides how many are in flight.
 * All failures are `TargetError`s whose `kind` names the cause. A missing parent folder is 'not-found'; nothing but
 * `makeFolder` makes folders. Aborting the signal given when the target was opened fails everything in flight.
 */
import type { RelPath } from '../core/relpath.js';
import type { TargetError } from '../errors.js';

/** What a target can do and how it is to be spoken to. Plain data, as far as it is known by now. */
export interface Capabilities {
  /** `rename` replaces an existing file in one step, so that no reader finds the name missing. */
  readonly atomicReplace: boolean;
  /** `list` and `stat` return the mtime that was written. */
  readonly storesMtime: boolean;
  /** `link` may work. */
  readonly hardlink: boolean;
  /** `patch` may work, and what it takes from another file does not travel. */
  readonly serverCopy: boolean;
  /** The time one request takes at least, in milliseconds; the number of files in flight follows from it. */
  readonly roundTripMs: number;
}

/** Something that lies on a target. `size` in bytes, `mtime` in whole seconds, `mode` the permission bits. */
export interface RemoteFile {
  readonly path: RelPath;
  /** What lies there itself: links are not followed. */
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly size: number;
  readonly mtime: number;
  readonly mode: number;
}

/** What a written file is to carry. `size` in bytes, `mtime` in whole seconds, `mode` the permission bits. */
export interface FileMeta {
  readonly size: number;
  readonly mtime: number;
  readonly mode: number;
}

/**
 * Gives the content anew each time it is called, so that a retry can start again. Small content comes in one piece, which
 * is only good until the caller gives up control: it is used or copied at once. So with the pieces of longer content:
 * each is good until the next one is asked for.
 */
export type Body = () => Uint8Array | AsyncIterable<Uint8Array>;

/** A file on the target to take content from, and what it is known to be. */
export interface Basis {
  readonly path: RelPath;
  readonly meta: FileMeta;
}

/** What a file is made of, piece by piece, each good until the next one is asked for. */
export type Recipe = () => Iterable<Piece> | AsyncIterable<Piece>;

/** New bytes, or a range of the basis. */
export type Piece = Uint8Array | Range;

/** In bytes. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** `why` is 'denied'. */
export type OnClosed = (folder: RelPath, why: TargetError) => void;

export interface Target {
  /** For messages: where this is. Holds no secret. */
  readonly url: string;
  readonly capabilities: Capabilities;

  /**
   * Everything below `folder` (undefined: the root), at any depth, in no particular order, folders before what they
   * hold. Links are listed, not followed. The control area is left out unless `folder` lies in it, and so are names
   * that cannot be a RelPath: they cannot be ours. A missing folder lists nothing. `onClosed` is told of each folder below that may
   * not be looked into, and the rest goes on; without it that is a failure.
   */
  list(folder: RelPath | undefined, onClosed?: OnClosed): AsyncIterable<RemoteFile>;

  /** What lies at `path` itself, or undefined if nothing does. */
  stat(path: RelPath): Promise<RemoteFile | undefined>;

  /** The mode of the root as it lies there now, a link to it followed; undefined if it is missing: `makeFolder` makes it then. */
  rootMode(): Promise<number | undefined>;

  /** The content of a file, from its beginning. Pieces are only good until the next one is asked for. */
  read(path: RelPath): AsyncIterable<Uint8Array>;

  /**
   * Makes a file with exactly this content and meta, over whatever file had the name. It is complete when the promise
   * resolves and means nothing before; after a failure it may be there in part. What `body` throws comes back as it
   * is. A body of another length than `meta.size` is a failure. May be repeated. `packed`: to compress it on the way would
   * save nothing. `durable`: it is short, and on the disk of the target when the promise resolves, where that can be asked for.
   * 'line-lost': the way it took broke and another is left; what becomes of that name is not known, so it is to be written once
   * more under another one. Answers with how many bytes of the content travelled: a target that has some of it need not be sent that.
   */
  write(path: RelPath, body: Body, meta: FileMeta, how?: 'packed' | 'durable'): Promise<number>;

  /**
   * Gives the file of `basis` the second name `to`, in the control area, where nothing lies. From then on neither may be written
   * to, for the other one would change with it, as its mode does; `rename` over either is free. False, and nothing is at `to`,
   * if the basis is not what it is known to be any more, or the target does not do this. `own`: nobody else knows of the basis,
   * so there is no need to look.
   */
  link(basis: Basis, to: RelPath, own?: 'own'): Promise<boolean>;

  /**
   * Makes the file `to`, in the control area, where nothing lies, by a recipe for `meta.size` bytes. False, and nothing is at
   * `to`, if the basis is not what it is known to be any more, or the target does not do this. Its size and time are what it is
   * known by: nobody who changes a file in place and sets its time back is noticed. What the recipe throws comes back as it is.
   * 'line-lost' as of `write`. `packed` as there.
   */
  patch(basis: Basis, to: RelPath, recipe: Recipe, meta: FileMeta, how?: 'packed'): Promise<boolean>;

  /**
   * Puts `bytes` at `offset` of a file, made if missing (mode 0600). What lay there is overwritten; what lies beyond
   * stays. May be repeated. `durable` as of `write`.
   */
  append(path: RelPath, offset: number, bytes: Uint8Array, how?: 'durable'): Promise<void>;

  /**
   * Gives the file `from` the name `to`, over a file that has it, within the same file system. A folder in the way of
   * `to` is a failure and changes nothing. A missing `from` is 'not-found', also when an earlier try whose answer was
   * lost did the work. Where both are names of one file, `from` may stay.
   */
  rename(from: RelPath, to: RelPath): Promise<void>;

  /**
   * Gives the folder `from`, with all that is in it, the free name `to`, within the same file system. Something at `to` is
   * a failure and changes nothing, but an empty folder may be replaced.
   */
  moveFolder(from: RelPath, to: RelPath): Promise<void>;

  /** Sets the permission bits of a file. */
  chmod(path: RelPath, mode: number): Promise<void>;

  /**
   * Makes one folder with exactly this mode. A folder that is there is left as it is; a link to one is not a folder.
   * Takes effect in the order of the calls, so a folder and those in it can be asked for without waiting in between.
   */
  makeFolder(path: RelPath, mode: number): Promise<void>;

  /** As `makeFolder`; answers with all that lies beside it once it is there, itself included, but not with what is in that. */
  makeFolderAmong(path: RelPath, mode: number): Promise<RemoteFile[]>;

  /** Removes a file or a link, never a folder. A missing one is no failure. */
  remove(path: RelPath): Promise<void>;

  /** Removes a folder if it is empty: true if it is gone now, false if something is still in it. In order, as `makeFolder`. */
  removeFolder(path: RelPath): Promise<boolean>;

  /** Ends the connection. Nothing may be called after it. */
  close(): Promise<void>;
}
