/**
 * secrets: fetches the password and the passphrase of a target from where its configuration says they are.
 *
 * They are asked for when a connection is about to be made, kept by nobody here, and stand in no message.
 */
import { readFile } from 'node:fs/promises';
import { ConfigError, reasonOf } from '../errors.js';
import type { TargetConfig } from './schema.js';

export interface Secrets {
  readonly password?: string;
  /** Opens the identity file. */
  readonly passphrase?: string;
}

/** Throws a ConfigError if a secret that the configuration names cannot be had. */
export async function secretsOf(target: TargetConfig, env: NodeJS.ProcessEnv): Promise<Secrets> {
  const password = await secret(target, 'password', env);
  const passphrase = await secret(target, 'passphrase', env);
  return { ...(password !== undefined && { password }), ...(passphrase !== undefined && { passphrase }) };
}

async function secret(
  target: TargetConfig,
  kind: 'password' | 'passphrase',
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const variable = target[`${kind}Env`];
  if (variable !== undefined) return fromVariable(target.name, `${kind}Env`, variable, env);
  const file = target[`${kind}File`];
  return file === undefined ? undefined : fromFile(target.name, `${kind}File`, file);
}

function fromVariable(target: string, key: string, variable: string, env: NodeJS.ProcessEnv): string {
  const value = env[variable];
  if (value !== undefined && value !== '') return value;
  const state = value === undefined ? 'not set' : 'empty';
  throw new ConfigError(
    `cannot log in to ${target}: the environment variable ${variable} is ${state}; set it, or remove targets.${target}.${key}`,
  );
}

async function fromFile(target: string, key: string, file: string): Promise<string> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`cannot log in to ${target}: targets.${target}.${key} cannot be read: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  // Editors and echo put a newline at the end, which is no part of the secret.
  const value = content.replace(/\r?\n$/, '');
  if (value === '')
    throw new ConfigError(`cannot log in to ${target}: the file ${file} of targets.${target}.${key} is empty`);
  return value;
}
