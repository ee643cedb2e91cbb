/**
 * Backend: one way to hear of changes below a folder, and how it reports them within its thread.
 */

/** `native` for a user is `inotify` on Linux and `parcel` elsewhere. */
export type Engine = 'inotify' | 'parcel' | 'chokidar' | 'poll';

/** Where a backend reports what happens below one folder. */
export interface Report {
  /** Something at or below `place`, absolute, may be different. */
  touched(place: string): void;
  /** The system delivered so many events, whether they were worth a touch or not. */
  heard(events: number): void;
  /** The folder itself was removed, moved or replaced, or what was set up for it is out of step: it must be set up again. */
  stale(): void;
  /** Events were lost, or may have been. */
  lost(reason: string): void;
  /** A limit of the system, by its code, forbids to watch this folder as a whole. */
  limited(code: LimitCode): void;
}

/** ENOSPC: no more watches; EMFILE: no more inotify instances, or open files. */
export type LimitCode = 'ENOSPC' | 'EMFILE';

export interface Subscription {
  close(): void | Promise<void>;
}

/**
 * Watches the absolute `folder`, which is there, and all below it. Once it resolves, every change is reported. Rejects
 * with the error of the system if the folder cannot be watched, for example because it vanished meanwhile.
 */
export type Backend = (folder: string, report: Report) => Promise<Subscription>;

export function isLimit(code: string): code is LimitCode {
  return code === 'ENOSPC' || code === 'EMFILE';
}
