/**
 * movedSince: what came to and what went from folders whose marks are known, each told once.
 */
import type { Marks } from '../../core/marks-codec.js';
import type { Moved } from '../collect-places.js';
import { holdName } from '../marks.js';

export interface MarkedTree {
  readonly marks: Marks;
}

const NO_MARKS = new Float64Array();

/** Of absolute places that are `touched` and that `went`: what was `noted` was told by the run that noted it. */
export function movedSince(
  { touched, went }: { readonly touched: readonly string[]; readonly went: readonly string[] },
  noted: readonly string[],
  trees: readonly MarkedTree[],
): Moved {
  const known = new Set(noted);
  const isNew = (place: string): boolean => !known.has(place);
  const hasCome = (place: string): boolean => !wasThere(place, trees);
  const isGone = new Set(went);
  return {
    came: touched.filter((place) => isNew(place) && hasCome(place)),
    went: went.filter(isNew),
    earlier: noted.filter((place) => isGone.has(place) || hasCome(place)),
  };
}

/** Whether something had that name when the marks were taken. */
export function wasThere(place: string, trees: readonly MarkedTree[]): boolean {
  const at = place.lastIndexOf('/');
  const [folder, name] = [place.slice(0, at), place.slice(at + 1)];
  return trees.some(({ marks }) => holdName(marks.get(folder) ?? NO_MARKS, name));
}
