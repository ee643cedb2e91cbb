"""Runs the real collectstatic many times in one process: reads jobs, one JSON object a line, and answers each with one.

Django is imported once, without settings; a job runs in a fork of its own, so that nothing of it stays. A job has
`modules` (what its settings import: name -> {class -> {base, attributes}}), `settings` (of which `@` stands for a value
that JSON cannot say), `args` and `umask`. The answer has `status`, `stdout` and `stderr`, as a shell would show them.
Bytes that are no UTF-8 go both ways as lone surrogates.
"""

import importlib
import json
import os
import signal
import sys
import tempfile
import types

# What each run imports, and what can be imported without settings.
for name in (
    "django.apps.registry",
    "django.core.checks.registry",
    "django.core.files.storage",
    "django.core.management.commands.check",
    "django.contrib.staticfiles.apps",
    "django.contrib.staticfiles.finders",
    "django.contrib.staticfiles.management.commands.collectstatic",
    "django.contrib.staticfiles.storage",
    "django.db.models",
    "django.template.loader",
    "django.views.debug",
    "django.views.generic",
    "logging.config",
):
    importlib.import_module(name)

LONGEST_S = 50  # under what a test may take


def main():
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


def run(job):
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            signal.alarm(LONGEST_S)
            end(collect, job)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return {
            "status": status if status >= 0 else 128 - status,
            "stdout": whole(stdout),
            "stderr": whole(stderr),
        }


def whole(file):
    file.seek(0)
    return os.fsdecode(file.read())


def end(work, job):
    """As Python itself ends: what was not caught is written to stderr, and the status is 1."""
    status = 1
    try:
        work(job)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def collect(job):
    os.umask(job["umask"])
    for name, classes in job["modules"].items():
        make_module(name, {key: make_class(name, key, **each) for key, each in classes.items()})
    make_module("site_settings", {key: value_of(each) for key, each in job["settings"].items()})
    os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
    from django.core.management import execute_from_command_line

    execute_from_command_line(["django-admin", "collectstatic", *job["args"]])


def make_module(name, content):
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


def make_class(module, name, base, attributes):
    where, _, what = base.rpartition(".")
    return type(name, (getattr(importlib.import_module(where), what),), {"__module__": module, **attributes})


def value_of(value):
    """`{"@storage": place}` is a FileSystemStorage there."""
    if isinstance(value, list):
        return [value_of(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "@storage" in value:
        from django.core.files.storage import FileSystemStorage

        return FileSystemStorage(location=value["@storage"])
    return {key: value_of(each) for key, each in value.items()}


main()
