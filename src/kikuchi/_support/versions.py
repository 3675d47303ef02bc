"""The versions of everything a result depends on."""

import importlib.metadata


def versions() -> dict[str, str]:
    """Return the versions of everything a result depends on."""
    import platform

    names = (
        "kikuchi-ensemble",
        "keras",
        "tensorflow",
        "torch",
        "numpy",
        "scipy",
        "scikit-image",
        "kikuchipy",
        "orix",
    )
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
