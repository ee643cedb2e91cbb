/**
 * Reports as lines for a person. Pure: nothing here knows a stream.
 */
import type { Config } from '../config/schema.js';
import type { Finding } from '../core/audit.js';
import type { Difference } from '../core/collected-differences.js';
import {
  broughtFiles,
  type ChangeReport,
  type CollectReport,
  changedFiles,
  type TargetReport,
} from '../cycle/report.js';
import type { Problem } from '../errors.js';
import { printable } from './printable.js';
import { bytes, count, duration, files } from './units.js';

const MARKS: Readonly<Record<ChangeReport['kind'], string>> = { added: '+', modified: '~', mode: 'm', removed: '-' };
const MOST_PROBLEMS = 20; // more of them on a screen hide the first one, which is the one to read

export function collectLine(report: CollectReport, act: 'push' | 'only-plan'): string {
  const { copied, hashed, removed, durationMs } = report;
  const would = act === 'only-plan' ? 'to be ' : '';
  const names = hashed > 0 ? `${count(hashed)} ${would}hashed, ` : '';
  return `collected ${files(report.files)}: ${count(copied)} ${would}copied, ${names}${count(removed)} ${would}removed (${duration(durationMs)})`;
}

/** `+` is new, `~` has new content, `m` only a new mode, `-` goes. */
export function changeLines(changes: readonly ChangeReport[]): string[] {
  return changes.map(({ kind, path, size }) => {
    const amount = kind === 'added' || kind === 'modified' ? `  (${bytes(size)})` : '';
    return `  ${MARKS[kind]} ${printable(path)}${amount}`;
  });
}

export function planLine(report: TargetReport): string {
  const { name, changes = [], unchanged } = report;
  if (changes.length === 0) return `${name}: nothing to do, ${files(unchanged)} unchanged`;
  const amount = (kind: ChangeReport['kind']): number => changes.filter((change) => change.kind === kind).length;
  const parts = [
    `${count(amount('added'))} to add`,
    `${count(amount('modified'))} to update`,
    ...(amount('mode') > 0 ? [`${count(amount('mode'))} to change the mode of`] : []),
    `${count(amount('removed'))} to remove`,
    `${count(unchanged)} unchanged`,
  ];
  return `${name}: ${parts.join(', ')}`;
}

export function targetLine(report: TargetReport): string {
  const {
    name,
    error,
    uploaded,
    patched,
    linked,
    removed,
    modes,
    unchanged,
    sentBytes,
    durationMs,
    generation,
    problems,
  } = report;
  if (error !== undefined) return `${name}: failed: ${printable(error.message)}`;
  const failed = problems.length > 0 ? `, ${count(problems.length)} FAILED` : '';
  const made = `${patched > 0 ? `${count(patched)} patched, ` : ''}${linked > 0 ? `${count(linked)} linked, ` : ''}`;
  const changed = modes > 0 ? `${count(modes)} with a new mode, ` : '';
  const what =
    changedFiles(report) + problems.length === 0
      ? `nothing to do, ${files(unchanged)} unchanged`
      : `${count(uploaded)} uploaded, ${made}${count(removed)} removed, ${changed}${count(unchanged)} unchanged${failed}; ${bytes(sentBytes)} sent`;
  return `${name}: ${what}; generation ${generation} (${duration(durationMs)})`;
}

/** Problems one a line. Files that were held back are only counted: their cause is the line to read. */
export function problemLines(problems: readonly Problem[]): string[] {
  const heldBack = problems.filter((problem) => problem.code === 'HELD_BACK').length;
  const causes = problems.filter((problem) => problem.code !== 'HELD_BACK');
  const lines = causes
    .slice(0, MOST_PROBLEMS)
    .map(({ path, step, message }) => `${printable(path)}: ${step}: ${printable(message)}`);
  if (causes.length > MOST_PROBLEMS)
    lines.push(`and ${count(causes.length - MOST_PROBLEMS)} more (--json lists them all)`);
  if (heldBack > 0) lines.push(`${files(heldBack)} held back, because what they may refer to could not be published`);
  return lines;
}

export function differenceLines(differences: readonly Difference[]): string[] {
  const lines = differences.slice(0, MOST_PROBLEMS).map(({ path, kind }) => `  ${kind}: ${printable(path)}`);
  const left = differences.length - lines.length;
  return left > 0 ? [...lines, `  and ${count(left)} more (--json lists them all)`] : lines;
}

/** Why the project's own collectstatic is run, where that was not asked for. */
export function storageLine({ asked, static: { storage } }: Pick<Config, 'asked' | 'static'>): string | undefined {
  return storage === 'django' && asked?.storage === 'django' ? `storage django: ${asked.why}` : undefined;
}

/** The sum of what a verify found on one target. */
export function verifiedLine(name: string, checked: number, findings: readonly Finding[]): string {
  const amount = (kind: Finding['kind']): number => findings.filter((finding) => finding.kind === kind).length;
  const unsettled = amount('unsettled') > 0 ? `, ${count(amount('unsettled'))} unsettled` : '';
  return `${name}: ${files(checked)} checked, ${count(amount('changed'))} changed, ${count(amount('missing'))} missing${unsettled}, ${count(amount('foreign'))} foreign`;
}

/** How sure a verify is, that read `read` of `checked` files back. */
export function comparedLine(depth: 'listing' | 'content', read: number, checked: number): string {
  const compared = 'names, sizes, times and modes compared';
  if (depth === 'listing') return `${compared}; contents not read (--content reads them)`;
  return `${compared}; ${read === checked ? 'all contents' : `the contents of ${count(read)} of ${files(checked)}`} read`;
}

export function repairLine(report: TargetReport): string {
  const { name, ok, removed, modes } = report;
  const others = [
    ...(removed > 0 ? [`${count(removed)} removed`] : []),
    ...(modes > 0 ? [`${count(modes)} with the right mode again`] : []),
  ];
  if (ok && changedFiles(report) === 0) return `${name}: agrees with STATIC_ROOT`;
  const what = [`${files(broughtFiles(report))} brought again`, ...others].join(', ');
  return `${name}: ${ok ? 'repaired' : 'repaired in part'}: ${what}`;
}

export function findingLines(findings: readonly Finding[]): string[] {
  return findings.map(({ kind, path, message }) => `  ${kind.padEnd(7)} ${printable(path)}: ${message}`);
}
