"""A Ray cluster of several nodes on this machine alone, for trials and tests.

`python -m decoding.cluster.local_nodes CPUS…` starts a node with so many processors for each, the
head's first, prints one JSON line, the head's address and the nodes' processes. For each number
that it is told it adds a node, and prints its process; it ends with its input. Its environment
holds the token (`Connection.environment`) and `RAY_TMPDIR`, a folder with a short name.
"""

from __future__ import annotations

import json
import sys


def main(cpus: list[str]) -> None:
    from ray.cluster_utils import Cluster

    head = {"num_cpus": int(cpus[0]), "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.head_node, *(cluster.add_node(num_cpus=int(count)) for count in cpus[1:])]
    raylets = [node.all_processes["raylet"][0].process.pid for node in nodes]
    _tell({"address": cluster.address, "raylets": raylets})
    for line in sys.stdin:
        node = cluster.add_node(num_cpus=int(line))
        _tell(node.all_processes["raylet"][0].process.pid)
    cluster.shutdown()


def _tell(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
