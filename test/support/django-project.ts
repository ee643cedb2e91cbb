/**
 * A Django project of real files, to be asked by pushstatic: manage.py as Django writes it, and settings from text.
 */
import { realpath } from 'node:fs/promises';
import { type DjangoVersion, djangoPath } from './django.js';
import { plant, type Tree, temporaryFolder } from './tree.js';

export const MANAGE = `import os
import sys

def main():
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')
    try:
        from django.core.management import execute_from_command_line
    except ImportError as exc:
        raise ImportError("Couldn't import Django.") from exc
    execute_from_command_line(sys.argv)

if __name__ == '__main__':
    main()
`;

const SETTINGS = `from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = 'x'
USE_TZ = True
INSTALLED_APPS = ['django.contrib.staticfiles', 'blog']
STATIC_URL = 'static/'
STATIC_ROOT = BASE_DIR / 'var/static'
STATICFILES_DIRS = [BASE_DIR / 'assets', ('vendor', BASE_DIR / 'vendor/dist')]
`;

/** The text of settings: the usual ones, and then `more`. */
export function settingsWith(more: string): string {
  return `${SETTINGS}${more}\n`;
}

/** Settings that say which storage it is, in the way of Django 4.2 and newer. */
export function storageOf(backend: string, options = '{}'): string {
  return `STORAGES = {
    'default': {'BACKEND': 'django.core.files.storage.FileSystemStorage'},
    'staticfiles': {'BACKEND': '${backend}', 'OPTIONS': ${options}},
}`;
}

/** What such a project consists of, with the app `blog`, and `tree` over it. */
export function djangoTree(tree: Tree = {}): Tree {
  return {
    'manage.py': MANAGE,
    'shop/__init__.py': '',
    'shop/settings.py': settingsWith(''),
    'blog/__init__.py': '',
    ...tree,
  };
}

/** The folder of a new project, which goes with the test. */
export async function djangoProject(tree: Tree = {}): Promise<string> {
  const folder = await realpath(await temporaryFolder());
  await plant(folder, djangoTree(tree));
  return folder;
}

/** The environment of a python3 that has this Django, and `more`. */
export function djangoEnv(version: DjangoVersion, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: '/nonexistent', ...more, PYTHONPATH: djangoPath(version) };
}
