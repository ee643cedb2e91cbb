/** self: this process, as another one can tell it apart; and whether one that it can see is still there. */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Holder } from '../core/lease.js';
import { codeOf } from '../errors.js';

const MACHINE_DIGITS = 8;

/** `run` is a name that no other run has. */
export function holderFor(run: string): Holder {
  return { run, host: hostname(), machine: (machine ??= machineOf()), pid: process.pid };
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH'; // of another user
  }
}

let machine: string | undefined;

/** Two containers may have one name: they have not one namespace of processes. Where nothing tells, no other process is seen. */
function machineOf(): string {
  return createHash('sha256').update(sightOf()).digest('hex').slice(0, MACHINE_DIGITS);
}

function sightOf(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${hostname()}\n${boot}\n${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return randomUUID();
  }
}
