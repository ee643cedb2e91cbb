/**
 * piecesOf: content piece by piece, each good until the next one is asked for. Content that comes whole is only good until control
 * is given up, so it is copied before that.
 */
import type { Body } from '../../targets/target.js';

export type Content = ReturnType<Body>;

export function piecesOf(content: Content): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  return content instanceof Uint8Array ? [Buffer.from(content)] : content;
}
