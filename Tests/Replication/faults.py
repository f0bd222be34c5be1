"""What goes wrong in a round? Each fault happens, lasts a while, and is mended.

At most one fault of a round takes something from the servers that a majority must have: a store is wiped only while the other two are
whole. All that is chosen follows from the seed; when it happens doesn't, as processes run as they run.
"""

import time

from bounds import FAULT_LEASES, LEASE_SECONDS, STREAM
from links import BROKEN, FROZEN, OPEN, SLOW


class Fault:
    def __init__(self, name, happen, mend, touches):
        self.name = name
        self.happen = happen
        self.mend = mend
        # Machines that no other fault of the same round may touch.
        self.touches = touches


def restart(machines):
    for machine in machines:
        if not machine.is_running:
            machine.start()


class Faults:
    """Draws the faults of a round."""

    def __init__(self, cluster, rng, leader_of):
        self.cluster = cluster
        self.rng = rng
        # Answers the instance that leads now, by the stream; None before the first.
        self.leader_of = leader_of
        # (instance, from, to), for the judge of who acted.
        self.pauses = []

    KINDS = (
        "kill_leader", "kill_leader", "kill_instance", "kill_two_instances", "kill_all_instances", "stop_leader", "kill_stream_leader", "kill_stream_leader",
        "kill_server", "kill_two_servers", "kill_all_servers", "kill_everything", "stop_stream_leader", "pause_leader", "pause_instance", "pause_stream_leader",
        "pause_server", "wipe_server", "wipe_stream_leader", "wipe_instance", "wipe_leader", "wipe_two_instances", "cut_leader", "cut_instance",
        "break_leader", "cut_one_way", "cut_server", "cut_server_routes", "slow_leader", "slow_routes",
    )
    # Those after which a majority of the stores is needed whole.
    STORES = {"wipe_server", "wipe_stream_leader"}

    def draw(self, count):
        kinds = []
        while len(kinds) < count:
            kind = self.rng.choice(self.KINDS)
            of_servers = [k for k in kinds if self.is_of_servers(k)]
            if self.is_of_servers(kind) and of_servers or kind in kinds:
                continue
            kinds.append(kind)
        return kinds

    @staticmethod
    def is_of_servers(kind):
        return any(word in kind for word in ("server", "stream", "everything", "routes"))

    def seconds(self):
        return self.rng.uniform(*FAULT_LEASES) * LEASE_SECONDS

    def leader(self):
        return self.leader_of() or self.cluster.instances[0]

    def stream_leader(self):
        return self.cluster.stream_leader() or self.cluster.servers[0]

    def happen(self, kind):
        """Lets it happen; answers what mends it, and its words."""
        return getattr(self, kind)()

    def killed(self, *machines, wiped=False):
        for machine in machines:
            machine.kill()
            if wiped:
                machine.wipe()
        return (lambda: restart(machines)), ", ".join(machine.name for machine in machines)

    def kill_leader(self):
        return self.killed(self.leader())

    def kill_instance(self):
        return self.killed(self.rng.choice(self.cluster.instances))

    def kill_two_instances(self):
        return self.killed(*self.rng.sample(self.cluster.instances, 2))

    def kill_all_instances(self):
        return self.killed(*self.cluster.instances)

    def stop_leader(self):
        leader = self.leader()
        if leader.is_running and not leader.is_paused:
            leader.stop()
        return (lambda: restart([leader])), leader.name

    def kill_stream_leader(self):
        return self.killed(self.stream_leader())

    def kill_server(self):
        return self.killed(self.rng.choice(self.cluster.servers))

    def kill_two_servers(self):
        return self.killed(*self.rng.sample(self.cluster.servers, 2))

    def kill_all_servers(self):
        return self.killed(*self.cluster.servers)

    def kill_everything(self):
        return self.killed(*self.cluster.servers, *self.cluster.instances)

    def stop_stream_leader(self):
        server = self.stream_leader()
        if server.is_running and not server.is_paused:
            server.stop(status=None)
        return (lambda: restart([server])), server.name

    def paused(self, machine):
        began = time.time()
        machine.pause()

        def mend():
            machine.resume()
            self.pauses.append((machine.name, began, time.time()))

        return mend, machine.name

    def pause_leader(self):
        return self.paused(self.leader())

    def pause_instance(self):
        return self.paused(self.rng.choice(self.cluster.instances))

    def pause_stream_leader(self):
        return self.paused(self.stream_leader())

    def pause_server(self):
        return self.paused(self.rng.choice(self.cluster.servers))

    def wipe_server(self):
        return self.killed(self.rng.choice(self.cluster.servers), wiped=True)

    def wipe_stream_leader(self):
        return self.killed(self.stream_leader(), wiped=True)

    def wipe_instance(self):
        return self.killed(self.rng.choice(self.cluster.instances), wiped=True)

    def wipe_leader(self):
        return self.killed(self.leader(), wiped=True)

    def wipe_two_instances(self):
        return self.killed(*self.rng.sample(self.cluster.instances, 2), wiped=True)

    def switched(self, links, mode, delay=0.0):
        for link in links:
            link.set(mode, delay)

        def mend():
            for link in links:
                link.set(OPEN)

        return mend

    def ways_of(self, instance):
        return [self.cluster.client_links[instance.number, server.number] for server in self.cluster.servers]

    def cut_leader(self):
        leader = self.leader()
        return self.switched(self.ways_of(leader), FROZEN), leader.name

    def cut_instance(self):
        instance = self.rng.choice(self.cluster.instances)
        return self.switched(self.ways_of(instance), FROZEN), instance.name

    def break_leader(self):
        leader = self.leader()
        return self.switched(self.ways_of(leader), BROKEN), leader.name

    def cut_one_way(self):
        """An instance loses one server; it can reach the others."""
        link = self.cluster.client_links[self.rng.randrange(len(self.cluster.instances)), self.rng.randrange(len(self.cluster.servers))]
        return self.switched([link], self.rng.choice([FROZEN, BROKEN])), link.name

    def routes_of(self, server):
        return [link for pair, links in self.cluster.route_links.items() if server.number in pair for link in links]

    def cut_server_routes(self):
        """A server that its clients reach and its peers don't."""
        server = self.stream_leader()
        return self.switched(self.routes_of(server), FROZEN), server.name

    def cut_server(self):
        server = self.rng.choice(self.cluster.servers)
        ways = [self.cluster.client_links[instance.number, server.number] for instance in self.cluster.instances]
        return self.switched(self.routes_of(server) + ways, self.rng.choice([FROZEN, BROKEN])), server.name

    def slow_leader(self):
        leader = self.leader()
        return self.switched(self.ways_of(leader), SLOW, self.rng.uniform(0.02, 0.2)), leader.name

    def slow_routes(self):
        links = [link for pair in self.cluster.route_links.values() for link in pair]
        return self.switched(links, SLOW, self.rng.uniform(0.01, 0.1)), STREAM
