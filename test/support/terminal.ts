/**
 * The built program in a terminal of its own: what a person sees and types. The terminal is that of script(1), which every
 * Debian has.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, vi } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const PATIENCE_MS = 20_000;

export interface Terminal {
  /** All that was written to it. */
  readonly raw: () => string;
  /** What stands on it now, line by line. */
  readonly screen: () => string[];
  readonly type: (keys: string) => void;
  readonly resize: (columns: number) => void;
  /** Resolves when some line of the screen has `text`; rejects with the screen. */
  readonly shows: (text: string | RegExp) => Promise<void>;
  /** Closes it, as a person closes a window. */
  readonly hangUp: () => void;
  /** The status of the program, and whether keys are the terminal's own again. */
  readonly ended: () => Promise<{ status: number; isRestored: boolean }>;
}

export async function openTerminal(
  cwd: string,
  env: NodeJS.ProcessEnv,
  words: readonly string[],
  columns = 80,
): Promise<Terminal> {
  const program = `echo "pid $$"; exec "${process.execPath}" "${MAIN}" ${words.join(' ')}`;
  const command = `set -m; tty; stty cols ${columns} rows 24; sh -c '${program}'; echo "status $?"; stty -a`;
  const whole = { PATH: process.env['PATH'], TERM: 'xterm', SHELL: '/bin/sh', ...env };
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd, env: whole });
  let raw = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (raw += text));
  const screen = (): string[] => screenOf(raw);
  const shows = (text: string | RegExp): Promise<void> =>
    vi.waitFor(
      () => {
        if (!screen().some((line) => line.search(text) >= 0)) throw new Error(`no ${text} in\n${screen().join('\n')}`);
      },
      { timeout: PATIENCE_MS, interval: 20 },
    );
  onTestFinished(async () => {
    child.kill('SIGKILL');
    const pid = Number(/^pid (\d+)/m.exec(raw)?.[1]);
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: PATIENCE_MS });
  });
  await shows(/^pid /);
  const device = screen().find((line) => line.startsWith('/dev/')) ?? '';
  return {
    raw: () => raw,
    screen,
    shows,
    type: (keys) => void child.stdin.write(keys),
    resize: (to) => void execFileSync('stty', ['-F', device, 'cols', String(to)]),
    hangUp: () => void child.kill('SIGKILL'),
    ended: () => endOf(child, screen),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Where nobody fetches how it ended, it stays in the list.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function endOf(child: ChildProcessWithoutNullStreams, screen: () => string[]) {
  if (child.exitCode === null) await once(child, 'close');
  const status = screen().find((line) => line.startsWith('status '));
  return { status: Number(status?.slice('status '.length)), isRestored: / icanon/.test(screen().join(' ')) };
}

/** Knows the little that a live view needs: lines, the way up, and clearing from there. Colours are left out. */
function screenOf(raw: string): string[] {
  const lines = [''];
  let row = 0;
  for (const [piece, up] of raw.replaceAll('\u001b', '␛').matchAll(/␛\[(\d+)A|␛\[[\d;]*[a-zA-Z]|\r?\n|\r|[^␛\r\n]+/g)) {
    if (up !== undefined) row = Math.max(0, row - Number(up));
    else if (piece === '␛[0J') lines.splice(row, lines.length, '');
    else if (piece.endsWith('\n')) lines[++row] ??= '';
    else if (piece !== '\r' && !piece.startsWith('␛')) lines[row] += piece;
  }
  return lines;
}
