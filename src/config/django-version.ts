/**
 * The versions of Django whose rules are known. Another patch level makes no difference here.
 */

/** Oldest first. */
export const DJANGO_VERSIONS = ['4.2', '5.0', '5.1', '5.2', '6.0', '6.1'] as const;
export type DjangoVersion = (typeof DJANGO_VERSIONS)[number];
export const NEWEST_DJANGO: DjangoVersion = '6.1';
