/**
 * `pushstatic config`: the effective configuration, or whether it is right, or the schema of the file.
 */
import { readFile } from 'node:fs/promises';
import type { Asked, Config } from '../../config/schema.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { packageFile } from '../package-files.js';

export async function configCommand(
  input: CommandInput,
  options: { check?: boolean; schema?: boolean },
): Promise<ExitStatus> {
  const { output, process } = input;
  if (options.schema === true) {
    process.stdout.write(await readFile(packageFile('config/pushstatic.schema.json'), 'utf8'));
    return EXIT.done;
  }
  const { readConfig } = await import('../session.js');
  const config = await readConfig(input);
  for (const text of config.asked?.warnings ?? []) output.warn(text);
  if (options.check === true) {
    await checkSecrets(config, process.env);
    output.print(`${config.file} is right`);
    output.document({ ok: true, file: config.file });
    return EXIT.done;
  }
  const [{ describeConfig }, { default: yaml }] = await Promise.all([
    import('../../config/describe.js'),
    import('yaml'),
  ]);
  output.print(
    `# ${config.file}`,
    ...askedLines(config).map((line) => `# ${line}`),
    yaml.stringify(describeConfig(config)).trimEnd(),
  );
  output.document({ ...describeConfig(config), ...(config.asked !== undefined && { asked: findings(config.asked) }) });
  return EXIT.done;
}

/** Throws a ConfigError if a secret or a key cannot be had that a sync or the daemon would ask for. */
async function checkSecrets({ targets, daemon }: Config, env: NodeJS.ProcessEnv): Promise<void> {
  const [{ daemonToken, requireFiles, secretsOf }, { checkGuarded }] = await Promise.all([
    import('../../config/secrets.js'),
    import('../../control/access.js'),
  ]);
  for (const target of targets) {
    await secretsOf(target, env);
    await requireFiles(target);
  }
  const token = await daemonToken(daemon, env);
  if (daemon.http !== false) checkGuarded({ address: daemon.http, token });
}

/** What the project was found to be, and what its answer depends on; the rest of it stands under its own keys. */
function findings({ django, python, interpreter, settings, storage, why, files }: Asked): object {
  return { django, python, interpreter, settings, storage, why, files };
}

function askedLines({ asked, static: { storage } }: Config): string[] {
  if (asked === undefined) return [];
  return [
    `asked of ${asked.settings} by ${asked.interpreter}: Django ${asked.django}, Python ${asked.python}`,
    storage === asked.storage
      ? `storage ${storage}: ${asked.why}`
      : `storage ${storage} by hand; else ${asked.storage}`,
  ];
}
