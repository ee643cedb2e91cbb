/**
 * Watcher: the one interface behind which every backend lies, and what each of them promises.
 *
 * Events are hints: each says that something may have changed at a place, none says what. A hint may come twice, late, or
 * for nothing; a burst may be told as the folder it happened in. A backend that knows or fears that it lost some says so.
 */

/** What a backend tells. All places are absolute, below the folders as they were given. */
export type WatchEvent =
  /** Something at or below each place may be different. */
  | { readonly kind: 'touched'; readonly places: readonly string[] }
  /** Events were lost, or may have been: everything below `folder` is in doubt. */
  | { readonly kind: 'lost'; readonly folder: string; readonly reason: string }
  /** For a person, once: a limit of the system, with what to do. */
  | { readonly kind: 'warning'; readonly text: string };

export interface Watcher {
  /** The one in use; it changes when the system does not allow it any more. */
  readonly backend: 'native' | 'chokidar' | 'poll';
  /** Why this one, in a sentence. */
  readonly reason: string;
  /** Nothing is told from now on. Resolves when nothing is left running. */
  close(): Promise<void>;
}
