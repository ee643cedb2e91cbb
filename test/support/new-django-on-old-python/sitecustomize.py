"""Django 6 is meant for Python 3.12. What collectstatic uses of it runs on 3.11 as well, but for one name that it imports
for views that wait, and that nothing here calls. Python imports this file when it starts."""

import inspect

if not hasattr(inspect, "markcoroutinefunction"):
    inspect.markcoroutinefunction = lambda function: function
