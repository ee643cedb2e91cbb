/**
 * Root: one folder that is watched for as long as its name stands for it, and again when something else has taken its
 * place: it may be missing, come later, be moved away and back, or be removed and made anew.
 */
import type { Backend, Report, Subscription } from './backend.js';
import { look } from './look.js';

/** What a root reports by itself; the rest is the backend's. */
type RootReport = Omit<Report, 'stale'>;

export class Root {
  readonly folder: string;
  readonly #backend: Backend;
  readonly #report: RootReport;
  #subscription: Subscription | undefined;
  /** Of what is watched; undefined if nothing is. */
  #identity: string | undefined;
  /** What lay there at the last look, watched or not. */
  #seen: string | undefined;
  #isStale = false;
  #work: Promise<void> = Promise.resolve();

  constructor(folder: string, backend: Backend, report: RootReport) {
    this.folder = folder;
    this.#backend = backend;
    this.#report = report;
  }

  /** Begins to watch, if there is something to watch. */
  open(): Promise<void> {
    return this.#inTurn(() => this.#subscribe(identityOf(this.folder)));
  }

  /** Begins anew if another folder lies there now, or if what was set up is in doubt. */
  check(): Promise<void> {
    return this.#inTurn(async () => {
      const identity = identityOf(this.folder);
      if (identity === this.#identity && !this.#isStale) return;
      const isOther = identity !== this.#seen;
      await this.#unsubscribe();
      await this.#subscribe(identity);
      if (isOther || this.#subscription !== undefined) this.#report.touched(this.folder);
    });
  }

  /** What was set up may have gaps: the next check begins anew. */
  doubt(): void {
    this.#isStale = true;
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#unsubscribe());
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(act);
    return this.#work;
  }

  async #subscribe(identity: string | undefined): Promise<void> {
    this.#isStale = false;
    this.#seen = identity;
    if (identity === undefined) return;
    try {
      this.#subscription = await this.#backend(this.folder, { ...this.#report, stale: () => this.#beginAnew() });
      this.#identity = identity;
    } catch {
      this.#identity = undefined; // it vanished, or may not be read: the next check tries again
    }
  }

  #beginAnew(): void {
    this.doubt();
    void this.check();
  }

  async #unsubscribe(): Promise<void> {
    await this.#subscription?.close();
    this.#subscription = undefined;
    this.#identity = undefined;
  }
}

/** Device and inode of the folder at `place`, links followed; undefined if there is none. */
function identityOf(place: string): string | undefined {
  const stats = look(place);
  return stats?.isDirectory() === true ? `${stats.dev}:${stats.ino}` : undefined;
}
