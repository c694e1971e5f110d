"""Python programs trust their own list of roots, the package certifi, and no setting makes Azure's AMQP clients look
elsewhere. Python imports this module at every start, if its folder is on PYTHONPATH; from then on certifi names the
bundle that lies beside it or one folder up: the public roots and those of the Namespace."""


def _trust(here):
    import os

    places = (here, os.path.dirname(here))
    bundles = [os.path.join(place, "bundle.pem") for place in places]
    bundle = next(path for path in bundles if os.path.isfile(path))
    # What asks OpenSSL instead, as asyncio's programs do.
    os.environ.setdefault("SSL_CERT_FILE", bundle)
    import certifi
    import certifi.core

    certifi.where = certifi.core.where = lambda: bundle


def _go_on(here):
    """Runs the sitecustomize that would have been found without this one, if there is one."""
    import os
    import sys
    from importlib.machinery import PathFinder

    others = [path for path in sys.path if os.path.abspath(path) != here]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        spec.loader.exec_module(module_from_spec(spec))


def _main():
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    try:
        _trust(here)
    except Exception:
        # Without certifi there is nothing to do, and no program may fail because of this one.
        pass
    _go_on(here)


_main()
