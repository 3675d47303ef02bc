"""Work on the workers of a Dask cluster: members to train and chunks of a scan to run."""

from kikuchi.distributed.cluster import connected

__all__ = ["connected"]
