/**
 * secrets: fetches passwords, passphrases and the token of the status page from where the configuration says they are.
 *
 * They are asked for when they are about to be used, kept by nobody here (but the names of their variables), and stand in no message.
 */
import { access, constants, readFile, stat } from 'node:fs/promises';
import { ConfigError } from '../errors.js';
import { whyUnreadable } from '../system-error.js';
import type { Config, DaemonConfig, TargetConfig } from './schema.js';

const LEAST_TOKEN = 16; // characters; what is shorter can be tried out over a network

/**
 * Of variables that hold secrets, by any configuration of this process: after a reload the environment still has them. Names only,
 * and they only grow.
 */
const secretNames = new Set<string>();

export interface Secrets {
  readonly password?: string;
  /** Opens the identity file. */
  readonly passphrase?: string;
}

/** Throws a ConfigError if a secret that the configuration names cannot be had. */
export async function secretsOf(target: TargetConfig, env: NodeJS.ProcessEnv): Promise<Secrets> {
  const purpose = `log in to ${target.name}`;
  const key = `targets.${target.name}`;
  const password = await secret(purpose, `${key}.password`, target.passwordEnv, target.passwordFile, env);
  const passphrase = await secret(purpose, `${key}.passphrase`, target.passphraseEnv, target.passphraseFile, env);
  return { ...(password !== undefined && { password }), ...(passphrase !== undefined && { passphrase }) };
}

/** Throws a ConfigError if a key or an ssh_config that is named cannot be read. Whether they are good is seen when they are used. */
export async function requireFiles({ name, identityFile, sshConfig }: TargetConfig): Promise<void> {
  for (const [key, file] of Object.entries({ identityFile, sshConfig })) {
    if (typeof file !== 'string') continue;
    const place = `targets.${name}.${key}`;
    try {
      await access(file, constants.R_OK);
      if (!(await stat(file)).isDirectory()) continue;
    } catch (error) {
      throw unreadable(`log in to ${name}`, place, file, error);
    }
    throw new ConfigError(`cannot log in to ${name}: ${file} of ${place} is a folder`);
  }
}

/** What opens the status page; undefined where none is configured. Throws a ConfigError if it cannot be had, or is short. */
export async function daemonToken(daemon: DaemonConfig, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const purpose = 'protect the status page';
  const token = await secret(purpose, 'daemon.token', daemon.tokenEnv, daemon.tokenFile, env);
  if (token === undefined || token.length >= LEAST_TOKEN) return token;
  throw new ConfigError(
    `cannot ${purpose}: the token of daemon.token${daemon.tokenEnv === undefined ? 'File' : 'Env'} has less than ` +
      `${LEAST_TOKEN} characters; "openssl rand -hex 32" makes a good one`,
  );
}

/**
 * `env` for programs of others, such as hooks: without the passwords of targets and the token of the status page, and without
 * the service manager's socket, where what they have to say would be taken for ours. What an earlier configuration named stays
 * withheld: each call adds the names of its own.
 */
export function envForOthers(
  { targets, daemon }: Pick<Config, 'targets' | 'daemon'>,
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const secrets = targets.flatMap(({ passwordEnv, passphraseEnv }) => [passwordEnv, passphraseEnv]);
  for (const name of [...secrets, daemon.tokenEnv]) if (name !== undefined) secretNames.add(name);
  const withheld = new Set([...secretNames, 'NOTIFY_SOCKET', 'WATCHDOG_PID', 'WATCHDOG_USEC']);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !withheld.has(name)));
}

/** `purpose` is what fails without it: "log in to web"; `key` is that of the configuration, without Env and File. */
async function secret(
  purpose: string,
  key: string,
  variable: string | undefined,
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (variable !== undefined) return fromVariable(purpose, `${key}Env`, variable, env);
  return file === undefined ? undefined : fromFile(purpose, `${key}File`, file);
}

function fromVariable(purpose: string, key: string, variable: string, env: NodeJS.ProcessEnv): string {
  const value = env[variable];
  if (value !== undefined && value !== '') return value;
  const state = value === undefined ? 'not set' : 'empty';
  throw new ConfigError(
    `cannot ${purpose}: the environment variable ${variable} is ${state}; set it, or remove ${key}`,
  );
}

async function fromFile(purpose: string, key: string, file: string): Promise<string> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(purpose, key, file, error);
  }
  // Editors and echo put a newline at the end, which is no part of the secret.
  const value = content.replace(/\r?\n$/, '');
  if (value !== '') return value;
  const message = `cannot ${purpose}: the file ${file} of ${key} is empty; write it there`;
  throw new ConfigError(message, { retryable: true }); // it may be just being written anew
}

function unreadable(purpose: string, key: string, file: string, error: unknown): ConfigError {
  const reason = whyUnreadable(error);
  const message = `cannot ${purpose}: the file ${file} of ${key} cannot be read: ${reason}`;
  return new ConfigError(message, { cause: error, retryable: true });
}
