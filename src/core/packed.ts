/**
 * isPacked: whether a file is compressed by its kind. To compress it once more saves nothing, and its next version has hardly
 * a byte in common with it.
 */
import type { RelPath } from './relpath.js';

const PACKED =
  /\.(?:7z|aac|avif|br|bz2|docx|flac|gif|gz|heic|ico|jpe?g|jxl|m4a|mkv|mov|mp3|mp4|ogg|opus|pdf|png|rar|webm|webp|woff2?|xz|zip|zst)$/i;

export function isPacked(path: RelPath): boolean {
  return PACKED.test(path);
}
