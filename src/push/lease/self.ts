/** self: this process, as another one can tell it apart. */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Holder } from '../../core/lease.js';
import { orUndefined } from '../../system-error.js';

const MACHINE_DIGITS = 8;

/** `run` is a name that no other run has. */
export function holderFor(run: string): Holder {
  return { run, host: hostname(), machine: (machine ??= machineOf()), pid: process.pid };
}

let machine: string | undefined;

/** Two containers may have one name: they have not one namespace of processes. Where nothing tells, no other process is seen. */
function machineOf(): string {
  return createHash('sha256').update(sightOf()).digest('hex').slice(0, MACHINE_DIGITS);
}

function sightOf(): string {
  const boot = orUndefined(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const programs = orUndefined(() => readlinkSync('/proc/self/ns/pid'));
  return boot === undefined || programs === undefined ? randomUUID() : `${hostname()}\n${boot}\n${programs}`;
}
