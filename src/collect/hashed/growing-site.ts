/**
 * GrowingSite: a site with hashed names of which files came or went. All of it is gone over, in memory; what it is then stands beside
 * what is proposed, so that it can be stored.
 */
import type { Digest } from '../../core/entry.js';
import type { Places } from '../../core/places.js';
import type { RelPath } from '../../core/relpath.js';
import type { Found, HashedSite, Proposal, SiteInMind } from './hashed-site.js';
import type { WholeSite } from './post-process.js';

export class GrowingSite implements SiteInMind {
  readonly #site: HashedSite;
  #whole: WholeSite | undefined;

  constructor(site: HashedSite) {
    this.#site = site;
  }

  /** What it is as it was proposed. */
  get whole(): WholeSite | undefined {
    return this.#whole;
  }

  /** Who collects by it stores what it is then: to others it is none that was made anew, and here nobody asks a second time. */
  propose(found: Found): Proposal | undefined {
    const proposal = this.#site.propose(found);
    this.#whole = proposal?.whole;
    return proposal && { ...proposal, whole: undefined, accept: () => undefined };
  }

  madeAt(path: RelPath): Digest | undefined {
    return this.#site.madeAt(path);
  }

  /** The paths of all that lies in the places because of pushstatic and is no plain copy. */
  madeIn(places: Places): RelPath[] {
    return this.#site.madeIn(places);
  }
}
